/** What binding an expression needs to know, and how it says what is wrong. */
import type { Node } from 'libpg-query';
import type { ErrorCode, MillraceError } from '../util/errors.js';
import type { Schema } from '../event/schema.js';
import { byteToIndex, sqlError } from '../util/sql-text.js';
import type { Expression, LiteralValue } from './plan.js';
import type { BindingType } from './types.js';

/** A stream as SQL sees it. */
export interface CatalogStream {
  readonly name: string;
  readonly schema: Schema;
}

/** The streams that views can read, by name. */
export type Catalog = ReadonlyMap<string, CatalogStream>;

/** The clause an expression stands in, as PostgreSQL's messages name it. */
export type Clause = 'SELECT' | 'WHERE' | 'GROUP BY' | 'HAVING' | 'FILTER' | 'ORDER BY' | 'JOIN' | 'an aggregate';

/** A bare string literal or NULL: its type follows from where it stands. */
export interface UnknownLiteral {
  readonly kind: 'unknown';
  readonly value: string | null;
}

/** A bound expression, or a literal that has no type yet. */
export type Bound = Expression | UnknownLiteral;

/** State of binding one statement. */
export interface BindContext {
  /** The whole file's text: positions in the tree count from its start. */
  readonly text: string;
  readonly file: string | undefined;
  /** The one stream that is read; a query of several relations has `query` instead. */
  readonly stream?: CatalogStream;
  /** Names that may stand before a column: the alias, or the stream and the window function. */
  readonly qualifiers?: readonly string[];
  /** Where each bound node stood, as a byte position. */
  readonly positions: WeakMap<object, number>;
  clause: Clause;
  /** Binds what only a whole query knows: columns of several relations, aggregates, OVER, subqueries. */
  readonly query?: QueryBinder;
}

/** A query's part in binding its expressions. */
export interface QueryBinder {
  /** A column by its names: qualifiers, then its own. */
  column(names: readonly string[], location: number | undefined): Expression;
  /** A node that is more than an expression over rows; undefined: bind it as one. */
  node(node: Node): Expression | undefined;
}

/** An error at a byte position of the tree. */
export function bindError(
  context: Pick<BindContext, 'text' | 'file'>,
  code: ErrorCode,
  message: string,
  location: number | undefined,
  instead?: string,
): MillraceError {
  const index = byteToIndex(context.text, Math.max(0, location ?? 0));
  return sqlError(code, message, { text: context.text, index, file: context.file }, instead);
}

/** The type of something bound. */
export function typeOf(bound: Bound): BindingType {
  return bound.kind === 'unknown' ? 'unknown' : bound.type;
}

/** A literal of a type. */
export function literal(value: LiteralValue, type: Expression['type']): Expression {
  return { kind: 'literal', value, type };
}

/** Remembers where a node stood. */
export function placed<T extends object>(context: BindContext, node: T, location: number | undefined): T {
  if (location !== undefined && location >= 0 && !context.positions.has(node)) context.positions.set(node, location);
  return node;
}
