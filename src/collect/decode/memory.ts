/**
 * The decoder's WASM instance and the layout of its memory (drawn in `memory-map.ts`).
 *
 * Limits: the fixed part is sized by `rowsMax` and the number of dictionaries; the tail by the
 * input at hand, so it stays at what the largest input needed. Dictionaries take about 5 MiB of
 * address space each, of which only what is used is ever touched.
 * Invariant: every region is as large as its input can make it, so the scanner needs no bounds.
 */
import type { Schema } from '../../event/schema.js';
import { PAGE_BYTES, wasmInstance, wasmMemory, type WasmMemory } from '../../io/wasm.js';
import * as map from './memory-map.js';

/** What the module exports. Addresses are byte offsets in its memory. */
export interface Scanner {
  state(): number;
  heapBase(): number;
  addName(column: number, at: number, length: number): void;
  run(after: number): number;
  finish(to: number): number;
  clearDictionary(column: number): void;
  intern(column: number, at: number, length: number): number;
  beginRow(): void;
  mark(column: number): void;
  putString(column: number, row: number, at: number, length: number): number;
  putItem(item: number, at: number, length: number): void;
  putWord(column: number, low: number, high: number): void;
}

/** What the layout depends on. */
export interface MemoryOptions {
  readonly rowsMax: number;
  /** Columns that may be missing though they are not nullable. */
  readonly fill: ReadonlySet<number>;
  /** Seeds the hashes, so that nobody can aim for collisions. */
  readonly seed: bigint;
}

const TYPES = {
  uuid: map.TYPE_UUID,
  string: map.TYPE_STRING,
  dictionary: map.TYPE_DICTIONARY,
  list: map.TYPE_LIST,
  bytes: map.TYPE_BYTES,
  int64: map.TYPE_INT64,
  double: map.TYPE_DOUBLE,
  decimal: map.TYPE_DECIMAL,
  timestamp: map.TYPE_TIMESTAMP,
  boolean: map.TYPE_BOOLEAN,
  json: map.TYPE_JSON,
} as const;

const encoder = new TextEncoder();
const latin = new TextDecoder('latin1');

/** The instance, its views and where its regions lie. */
export class DecoderMemory {
  readonly scanner: Scanner;
  /** Where the input is copied to. */
  readonly input: number;
  /** Views of all memory; replaced when it grows. */
  bytes: Uint8Array<ArrayBuffer>;
  words: Uint32Array<ArrayBuffer>;

  readonly #memory: WasmMemory;
  readonly #state: number;
  readonly #columns: number;
  #top: number;

