/**
 * A standing query of a session: a dataflow, the rows that it has published, and the rows that were too late.
 *
 * Recovery, for tests: `save` captures the dataflow and remembers what has been published; `resume` throws everything
 * away, builds the dataflow again from all captures and does again what came since. The result must be the same.
 */
import type { Field, RelationView } from '../../sql/relation/relation.js';
import { streamsOf } from '../../sql/relation/walk-relation.js';
import { Dataflow } from '../dataflow/dataflow.js';
import type { DataflowCapture, OperatorStats } from '../dataflow/dataflow.js';
import { publishedRows, type Published } from '../dataflow/publication.js';
import { keyFunction, wholeRowKey } from '../dataflow/keys.js';
import type { LateRow, Row } from '../dataflow/operator.js';
import type { Key } from '../dataflow/state-table.js';
import { LATE_MAX } from './late-rows.js';

/** Rows on their way to a view. */
export interface Feed {
  readonly source: string;
  readonly rows: readonly Row[];
  readonly stamps: readonly number[];
  /** -1 where a keyed table's row is deleted; null: none is. */
  readonly weights: readonly number[] | null;
}

/** What was done since the last save. */
type Step = { readonly feed: Feed } | { readonly now: number } | 'settled';

/** What a save holds beside the captures. */
interface Saved {
  readonly rows: ReadonlyMap<Key, Row>;
  readonly late: readonly LateRow[];
}

/** Told of each change that a view publishes. */
export type ChangeListener = (operation: '+' | '-', row: Row) => void;

/** See the head of the file. */
export class StandingView {
  readonly plan: RelationView;
  /** The columns that are shown. */
  readonly fields: readonly Field[];
  /** Those whose clocks make its own: its streams, or the tables of a view that has none. For a table nothing waits. */
  readonly clocked: readonly string[];
  readonly #open: () => Dataflow;
  readonly #keyOf: (row: Row, copy: number) => Key;
  readonly #isTimeless: boolean;
  #now = -Infinity;
  readonly #listeners = new Set<ChangeListener>();
  #flow: Dataflow;
  #rows = new Map<Key, Row>();
  #late: LateRow[] = [];
  #captures: DataflowCapture[] = [];
  #saved: Saved | null = null;
  #steps: Step[] = [];

  /**
   * `isTimeless`: no clock will pass over its rows but that of FLUSH; see `settle`. `hasEventClock`: whether its streams
   * have WATERMARK FOR.
   */
  constructor(
    plan: RelationView,
    sourceFields: ReadonlyMap<string, readonly Field[]>,
    stateBytesMax: number,
    { hasEventClock, isTimeless }: { readonly hasEventClock: boolean; readonly isTimeless: boolean },
  ) {
    this.plan = plan;
    this.#isTimeless = isTimeless;
    this.fields = plan.relation.fields.slice(0, plan.width);
    const input = { view: plan, isBatch: false, expires: !isTimeless, hasEventClock, stateBytesMax, sourceFields };
    this.#open = () => new Dataflow(input);
    this.#keyOf = rowKey(plan);
    this.#flow = this.#open();
    const streams = [...new Set(streamsOf(plan.relation))];
    this.clocked = streams.length > 0 ? streams : this.sources;
  }

  /** Names of the tables and streams that it reads. */
  get sources(): readonly string[] {
    return this.#flow.sources;
  }

  /** Its clock, ms: no row still to come has a stamp below it. */
  get now(): number {
    return this.#isTimeless ? this.#now : this.#flow.now;
  }

  /** The rows published so far, with the columns that are shown. */
  rows(): Row[] {
    const { length } = this.fields;
    return [...this.#rows.values()].map((row) => (row.length === length ? row : row.slice(0, length)));
  }

  /** Rows that took no part. */
  late(): readonly LateRow[] {
    return this.#late;
  }

  /** What each operator holds. */
  stats(): OperatorStats[] {
    return this.#flow.stats();
  }

  /** Calls `listener` with each change; answers how to stop it. */
  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Publishes what a query has that reads no table: nothing will ever come to it. */
  begin(): void {
    if (this.sources.length === 0) this.#publish();
  }

  /** Takes rows and publishes what they change. */
  take(feed: Feed): void {
    if (this.#saved !== null) this.#steps.push({ feed });
    this.#flow.push(feed.source, feed.rows, feed.stamps, feed.weights);
    this.#publish();
  }

  /** No row still to come has a stamp below `now`, ms. */
  advance(now: number): void {
    if (now <= this.now) return;
    if (this.#saved !== null) this.#steps.push({ now });
    this.#advance(now);
    this.#publish();
  }

  #advance(now: number): void {
    if (this.#isTimeless) this.#now = now;
    else this.#flow.advance(now);
  }

  /** Where there is no clock, FLUSH stands for the end of all time: what waits to be final is. */
  settle(): void {
    if (!this.#isTimeless || !Number.isFinite(this.#now)) return;
    if (this.#saved !== null) this.#steps.push('settled');
    this.#now = Infinity;
    this.#publish();
  }

  #publish(): void {
    this.#flow.flush();
    const published = this.#flow.changes.publish(this.#isTimeless ? this.#now : this.#flow.now);
    for (const change of publishedRows(published)) this.#apply(change);
    this.#late.push(...this.#flow.late());
    if (this.#late.length > LATE_MAX) this.#late = this.#late.slice(-LATE_MAX);
  }

  #apply({ row, copy, operation }: Published): void {
    const key = this.#keyOf(row, copy);
    const before = this.#rows.get(key);
    if (operation === 'delete') this.#rows.delete(key);
    else this.#rows.set(key, row);
    for (const listener of this.#listeners) {
      if (before !== undefined) listener('-', before);
      if (operation !== 'delete') listener('+', row);
    }
  }

  /** Captures what changed since the last save. */
  save(): void {
    this.#flow.flush();
    this.#captures.push(this.#flow.capture());
    this.#saved = { rows: new Map(this.#rows), late: [...this.#late] };
    this.#steps = [];
  }

  /** Starts again from the last save, and does again what came since. */
  resume(): void {
    if (this.#saved === null) return;
    this.#flow = this.#open();
    this.#flow.load(this.#captures);
    this.#rows = new Map(this.#saved.rows);
    this.#late = [...this.#saved.late];
    for (const step of this.#steps) {
      if (step === 'settled') this.#now = Infinity;
      else if ('now' in step) this.#advance(step.now);
      else this.#flow.push(step.feed.source, step.feed.rows, step.feed.stamps, step.feed.weights);
      this.#publish();
    }
  }
}

function rowKey(plan: RelationView): (row: Row, copy: number) => Key {
  const types = plan.relation.fields.map(({ type }) => type);
  if (plan.key !== null) {
    return keyFunction(
      plan.key,
      plan.key.map((field) => types[field]!),
    );
  }
  const whole = wholeRowKey(types, { isExact: true });
  return (row, copy) => `${copy} ${whole(row)}`;
}
