/**
 * A view, parsed and bound: what the mill runs.
 *
 * The SQL front (`parse` → `bind` → `plan`) produces this; `operators` run it, `kernels` generate
 * code from it. Plain data: it crosses threads by structured clone.
 */

/** Types as PostgreSQL names them. `numeric` is exact: bigint scaled by `scale` in kernels. */
export type SqlType =
  | 'boolean'
  | 'bigint'
  | 'integer'
  | 'double precision'
  | 'numeric'
  | 'text'
  | 'timestamptz'
  | 'timestamp'
  | 'date'
  | 'interval'
  | 'uuid'
  | 'json'
  | 'bytea'
  | 'text[]';

/** A bound expression. Every node has a type; names are resolved; casts are explicit `call`s. */
export type Expression =
  | { readonly kind: 'column'; readonly index: number; readonly name: string; readonly type: SqlType; readonly nullable: boolean }
  | { readonly kind: 'literal'; readonly value: LiteralValue; readonly type: SqlType }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[]; readonly type: SqlType }
  | { readonly kind: 'and' | 'or'; readonly args: readonly Expression[]; readonly type: 'boolean' }
  | { readonly kind: 'not'; readonly arg: Expression; readonly type: 'boolean' }
  | { readonly kind: 'isNull'; readonly arg: Expression; readonly negated: boolean; readonly type: 'boolean' }
  | { readonly kind: 'case'; readonly branches: readonly CaseBranch[]; readonly otherwise: Expression; readonly type: SqlType }
  | { readonly kind: 'windowStart' | 'windowEnd'; readonly type: 'timestamptz' }
  | { readonly kind: 'key'; readonly index: number; readonly type: SqlType }
  | { readonly kind: 'aggregate'; readonly index: number; readonly type: SqlType };

/** Values a literal can hold; `numeric` travels as text, `timestamptz` as ms, `interval` as months, days, ms. */
export type LiteralValue = null | boolean | number | bigint | string | { readonly months: number; readonly days: number; readonly ms: number };

/** One WHEN … THEN …. */
export interface CaseBranch {
  readonly when: Expression;
  readonly then: Expression;
}

/** An aggregate call over source rows. */
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

/** A standing windowed aggregation. */
export interface ViewPlan {
  readonly name: string;
  /** The statement as it was written, for `explain` and for noticing a change. */
  readonly text: string;
  readonly source: string;
  readonly window: { readonly kind: 'tumble'; readonly sizeMs: number; readonly offsetMs: number };
  /** Position of the event time in the source schema. */
  readonly eventTime: number;
  readonly lagMs: number;
  readonly allowedLatenessMs: number;
  /** `change`: at every commit; `close`: once, when the window is final; else every N ms. */
  readonly emit: { readonly kind: 'change' } | { readonly kind: 'close' } | { readonly kind: 'every'; readonly ms: number };
  readonly where: Expression | null;
  /** GROUP BY without the window bounds, over source columns. */
  readonly keys: readonly { readonly name: string; readonly expression: Expression }[];
  /** Which key is the source's tenant column; -1 for a global view. */
  readonly tenantKey: number;
  readonly aggregates: readonly AggregateCall[];
  readonly having: Expression | null;
  readonly outputs: readonly OutputColumn[];
}