  constructor(schema: Schema, options: MemoryOptions) {
    this.#memory = wasmMemory(4);
    this.bytes = new Uint8Array(this.#memory.buffer);
    this.words = new Uint32Array(this.#memory.buffer);
    this.scanner = wasmInstance<Scanner>('decode', this.#memory, {
      parseDouble: (at: number, length: number) => Number(latin.decode(this.bytes.subarray(at, at + length))),
      abort: () => {
        throw new Error('the decoder module aborted');
      },
    });
    this.#state = this.scanner.state();
    this.#top = this.scanner.heapBase();
    this.#columns = this.#allocate(schema.columns.length * map.COLUMN_BYTES);
    this.#layRows(schema, options);
    this.#layColumns(schema, options);
    this.#layNames(schema);
    this.input = this.#allocate(0);
  }

  /** Reads a word of the state structure. */
  get(word: number): number {
    return this.words[(this.#state + word) >> 2]!;
  }

  /** Writes a word of the state structure. */
  set(word: number, value: number): void {
    this.words[(this.#state + word) >> 2] = value;
  }

  /** Address of a column's descriptor. */
  column(index: number): number {
    return this.#columns + index * map.COLUMN_BYTES;
  }

  /** Reads a word of a column's descriptor. */
  columnWord(index: number, word: number): number {
    return this.words[(this.column(index) + word) >> 2]!;
  }

  /** Writes a word of a column's descriptor. */
  setColumnWord(index: number, word: number, value: number): void {
    this.words[(this.column(index) + word) >> 2] = value;
  }

  /** Copies the input in and lays the tail behind it, for as much as this input can become. */
  load(source: Uint8Array): void {
    const { length } = source;
    const scratch = aligned(this.input + length + map.PADDING);
    const pool = aligned(scratch + length * 4 + 2 * map.PADDING);
    const out = aligned(pool + Math.ceil(length / 3) * 8 + map.PADDING);
    this.reserve(out);
    this.bytes.set(source, this.input);
    this.bytes.fill(0, this.input + length, scratch);
    this.set(map.END, this.input + length);
    this.set(map.SCRATCH, scratch);
    this.set(map.POOL_AT, pool);
    this.set(map.POOL, 0);
    this.set(map.OUT, out);
  }

  /** Makes memory reach up to `end`. */
  reserve(end: number): void {
    const missing = end + map.PADDING - this.bytes.length;
    if (missing <= 0) return;
    this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.bytes = new Uint8Array(this.#memory.buffer);
    this.words = new Uint32Array(this.#memory.buffer);
  }

  #allocate(size: number): number {
    const at = aligned(this.#top);
    this.#top = at + size;
    this.reserve(this.#top);
    return at;
  }

  #layRows(schema: Schema, options: MemoryOptions): void {
    const maskWords = Math.ceil(schema.columns.length / 64);
    this.set(map.COLUMNS, this.#columns);
    this.set(map.COLUMN_COUNT, schema.columns.length);
    this.set(map.MASK_WORDS, maskWords);
    this.set(map.MASKS, this.#allocate(maskWords * 8 * options.rowsMax));
    this.set(map.RANGES, this.#allocate(12 * options.rowsMax));
    this.set(map.SHAPES, this.#allocate(map.SHAPES_MAX * map.SHAPE_BYTES + map.PADDING));
    this.set(map.REQUIRED, this.#allocate(maskWords * 8));
    this.set(map.SEED, Number(options.seed & 0xffffffffn));
    this.set(map.SEED + 4, Number((options.seed >> 32n) & 0xffffffffn));
  }

  #layColumns(schema: Schema, options: MemoryOptions): void {
    schema.columns.forEach((column, index) => {
      const stamped = index === schema.roles.receivedAt;
      const type = stamped ? map.TYPE_IGNORED : TYPES[column.type];
      const optional = column.nullable || stamped || options.fill.has(index);
      this.setColumnWord(index, map.TYPE, type);
      this.setColumnWord(index, map.INDEX, index);
      this.setColumnWord(index, map.NULLABLE, optional ? 1 : 0);
      this.setColumnWord(index, map.MASK_OFFSET, (index >> 6) * 8);
      this.setColumnWord(index, map.MASK_BIT + ((index >> 5) & 1) * 4, 1 << (index & 31));
      this.setColumnWord(
        index,
        map.VALUES,
        this.#allocate((type === map.TYPE_UUID ? 16 : 8) * options.rowsMax + map.PADDING),
      );
      if (!optional) this.words[(this.get(map.REQUIRED) >> 2) + (index >> 5)]! |= 1 << (index & 31);
      if (type === map.TYPE_DICTIONARY || type === map.TYPE_LIST) this.#layDictionary(index);
      if (type === map.TYPE_JSON && column.name === 'props') this.set(map.PROPS, this.column(index));
    });
  }

  #layDictionary(index: number): void {
    this.setColumnWord(index, map.SLOTS, this.#allocate(map.DICTIONARY_SLOTS_MAX * 4));
    this.setColumnWord(index, map.SLOT_MASK, map.DICTIONARY_SLOTS_MIN - 1);
    this.setColumnWord(index, map.OFFSETS, this.#allocate((map.DICTIONARY_ENTRIES_MAX + 1) * 4));
    this.setColumnWord(index, map.ARENA, this.#allocate(map.DICTIONARY_BYTES_MAX + map.PADDING));
  }

  #layNames(schema: Schema): void {
    const slots = 1 << Math.ceil(Math.log2(schema.columns.length * 4));
    this.set(map.NAMES, this.#allocate(slots * 16));
    this.set(map.NAME_MASK, slots - 1);
    schema.columns.forEach((column, index) => {
      const name = encoder.encode(column.name);
      const at = this.#allocate(name.length + map.PADDING);
      this.bytes.set(name, at);
      this.scanner.addName(this.column(index), at, name.length);
    });
  }
}

function aligned(at: number): number {
  return Math.ceil(at / 16) * 16;
}
