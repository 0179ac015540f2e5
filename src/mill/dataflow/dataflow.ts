/**
 * A query that is kept up: rows go in, changes of its result come out.
 *
 * One round: `push` rows of sources, `flush`, then `changes.publish` (a standing view) or `result` (a
 * batch). `advance` moves the clock between rounds; it flushes what is still under way first, so that no
 * row is measured by a clock that came after it.
 *
 * Limits: `stateBytesMax` for all state; rows that need more go to the late stream. Late rows wait in memory
 * until `late` takes them, which the caller does each round.
 * Recovery: `capture` gives what changed since the last one, `load` takes captures in the order in which
 * they were made. Both only between rounds.
 */
import type { Field, Relation, RelationView } from '../../sql/relation/relation.js';
import { EDGE_MS } from '../operators/clocks.js';
import { countOf } from './block.js';
import { buildOperators } from './build.js';
import type { OperatorTree } from './build.js';
import { AppendedRows, publishesAppended } from './appended-rows.js';
import { Emitter } from './emitter.js';
import type { Publisher } from './publication.js';
import { Multiset } from './multiset.js';
import { ownPublisher } from './own-publisher.js';
import type { DataflowContext, Deltas, LateRow, Row, ShedCut, StateBudget } from './operator.js';
import { cutOf } from './shed-cut.js';
import type { Shelf } from './shelf.js';
import type { SavedEntry, StateStore } from './state-table.js';

/** What a dataflow is made from. */
export interface DataflowInput {
  readonly view: RelationView;
  /** A finite input that is read once: nothing is late, and the result is asked for at its end. */
  readonly isBatch: boolean;
  /** Whether `advance` is ever called. Default true. Without it, rows that close are held back by the emitter alone. */
  readonly expires?: boolean;
  /** Whether all that is never late but by an event clock: `WATERMARK FOR`, `clock: 'event'`. Default false. */
  readonly hasEventClock?: boolean;
  readonly stateBytesMax: number;
  /** All columns of each source, so that its late rows are reported whole. */
  readonly sourceFields: ReadonlyMap<string, readonly Field[]>;
  /** Where state goes that leaves memory, for a view whose policy is to spill. Default: it stays there. */
  readonly shelf?: (table: string) => Shelf;
}

/** The state of one table, as far as it changed. */
export interface SavedTable {
  readonly name: string;
  readonly entries: readonly SavedEntry[];
}

/** What changed since the last capture. */
export interface DataflowCapture {
  /** The clock, ms. */
  readonly now: number;
  readonly tables: readonly SavedTable[];
}

/** A capture under way: state stays free to change. */
export interface FrozenCapture {
  /** Encodes up to `max` entries; answers how many: 0 once all are. */
  encode(max: number): number;
  /** What was captured, once all is encoded. */
  take(): DataflowCapture;
}

/** Entries that are encoded at a time where nothing else waits. */
const ENCODED_MAX = 65_536;

/** What an operator holds, for `explain`. */
export interface OperatorStats {
  readonly name: string;
  /** Rows taken so far. */
  readonly rows: number;
  /** Entries of its state. */
  readonly keys: number;
  readonly bytes: number;
}

/** What is left of a budget that was exceeded. */
const KEPT_SHARE = 0.75;

/** Bytes of state, counted against a limit. */
class Budget implements StateBudget {
  readonly bytesMax: number;
  bytes = 0;
  /** Beyond this nothing is taken in: what is shed or spilled is so between rounds. */
  readonly #limit: number;

  constructor(bytesMax: number, policy: RelationView['statePolicy']) {
    this.bytesMax = bytesMax;
    this.#limit = policy === 'spill' ? Number.POSITIVE_INFINITY : policy === 'shed' ? bytesMax * 2 : bytesMax;
  }

  hasRoom(): boolean {
    return this.bytes < this.#limit;
  }

  get isExceeded(): boolean {
    return this.bytes > this.bytesMax;
  }

  /** How much has to go, so that there is room for a while. */
  get excess(): number {
    return this.bytes - this.bytesMax * KEPT_SHARE;
  }
}

/** See the head of the file. */
export class Dataflow {
  /** What a standing view publishes. */
  readonly changes: Publisher;
  readonly #tree: OperatorTree;
  readonly #tables: readonly StateStore[];
  readonly #budget: Budget;
  readonly #result: Multiset | null;
  readonly #shelf: ((table: string) => Shelf) | null;
  #late: LateRow[] = [];
  #now = Number.NEGATIVE_INFINITY;
  #isUnderWay = true;
  #isFrozen = false;

