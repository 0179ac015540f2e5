/**
 * The binder: a statement's parse tree becomes a bound tree over the closed catalog, or an error
 * that points at what is wrong.
 *
 * Invariants
 * - The only way to stored rows is `BoundBase`, made in `bind-from.ts` from the catalog.
 * - A node, field, function, operator, type or relation that is not listed by name is refused.
 * - Generated names only: `t1` for FROM items, `q1` for CTEs, `c1` for columns.
 */
import { depthOf, openNode, Statement, type Fields } from './ast.js';
import { parseSql, scanSql } from '../../util/sql-text.js';
import { bindQuery } from './bind-query.js';
import type { Catalog, Relation } from './catalog.js';
import { typedLiteral } from './coerce.js';
import type { Scope } from './scope.js';
import type { Bound, BoundBase, BoundQuery } from './tree.js';
import { typeOf } from './types.js';

/** Limits of a statement. */
export const STATEMENT_LIMITS = {
  /** Characters. */
  textMax: 65_536,
  /** Tokens. */
  tokensMax: 10_000,
  /** Nested nodes of the parse tree. */
  depthMax: 200,
  /** Relations named. */
  relationsMax: 64,
} as const;

/** A bound statement. */
export interface BoundStatement {
  readonly query: BoundQuery;
  /** Every place where stored rows come in. */
  readonly bases: readonly BoundBase[];
  /** It names the current time: the same rows may give another answer later. */
  readonly readsClock: boolean;
}

/** A statement to be bound. */
export interface StatementInput {
  /** Parameters stand as `$1`, `$2`, …. */
  readonly text: string;
  /** The values of the parameters, constants of their types. */
  readonly parameters?: readonly Bound[];
  /** What people wrote, with the same positions, and where: errors point there. Default: the text. */
  readonly shown?: string;
  readonly file?: string;
}

/** State of one binding. */
export class Binder {
  readonly statement: Statement;
  readonly catalog: Catalog;
  /** Every base relation of the tree. */
  readonly bases: BoundBase[] = [];
  readonly #parameters: readonly Bound[];
  readonly #tenant: string | null;
  readonly #nowText: string;
  #readsClock = false;
  #last = 0;

  constructor(
    statement: Statement,
    catalog: Catalog,
    tenant: string | null,
    nowMs: number,
    parameters: readonly Bound[] = [],
  ) {
    this.statement = statement;
    this.catalog = catalog;
    this.#tenant = tenant;
    this.#parameters = parameters;
    this.#nowText = new Date(nowMs).toISOString().replace('T', ' ').replace('Z', '');
  }

  /** When the query started, as text in UTC: what `now()` means. */
  get nowText(): string {
    this.#readsClock = true;
    return this.#nowText;
  }

  /** Whether anything asked for the time so far. */
  get readsClock(): boolean {
    return this.#readsClock;
  }

  /** The value of parameter `$number`. */
  parameter(number: number, at: Fields): Bound {
    return (
      this.#parameters[number - 1] ??
      this.statement.refuse(`a parameter ($${number})`, at, 'write the value into the statement')
    );
  }

  /** A fresh name. */
  name(prefix: 't' | 'q' | 'c'): string {
    return `${prefix}${++this.#last}`;
  }

  /** The time at which the query started. */
  now(): Bound {
    return typedLiteral(this.nowText, typeOf('timestamptz'));
  }

  /** Binds a query below `outer`. */
  bindQuery(value: unknown, outer: Scope | null): BoundQuery {
    return bindQuery(this, value, outer);
  }

  /** A relation of the catalog, if this key may read it. */
  relation(name: string, at: Fields): Relation {
    const relation = this.catalog.get(name);
    if (relation === undefined) {
      const names = [...this.catalog.values()]
        .filter((one) => this.#tenant === null || one.tenantSource !== null)
        .map((one) => one.name);
      return this.statement.fail(
        'SQL_UNKNOWN_RELATION',
        `relation "${name}" does not exist`,
        at,
        `there are ${names.slice(0, 40).join(', ')}`,
      );
    }
    if (this.#tenant !== null && relation.tenantSource === null)
      return this.statement.fail(
        'KEY_FORBIDDEN',
        `relation "${name}" holds rows of all tenants; it takes an operator's key`,
        at,
      );
    if (this.bases.length >= STATEMENT_LIMITS.relationsMax)
      return this.statement.fail(
        'QUERY_TOO_LARGE',
        `a query can name at most ${STATEMENT_LIMITS.relationsMax} relations`,
        at,
      );
    return relation;
  }
}

/**
 * Parses and binds a statement. `tenant` is null for an operator. The parser must be loaded.
 *
 * @throws SQL_SYNTAX, SQL_UNSUPPORTED, SQL_UNKNOWN_RELATION, SQL_UNKNOWN_COLUMN, SQL_UNKNOWN_FUNCTION, SQL_TYPE, QUERY_TOO_LARGE
 */
export function bindStatement(
  input: StatementInput,
  catalog: Catalog,
  tenant: string | null,
  nowMs: number,
): BoundStatement {
  const { text, parameters, shown = text, file } = input;
  const statement = new Statement(shown, file);
  if (text.length > STATEMENT_LIMITS.textMax)
    return statement.fail(
      'QUERY_TOO_LARGE',
      `the statement has ${text.length} characters; at most ${STATEMENT_LIMITS.textMax} are taken`,
    );
  if (text.includes('\0')) return statement.fail('SQL_SYNTAX', 'the statement holds a NUL character');
  const tree = parse(text, statement);
  if (tree.length === 0) return statement.fail('SQL_SYNTAX', 'expected a SELECT statement, found nothing');
  if (tree.length > 1) return statement.fail('SQL_UNSUPPORTED', `expected one statement, found ${tree.length}`);
  if (depthOf(tree[0]) > STATEMENT_LIMITS.depthMax)
    return statement.fail(
      'QUERY_TOO_LARGE',
      `the statement is nested more than ${STATEMENT_LIMITS.depthMax} levels deep`,
    );
  const root = openNode((tree[0] as Fields)['stmt']);
  if (root?.kind !== 'SelectStmt')
    return statement.fail('SQL_UNSUPPORTED', `${statementName(root?.kind)} can't be used in a query: only SELECT`);
  const binder = new Binder(statement, catalog, tenant, nowMs, parameters);
  const query = binder.bindQuery((tree[0] as Fields)['stmt'], null);
  return { query, bases: binder.bases, readsClock: binder.readsClock };
}

function parse(text: string, statement: Statement): unknown[] {
  try {
    if (scanSql(text).length > STATEMENT_LIMITS.tokensMax)
      return statement.fail('QUERY_TOO_LARGE', `the statement has more than ${STATEMENT_LIMITS.tokensMax} words`);
    return (parseSql(text, statement.file, statement.text).stmts as unknown[] | undefined) ?? [];
  } catch (error) {
    // The parser is recursive; what is nested too deep for its stack is an error of the statement.
    if (error instanceof RangeError) return statement.fail('QUERY_TOO_LARGE', 'the statement is nested too deep');
    throw error;
  }
}

function statementName(kind: string | undefined): string {
  return kind === undefined
    ? 'this statement'
    : kind
        .replace(/Stmt$/, '')
        .replace(/([a-z])([A-Z])/g, '$1 $2')
        .toUpperCase();
}
