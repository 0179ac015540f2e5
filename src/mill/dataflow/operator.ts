/**
 * What the parts of a dataflow are to each other.
 *
 * A dataflow is a tree of operators, one a node of the relation. Rows are pushed from the sources
 * towards the root as *deltas*: a row and a weight, +1 for a row that is added, -1 for one that is
 * taken back. An operator that keeps no groups passes on at once; one that does (aggregate, top, over)
 * notes what was touched and passes on the difference at `flush`, which the dataflow calls from the
 * leaves to the root once all rows of a round are in. After a flush, what an operator has passed on is
 * exactly its relation's result over all that it was given.
 *
 * State is kept in `StateTable`s, which a snapshot writes by what changed since the last one; the rest
 * of an operator (timers, caches) is built again from them at `restored`.
 */
import type { Value } from '../../sql/value.js';
import type { Field, RelationView } from '../../sql/relation/relation.js';
import type { Block } from './block.js';
import type { Publisher } from './publication.js';
import type { Shelf } from './shelf.js';
import type { StateStore } from './state-table.js';

/** Values of a relation's fields. Never changed once it is passed on. */
export type Row = readonly Value[];

/** Rows on their way. The arrays belong to the sender and may be used again after `take` returns; the rows may be kept. */
export interface Deltas {
  /** Made on the first look where there is a `block`. */
  readonly rows: readonly Row[];
  /** The same rows as columns, where the sender has them so; `weights` is null then. */
  readonly block?: Block;
  /** +1 or -1 a row; null: all are added. */
  readonly weights: readonly number[] | null;
  /** Stamp of each row, or one for all, ms; see `relation.ts`. */
  readonly stamps: readonly number[] | number;
}

/** Where an operator passes its rows on. */
export type Output = (deltas: Deltas) => void;

/** A row that takes no part, and why. */
export interface LateRow {
  /** The source it came from, or the view where the row was made on the way. */
  readonly source: string;
  readonly row: Row;
  /** What the row's values are. */
  readonly fields: readonly Field[];
  /** `late`, `event_time_null`, `state_full`, `state_shed`, or `error: …` in PostgreSQL's words. */
  readonly reason: string;
  /** Event time and the window's start, ms; NaN where there is none. */
  readonly time: number;
  readonly windowStart: number;
  /** How late, ms: stamp minus the last moment in time; NaN where that is not the reason. */
  readonly lateByMs: number;
}

/** What all operators of a dataflow share. */
export interface DataflowContext {
  /** The view's name: the `source` of late rows that were made on the way. */
  readonly view: string;
  readonly lagMs: number;
  /**
   * The lag of what closes with a window's end: by an event clock `EDGE_MS` less, so that a clock which stands at the
   * end, and has no earlier row to come, closes the window.
   */
  readonly endLagMs: number;
  readonly allowedLatenessMs: number;
  /** A finite input read once, as in a query: nothing is late, nothing expires. */
  readonly isBatch: boolean;
  /** Rows are published once their window has closed: an operator may hold the rows of open windows back. */
  readonly isFinalOnly: boolean;
  /** All columns of each source. */
  readonly sourceFields: ReadonlyMap<string, readonly Field[]>;
  late(row: LateRow): void;
  /** A table of state, named for its operator; `bytes` counts against the view's budget. */
  readonly budget: StateBudget;
  /** What becomes of state beyond the budget; default: rows that need more are refused. */
  readonly statePolicy?: RelationView['statePolicy'];
  /** Where a table's entries go that leave memory; default: they stay there. */
  readonly shelf?: (table: string) => Shelf;
}

/** How many bytes of state a view holds, and may. */
export interface StateBudget {
  readonly bytesMax: number;
  bytes: number;
  /** Whether there is room for a new key. */
  hasRoom(): boolean;
}

/** Up to where state is let go of before its time, ms; -Infinity: none is. The newest never is. */
export interface ShedCut {
  /** Windows that end up to this, and rows of a time before it. */
  readonly time: number;
  /** Groups whose newest row has a stamp up to this. */
  readonly stamp: number;
}

/** What a state is as old as: an event time, or a stamp. */
export type Age = keyof ShedCut;

/** One node of a dataflow. */
export interface Operator {
  /** For `explain`: `aggregate`, `join`, … */
  readonly name: string;
  readonly tables: readonly StateStore[];
  /** Takes rows at an input: 0, or 1 for the right side of a join. */
  take(input: number, deltas: Deltas): void;
  /**
   * Passes on what the rows taken since the last call changed. `isBeforeAdvance`: `advance` and one more flush follow
   * at once, so what may be final by then can wait for that.
   */
  flush(isBeforeAdvance?: boolean): void;
  /**
   * No row still to come has a stamp below `now`, ms: drops what no row in time can touch. Everything taken
   * was flushed before; what it has to pass on waits for the next flush.
   */
  advance(now: number): void;
  /** Tells of state that `shed` can let go of: its age, ms, and bytes. Only where the policy is `shed`. */
  ages?(visit: (age: Age, at: number, bytes: number) => void): void;
  /** Lets go of the oldest state, reports each as `state_shed`, and passes on what that changes. */
  shed?(cut: ShedCut): void;
  /** The tables were filled from a snapshot: builds the rest again. */
  restored(): void;
  /**
   * What publishes a view that shows the fields `fields` of the operator's rows, in that order, where it can do that
   * itself; null where it can't. From then on it passes nothing on, and is captured behind a publication only.
   */
  publisher?(view: RelationView, fields: readonly number[]): Publisher | null;
}
