/**
 * The bound tree: what a statement means, with every name resolved. Only what is in here can be
 * printed, and only `print.ts` prints it, so no text of the user ever reaches DuckDB except inside
 * a quoted literal.
 */
import type { Relation } from './catalog.js';
import type { Type } from './types.js';

/** A bound expression. */
export type Bound =
  /** A column of a FROM item: `item.name`, both generated. */
  | { readonly kind: 'column'; readonly item: string; readonly name: string; readonly type: Type }
  | { readonly kind: 'literal'; readonly value: string | boolean | null; readonly type: Type }
  /** A function, operator, cast or aggregate: `print` builds the text from the printed arguments. */
  | {
      readonly kind: 'call';
      readonly args: readonly Bound[];
      readonly print: (args: readonly string[]) => string;
      readonly type: Type;
      /** Set on an aggregate or a window function. */
      readonly aggregate?: 'aggregate' | 'window';
    }
  | {
      readonly kind: 'subquery';
      readonly query: BoundQuery;
      readonly print: (query: string, args: readonly string[]) => string;
      readonly args: readonly Bound[];
      readonly type: Type;
    };

/** How rows are ordered. */
export interface BoundOrder {
  readonly expression: Bound;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** A column that a query yields: printed as `expression AS alias`. */
export interface BoundOutput {
  /** As the user sees it. */
  readonly name: string;
  /** As it is printed; unique in its query. */
  readonly alias: string;
  readonly type: Type;
}

/** A relation of the catalog, where it stands in the tree. The only way to reach stored rows. */
export interface BoundBase {
  readonly kind: 'base';
  readonly relation: Relation;
  readonly alias: string;
  /** Columns in use, by position in the relation. */
  readonly used: Set<number>;
}

/** An item of FROM. */
export type BoundFrom =
  | BoundBase
  | { readonly kind: 'query'; readonly query: BoundQuery; readonly alias: string; readonly lateral: boolean }
  | { readonly kind: 'cte'; readonly name: string; readonly alias: string }
  | { readonly kind: 'function'; readonly call: Bound; readonly alias: string; readonly column: string }
  | {
      readonly kind: 'join';
      readonly join: 'INNER' | 'LEFT' | 'RIGHT' | 'FULL' | 'CROSS';
      readonly left: BoundFrom;
      readonly right: BoundFrom;
      readonly on: Bound | null;
    };

/** GROUP BY: plain expressions, or sets of them. */
export type BoundGrouping =
  | { readonly kind: 'expression'; readonly expression: Bound }
  | { readonly kind: 'rollup' | 'cube' | 'sets'; readonly items: readonly BoundGrouping[] }
  | { readonly kind: 'list'; readonly items: readonly Bound[] };

/** One SELECT. */
export interface BoundSelect {
  readonly kind: 'select';
  readonly distinct: boolean;
  readonly distinctOn: readonly Bound[];
  readonly outputs: readonly { readonly expression: Bound; readonly alias: string }[];
  readonly from: readonly BoundFrom[];
  readonly where: Bound | null;
  readonly groupBy: readonly BoundGrouping[];
  readonly having: Bound | null;
}

/** What yields rows. */
export type BoundBody =
  | BoundSelect
  | { readonly kind: 'values'; readonly rows: readonly (readonly Bound[])[]; readonly aliases: readonly string[] }
  | {
      readonly kind: 'set';
      readonly operation: 'UNION' | 'UNION ALL' | 'INTERSECT' | 'INTERSECT ALL' | 'EXCEPT' | 'EXCEPT ALL';
      readonly left: BoundQuery;
      readonly right: BoundQuery;
      readonly types: readonly Type[];
    };

/** A query: WITH, a body, an order and a limit. */
export interface BoundQuery {
  readonly ctes: readonly {
    readonly name: string;
    readonly query: BoundQuery;
    readonly materialized: boolean | null;
  }[];
  readonly body: BoundBody;
  readonly orderBy: readonly BoundOrder[];
  readonly limit: Bound | null;
  readonly offset: Bound | null;
  readonly outputs: readonly BoundOutput[];
}
