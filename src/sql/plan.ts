/**
 * A view, parsed and bound: what the mill runs.
 *
 * The SQL front (`parseViews` → `planView`) produces this; `operators` run it, `kernels` generate
 * code from it. Plain data: it crosses threads by structured clone.
 *
 * - Names are resolved, types are PostgreSQL's, casts are written out as calls named `cast`
 *   (from `args[0].type` to `type`). Which function a `call` means follows from its name and the
 *   types of its arguments: see `functions/registry.ts`.
 * - Values at run time are `Value`s (`value.ts`); `evaluate.ts` runs an expression, `generate.ts`
 *   prints it for a kernel. Both throw `SQL_RUNTIME` where PostgreSQL would raise an error (only
 *   expressions for which `canFail` holds); the row then goes to the late stream with the message.
 * - `where`, `keys` and the aggregates' `arg` and `filter` are over source columns (`column`) and
 *   the window's bounds. `having` and `outputs` are over `key`, `aggregate` and the bounds; they
 *   never hold a `column`.
 * - WHERE, FILTER and HAVING keep a row when the value is true: neither false nor NULL.
 */

import type { ViewActions } from './view-actions.js';

/** Types as PostgreSQL names them, arrays apart. `numeric` is exact; see `value.ts` and `generate.ts` for its shapes. */
export type ScalarType =
  | 'boolean'
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'numeric'
  | 'real'
  | 'double precision'
  | 'text'
  | 'timestamptz'
  | 'timestamp'
  | 'date'
  | 'time'
  | 'interval'
  | 'uuid'
  | 'json'
  | 'jsonb'
  | 'bytea';

/** Arrays of one dimension, counted from 1. */
export type ArrayType = `${ScalarType}[]`;

/** Every type there is. */
export type SqlType = ScalarType | ArrayType;

/** A bound expression. Every node has a type; names are resolved; casts are explicit `call`s. */
export type Expression =
  | {
      readonly kind: 'column';
      readonly index: number;
      readonly name: string;
      readonly type: SqlType;
      readonly nullable: boolean;
    }
  | { readonly kind: 'literal'; readonly value: LiteralValue; readonly type: SqlType }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[]; readonly type: SqlType }
  | { readonly kind: 'and' | 'or'; readonly args: readonly Expression[]; readonly type: 'boolean' }
  | { readonly kind: 'not'; readonly arg: Expression; readonly type: 'boolean' }
  | { readonly kind: 'isNull'; readonly arg: Expression; readonly negated: boolean; readonly type: 'boolean' }
  | {
      readonly kind: 'case';
      readonly branches: readonly CaseBranch[];
      readonly otherwise: Expression;
      readonly type: SqlType;
    }
  | { readonly kind: 'windowStart' | 'windowEnd'; readonly type: 'timestamptz' }
  | { readonly kind: 'key'; readonly index: number; readonly type: SqlType }
  | { readonly kind: 'aggregate'; readonly index: number; readonly type: SqlType };

/** Values a literal can hold: as `Value`, but `numeric` travels as text (`1.50` keeps its scale), in arrays too. */
export type LiteralValue = LiteralItem | readonly LiteralItem[];

/** A literal that is no array. */
export type LiteralItem =
  | null
  | boolean
  | number
  | bigint
  | string
  | { readonly months: number; readonly days: number; readonly ms: number }
  | Uint8Array;

/** One WHEN … THEN …. */
export interface CaseBranch {
  readonly when: Expression;
  readonly result: Expression;
}

/**
 * An aggregate call over source rows.
 *
 * | name | argument | type |
 * |---|---|---|
 * | count, countDistinct, approxCountDistinct | any (count: or none) | bigint |
 * | sum | integer → bigint; bigint → numeric of scale 0; numeric → numeric; double precision | |
 * | avg | integer, bigint, numeric → numeric (`divideDecimal(sum, count)`); double precision | |
 * | min, max | number, text, time, interval, bytea | the argument's |
 *
 * An expression `aggregate` of type bytea on an `approxCountDistinct` is its sketch; it stands alone in an output.
 *
 * Over no row that is not NULL, count is 0 and the others are NULL. A sum of numeric has the
 * largest scale among its rows; `staticScale(arg)` says when all rows have one. A sum of integers
 * beyond 64 bits is 'bigint out of range'.
 */
export interface AggregateCall {
  readonly name: 'count' | 'countDistinct' | 'sum' | 'min' | 'max' | 'avg' | 'approxCountDistinct';
  /** Null for `count(*)`. */
  readonly arg: Expression | null;
  readonly filter: Expression | null;
  readonly type: SqlType;
}

/** One column of the SELECT list, over keys, window bounds and aggregates. */
export interface OutputColumn {
  readonly name: string;
  readonly expression: Expression;
  readonly type: SqlType;
}

/** A table that each row is looked up in, as it is when the row comes. */
export interface PlanLookup {
  /** A stream of which each row replaces the one before of its key. */
  readonly source: string;
  /** Position of the column of `ViewPlan.source` that is looked up; a text. */
  readonly on: number;
  /** Position of the table's key among its columns; a text. */
  readonly key: number;
  /**
   * Positions of the table's columns that are wanted; texts. Expressions read them as columns behind those of
   * `ViewPlan.source` and of the lookups before. NULL where there is no row.
   */
  readonly columns: readonly number[];
}

/** A standing windowed aggregation. */
export interface ViewPlan extends ViewActions {
  readonly name: string;
  /** The statement as it was written, for `explain` and for noticing a change. */
  readonly text: string;
  readonly source: string;
  /** Left out: none. */
  readonly lookups?: readonly PlanLookup[];
  readonly window: { readonly kind: 'tumble'; readonly sizeMs: number; readonly offsetMs: number };
  /** Position of the event time in the source schema. */
  readonly eventTime: number;
  readonly lagMs: number;
  readonly allowedLatenessMs: number;
  /** How long rows are kept after their window's end, of tenants that have no retention of their own; left out: for ever. */
  readonly retentionMs?: number;
  /** Rows that take no part are counted, and not kept in the late stream. */
  readonly dropsLate?: boolean;
  /** `change`: at every commit; `close`: once, when the window is final; else every N ms. */
  readonly emit:
    | { readonly kind: 'change' }
    | { readonly kind: 'close' }
    | { readonly kind: 'every'; readonly ms: number };
  readonly where: Expression | null;
  /** GROUP BY without the window bounds, over source columns. */
  readonly keys: readonly { readonly name: string; readonly expression: Expression }[];
  /** Which key is the source's tenant column; -1 for a global view. */
  readonly tenantKey: number;
  readonly aggregates: readonly AggregateCall[];
  readonly having: Expression | null;
  readonly outputs: readonly OutputColumn[];
}
