/**
 * Tables that are filled from a file: CSV with a header, or NDJSON.
 *
 * Purpose. The file is the whole table. It is read at start and when it has changed; rows that are new or
 * differ are appended to the table's stream, and rows that are gone are appended as deleted.
 *
 * What was appended last is kept as `<name>.json` in a folder: a hash of each row by its key. It is written after the
 * log has the rows; a crash between the two appends the same rows again, which changes nothing.
 *
 * Limits: `ROWS_MAX` rows a file. A file that can't be read or has a bad row leaves the table as it is, says so
 * once, and is tried again when it changes.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type * as CsvParse from 'csv-parse/sync';
import { batchFromRows } from '../event/rows.js';
import type { Schema } from '../event/schema.js';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import { readJsonFile, writeJsonFile } from '../io/json-file.js';
import type { Log } from '../log/log.js';
import { DELETED } from '../sql/declared.js';
import { MillraceError } from '../util/errors.js';
import { lazyPackage } from '../util/lazy-package.js';

const csv = lazyPackage<typeof CsvParse>('csv-parse/sync');

const ROWS_MAX = 1_000_000;
const BATCH_ROWS = 8_192;
const LOOK_EVERY_MS = 2_000;

/** One table and its file. */
export interface TableFile {
  readonly name: string;
  readonly stream: string;
  readonly schema: Schema;
  /** Names of the PRIMARY KEY. */
  readonly key: readonly string[];
  /** Absolute. */
  readonly file: string;
}

/** What table files need. */
export interface TableFilesInput {
  readonly log: Log;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly folder: string;
  readonly tables: readonly TableFile[];
  /** Told of a file that can't be taken; the table stays as it is. */
  readonly onError: (table: TableFile, error: unknown) => void;
}

type Row = Record<string, unknown>;

/** Reads the files and follows them. */
export class TableFiles {
  readonly #input: TableFilesInput;
  readonly #seen = new Map<string, string>();
  #cancel: (() => void) | null = null;
  #looking: Promise<void> = Promise.resolve();

  private constructor(input: TableFilesInput) {
    this.#input = input;
  }

  /** Takes all files once, then follows them until `close`. */
  static async open(input: TableFilesInput): Promise<TableFiles> {
    const files = new TableFiles(input);
    if (input.tables.length === 0) return files;
    input.disk.makeFolder(input.folder);
    await files.#look();
    files.#later();
    return files;
  }

  #later(): void {
    this.#cancel = this.#input.clock.after(LOOK_EVERY_MS, () => {
      this.#looking = this.#look().then(() => {
        if (this.#cancel !== null) this.#later();
      });
    });
  }

  async #look(): Promise<void> {
    for (const table of this.#input.tables) {
      try {
        const { mtimeMs, size } = await stat(table.file);
        const version = `${mtimeMs} ${size}`;
        if (this.#seen.get(table.name) === version) continue;
        this.#seen.set(table.name, version);
        await this.#take(table);
      } catch (error) {
        const told = String(error);
        if (this.#seen.get(`${table.name} failed`) !== told) this.#input.onError(table, error);
        this.#seen.set(`${table.name} failed`, told);
      }
    }
  }

  async #take(table: TableFile): Promise<void> {
    const rows = readRows(table, await readFile(table.file, 'utf8'));
    const path = join(this.#input.folder, `${table.name}.json`);
    const before = (readJsonFile(this.#input.disk, path) ?? {}) as Record<string, string>;
    const after: Record<string, string> = {};
    const changed: Row[] = [];
    for (const row of rows) {
      const key = JSON.stringify(table.key.map((name) => row[name]));
      const hash = createHash('sha256').update(JSON.stringify(row)).digest('base64url').slice(0, 22);
      after[key] = hash;
      if (before[key] !== hash) changed.push(row);
    }
    for (const key of Object.keys(before)) {
      if (after[key] !== undefined) continue;
      const values = JSON.parse(key) as unknown[];
      changed.push({ ...Object.fromEntries(table.key.map((name, i) => [name, values[i]])), [DELETED]: true });
    }
    for (let from = 0; from < changed.length; from += BATCH_ROWS) {
      const batch = batchFromRows(table.schema, changed.slice(from, from + BATCH_ROWS));
      await this.#input.log.append({ batches: [{ stream: table.stream, rows: batch }] });
    }
    if (changed.length > 0) await writeJsonFile(this.#input.disk, path, after);
  }

  async close(): Promise<void> {
    this.#cancel?.();
    this.#cancel = null;
    await this.#looking;
  }
}

/** The rows of a file, with the table's columns. Throws EVENT_… naming file, line and column. */
function readRows({ file, key, name, schema }: TableFile, text: string): Row[] {
  const isCsv = !/\.(?:ndjson|jsonl|json)$/i.test(file);
  const raw = isCsv
    ? (csv().parse(text, { columns: true, skip_empty_lines: true, trim: true }) as Row[])
    : text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [jsonRow(file, line, i)]));
  if (raw.length > ROWS_MAX)
    throw new MillraceError('TABLE_FILE_INVALID', `${file}: ${raw.length} rows; at most ${ROWS_MAX} are possible`);
  return raw.map((row, i) => {
    const line = isCsv ? i + 2 : i + 1;
    const values: Row = {};
    for (const column of schema.columns) {
      const value = row[column.name];
      if (value === undefined || value === null || (value === '' && isCsv && column.type !== 'dictionary')) continue;
      values[column.name] = isCsv ? fromText(String(value), column.type) : value;
    }
    for (const part of key)
      if (values[part] === undefined)
        throw new MillraceError(
          'TABLE_FILE_INVALID',
          `${file}:${line}: table ${name} has its PRIMARY KEY in "${part}", which is missing here; expected a value`,
        );
    return values;
  });
}

function jsonRow(file: string, line: string, index: number): Row {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Row;
  } catch (error) {
    throw new MillraceError('TABLE_FILE_INVALID', `${file}:${index + 1}: ${String(error)}; expected an object a line`, {
      cause: error,
    });
  }
  throw new MillraceError('TABLE_FILE_INVALID', `${file}:${index + 1}: expected an object a line`);
}

/** CSV has texts only. */
function fromText(text: string, type: Schema['columns'][number]['type']): unknown {
  switch (type) {
    case 'int64':
    case 'decimal':
      return text;
    case 'double':
      return Number(text);
    case 'boolean':
      return ['t', 'true', 'yes', '1'].includes(text.toLowerCase());
    case 'json':
      return JSON.parse(text) as unknown;
    case 'list':
      return text.split('|');
    default:
      return text;
  }
}
