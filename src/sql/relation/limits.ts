/** LIMIT and OFFSET: constants, which may be computed. */
import type { Node, SelectStmt } from 'libpg-query';
import { bind } from '../bind.js';
import { bindCast } from '../bind-call.js';
import { bindError, typeOf } from '../context.js';
import { compile } from '../evaluate.js';
import type { RowAccess } from '../evaluate.js';
import { locationOf } from '../tree.js';
import { typeName } from '../types.js';
import type { Value } from '../value.js';
import type { QueryContext } from './query-context.js';
import { scopeContext } from './scope-context.js';

const NUMBERS: readonly string[] = ['unknown', 'smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision'];

/** What a SELECT is cut to; null: it has no end. */
export function limitsOf(context: QueryContext, select: SelectStmt): { limit: number | null; offset: number } {
  return {
    limit: read(context, select.limitCount, 'LIMIT'),
    offset: read(context, select.limitOffset, 'OFFSET') ?? 0,
  };
}

function read(context: QueryContext, node: Node | undefined, what: string): number | null {
  if (node === undefined) return null;
  const location = locationOf(node);
  const binder = scopeContext({ ...context, outer: [] }, { columns: [], fields: [] });
  const bound = bind(binder, node);
  const type = typeOf(bound);
  if (!NUMBERS.includes(type))
    throw bindError(
      context.source,
      'SQL_TYPE',
      `argument of ${what} must be type bigint, not type ${typeName(type)}`,
      location,
    );
  let value: Value;
  try {
    value = compile(bindCast(binder, bound, 'bigint', location))(NO_ROW);
  } catch (error) {
    throw bindError(context.source, 'SQL_TYPE', (error as Error).message, location);
  }
  if (value === null) return null;
  const number = Number(value);
  if (number < 0) throw bindError(context.source, 'SQL_TYPE', `${what} must not be negative`, location);
  return number;
}

function none(): never {
  throw new Error('a constant reads no row');
}

/** What nothing is read of. */
const NO_ROW: RowAccess = { column: none, key: none, aggregate: none, windowStart: 0, windowEnd: 0 };
