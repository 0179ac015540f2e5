/**
 * JSON bytes → columns, for the requests of one stream.
 *
 * Purpose: three paths to the same columns. The scanner (WASM, `wasm/decode.as.ts`) follows the key
 * order it predicts (`fast`) or looks keys up (`general`); what it refuses, `LastResort` takes by
 * `JSON.parse` (`json`) or rejects with a reason.
 *
 * Input: NDJSON (blank lines and CRLF pass), one JSON array, or one object, which may span lines; a
 * byte order mark passes; UTF-8. A line that is broken loses only itself. A broken array is
 * rejected from the break on. Types: strings must be strings; int64 and decimal also come as
 * decimal strings and are read digit by digit; timestamp as ms or ISO 8601 with a zone (a date
 * alone is midnight UTC, digits beyond ms are cut off); bytes as base64; of equal keys the last
 * wins; unknown fields go into the `props` column if the schema has one (json).
 *
 * Limits: bytes and events a request, bytes an event, and dictionaries of 65,536 entries and 4 MiB a
 * column, replaced by empty ones before they can run full; within one request that overflows one,
 * the column is plain bytes.
 *
 * Invariants: a result owns its memory. A column's `Dictionary` object is the same from call to call
 * and only grows, until it is replaced.
 */
import { Dictionary } from '../../event/dictionary.js';
import type { Schema } from '../../event/schema.js';
import { BufferPool } from '../../util/buffer-pool.js';
import { MillraceError } from '../../util/errors.js';
import { valueEnd } from './json-text.js';
import { LastResort, type Verdict } from './last-resort.js';
import * as map from './memory-map.js';
import { DecoderMemory } from './memory.js';
import { ColumnReader, DecodedEvents } from './result.js';
import type { DecodeCounts, DecodedBatch, DecodeError, Decoder, DecodeRequest, DecoderOptions } from './types.js';

const PATHS = { fast: 1, general: 0, json: 2 } as const;

/** A decoder for the events of `schema`. See `DecoderOptions` for limits and defaults. */
export function createDecoder(schema: Schema, options: DecoderOptions = {}): Decoder {
  return new WasmDecoder(schema, options);
}

class WasmDecoder implements Decoder {
  readonly counts: DecodeCounts = { fast: 0, general: 0, json: 0 };
  readonly #schema: Schema;
  readonly #rowsMax: number;
  readonly #bytesMax: number;
  readonly #eventBytesMax: number;
  readonly #fill: ReadonlySet<number>;
  readonly #memory: DecoderMemory;
  readonly #lastResort: LastResort;
  readonly #dictionaries: (Dictionary | undefined)[];
  readonly #pool = new BufferPool();
  #source: Uint8Array = new Uint8Array(0);
  #errors: DecodeError[] = [];
  #jsonRows = 0;
  #linesOnly = false;

