/** What planning one query carries along. */
import type { Node, ResTarget, SelectStmt } from 'libpg-query';
import { bindError } from '../context.js';
import type { BindContext, Clause, QueryBinder } from '../context.js';
import type { Expression } from '../plan.js';
import type { QuerySource, RelationCatalog } from './catalog.js';
import type { Relation } from './relation.js';
import type { Scope } from './scope.js';

/** State of planning one query, subqueries included. */
export interface QueryContext {
  readonly source: QuerySource;
  readonly catalog: RelationCatalog;
  /** A query over what is there now: it ends, so nothing in it needs a bound. */
  readonly isBatch: boolean;
  /** Queries of WITH, by name. */
  readonly named: ReadonlyMap<string, Relation>;
  /** The columns of the queries around a subquery, the nearest first. */
  readonly outer: readonly Scope[];
  /** How deep views and subqueries are nested. */
  readonly depth: number;
  /** Plans a subquery. */
  readonly plan: (context: QueryContext, select: SelectStmt) => Relation;
  /** Plans FROM and WHERE of a subquery. */
  readonly begin: (context: QueryContext, select: SelectStmt) => BegunSelect;
}

/** A SELECT whose FROM and WHERE are planned. */
export interface BegunSelect {
  readonly context: QueryContext;
  readonly bind: BindContext;
  readonly from: { readonly scope: Scope };
  relation: Relation;
  /** Conditions of WHERE that read the query around this one. */
  readonly correlated: readonly Expression[];
  /**
   * The one value that it selects, grouped by `keys`, which come first; and the value over no rows. Undefined where keys
   * may have several rows, or what is selected reads the query around it.
   */
  grouped(keys: readonly Expression[]): { readonly relation: Relation; readonly empty: Expression } | undefined;
  targets(): readonly { readonly target: ResTarget; readonly column?: Expression }[];
  /** Binds one condition of WHERE. */
  condition(node: Node): Expression;
}

const DEPTH_MAX = 64;

/** The context of a query inside this one. */
export function inner(
  context: QueryContext,
  change: Partial<QueryContext>,
  location: number | undefined,
): QueryContext {
  if (context.depth >= DEPTH_MAX)
    throw bindError(
      context.source,
      'SQL_UNSUPPORTED',
      `queries are nested more than ${DEPTH_MAX} deep`,
      location,
      'Make a view of the inner ones.',
    );
  return { ...context, depth: context.depth + 1, ...change };
}

/** A context for binding expressions of a query. */
export function expressionContext(source: QuerySource, query: QueryBinder, clause: Clause): BindContext {
  return { text: source.text, file: source.file, positions: new WeakMap(), clause, query };
}
