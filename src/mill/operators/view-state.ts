/**
 * One view at work: rows in, changed groups out.
 *
 * A window's table lives in memory from its first row until it is closed *and* its final rows are
 * published; then it is *sealed*: handed over to the closed store, and kept only until it lies
 * there. A correction of a window that is not in memory opens a small table for it, into which the
 * stored partial of just that group is loaded; the table is sealed again at the next flush.
 *
 * What decides over a row is the row alone (see `clocks.ts`): on time, a correction, or late. The
 * published state of a group is `corrected` as soon as a correction was applied to it, `final` once
 * its window is closed, else `open`.
 *
 * Bounds. Groups, texts, sketches and sets of all tables count against `stateBytesMax`; at the limit
 * no new group is made and its rows go to the late stream (`state_full`). Sizes are of what is held,
 * not of array capacities, so a replay decides the same.
 */
import type { ColumnBatch } from '../../event/columns.js';
import type { Schema } from '../../event/schema.js';
import type { LogBatch } from '../../log/log.js';
import { keyLayout, writeKey } from '../kernels/keys.js';
import type { KeyLayout } from '../kernels/keys.js';
import { Kernels } from '../kernels/kernel.js';
import type { KernelHost } from '../kernels/kernel.js';
import { Mergers } from '../kernels/reduction.js';
import type { Reduced } from '../kernels/reduction.js';
import type { SharedView } from '../kernels/shared-views.js';
import { KernelEnvironment } from '../kernels/source.js';
import type { ViewPlan } from '../../sql/plan.js';
import { accumulatorFactory, cellLayout } from '../state/accumulators/create.js';
import { DistinctAccumulator } from '../state/accumulators/distinct.js';
import { BytePool } from '../state/byte-pool.js';
import { ByteReader, ByteWriter } from '../../util/bytes.js';
import { hashBytes } from '../../event/dictionary.js';
import type { Dictionary } from '../../event/dictionary.js';
import { WindowTable } from '../state/window-table.js';
import type { TableShape } from '../state/window-table.js';
import type { LateRow } from './late.js';

/** Groups a new table has room for. */
const GROUPS_FIRST = 64;
/** What a group costs beside its aggregates: hash slots, flags, dirty list. */
const GROUP_BYTES = 24;
/** Tables that know groups by code: at most 64 Ki numbers each. */
const CODED_TABLES = 8;
/** Pool entries dropped at least, for a compaction to be worth it. */
const POOL_WASTE_MIN = 65_536;

/** Reads back what a closed window holds of one group. */
export interface ClosedGroups {
  find(start: number, hash: number, key: Uint8Array): Uint8Array | undefined;
  /** Up to where a window's groups hold every row, by `stream/partition`; undefined when it is not stored. */
  asOf(start: number): ReadonlyMap<string, number> | undefined;
}

/** Counters of a view since it started. */
export interface ViewCounters {
  rows: number;
  corrections: number;
  windowsClosed: number;
  late: number;
  failed: number;
  stateFull: number;
}

/** The windows of one view. */
export class ViewState implements KernelHost {
  readonly plan: ViewPlan;
  readonly keys: KeyLayout;
  readonly tables = new Map<number, WindowTable>();
  /** Sealed tables that the store does not show yet, oldest first. */
  readonly sealed: WindowTable[] = [];
  readonly counters: ViewCounters = { rows: 0, corrections: 0, windowsClosed: 0, late: 0, failed: 0, stateFull: 0 };
  pool = new BytePool();
  bytes = 0;
  readonly #kernels: Kernels;
  readonly #mergers: Mergers;
  readonly #shared: SharedView | null;
  readonly #environment: KernelEnvironment;
  readonly #shape: TableShape;
  readonly #closed: ClosedGroups;
  readonly #bytesMax: number;
  readonly #onLate: (row: LateRow) => void;
  readonly #hasExtras: boolean;
  readonly #writer = new ByteWriter();
  #batch: LogBatch | null = null;
  #storedTo = 0;
  #groupBytes = 0;
  #groupsHint = GROUPS_FIRST;
  /** Tables that know groups by code, the oldest first. */
  readonly #coded: WindowTable[] = [];
  #poolKept = 0;

