/**
 * Queries as plain data: what the generator makes, the printers print in two dialects and the minimiser cuts.
 *
 * An expression is a template for each dialect: `$0`, `$1` stand for the arguments. `duck` is null where DuckDB
 * has no way to say it with PostgreSQL's meaning; such a query is held against our own batch alone.
 */
import type { SqlType } from '../../src/sql/plan.js';

/** A column of an item of FROM. */
export interface Column {
  readonly e: 'column';
  readonly relation: string;
  readonly name: string;
  readonly type: SqlType;
  /** Has extreme values: nothing is computed with it. */
  readonly isWild?: boolean;
}

/** Any operator, function, literal, aggregate or window function. */
export interface Call {
  readonly e: 'call';
  readonly type: SqlType;
  readonly sql: string;
  readonly duck: string | null;
  readonly args: readonly Expr[];
}

/** A subquery in an expression. `$0` is what IN compares. */
export interface Subquery {
  readonly e: 'subquery';
  readonly type: SqlType;
  readonly form: 'in' | 'notIn' | 'exists' | 'notExists' | 'scalar';
  readonly args: readonly Expr[];
  readonly query: Query;
}

/** An expression. */
export type Expr = Column | Call | Subquery;

/** One item of ORDER BY; null for `nulls`: as PostgreSQL does by default. */
export interface Order {
  readonly by: Expr;
  readonly descending: boolean;
  readonly nulls: 'FIRST' | 'LAST' | null;
}

/** A stream, table, view or CTE. */
export interface Named {
  readonly f: 'named';
  readonly name: string;
  readonly alias: string;
}

/** A subquery in FROM. */
export interface Derived {
  readonly f: 'derived';
  readonly query: Query;
  readonly alias: string;
}

/** A window over a relation or a subquery. Lengths in ms. */
export interface Windowed {
  readonly f: 'window';
  readonly input: Named | Derived;
  readonly alias: string;
  readonly kind: 'TUMBLE' | 'HOP' | 'CUMULATE' | 'SESSION' | 'STAGGER';
  readonly time: Column;
  /** Slide or step of HOP and CUMULATE. */
  readonly stepMs: number;
  readonly sizeMs: number;
  readonly offsetMs: number;
  readonly keys: readonly string[];
}

/** A join. `mark`: what our grammar writes before or behind it. */
export interface Joined {
  readonly f: 'join';
  readonly type: 'JOIN' | 'LEFT JOIN' | 'RIGHT JOIN' | 'FULL JOIN' | 'CROSS JOIN';
  readonly mark: null | 'ASOF' | 'PROCTIME' | { readonly asOf: Column };
  readonly left: From;
  readonly right: From;
  readonly on: readonly Expr[];
  /** ASOF: the inequality; its right side's time for FOR SYSTEM_TIME AS OF. */
  readonly nearest: Expr | null;
}

/** `FROM t, unnest(…) AS u(x)`. */
export interface Expanded {
  readonly f: 'expand';
  readonly input: From;
  readonly call: Call;
  readonly alias: string;
  readonly column: string;
}

/** FROM. */
export type From = Named | Derived | Windowed | Joined | Expanded;

/** One output. */
export interface Item {
  readonly expr: Expr;
  readonly name: string;
}

/** SELECT. */
export interface Select {
  readonly q: 'select';
  readonly with: readonly { readonly name: string; readonly query: Query }[];
  readonly distinct: boolean;
  readonly distinctOn: readonly Expr[];
  readonly items: readonly Item[];
  readonly from: From;
  readonly where: readonly Expr[];
  readonly groupBy: readonly Expr[];
  readonly grouping: 'plain' | 'rollup' | 'cube' | 'sets';
  readonly having: readonly Expr[];
  readonly orderBy: readonly Order[];
  readonly limit: number | null;
  readonly offset: number;
  readonly withTies: boolean;
}

/** UNION, INTERSECT, EXCEPT. */
export interface SetQuery {
  readonly q: 'set';
  readonly op: 'UNION' | 'INTERSECT' | 'EXCEPT';
  readonly all: boolean;
  readonly left: Query;
  readonly right: Query;
}

/** A query. */
export type Query = Select | SetQuery;

/** A value as each dialect writes it. */
export interface Cell {
  readonly sql: string;
  readonly duck: string;
}

/** A row, and its event time, ms; null: none. */
export interface Row {
  readonly cells: readonly Cell[];
  readonly timeMs: number | null;
}

/** A column of a stream or table. */
export interface TableColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly isWild: boolean;
  readonly notNull: boolean;
}

/** A stream or a keyed table. */
export interface Table {
  readonly name: string;
  readonly kind: 'stream' | 'table' | 'versions';
  readonly columns: readonly TableColumn[];
  /** The event time's column; null: none. */
  readonly time: string | null;
  readonly clock: 'arrival' | 'event';
  /** Of WATERMARK FOR, ms. */
  readonly delayMs: number;
  /** Column of the tenant; null: none. */
  readonly tenant: string | null;
  readonly key: readonly string[];
  /** No two rows have one time. */
  readonly hasUniqueTimes: boolean;
}

/** A view's options. */
export interface ViewOptions {
  readonly lagMs: number;
  readonly allowedMs: number;
  readonly emit: string;
}

/** What happens to a keyed table. */
export type Change =
  | { readonly kind: 'put'; readonly row: Row }
  | { readonly kind: 'update'; readonly id: number; readonly column: number; readonly cell: Cell }
  | { readonly kind: 'delete'; readonly id: number };

/** A case: schemas, rows, a query. */
export interface Case {
  readonly seed: number;
  /** Whether a log on disk can have its streams and tables. */
  readonly isStored: boolean;
  readonly tables: readonly Table[];
  readonly views: readonly { readonly name: string; readonly query: Query }[];
  readonly query: Query;
  readonly options: ViewOptions;
  /** Rows of each stream, in order of their time. */
  readonly streams: Readonly<Record<string, readonly Row[]>>;
  /** What happens to each keyed table. */
  readonly changes: Readonly<Record<string, readonly Change[]>>;
  /** Seed of the orders in which rows come. */
  readonly feedSeed: number;
}

/** A literal or any call. */
export function call(type: SqlType, sql: string, args: readonly Expr[] = [], duck: string | null = sql): Call {
  return { e: 'call', type, sql, duck, args };
}