  constructor(input: DataflowInput) {
    const { expires = true, hasEventClock = false, isBatch, shelf, sourceFields, stateBytesMax, view } = input;
    const statePolicy = isBatch ? undefined : view.statePolicy;
    this.#budget = new Budget(stateBytesMax, statePolicy);
    this.#shelf = statePolicy === 'spill' && shelf !== undefined ? shelf : null;
    const context: DataflowContext = {
      view: view.name,
      lagMs: view.lagMs,
      endLagMs: hasEventClock ? view.lagMs - EDGE_MS : view.lagMs,
      allowedLatenessMs: view.allowedLatenessMs,
      isBatch,
      isFinalOnly: !isBatch && expires && view.emit.kind === 'close',
      sourceFields,
      late: (row) => this.#late.push(row),
      budget: this.#budget,
      ...(statePolicy !== undefined && { statePolicy }),
      ...(this.#shelf !== null && { shelf: this.#shelf }),
    };
    this.#result = isBatch ? new Multiset(view.relation.fields.map(({ type }) => type)) : null;
    const result = this.#result;
    const output = (deltas: Deltas): void => (result === null ? this.changes.take(deltas) : result.take(deltas));
    this.#tree = buildOperators(view.relation, context, output);
    this.changes = (isBatch ? null : ownPublisher(view, this.#tree)) ?? this.#publisherOf(view, context);
    this.#tables = [...this.#tree.nodes.flatMap(({ operator }) => operator.tables), ...this.changes.tables];
  }

  #publisherOf(view: RelationView, context: DataflowContext): Publisher {
    return publishesAppended(view) ? new AppendedRows(view, this.#budget) : new Emitter(view, this.#budget, context);
  }

  /** Names of the sources that it reads. */
  get sources(): readonly string[] {
    return [...new Set(this.#tree.sources.map(({ source }) => source))];
  }

  /** The clock, ms: no row still to come has a stamp below it. */
  get now(): number {
    return this.#now;
  }

  /** Bytes of all state. */
  get bytes(): number {
    return this.#budget.bytes;
  }

  /**
   * Takes rows of a source, all of its columns in the catalog's order. `weights`: a keyed table's row is
   * deleted where it is -1, of which the key alone is read. The arrays may be used again afterwards, the rows not.
   */
  push(
    source: string,
    rows: readonly Row[],
    stamps: readonly number[] | number,
    weights: readonly number[] | null = null,
  ): void {
    this.pushDeltas(source, { rows, weights, stamps });
  }

  /** As `push`, for rows that may be a block. */
  pushDeltas(source: string, deltas: Deltas): void {
    if (countOf(deltas) === 0) return;
    this.#isUnderWay = true;
    for (const input of this.#tree.sources) if (input.source === source) input.node.take(0, deltas);
  }

  /** Brings the result up to the rows that were pushed. */
  flush(): void {
    this.#flush(false);
  }

  #flush(isBeforeAdvance: boolean): void {
    if (!this.#isUnderWay) return;
    this.#isUnderWay = false;
    for (const { operator } of this.#tree.nodes) operator.flush(isBeforeAdvance);
    for (const table of this.#tables) table.count();
  }

  /** No row still to come has a stamp below `now`, ms. Never moves back. */
  advance(now: number): void {
    if (now <= this.#now) return;
    this.#flush(true);
    this.#now = now;
    for (const { operator } of this.#tree.nodes) {
      // What closes below must have met what it meets here before that is dropped.
      operator.flush(true);
      operator.advance(now);
      operator.flush();
    }
    this.#isUnderWay = true;
  }

  /** Whether state is beyond the budget. */
  get isBeyondBudget(): boolean {
    return this.#budget.isExceeded;
  }

  /** Puts state on disk that was not used lately, where that is beyond the budget. Only between rounds. */
  spill(): void {
    this.#countPublished();
    if (!this.#budget.isExceeded) return;
    const share = this.#budget.excess / this.#budget.bytes;
    for (const table of this.#tables) table.evict?.(table.bytes * share);
  }

  /** What waited for a publication waits no more. */
  #countPublished(): void {
    for (const table of this.changes.tables) table.count();
  }

  /** What `shed` has to let go of, for state to be within the budget; null where nothing of it can be. */
  shedCut(): ShedCut | null {
    this.#countPublished();
    if (!this.#budget.isExceeded) return null;
    return cutOf((visit) => {
      for (const { operator } of this.#tree.nodes) operator.ages?.(visit);
      this.changes.ages?.(visit);
    }, this.#budget.excess);
  }

  /** Lets go of the oldest state. Only right after a flush and a publication. */
  shed(cut: ShedCut): void {
    for (const { operator } of this.#tree.nodes) {
      operator.flush();
      operator.shed?.(cut);
      operator.flush();
    }
    this.changes.shed?.(cut);
    this.#isUnderWay = true;
  }

  /** A batch's result: its rows, each as often as it occurs, in no particular order. */
  result(): Row[] {
    if (this.#result === null) throw new Error('a standing view has changes, no result');
    return this.#result.rows();
  }

  /** Rows that took no part, since the last call. */
  late(): LateRow[] {
    const taken = this.#late;
    this.#late = [];
    return taken;
  }

  /** What changed since the last call, all at once. Only after a flush. */
  capture(): DataflowCapture {
    const frozen = this.freeze();
    while (frozen.encode(ENCODED_MAX) > 0);
    return frozen.take();
  }

  /** What changed since the last call, to be encoded as it is now while rows go on. Only after a flush. */
  freeze(): FrozenCapture {
    if (this.#isUnderWay) throw new Error('a dataflow is captured between rounds only');
    if (this.#isFrozen) throw new Error('a dataflow is captured once at a time');
    this.#isFrozen = true;
    const now = this.#now;
    const tables = this.#tables;
    for (const table of tables) table.freeze();
    let at = 0;
    return {
      encode: (max) => {
        let count = 0;
        for (; count < max && at < tables.length; at++) {
          count += tables[at]!.encode(max - count);
          if (count === max) break;
        }
        return count;
      },
      take: () => {
        this.#isFrozen = false;
        const taken = tables.map((table) => ({ name: table.name, entries: table.take() }));
        return { now, tables: taken.filter(({ entries }) => entries.length > 0) };
      },
    };
  }

  /** Takes captures of a dataflow of the same view, in order. Only before the first row. */
  load(captures: readonly DataflowCapture[]): void {
    const tables = new Map(this.#tables.map((table) => [table.name, table]));
    for (const capture of captures) {
      this.#now = capture.now;
      for (const { entries, name } of capture.tables) {
        const table = tables.get(name);
        if (table === undefined) throw new Error(`the state has a table '${name}' that the query has not`);
        for (const { bytes, key } of entries) table.load(key, bytes);
      }
    }
    if (captures.length > 0) this.#restoreSpilled();
    for (const { operator } of this.#tree.nodes) operator.restored();
    this.changes.restored();
    for (const table of this.#tables) table.count();
    this.#isUnderWay = captures.length === 0;
  }

  /** Entries of tables that spill stay on disk. */
  #restoreSpilled(): void {
    if (this.#shelf === null) return;
    for (const table of this.#tables) {
      if (table.restoreSpilled?.() === true) continue;
      for (const { bytes, key } of this.#shelf(table.name).saved()) table.load(key, bytes);
    }
  }

  /** Names of all tables of state, in an order that is the query's. */
  get tableNames(): readonly string[] {
    return this.#tables.map(({ name }) => name);
  }

  /** About how many entries changed since the last capture. */
  get unsaved(): number {
    return this.#tables.reduce((sum, { unsaved = 0 }) => sum + unsaved, 0);
  }

  /** Entries of state that are on disk alone. */
  get spilled(): number {
    return this.#tables.reduce((sum, { spilledSize = 0 }) => sum + spilledSize, 0);
  }

  /** The operators, leaves first, and what they hold. */
  stats(): OperatorStats[] {
    return this.#tree.nodes.map(({ operator, rows }) => ({
      name: operator.name,
      rows,
      keys: operator.tables.reduce((sum, { size }) => sum + size, 0),
      bytes: operator.tables.reduce((sum, { bytes }) => sum + bytes, 0),
    }));
  }
}

/** A view of a query that is run as a batch. */
export function batchView(name: string, relation: Relation): RelationView {
  return {
    name,
    text: '',
    width: relation.fields.length,
    notices: [],
    relation,
    key: null,
    closes: null,
    tenant: null,
    lagMs: 0,
    allowedLatenessMs: 0,
    emit: { kind: 'change' },
  };
}
