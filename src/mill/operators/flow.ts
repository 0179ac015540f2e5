/**
 * The path of a view: batches in, changes and late rows out, windows closing by the clock.
 *
 * Invariants
 * - A flush publishes every dirty group (emit on change), so what is published is the state at the
 *   flush's positions. With `emit` every N or on close, `publishedTo` says up to where that holds.
 * - A group is published only when its values or its state differ from what was
 *   published last; the comparison is exact (`WindowTable.unchanged`).
 * - `closeClock` says which windows are closed and published: all with `end + lag < closeClock` (by an event clock `<=`),
 *   but those in `closing`, whose final rows are on their way: more than `CLOSE_ROWS` take several
 *   commits, and how far they have come is in each of them.
 */
import type { ColumnBatch } from '../../event/columns.js';
import type { Schema } from '../../event/schema.js';
import type { ArrivalClock, LogBatch, Position, StreamClock } from '../../log/log.js';
import type { ViewPlan } from '../../sql/plan.js';
import type { ShedMark } from '../relational/shedding.js';
import type { SharedView } from '../kernels/shared-views.js';
import { OPEN, NOT_PUBLISHED } from '../state/window-table.js';
import type { WindowTable } from '../state/window-table.js';
import { Changes, stateOf } from './changes.js';
import { ArrivalClocks, EDGE_MS, EventClocks } from './clocks.js';
import { Closing } from './closing.js';
import { LateRows } from './late.js';
import { LookedUp } from './looked-up.js';
import { ViewState } from './view-state.js';
import type { ClosedGroups } from './view-state.js';

/** Dirty groups for which `emit every` does not wait. */
const DIRTY_GROUPS_MAX = 65_536;
/** Final rows that a flush publishes: as many as rows came in, but at least and at most so many. */
const CLOSE_ROWS = 16_384;
const CLOSE_ROWS_MAX = 65_536;

/** What a flush gives away. */
export interface FlowOutput {
  readonly changes: readonly ColumnBatch[];
  readonly late: readonly ColumnBatch[];
  /** Tables whose groups are to be stored, with everything up to the flush's positions. */
  readonly sealed: readonly WindowTable[];
}

/** What must be kept with the positions of a commit. */
export interface FlowMark {
  readonly closeClock: number;
  /** Windows whose final rows are on their way, and up to which hash of a key they are published. */
  readonly closing: readonly (readonly [start: number, bound: number])[];
  /** Up to where changes were published, for `emit` every N; null: up to the commit. */
  readonly publishedTo: readonly Position[] | null;
  /** Number of the newest moment at which rows were published. */
  readonly txn: number;
  /** Of a view that sheds: the last cut. */
  readonly shed?: ShedMark;
}

/** Windows that end at or before this are closed and published at a mark, ms; -Infinity: none is known to be. */
export function completeThroughOf({ closeClock, closing }: FlowMark, lagMs: number): number {
  // Windows close in the order of their ends: what ends before one begins that is still on its way is complete.
  return closing.reduce((least, [start]) => Math.min(least, start), closeClock - lagMs);
}

/** How a flow is set up. */
export interface FlowOptions {
  readonly plan: ViewPlan;
  readonly schema: Schema;
  /** Of the tables that rows are looked up in. */
  readonly schemaOf?: (source: string) => Schema;
  readonly clock: StreamClock;
  readonly partitions: number;
  readonly stateBytesMax: number;
  readonly closed: ClosedGroups;
  /** What it shares with other views. Default nothing. */
  readonly shared?: SharedView | null;
}

/** One view at work. */
export class Flow {
  readonly state: ViewState;
  readonly changes: Changes;
  readonly arrival: ArrivalClocks | null;
  readonly event: EventClocks | null;
  closeClock = -Infinity;
  readonly #plan: ViewPlan;
  /** How long after its end a window closes, ms. */
  readonly #endLagMs: number;
  readonly #late: LateRows;
  readonly #tenantPart: number;
  readonly #closing: Closing;
  /** Tables that rows are looked up in; null: none. */
  readonly #tables: LookedUp | null;
  /** The batch at work, as the stream has it. */
  #batch: LogBatch | null = null;
  publishedTo: readonly Position[] | null = null;
  txn = 0;
  #silent = false;
  #rowsSinceFlush = 0;
  #closeLimit = 0;
  #closedVersion = -1;

