/**
 * A query as relational algebra: what every statement that is more than one window over one stream is
 * planned to, and what `mill/dataflow` runs. Plain data: it crosses threads by structured clone.
 *
 * A relation has fields; a row is an array of `Value`s (`value.ts`), one a field. An expression over
 * an input's rows reads them as `{ kind: 'column', index }`, `index` being the field's position. In a
 * join's `condition` the right side's fields come behind the left side's. No other leaf than `column`
 * and `literal` occurs.
 *
 * **Meaning.** A relation's rows are a multiset that changes: rows come with a weight, +1 or -1. What a
 * query gives depends on the multisets of its sources alone, never on the order in which rows came, how
 * they were cut into batches or how partitions took turns. Where an order matters (OVER, Top-N), equal
 * rows are told apart by their remaining fields, then they are interchangeable.
 *
 * **Time.** A source's row has a *stamp*, in ms: when it came (`clock = 'arrival'`), or the clock of its
 * tenant before it (`clock = 'event'`). The stamp of a joined row is the larger of the two; of an
 * aggregate's row, -Infinity. With `late` set, a row whose stamp is beyond `time + lagMs +
 * allowedLatenessMs` (for a window: beyond the window's end) takes no part and goes to the late stream.
 * State that no row in time can touch any more is dropped when the clock passes.
 */
import type { Expression, SqlType } from '../plan.js';
import type { StatePolicy } from '../plan-options.js';
import type { ViewActions } from '../view-actions.js';

/** One column of a relation. */
export interface Field {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  /** No name finds it, and `*` leaves it out: what tells the rows of a table without a key apart. */
  readonly hidden?: true;
}

