/**
 * Which rows of a view's changes are the first of their key and period: those go out, the others do not.
 *
 * Purpose. A row changes many times, and its key comes back after a restart, in another definition of the view, or
 * with the rows that a crash made the reader read again. An alert is for the first time only.
 *
 * A key of a period is written down with the place of the row that came first, and never changed. So a row is the
 * first if the place is its own: whoever reads it again, at any time, gets the same answer, and the rows of a cut that
 * is formed anew are the same.
 *
 * Layout. One lmdb environment: period (8 bytes, big-endian, plus 2^58 so that order holds below 1970 too) and the
 * key's id (16 bytes) → offset (8 bytes, big-endian) and the stream's name.
 *
 * Limits. Keys leave `KEEP_MS` after no row can be their first any more; beyond `KEYS_MAX` the oldest periods leave,
 * and may be told once more.
 *
 * Recovery. What is not flushed is written again by the rows that are read again: the stage flushes before it
 * commits a cut, and nothing goes out before that.
 */
import type { RootDatabase } from 'lmdb';
import type { OnceOptions } from '../config/options.js';
import { numberAt } from '../event/integers.js';
import { valueOf } from '../event/rows.js';
import type { ColumnBatch, IntegerColumn } from '../event/columns.js';
import { lmdb } from '../io/lmdb.js';
import type { LogBatch } from '../log/log.js';
import { derivedId } from './cut.js';
import type { CutRows } from './rows.js';

const KEY_BYTES = 24;
const PERIOD_BIAS = 2n ** 58n;
/** How long after its last use a key is kept, ms: longer than the log keeps rows that may be read again. */
const KEEP_MS = 10 * 86_400_000;
/** Keys on disk. */
const KEYS_MAX = 5_000_000;
/** Keys that one transaction removes. */
const REMOVED_AT_ONCE = 10_000;
/** Positions of columns that every changes stream begins with; see `event/view.ts`. */
const [TENANT, WINDOW_END] = [0, 2];

/** Says of each row of a batch whether it goes out. */
export type FirstOf = (batch: LogBatch) => (row: number) => boolean;

/** The first rows of one view. */
export class Once {
  readonly #options: OnceOptions;
  readonly #database: RootDatabase<Buffer, Buffer>;
  readonly #pending = new Map<string, Buffer>();
  #newest = -Infinity;

  constructor(options: OnceOptions) {
    this.#options = options;
    this.#database = lmdb().open({ path: options.folder, encoding: 'binary', keyEncoding: 'binary', noSubdir: false });
  }

  /** Which rows of a batch are the first; what it learns is on disk after `flush`. */
  readonly firstOf: FirstOf = ({ stream, baseOffset, batch, receivedAt }) => {
    const { freshMs } = this.#options;
    const ends = batch.column(WINDOW_END) as IntegerColumn;
    this.#newest = Math.max(this.#newest, receivedAt);
    return (row) => {
      // What is computed anew, or corrected long after, is history.
      if (freshMs !== null && receivedAt - numberAt(ends, row) > freshMs) return false;
      const period = periodOf(this.#options, batch, row, receivedAt);
      return this.#isFirst(keyOf(period, idOf(this.#options, batch, row, period)), placeOf(stream, baseOffset + row));
    };
  };

  /** The id of the alert that a request's one row is: the same for the same key and period, whatever row it is. */
  readonly idempotencyKey = (rows: CutRows): string => {
    const { slice, row } = rows.find(0);
    return idOf(this.#options, slice.batch, row, periodOf(this.#options, slice.batch, row, slice.receivedAt));
  };

  /** Writes down what was learnt; it is on disk when this resolves. */
  async flush(): Promise<void> {
    if (this.#pending.size === 0) return;
    const written = [...this.#pending];
    await this.#database.transaction(() => {
      for (const [key, place] of written) this.#database.put(Buffer.from(key, 'hex'), place);
    });
    await this.#database.flushed;
    for (const [key] of written) this.#pending.delete(key);
    await this.#forget();
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #isFirst(key: Buffer, place: Buffer): boolean {
    const text = key.toString('hex');
    const known = this.#pending.get(text) ?? this.#database.get(key);
    if (known !== undefined) return known.equals(place);
    this.#pending.set(text, place);
    return true;
  }

  async #forget(): Promise<void> {
    const { everyMs, freshMs } = this.#options;
    const over = keyOf(this.#newest - KEEP_MS - Math.max(everyMs ?? 0, freshMs ?? 0), null);
    const { entryCount } = this.#database.getStats() as { readonly entryCount: number };
    const excess = Math.max(0, entryCount - KEYS_MAX);
    const old = this.#database.getKeys({ end: over, limit: REMOVED_AT_ONCE });
    const removed = excess > 0 ? this.#database.getKeys({ limit: Math.min(excess, REMOVED_AT_ONCE) }) : old;
    const keys = Array.from(removed, (key) => Buffer.from(key));
    if (keys.length > 0)
      await this.#database.transaction(() => {
        for (const key of keys) this.#database.remove(key);
      });
  }
}

/** The start of the period that a row is in: its window's end, or a multiple of `everyMs`. */
function periodOf({ everyMs }: OnceOptions, batch: ColumnBatch, row: number, receivedAt: number): number {
  return everyMs === null
    ? numberAt(batch.column(WINDOW_END) as IntegerColumn, row)
    : Math.floor(receivedAt / everyMs) * everyMs;
}

function idOf({ view, columns }: OnceOptions, batch: ColumnBatch, row: number, period: number): string {
  const key = [TENANT, ...columns].map((column) =>
    JSON.stringify(valueOf(batch.column(column), batch.schema.columns[column]!.type, row)),
  );
  return derivedId('alert', view, String(period), ...key);
}

/** The key of a period's id; null: the least of the period. */
function keyOf(period: number, id: string | null): Buffer {
  const key = Buffer.alloc(KEY_BYTES);
  key.writeBigUInt64BE(BigInt(Number.isFinite(period) ? Math.floor(period) : 0) + PERIOD_BIAS);
  if (id !== null) key.write(id.replaceAll('-', ''), 8, 'hex');
  return key;
}

function placeOf(stream: string, offset: number): Buffer {
  const place = Buffer.alloc(8 + Buffer.byteLength(stream));
  place.writeBigUInt64BE(BigInt(offset));
  place.write(stream, 8);
  return place;
}