  constructor(options: FlowOptions) {
    const { plan, schema, stateBytesMax } = options;
    this.#plan = plan;
    this.#endLagMs = options.clock === 'event' ? plan.lagMs - EDGE_MS : plan.lagMs;
    this.#late = new LateRows(plan.name);
    this.#tables =
      plan.lookups === undefined ? null : new LookedUp(schema, plan.lookups, options.schemaOf!, stateBytesMax);
    this.state = new ViewState(plan, this.#tables?.schema ?? schema, options.closed, {
      bytesMax: stateBytesMax,
      shared: options.shared ?? null,
      onLate: (row) => {
        if (!this.#silent) this.#late.add({ ...row, batch: this.#batch! });
      },
    });
    this.#closing = new Closing(this.state);
    this.changes = new Changes(plan, this.state.keys, () => this.state.pool);
    this.#tenantPart = plan.tenantKey < 0 ? -1 : this.state.keys.parts[plan.tenantKey]!.at;
    this.arrival = options.clock === 'arrival' ? new ArrivalClocks(options.partitions) : null;
    const { eventTime, tenant } = schema.roles;
    const startOf = plan.tenantKey < 0 ? (time: number): number => this.state.startOf(time) : null;
    this.event =
      options.clock === 'event' ? new EventClocks(eventTime < 0 ? plan.eventTime : eventTime, tenant, startOf) : null;
  }