/** How rows are put in order. Text compares by code point. */
export interface OrderItem {
  readonly expression: Expression;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** A window of time that rows belong to. All lengths in ms. */
export type WindowSpec =
  | { readonly kind: 'tumble'; readonly sizeMs: number; readonly offsetMs: number }
  | { readonly kind: 'hop'; readonly slideMs: number; readonly sizeMs: number; readonly offsetMs: number }
  | { readonly kind: 'cumulate'; readonly stepMs: number; readonly sizeMs: number; readonly offsetMs: number }
  | { readonly kind: 'session'; readonly gapMs: number; readonly keys: readonly Expression[] }
  | { readonly kind: 'stagger'; readonly sizeMs: number; readonly keys: readonly Expression[] };

/** An aggregate call. `args` are over the input's fields; none for `count(*)`. */
export interface AggregateSpec {
  readonly name: string;
  readonly args: readonly Expression[];
  readonly distinct: boolean;
  readonly filter: Expression | null;
  /** `string_agg(x ORDER BY y)`, and WITHIN GROUP. */
  readonly order: readonly OrderItem[];
  readonly type: SqlType;
}

/** One bound of a frame. RANGE offsets are ms (over a time) or a number; ROWS offsets are rows. */
export type FrameBound =
  | { readonly kind: 'unboundedPreceding' | 'currentRow' | 'unboundedFollowing' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: number };

/** Which rows a window function sees. */
export interface Frame {
  readonly mode: 'rows' | 'range' | 'groups';
  readonly start: FrameBound;
  readonly end: FrameBound;
  readonly exclude: 'none' | 'currentRow' | 'group' | 'ties';
}

/**
 * A window function: a ranking function (`row_number`, `rank`, `dense_rank`, `percent_rank`,
 * `cume_dist`, `ntile`, `lag`, `lead`, `first_value`, `last_value`, `nth_value`), an aggregate over
 * `frame`, or an ordered function (`ewma`, `zscore`, `rcf_score`, `rate_limit`, …) that sees all rows
 * before in order.
 */
export interface OverSpec {
  readonly name: string;
  readonly args: readonly Expression[];
  readonly distinct: boolean;
  readonly filter: Expression | null;
  readonly ignoreNulls: boolean;
  readonly frame: Frame;
  readonly type: SqlType;
}

/** Right time minus left time lies within these, ms, both ends included; null where it is open. */
export interface TimeBound {
  /** Field of each side. */
  readonly leftTime: number;
  readonly rightTime: number;
  readonly lowMs: number | null;
  readonly highMs: number | null;
}

/** How rows meet. `semi` and `anti` give the left side's fields alone. */
export type JoinKind = 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti';

/** Rows from a stream or a table. */
export interface Scan {
  readonly kind: 'scan';
  readonly fields: readonly Field[];
  /** A name of the catalog. */
  readonly source: string;
  /** The source's column of each field. */
  readonly columns: readonly number[];
  /** Fields that identify a row of a keyed table, among `fields`; null for a stream: rows are only added. */
  readonly key: readonly number[] | null;
  /** The field that has the event time; null where there is none. */
  readonly time: number | null;
  /** Whether a row beyond `time + lag + allowed lateness` is late. */
  readonly late: boolean;
}

/** Literal rows. */
export interface Values {
  readonly kind: 'values';
  readonly fields: readonly Field[];
  readonly rows: readonly (readonly Expression[])[];
}

/** Rows for which `condition` is true: neither false nor NULL. */
export interface Filter {
  readonly kind: 'filter';
  readonly fields: readonly Field[];
  readonly input: Relation;
  readonly condition: Expression;
}

/** One field an expression, over the input's fields. */
export interface Project {
  readonly kind: 'project';
  readonly fields: readonly Field[];
  readonly input: Relation;
  readonly expressions: readonly Expression[];
}

/** Each row once a window that it is in; two fields, `window_start` and `window_end`, come last. */
export interface Windowed {
  readonly kind: 'window';
  readonly fields: readonly Field[];
  readonly input: Relation;
  /** The field that has the time. A NULL belongs to no window, and goes to the late stream. */
  readonly time: number;
  readonly window: WindowSpec;
  /** Whether a row beyond `window end + lag + allowed lateness` (session, stagger: `time + …`) is late. */
  readonly late: boolean;
}

/**
 * Groups. Fields: the keys, then the aggregates; with several `sets`, a last field `grouping` (integer):
 * the bits of keys that are not in the set, the first key's the highest.
 */
export interface Aggregate {
  readonly kind: 'aggregate';
  readonly fields: readonly Field[];
  readonly input: Relation;
  readonly keys: readonly Expression[];
  /** Grouping sets, as positions in `keys`; null for plain GROUP BY. The empty set always has its row. */
  readonly sets: readonly (readonly number[])[] | null;
  readonly aggregates: readonly AggregateSpec[];
  /** Without keys: whether there is a row over no rows (PostgreSQL: yes; under HAVING too). */
  readonly always: boolean;
  /** Which key is the end of a window, and dies with it; null where groups live for ever. */
  readonly windowEnd: number | null;
}

/** Two relations, paired. Fields: left, then right (nullable where the kind makes them so). */
export interface Join {
  readonly kind: 'join';
  readonly fields: readonly Field[];
  readonly left: Relation;
  readonly right: Relation;
  /** Where it was written: a byte position, for messages. */
  readonly location?: number;
  readonly type: JoinKind;
  /** Pairs that must be equal (NULL equals nothing), over each side's own fields. */
  readonly equal: readonly { readonly left: Expression; readonly right: Expression; readonly nullSafe: boolean }[];
  /** What else must be true, over both sides' fields. */
  readonly condition: Expression | null;
  /** Bounds the state; null: by a window that is among `equal` (`windowEnd`), by a table's size, or batch only. */
  readonly bound: TimeBound | null;
  /** The window's end as a field of each side, when it is among `equal`. */
  readonly windowEnd: { readonly left: number; readonly right: number } | null;
  /**
   * `both`: each side's changes take effect. `lookup`: the right side is a table; a left row meets the
   * table as it is when the row comes, and keeps what it met. `asOfTime`: the right row of the key with the
   * largest `rightTime` at or before the left's time. `asOf`: as PostgreSQL-like ASOF: one best right row.
   */
  readonly mode:
    | { readonly kind: 'both' | 'lookup' }
    | {
        readonly kind: 'asOf';
        readonly left: Expression;
        readonly right: Expression;
        readonly comparison: '>=' | '>' | '<=' | '<';
      };
}

/** Adds a field for each function. All share partition and order. */
export interface Over {
  readonly kind: 'over';
  readonly fields: readonly Field[];
  readonly input: Relation;
  readonly partition: readonly Expression[];
  readonly order: readonly OrderItem[];
  readonly functions: readonly OverSpec[];
}

/** The first rows of each partition: Top-N, DISTINCT ON, deduplication. Fields: the input's. */
export interface TopN {
  readonly kind: 'top';
  readonly fields: readonly Field[];
  readonly input: Relation;
  readonly partition: readonly Expression[];
  readonly order: readonly OrderItem[];
  /** Which function numbers the rows. */
  readonly ranking: 'row_number' | 'rank' | 'dense_rank';
  readonly offset: number;
  /** Null: no end. */
  readonly limit: number | null;
  /** The window's end among the fields, when it is in the partition; null where partitions live for ever. */
  readonly windowEnd: number | null;
  /** Adds the number as a last field (bigint). */
  readonly numbered: boolean;
}

/** All rows of all inputs; `distinct` is an Aggregate over it. */
export interface Union {
  readonly kind: 'union';
  readonly fields: readonly Field[];
  readonly inputs: readonly Relation[];
}

/** INTERSECT and EXCEPT. */
export interface SetOperation {
  readonly kind: 'intersect' | 'except';
  readonly fields: readonly Field[];
  readonly left: Relation;
  readonly right: Relation;
  readonly all: boolean;
}

/** A call that makes several rows of one: `unnest`, `generate_series` and those of `functions/sets.ts`. */
export interface SetCall {
  readonly name: string;
  readonly args: readonly Expression[];
}

/**
 * Rows made of one by calls, in FROM (LATERAL) or the SELECT list: as many as the longest gives, the others NULL behind
 * their end. One field more a call, then with `ordinality` the row's number from 1.
 */
export interface Expand {
  readonly kind: 'expand';
  readonly fields: readonly Field[];
  readonly input: Relation;
  readonly calls: readonly SetCall[];
  readonly ordinality: boolean;
  /** A row that makes none stays, with NULLs: LEFT JOIN … ON true. */
  readonly outer: boolean;
}

/** Any relation. */
export type Relation =
  | Scan
  | Values
  | Filter
  | Project
  | Windowed
  | Aggregate
  | Join
  | Over
  | TopN
  | Union
  | SetOperation
  | Expand;

/** When a view's rows are published. */
export type EmitMode =
  | { readonly kind: 'change' }
  | { readonly kind: 'close' }
  | { readonly kind: 'every'; readonly ms: number };

/** A SELECT, planned. */
export interface QueryPlan {
  readonly relation: Relation;
  /** ORDER BY, over the relation's fields; a hidden sort column comes behind the `width` that are shown. */
  readonly order: readonly OrderItem[];
  readonly limit: number | null;
  readonly offset: number;
  /** How many fields are shown. */
  readonly width: number;
}

/** A standing query. */
export interface RelationView extends ViewActions {
  readonly name: string;
  /** The statement as it was written. */
  readonly text: string;
  readonly relation: Relation;
  /** How many fields are shown; those behind are there for `key`, `closes` and `tenant`. */
  readonly width: number;
  /** Fields that identify a row; null: the whole row, with the number of its copy. */
  readonly key: readonly number[] | null;
  /** The field whose time, plus the lag, makes a row final: a window's end, or a row's event time; null: never. */
  readonly closes: number | null;
  /** The sources' tenant, as a field; null for a global view. */
  readonly tenant: number | null;
  /** What its author should know: state that grows with the number of keys. */
  readonly notices: readonly string[];
  readonly lagMs: number;
  readonly allowedLatenessMs: number;
  readonly retentionMs?: number;
  /** Rows that take no part are counted, and not kept in the late stream. */
  readonly dropsLate?: boolean;
  /** What becomes of state beyond the budget; default: rows that need more are refused. */
  readonly statePolicy?: StatePolicy;
  readonly emit: EmitMode;
}
