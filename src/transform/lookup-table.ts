/**
 * A file of rows by key, in memory.
 *
 * The file is read whole, and again when it has changed: looked at every `LOOK_EVERY_MS` while rows
 * come. Until the new one is read, and when it can't be, the old one answers.
 *
 * Limits: `rowsMax` rows and `FILE_BYTES_MAX` bytes; a larger file is refused, never cut.
 */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import type { LookupOptions } from '../config/transform-options.js';
import type { Clock } from '../io/clock.js';
import type { Value } from '../sql/value.js';
import { MillraceError } from '../util/errors.js';
import { fieldValue } from './field-value.js';

const LOOK_EVERY_MS = 1_000;
const FILE_BYTES_MAX = 512 * 1024 ** 2;

/** The values of one key, in the order of the columns. */
export type LookupRow = readonly Value[];

/** A file that is looked up in. */
export class LookupTable {
  readonly #options: LookupOptions;
  readonly #clock: Clock;
  readonly #say: (level: 'info' | 'warn', message: string) => void;
  #rows: ReadonlyMap<string, LookupRow> = new Map();
  #version = '';
  #lookedAt = -Infinity;
  #reading: Promise<void> | null = null;

  constructor(options: LookupOptions, clock: Clock, say: (level: 'info' | 'warn', message: string) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#say = say;
  }

  /** Reads the file for the first time. Throws CONFIG_INVALID or CONFIG_NOT_FOUND. */
  async open(): Promise<void> {
    if (this.#version !== '') return;
    await this.#read();
  }

  /** The rows of now. */
  get rows(): ReadonlyMap<string, LookupRow> {
    const now = this.#clock.monotonic();
    if (now - this.#lookedAt >= LOOK_EVERY_MS && this.#reading === null) {
      this.#lookedAt = now;
      this.#reading = this.#again();
    }
    return this.#rows;
  }

  async #again(): Promise<void> {
    const before = this.#version;
    try {
      await this.#read();
      if (before !== this.#version) this.#say('info', `${this.#options.file} was read again: ${this.#rows.size} rows`);
    } catch (error) {
      // Once for each version of the file.
      if (before !== this.#version)
        this.#say('warn', `${(error as Error).message}; the rows that were read before stay`);
    } finally {
      this.#reading = null;
    }
  }

  async #read(): Promise<void> {
    const { file } = this.#options;
    const { mtimeMs, size } = await stat(file).catch((cause: unknown) => {
      throw new MillraceError('CONFIG_NOT_FOUND', `${file}: ${(cause as Error).message}`, { place: file, cause });
    });
    const version = `${mtimeMs} ${size}`;
    if (version === this.#version) return;
    this.#version = version;
    if (size > FILE_BYTES_MAX) throw refused(file, `${size} bytes; at most ${FILE_BYTES_MAX} are kept in memory`);
    this.#rows = await this.#rowsOf(await records(file, this.#options.fileKey));
  }

  async #rowsOf(found: AsyncIterable<unknown> | Iterable<unknown>): Promise<ReadonlyMap<string, LookupRow>> {
    const { file, fileKey, columns, rowsMax } = this.#options;
    const rows = new Map<string, LookupRow>();
    let count = 0;
    for await (const record of found) {
      count += 1;
      if (typeof record !== 'object' || record === null)
        throw refused(file, `row ${count} is ${typeof record}; expected an object`);
      const fields = record as Record<string, unknown>;
      if (!Object.hasOwn(fields, fileKey))
        throw refused(file, `row ${count} has no '${fileKey}'; it has ${Object.keys(fields).join(', ')}`);
      const values = columns.map(({ field, type }) => {
        const value = fieldValue(type, fields[field] === '' ? null : fields[field]);
        if (value === undefined)
          throw refused(file, `row ${count}: '${field}' is ${JSON.stringify(fields[field])}; expected ${type}`);
        return value;
      });
      rows.set(String(fields[fileKey]), values);
      if (rows.size > rowsMax) throw refused(file, `more than ${rowsMax} rows (lookup.rowsMax)`);
    }
    return rows;
  }
}

function refused(file: string, message: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `${file}: ${message}`, { place: file });
}

async function records(file: string, fileKey: string): Promise<AsyncIterable<unknown> | Iterable<unknown>> {
  const ending = extname(file).toLowerCase();
  if (ending === '.csv') return csvRecords(file);
  const text = await readFile(file, 'utf8');
  try {
    if (ending === '.ndjson' || ending === '.jsonl')
      return text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [JSON.parse(line) as unknown]));
    const json = JSON.parse(text) as unknown;
    if (Array.isArray(json)) return json;
    if (typeof json === 'object' && json !== null)
      return Object.entries(json).map(([key, fields]) => ({ [fileKey]: key, ...(fields as object) }));
  } catch (cause) {
    throw refused(
      file,
      `expected ${ending === '.json' ? 'JSON' : 'a JSON object a line'}: ${(cause as Error).message}`,
    );
  }
  throw refused(file, 'expected a list of objects, or objects by key');
}

async function* csvRecords(file: string): AsyncGenerator<unknown> {
  const { parse } = await import('csv-parse');
  const parser = createReadStream(file).pipe(parse({ columns: true, bom: true, skip_empty_lines: true }));
  try {
    for await (const record of parser) yield record;
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    throw refused(file, `expected CSV with a header: ${(cause as Error).message}`);
  }
}