  /** Bytes of groups and tables. */
  get bytes(): number {
    return this.state.bytes + (this.#tables?.bytes ?? 0);
  }

  /** Takes rows of a table that rows are looked up in. `silent`: as in `process`. */
  takeTable(batch: LogBatch, silent: boolean): void {
    this.#tables!.take(batch.stream, batch.batch, (row) => {
      this.state.counters.stateFull++;
      this.state.counters.late++;
      if (!silent) this.#late.add({ batch, row, reason: 'state_full', time: NaN, start: NaN, lateByMs: NaN });
    });
  }

  /** Applies a batch. `silent`: its late rows are in the late stream already. `storedTo`: see `ViewState.process`. */
  process(batch: LogBatch, silent: boolean, storedTo: number): void {
    this.#silent = silent;
    this.#rowsSinceFlush += batch.rows;
    if (batch.rows === 0) {
      this.event?.advance(batch.partition, batch.clockAdvanceMs);
      this.arrival?.saw(batch);
      return;
    }
    this.#batch = batch;
    const columns = this.#tables === null ? batch.batch : this.#tables.widen(batch.batch);
    if (this.event !== null) {
      const clocks = this.event.take(batch);
      const early = this.#allEarly(batch, Math.max(this.event.largest, batch.eventTimeMax));
      this.state.process(batch, columns, 0, clocks, early, storedTo);
    } else {
      this.state.process(batch, columns, batch.receivedAt, null, this.#allEarly(batch, batch.receivedAt), storedTo);
      this.arrival!.saw(batch);
    }
    this.#batch = null;
  }

  /** Whether no row of a batch can be later than its window's lag. */
  #allEarly(batch: LogBatch, clock: number): boolean {
    if (batch.batch.schema.roles.eventTime !== this.#plan.eventTime) return false;
    const { sizeMs } = this.#plan.window;
    return this.state.startOf(batch.eventTimeMin) + sizeMs + this.#endLagMs >= clock;
  }

  /** What the log says of arrival, `offsets` being the next row to be read of each partition. */
  tick(clock: ArrivalClock, offsets: readonly number[]): void {
    this.arrival?.tick(clock, offsets);
  }

  /** Publishes what is due. `everyDue`: the interval of `emit every` is over. */
  flush(positions: readonly Position[], everyDue: boolean): FlowOutput {
    this.changes.txn = this.txn + 1;
    const sealed = this.#publish(positions, everyDue);
    const changes = this.changes.take();
    if (changes.length > 0) this.txn++;
    this.state.compactPool();
    return { changes, late: this.#late.take(), sealed };
  }

  #publish(positions: readonly Position[], everyDue: boolean): WindowTable[] {
    const { kind } = this.#plan.emit;
    const due = kind === 'change' || (kind === 'every' && (everyDue || this.#dirtyGroups() >= DIRTY_GROUPS_MAX));
    if (due) this.publishedTo = kind === 'every' ? positions : null;
    for (const table of this.state.tables.values()) {
      if (table.dirtyCount === 0) continue;
      this.state.countExtras(table);
      if (due) this.#publishDirty(table, true);
      else if (this.#isClosing(table)) this.#publishDirty(table, false);
      else if (this.event !== null) this.#publishClosed(table);
    }
    return this.#close();
  }

  /** Whether every group is as it was published. */
  get isPublished(): boolean {
    return this.#dirtyGroups() === 0;
  }

  /** Rows that a flush would publish, late ones included; of views that publish closed windows alone, only those. */
  get waiting(): number {
    return (this.#plan.emit.kind === 'close' ? 0 : this.#dirtyGroups()) + this.#late.size;
  }

  #dirtyGroups(): number {
    let count = 0;
    for (const table of this.state.tables.values()) count += table.dirtyCount;
    return count;
  }

  #isClosing(table: WindowTable): boolean {
    return this.arrival !== null && table.end + this.#endLagMs < this.arrival.now;
  }

  /** Publishes dirty groups, all or those whose final rows have been published; the others are `#closeTable`'s. */
  #publishDirty(table: WindowTable, all: boolean): void {
    for (let i = 0; i < table.dirtyCount; i++) {
      const group = table.dirtyGroups[i]!;
      if (all || this.#closing.passed(table, group))
        this.#publishGroup(table, group, this.#isGroupClosed(table, group));
      else table.setDue(group);
    }
    table.clean();
  }

  /** Corrections of tenants whose part of the window is closed do not wait for `emit`. */
  #publishClosed(table: WindowTable): void {
    for (let i = 0; i < table.dirtyCount; i++) {
      const group = table.dirtyGroups[i]!;
      if (!this.#isGroupClosed(table, group)) continue;
      this.#publishGroup(table, group, true);
      table.resave(group);
    }
  }

  #publishGroup(table: WindowTable, group: number, closed: boolean): void {
    const wanted = stateOf(closed, table.isCorrected(group), OPEN);
    const was = table.published(group);
    if (!this.changes.satisfies(table, group)) {
      if (was === NOT_PUBLISHED) return;
      this.changes.add(table, group, wanted, true);
      table.setPublished(group, NOT_PUBLISHED);
    } else if (was !== wanted || table.isDue(group) || !table.unchanged(group)) {
      this.changes.add(table, group, wanted, false);
      table.setPublished(group, wanted);
    }
  }

  #isGroupClosed(table: WindowTable, group: number): boolean {
    const limit = table.end + this.#endLagMs;
    if (this.arrival !== null) return limit < this.arrival.now;
    return limit < this.#groupClock(table, group);
  }

  #groupClock(table: WindowTable, group: number): number {
    const clocks = this.event!;
    if (this.#tenantPart < 0) return clocks.leastOf(table.start);
    const id = table.words[group * table.width + this.#tenantPart]!;
    const number = clocks.numberOf(id < 0 ? '' : this.state.pool.stringOf(id));
    return number === undefined ? -Infinity : clocks.values[number]!;
  }

  /** Whether a window has closed by the arrival clock that was never published as closed. */
  get isDue(): boolean {
    if (this.arrival === null) return false;
    const lagMs = this.#endLagMs;
    for (const { end } of this.state.tables.values())
      if (end + lagMs < this.arrival.now && end + lagMs >= this.closeClock) return true;
    return false;
  }

  /** Publishes the final rows of windows whose time is over and takes them out of memory. */
  #close(): WindowTable[] {
    const now = this.arrival?.now ?? this.event!.largest;
    this.#closeLimit = this.changes.rows + Math.min(CLOSE_ROWS_MAX, Math.max(CLOSE_ROWS, this.#rowsSinceFlush));
    this.#rowsSinceFlush = 0;
    if (
      this.event !== null &&
      this.event.version === this.#closedVersion &&
      this.#closing.size === 0 &&
      !this.#anyReopened()
    )
      return [];
    this.#closedVersion = this.event?.version ?? 0;
    const ended = [...this.state.tables.values()]
      .filter((table) => table.end + this.#endLagMs < now)
      .sort((a, b) => a.end - b.end);
    const sealed: WindowTable[] = [];
    for (const table of ended) {
      if (this.changes.rows >= this.#closeLimit) {
        this.closeClock = Math.max(this.closeClock, table.end + this.#plan.lagMs);
        return sealed;
      }
      if (this.#closeTable(table)) sealed.push(table);
    }
    this.closeClock = Math.max(this.closeClock, now);
    return sealed;
  }

  #anyReopened(): boolean {
    for (const table of this.state.tables.values()) if (table.reopened) return true;
    return false;
  }

  /** Says whether the table is done with. */
  #closeTable(table: WindowTable): boolean {
    const slice = this.#closing.next(table, this.#closeLimit - this.changes.rows);
    let open = 0;
    for (let group = 0; group < table.groups; group++) {
      if (!this.#isGroupClosed(table, group)) open++;
      else if (this.#closing.isIn(table, group, slice)) this.#publishGroup(table, group, true);
    }
    this.#closing.advance(table, slice);
    if (!slice.isLast || open > 0) return false;
    this.#seal(table);
    return true;
  }

  #seal(table: WindowTable): void {
    table.clean();
    this.state.seal(table);
    this.event?.contributors.delete(table.start);
  }

  /** Windows that end at or before this are closed and published, ms. */
  get completeThrough(): number {
    return completeThroughOf(this.mark(), this.#plan.lagMs);
  }

  /** What goes into the commit. */
  mark(): FlowMark {
    const { closeClock, publishedTo, txn } = this;
    return { closeClock, closing: this.#closing.marks(), publishedTo, txn };
  }

  /** Takes what dirty groups are now as published: a replay has brought them to where they were. */
  settle(): void {
    if (this.#plan.emit.kind === 'close') return;
    for (const table of this.state.tables.values()) {
      this.state.countExtras(table);
      for (let i = 0; i < table.dirtyCount; i++) this.#settleGroup(table, table.dirtyGroups[i]!, OPEN);
      table.clean();
    }
  }

  #settleGroup(table: WindowTable, group: number, open: number): void {
    const state = stateOf(this.#wasClosed(table, group), table.isCorrected(group), open);
    table.setPublished(group, this.changes.satisfies(table, group) ? state : NOT_PUBLISHED);
    table.resave(group);
  }

  #wasClosed(table: WindowTable, group: number): boolean {
    // Where each tenant has a clock, a slice may have left out groups that are closed by now.
    if (this.#closing.has(table.start)) return this.arrival !== null && this.#closing.passed(table, group);
    const limit = table.end + this.#endLagMs;
    return this.arrival === null ? limit < this.#groupClock(table, group) : limit < this.closeClock;
  }

  /**
   * Closes, without publishing, what was closed at a commit: windows with `end + lag` below the
   * clock. Answers the tables to be stored.
   */
  closeSilently(mark: FlowMark, clock: number): WindowTable[] {
    this.closeClock = Math.max(this.closeClock, clock);
    this.#closing.restore(mark.closing);
    const sealed: WindowTable[] = [];
    for (const table of this.state.tables.values()) {
      this.state.countExtras(table);
      let open = 0;
      for (let group = 0; group < table.groups; group++) {
        if (this.#wasClosed(table, group)) this.#settleGroup(table, group, NOT_PUBLISHED);
        else open++;
      }
      if (open > 0 || table.groups === 0) continue;
      this.#seal(table);
      sealed.push(table);
    }
    return sealed;
  }
}