  constructor(schema: Schema, options: DecoderOptions) {
    this.#schema = schema;
    this.#rowsMax = options.rowsMax ?? 16_384;
    this.#bytesMax = options.bytesMax ?? 8 * 1024 * 1024;
    this.#eventBytesMax = options.eventBytesMax ?? 32 * 1024;
    this.#fill = fillColumns(schema, options.fill);
    this.#memory = new DecoderMemory(schema, { rowsMax: this.#rowsMax, fill: this.#fill, seed: options.seed ?? 1n });
    this.#memory.set(map.EVENTS_MAX, this.#rowsMax);
    this.#memory.set(map.PREDICT, PATHS[options.path ?? 'fast']);
    this.#lastResort = new LastResort(schema, this.#memory, this.#fill);
    this.#dictionaries = schema.columns.map(({ type }) =>
      type === 'dictionary' || type === 'list' ? new Dictionary() : undefined,
    );
  }

  decode(bytes: Uint8Array, request: DecodeRequest = {}): DecodedBatch {
    if (bytes.length > this.#bytesMax)
      throw new MillraceError('BODY_TOO_LARGE', `${bytes.length} bytes; expected at most ${this.#bytesMax} a request`);
    this.#begin(bytes, request);
    this.#scan();
    return this.#result();
  }

  #begin(bytes: Uint8Array, { linesOnly = false, eventBytesMax = this.#eventBytesMax }: DecodeRequest): void {
    const memory = this.#memory;
    this.#linesOnly = linesOnly;
    this.#source = bytes;
    this.#errors = [];
    this.#jsonRows = 0;
    this.#renewDictionaries(bytes.length);
    memory.load(bytes);
    memory.set(map.EVENT_BYTES_MAX, eventBytesMax);
    let start = !linesOnly && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    while (start < bytes.length && isBlank(bytes[start]!)) start++;
    const array = !linesOnly && bytes[start] === 91;
    memory.set(map.MODE, array ? map.MODE_ARRAY : map.MODE_LINES);
    memory.set(map.LINE_BREAK, array ? 10 : 32);
    memory.set(map.POSITION, memory.input + start + (array ? 1 : 0));
    for (const word of [map.ROW, map.EVENT, map.FIRST_ROW, map.FAST_ROWS, map.GENERAL_ROWS]) memory.set(word, 0);
  }

  /** Dictionaries that this request could fill up start anew. */
  #renewDictionaries(length: number): void {
    const memory = this.#memory;
    this.#dictionaries.forEach((dictionary, index) => {
      if (dictionary === undefined) return;
      const entries = memory.columnWord(index, map.ENTRIES) + Math.min(this.#rowsMax, length >> 2);
      const bytes = memory.columnWord(index, map.ARENA_BYTES) + Math.min(length, map.DICTIONARY_BYTES_MAX >> 1);
      const overflowed = memory.columnWord(index, map.RAW) !== 0;
      if (!overflowed && entries <= map.DICTIONARY_ENTRIES_MAX && bytes <= map.DICTIONARY_BYTES_MAX) return;
      memory.scanner.clearDictionary(memory.column(index));
      memory.setColumnWord(index, map.RAW, 0);
      this.#dictionaries[index] = new Dictionary();
    });
  }

  #scan(): void {
    const { scanner } = this.#memory;
    for (let after = 0; ;) {
      const status = scanner.run(after);
      if (status === map.FULL)
        throw new MillraceError(
          'BATCH_TOO_LARGE',
          `more than ${this.#rowsMax} events; expected at most that many a request`,
        );
      if (status === map.DONE) return this.#checkEnd();
      if (status === map.BROKEN)
        return this.#breakArray(this.#position(), "expected ',' or ']' after an event of the array");
      if (this.#memory.get(map.MODE) === map.MODE_ARRAY) {
        if (!this.#judgeElement()) return;
        after = 1;
      } else {
        this.#judgeLine();
      }
    }
  }

  /** Where the scanner stands, in the source. */
  #position(): number {
    return this.#memory.get(map.POSITION) - this.#memory.input;
  }

  #moveTo(position: number): void {
    this.#memory.set(map.POSITION, this.#memory.input + position);
  }

  /** After the bracket of an array only blanks may come. */
  #checkEnd(): void {
    let p = this.#position();
    while (p < this.#source.length && isBlank(this.#source[p]!)) p++;
    if (p < this.#source.length) this.#breakArray(p, "expected nothing after the array's ']'");
  }

  #breakArray(at: number, expected: string): void {
    const found = at >= this.#source.length ? 'the end' : `'${String.fromCodePoint(this.#source[at]!)}'`;
    const message = `the array breaks at byte ${at}: ${expected}, found ${found}; nothing from there on was taken`;
    this.#reject({ code: 'BODY_MALFORMED', message, path: '' }, at, this.#source.length);
  }

  #reject(verdict: Verdict, start: number, end: number): void {
    const index = this.#memory.get(map.EVENT);
    this.#errors.push({ index, code: verdict.code, message: verdict.message, path: verdict.path, start, end });
    this.#memory.set(map.EVENT, index + 1);
  }

  #judgeLine(): void {
    const start = this.#position();
    const single = this.#memory.get(map.MODE) === map.MODE_SINGLE;
    const lineBreak = single ? -1 : this.#source.indexOf(10, start);
    const next = lineBreak < 0 ? this.#source.length : lineBreak;
    const isFirst = !this.#linesOnly && !single && lineBreak >= 0 && this.#memory.get(map.EVENT) === 0;
    if (isFirst && this.#spansLines(start, next)) {
      this.#memory.set(map.MODE, map.MODE_SINGLE);
      this.#memory.set(map.LINE_BREAK, 10);
      return;
    }
    let end = next;
    while (isBlank(this.#source[end - 1]!)) end--;
    const verdict = this.#judge(start, end);
    if (verdict !== null) this.#reject(verdict, start, end);
    this.#moveTo(next);
  }

  /** Whether the whole request is one object whose brace doesn't close on its first line. */
  #spansLines(start: number, lineEnd: number): boolean {
    const source = this.#source;
    if (source[start] !== 123 || valueEnd(source, start, lineEnd, false) >= 0) return false;
    let end = valueEnd(source, start, source.length, true);
    if (end < 0) return false;
    while (end < source.length && isBlank(source[end]!)) end++;
    return end === source.length;
  }

  /** Answers false when the array can't be read on. */
  #judgeElement(): boolean {
    const start = this.#position();
    const end = valueEnd(this.#source, start, this.#source.length, true);
    if (end <= start) {
      this.#breakArray(start, end < 0 ? 'expected an event that ends' : 'expected an event');
      return false;
    }
    const verdict = this.#judge(start, end);
    if (verdict?.broken === true) {
      const message = `${verdict.message}; the array is broken from byte ${start} on, nothing from there on was taken`;
      this.#reject({ ...verdict, message }, start, this.#source.length);
      return false;
    }
    if (verdict !== null) this.#reject(verdict, start, end);
    this.#moveTo(end);
    return true;
  }

  /** Takes the event by the last resort; a verdict when it can't be taken. */
  #judge(start: number, end: number): Verdict | null {
    const memory = this.#memory;
    const limit = memory.get(map.EVENT_BYTES_MAX);
    if (end - start > limit)
      return {
        code: 'EVENT_TOO_LARGE',
        message: `the event has ${end - start} bytes; expected at most ${limit}`,
        path: '',
      };
    const scratch = memory.get(map.SCRATCH);
    const pool = memory.get(map.POOL);
    const verdict = this.#lastResort.put(this.#source.subarray(start, end));
    if (verdict !== null) {
      memory.set(map.SCRATCH, scratch);
      memory.set(map.POOL, pool);
      return verdict;
    }
    const row = memory.get(map.ROW);
    const event = memory.get(map.EVENT);
    memory.words.set([memory.input + start, memory.input + end, event], (memory.get(map.RANGES) >> 2) + row * 3);
    memory.set(map.ROW, row + 1);
    memory.set(map.EVENT, event + 1);
    this.#jsonRows++;
    return null;
  }

  #result(): DecodedBatch {
    const memory = this.#memory;
    const rows = memory.get(map.ROW);
    const out = memory.get(map.OUT);
    memory.reserve(out + this.#outputBytes(rows));
    const end = memory.scanner.finish(out);
    const buffer = this.#pool.take(end - out);
    const reader = new ColumnReader(memory, out, end, rows, buffer);
    const missing = new Map<number, Uint8Array>();
    const columns = this.#schema.columns.map((column, index) => {
      this.#growDictionary(index);
      const nulls = reader.nulls(index);
      if (nulls !== null && !column.nullable) missing.set(index, nulls);
      return reader.column(index, column.nullable ? nulls : null, this.#dictionaries[index]);
    });
    const ranges = memory.get(map.RANGES) >> 2;
    const places = memory.words.slice(ranges, ranges + rows * 3);
    for (let i = 0; i < places.length; i += 3) {
      places[i]! -= memory.input;
      places[i + 1]! -= memory.input;
    }
    this.counts.fast += memory.get(map.FAST_ROWS);
    this.counts.general += memory.get(map.GENERAL_ROWS);
    this.counts.json += this.#jsonRows;
    const intern = (index: number, text: string) => this.#intern(index, text, columns[index]!);
    return new DecodedEvents({
      schema: this.#schema,
      rows,
      events: memory.get(map.EVENT),
      errors: this.#errors,
      places,
      columns,
      missing,
      intern,
      release: () => this.#pool.give(buffer),
    });
  }

  /** An upper bound of what `finish` writes. */
  #outputBytes(rows: number): number {
    const perRow = this.#schema.columns.length * 17 + 64;
    return (
      rows * perRow +
      this.#schema.columns.length * 64 +
      this.#memory.get(map.POOL) * 4 +
      this.#source.length * 2 +
      map.PADDING
    );
  }

  /** Brings a column's dictionary object up to the scanner's. */
  #growDictionary(index: number): void {
    const dictionary = this.#dictionaries[index];
    const memory = this.#memory;
    const entries = dictionary === undefined ? 0 : memory.columnWord(index, map.ENTRIES);
    if (dictionary === undefined || dictionary.size === entries) return;
    const offsets = (memory.columnWord(index, map.OFFSETS) >> 2) + dictionary.size;
    const count = entries - dictionary.size;
    const lengths = new Uint32Array(count);
    for (let i = 0; i < count; i++) lengths[i] = memory.words[offsets + i + 1]! - memory.words[offsets + i]!;
    dictionary.appendEntries(
      lengths,
      count,
      memory.bytes,
      memory.columnWord(index, map.ARENA) + memory.words[offsets]!,
    );
  }

  /** The code of `text` for a result's column: -1 when the dictionary is full or was replaced since. */
  #intern(index: number, text: string, column: { readonly kind: string; readonly dictionary?: Dictionary }): number {
    const memory = this.#memory;
    if (column.dictionary !== this.#dictionaries[index]) return -1;
    const bytes = Buffer.from(text);
    memory.reserve(memory.get(map.OUT) + bytes.length);
    memory.bytes.set(bytes, memory.get(map.OUT));
    const code = memory.scanner.intern(memory.column(index), memory.get(map.OUT), bytes.length);
    this.#growDictionary(index);
    return code;
  }
}

function isBlank(byte: number): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9;
}

/** Positions of the columns that may be missing. Throws SCHEMA_INVALID for a name that is none. */
function fillColumns(schema: Schema, names: readonly string[] | undefined): ReadonlySet<number> {
  if (names === undefined) return new Set([schema.roles.eventId, schema.roles.eventTime].filter((index) => index >= 0));
  return new Set(
    names.map((name) => {
      const index = schema.columns.findIndex((column) => column.name === name);
      if (index < 0)
        throw new MillraceError('SCHEMA_INVALID', `'${name}' is to be filled but is not a column`, { place: name });
      return index;
    }),
  );
}