  constructor(
    plan: ViewPlan,
    schema: Schema,
    closed: ClosedGroups,
    options: { bytesMax: number; onLate: (row: LateRow) => void; shared?: SharedView | null },
  ) {
    const pool = (): BytePool => this.pool;
    this.plan = plan;
    this.keys = keyLayout(plan, schema);
    this.#environment = new KernelEnvironment(schema, pool);
    this.#kernels = new Kernels(plan, this.#environment);
    this.#mergers = new Mergers(plan, this.#environment);
    this.#shared = options.shared ?? null;
    const { stride } = cellLayout(plan);
    this.#shape = { width: this.keys.width, stride, create: accumulatorFactory(plan, schema, pool) };
    this.#closed = closed;
    this.#bytesMax = options.bytesMax;
    this.#onLate = options.onLate;
    const one = this.newTable(0, 1, false);
    this.#groupBytes =
      GROUP_BYTES +
      this.keys.width * 4 +
      one.accumulators.reduce((sum, accumulator) => sum + accumulator.groupBytes, 0);
    this.#hasExtras = plan.aggregates.some((call) => !['count', 'sum', 'avg'].includes(call.name));
  }

  /** The source of the kernel generated last. */
  get kernelSource(): string {
    return this.#kernels.source;
  }

  /** The window that a time lies in. */
  startOf(time: number): number {
    const { sizeMs, offsetMs } = this.plan.window;
    return Math.floor((time - offsetMs) / sizeMs) * sizeMs + offsetMs;
  }

  /**
   * Applies a batch, `columns` being its own and those of lookups. `clocks`: the clock before each row; null: `clock` for all. `storedTo`: below
   * this offset a window in the closed store may hold the batch's rows already.
   */
  process(
    batch: LogBatch,
    columns: ColumnBatch,
    clock: number,
    clocks: Float64Array | null,
    early: boolean,
    storedTo: number,
  ): void {
    this.#batch = batch;
    this.#storedTo = storedTo;
    this.counters.rows += batch.rows;
    const isPlain = early && batch.baseOffset >= storedTo;
    const shared = isPlain && this.#shared !== null ? this.#shared.groupsOf(batch) : null;
    const coded = this.#isOfFewWindows(batch);
    if (shared !== null && this.#hasRoom(shared.reduced))
      this.#mergers.run(this, columns, shared.reduced, shared.partials, coded);
    else this.#kernels.of(columns, isPlain, coded)(this, columns, clock, clocks);
    this.#batch = null;
  }

  #isOfFewWindows({ eventTimeMax, eventTimeMin }: LogBatch): boolean {
    return eventTimeMax - eventTimeMin < (CODED_TABLES / 2) * this.plan.window.sizeMs;
  }

