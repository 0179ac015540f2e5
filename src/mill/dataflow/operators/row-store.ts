/**
 * Rows of one input of an operator, in numbered slots.
 *
 * Purpose: state whose snapshots cost what changed. 256 slots are a page, and a page is one entry of
 * the state table: a row that comes or goes writes its page again, never its whole key or partition.
 * Whatever finds rows (indexes by key, orders, timers) holds slot numbers and is built again from
 * `slots` after a restore.
 *
 * Rows that come together lie together: a page is filled from its first free slot to its last, then one that
 * is less than a quarter full, else a new one. So rows that also go together leave whole pages, and a
 * snapshot writes few.
 *
 * Limits: the bytes of rows count against the view's budget through the table. At most four slots a row.
 * Invariant: a slot is taken exactly when `rows[slot]` is not undefined; a page without rows has no entry;
 * each page less than a quarter full, but the one that is being filled, waits in `#sparse`.
 */
import type { Field } from '../../../sql/relation/relation.js';
import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import type { Row, StateBudget } from '../operator.js';
import { rowCodec, valueCodec } from '../rows.js';
import { StateTable, type StateCodec } from '../state-table.js';

const PAGE_BITS = 8;
const PAGE_SLOTS = 1 << PAGE_BITS;
/** Bytes of a slot beside its row, with what finds it; and of a row beside its values. */
const SLOT_BYTES = 96;
const ROW_BYTES = 48;
/** A page with fewer rows is filled again. */
const SPARSE_ROWS = PAGE_SLOTS / 4;

/** A page's entry: what it holds lies in the store's arrays, but for one that was just read. */
interface Page {
  readonly number: number;
  isSparse: boolean;
  live: number;
  bytes: number;
  loaded: readonly LoadedSlot[] | null;
}

interface LoadedSlot {
  readonly slot: number;
  readonly row: Row;
  readonly stamp: number;
  readonly count: number;
}

/** Bytes of values of types that all take as much, beside their place in the row. */
const FIXED: ReadonlyMap<string, number> = new Map([
  ['boolean', 0],
  ['integer', 0],
  ['bigint', 8],
  ['double precision', 16],
  ['timestamptz', 16],
  ['timestamp', 16],
  ['date', 16],
]);

/** Bytes of a row in its slot. It runs for each row that comes and goes, so fields of fixed size are counted once. */
function sizeFunction(fields: readonly Field[]): (row: Row) => number {
  const fixed = fields.reduce((sum, { type }) => sum + 8 + (FIXED.get(type) ?? 0), SLOT_BYTES + ROW_BYTES);
  const others = fields.flatMap(({ type }, index) =>
    FIXED.has(type) ? [] : [{ index, bytes: valueCodec(type).bytes }],
  );
  return (row) => {
    let sum = fixed;
    for (const { index, bytes } of others) sum += bytes(row[index]!);
    return sum;
  };
}

/** Rows by slot. */
export class RowStore {
  /** Row of each slot; undefined where it is free. */
  readonly rows: (Row | undefined)[] = [];
  /** Stamp of each slot's row, ms. */
  readonly stamps: number[] = [];
  /** A number of the operator's own beside each row, such as how many rows it met. Changed through `setCount`. */
  readonly counts: number[] = [];
  readonly table: StateTable<Page>;
  readonly #pages: Page[] = [];
  /** Numbers of pages that are worth filling again. */
  #sparse: number[] = [];
  /** The page that is being filled, and its first slot that may be free; -1: none is. */
  #filling = -1;
  #next = 0;
  readonly #codec: StateCodec<Row>;
  /** About how many bytes a row takes. */
  readonly bytesOf: (row: Row) => number;
  /** The page that was touched last in this round. */
  #touched = -1;