  /** Whether no group will be refused, should all of them be new. */
  #hasRoom({ groups, textBytes }: Reduced): boolean {
    return this.bytes + groups * this.#groupBytes + textBytes <= this.#bytesMax;
  }

  table(start: number): WindowTable | null {
    const { stream, partition, baseOffset } = this.#batch!;
    if (baseOffset < this.#storedTo && baseOffset < (this.#closed.asOf(start)?.get(`${stream}/${partition}`) ?? 0))
      return null;
    const table = this.tables.get(start);
    if (table !== undefined) return table;
    const reopened = this.sealed.some((other) => other.start === start) || this.#closed.asOf(start) !== undefined;
    const opened = this.newTable(start, reopened ? GROUPS_FIRST : this.#groupsHint, reopened);
    this.tables.set(start, opened);
    return opened;
  }

  groupsByCode(table: WindowTable, dictionary: Dictionary): Int32Array {
    if (!table.isCoded) {
      this.#coded.push(table);
      if (this.#coded.length > CODED_TABLES) this.#coded.shift()!.forgetCodes();
    }
    return table.groupsByCode(dictionary);
  }

  /** An empty table. */
  newTable(start: number, capacity: number, reopened: boolean): WindowTable {
    return new WindowTable(start, start + this.plan.window.sizeMs, capacity, reopened, this.#shape);
  }

  insert(table: WindowTable): number {
    const cost = this.#groupBytes + this.#textBytes(table.key);
    if (this.bytes + cost > this.#bytesMax) return -1;
    const group = table.insert();
    this.#count(table, cost);
    if (table.reopened) this.#load(table, group);
    return group;
  }

  #count(table: WindowTable, bytes: number): void {
    table.bytes += bytes;
    this.bytes += bytes;
  }

  #textBytes(words: Int32Array): number {
    let bytes = 0;
    for (const at of this.keys.poolWords) if (words[at]! >= 0) bytes += this.pool.lengthOf(words[at]!);
    return bytes;
  }

  /** Fills a new group of a reopened window with what was stored of it. */
  #load(table: WindowTable, group: number): void {
    for (let i = this.sealed.length - 1; i >= 0; i--) {
      const other = this.sealed[i]!;
      if (other.start !== table.start) continue;
      other.key.set(table.key);
      const from = other.find();
      if (from < 0) continue;
      table.copyGroup(group, other, from, this.#writer, (bytes) => new ByteReader(bytes));
      return;
    }
    const { hash, key } = this.keyOf(table, group);
    const value = this.#closed.find(table.start, hash, key);
    if (value !== undefined) readGroup(table, group, value);
  }

  /** The key of a group in bytes, and their hash. */
  keyOf(table: WindowTable, group: number): { hash: number; key: Uint8Array } {
    const writer = new ByteWriter(64);
    writeKey(this.keys, table.words, group * table.width, this.pool, writer);
    const key = writer.view();
    return { hash: hashBytes(key, 0, key.length), key };
  }

  corrected(rows: number): void {
    this.counters.corrections += rows;
  }

  late(row: number, reason: string, time: number, start: number, lateByMs: number): void {
    if (reason === 'state_full') this.counters.stateFull++;
    this.counters.late++;
    this.#onLate({ batch: this.#batch!, row, reason, time, start, lateByMs });
  }

  failed(row: number, error: unknown): void {
    this.counters.failed++;
    this.late(row, `error: ${error instanceof Error ? error.message : String(error)}`, NaN, NaN, NaN);
  }

  /** Counts what dirty groups of a table hold beyond their fixed size, before they are cleaned. */
  countExtras(table: WindowTable): void {
    if (!this.#hasExtras) return;
    for (let i = 0; i < table.dirtyCount; i++) {
      const group = table.dirtyGroups[i]!;
      let extra = 0;
      for (const accumulator of table.accumulators) extra += accumulator.extraBytes(group);
      this.#count(table, extra - (table.extras[group] ?? 0));
      table.extras[group] = extra;
    }
  }

  /** Takes a table out of memory's account: it is on its way to the closed store. */
  seal(table: WindowTable): void {
    this.tables.delete(table.start);
    if (table.isCoded) this.#coded.splice(this.#coded.indexOf(table), 1);
    table.forgetCodes();
    this.bytes -= table.bytes;
    if (!table.reopened) this.counters.windowsClosed++;
    if (!table.reopened) this.#groupsHint = Math.max(GROUPS_FIRST, Math.min(1 << 16, nextPower(table.groups)));
    this.sealed.push(table);
  }

  /** The store shows these tables now. */
  release(tables: readonly WindowTable[]): void {
    for (const table of tables) this.sealed.splice(this.sealed.indexOf(table), 1);
  }

  /** Drops pool entries that no table holds, when most are. Nothing may run a kernel meanwhile. */
  compactPool(): void {
    if (this.pool.size < this.#poolKept * 2 + POOL_WASTE_MIN) return;
    const ids = new Int32Array(this.pool.size).fill(-1);
    const pool = new BytePool();
    const keep = (id: number): void => {
      if (id < 0 || ids[id]! >= 0) return;
      const bytes = this.pool.bytesOf(id);
      ids[id] = pool.intern(bytes, 0, bytes.length);
    };
    const tables = [...this.tables.values(), ...this.sealed];
    for (const table of tables) {
      table.eachWord(this.keys.poolWords, keep);
      for (const accumulator of table.accumulators)
        if (accumulator instanceof DistinctAccumulator) accumulator.eachId(keep);
    }
    this.pool = pool;
    this.#poolKept = pool.size;
    this.#environment.forgetIds();
    for (const table of tables) {
      table.remap(this.keys.poolWords, ids);
      for (const accumulator of table.accumulators)
        if (accumulator instanceof DistinctAccumulator) accumulator.remap(ids);
    }
  }

  /** Takes a table that was read from a snapshot. */
  adopt(table: WindowTable): void {
    this.tables.set(table.start, table);
    let bytes = 0;
    const key = new Int32Array(table.width);
    for (let group = 0; group < table.groups; group++) {
      key.set(table.words.subarray(group * table.width, (group + 1) * table.width));
      bytes += this.#groupBytes + this.#textBytes(key);
      if (!this.#hasExtras) continue;
      let extra = 0;
      for (const accumulator of table.accumulators) extra += accumulator.extraBytes(group);
      table.extras[group] = extra;
      bytes += extra;
    }
    this.#count(table, bytes);
  }
}

function nextPower(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, count)));
}

/** Writes what a closed group is: its flags, then its partials. */
export function writeGroup(table: WindowTable, group: number, writer: ByteWriter): void {
  writer.byte(table.flags[group]!);
  for (const accumulator of table.accumulators) accumulator.writePartial(group, writer);
}

function readGroup(table: WindowTable, group: number, value: Uint8Array): void {
  const reader = new ByteReader(value);
  table.flags[group] = reader.byte();
  for (const accumulator of table.accumulators) accumulator.readPartial(group, reader);
}