  constructor(name: string, fields: readonly Field[], budget: StateBudget) {
    this.#codec = rowCodec(fields);
    this.bytesOf = sizeFunction(fields);
    this.table = new StateTable<Page>(
      name,
      {
        write: (page, writer) => this.#write(page, writer),
        read: (reader) => readPage(reader, this.#codec, this.bytesOf),
        bytes: (page) => page.bytes,
      },
      budget,
    );
  }

  /** Keeps a row; answers its slot. */
  add(row: Row, stamp: number, count: number): number {
    const slot = this.#nextFree();
    const number = slot >> PAGE_BITS;
    const page = this.#pages[number]!;
    if (page.live === 0) this.table.set(number, page);
    else this.#touch(number);
    this.rows[slot] = row;
    this.stamps[slot] = stamp;
    this.counts[slot] = count;
    page.live++;
    page.bytes += this.bytesOf(row);
    return slot;
  }

  /** The next free slot of the page that is being filled, or the first one of another. */
  #nextFree(): number {
    if (this.#filling >= 0) {
      const end = (this.#filling + 1) << PAGE_BITS;
      for (; this.#next < end; this.#next++) if (this.rows[this.#next] === undefined) return this.#next++;
      const page = this.#pages[this.#filling]!;
      this.#filling = -1;
      if (page.live < SPARSE_ROWS) this.#setSparse(page);
    }
    const sparse = this.#sparse.pop();
    const number = sparse ?? this.#newPage();
    this.#pages[number]!.isSparse = false;
    // A page less than a quarter full has a free slot.
    let slot = number << PAGE_BITS;
    while (this.rows[slot] !== undefined) slot++;
    this.#filling = number;
    this.#next = slot + 1;
    return slot;
  }

  /** Adds a page; answers its number. */
  #newPage(): number {
    const number = this.#pages.length;
    this.#pages.push({ number, isSparse: false, live: 0, bytes: 0, loaded: null });
    // An array that is written past its end becomes slow for good.
    for (let slot = 0; slot < PAGE_SLOTS; slot++) {
      this.rows.push(undefined);
      this.stamps.push(0);
      this.counts.push(0);
    }
    return number;
  }

  /** Frees a slot. */
  remove(slot: number): void {
    const number = slot >> PAGE_BITS;
    const page = this.#pages[number]!;
    this.#touch(number);
    page.live--;
    page.bytes -= this.bytesOf(this.rows[slot]!);
    this.rows[slot] = undefined;
    if (page.live < SPARSE_ROWS && !page.isSparse && number !== this.#filling) this.#setSparse(page);
    if (page.live > 0) return;
    this.table.delete(number);
    this.#touched = -1;
  }

  #setSparse(page: Page): void {
    page.isSparse = true;
    this.#sparse.push(page.number);
  }

  setCount(slot: number, count: number): void {
    this.#touch(slot >> PAGE_BITS);
    this.counts[slot] = count;
  }

  /** Ends a round: what changes from now on is noted anew. Called by `flush` and `advance`. */
  settle(): void {
    this.#touched = -1;
  }

  #touch(page: number): void {
    if (page === this.#touched) return;
    this.#touched = page;
    this.table.touch(page);
  }

  /** Takes over what the table was loaded with; answers the taken slots. */
  restored(): number[] {
    const slots: number[] = [];
    this.#pages.length = 0;
    this.rows.length = 0;
    this.stamps.length = 0;
    this.counts.length = 0;
    this.#sparse = [];
    this.#filling = -1;
    const pages = [...this.table.entries()].map(([, page]) => page);
    const count = pages.reduce((most, { number }) => Math.max(most, number + 1), 0);
    while (this.#pages.length < count) this.#newPage();
    for (const page of pages) {
      this.#pages[page.number] = page;
      for (const { slot, row, stamp, count: number } of page.loaded ?? []) {
        this.rows[slot] = row;
        this.stamps[slot] = stamp;
        this.counts[slot] = number;
        slots.push(slot);
      }
      page.live = page.loaded?.length ?? 0;
      page.loaded = null;
    }
    for (const page of this.#pages) if (page.live < SPARSE_ROWS) this.#setSparse(page);
    return slots;
  }

  /** Page number, rows; each: slot within the page, stamp, count, row. */
  #write(page: Page, writer: ByteWriter): void {
    writer.unsigned(page.number);
    writer.unsigned(page.live);
    const first = page.number << PAGE_BITS;
    for (let slot = first; slot < first + PAGE_SLOTS; slot++) {
      const row = this.rows[slot];
      if (row === undefined) continue;
      writer.byte(slot - first);
      writer.double(this.stamps[slot]!);
      writer.unsigned(this.counts[slot]!);
      this.#codec.write(row, writer);
    }
  }
}

function readPage(reader: ByteReader, codec: StateCodec<Row>, bytesOf: (row: Row) => number): Page {
  const number = reader.unsigned();
  const loaded: LoadedSlot[] = [];
  let bytes = 0;
  for (let left = reader.unsigned(); left > 0; left--) {
    const slot = (number << PAGE_BITS) + reader.byte();
    const read = { slot, stamp: reader.double(), count: reader.unsigned(), row: codec.read(reader) };
    loaded.push(read);
    bytes += bytesOf(read.row);
  }
  return { number, isSparse: false, live: 0, bytes, loaded };
}
