/** Binds written casts and collations. */
import type { Node, TypeCast } from 'libpg-query';
import { bindArray } from './bind-array.js';
import type { NodeBinder } from './bind-array.js';
import { bindTypeCast, bindTypeName, bitNumber } from './bind-literal.js';
import { bindError, typeOf } from './context.js';
import type { BindContext, Bound } from './context.js';
import type { Expression } from './plan.js';
import { refuseNode } from './refuse.js';
import { isArray, typeName } from './types.js';

/** `x::type`, whose type the items of an array constructor take. */
export function bindWrittenCast(
  context: BindContext,
  { arg, typeName: type }: TypeCast,
  location: number | undefined,
  bind: NodeBinder,
): Expression {
  if ('A_ArrayExpr' in arg!) {
    const to = bindTypeName(context, type!, location);
    if (isArray(to)) return bindArray(context, arg.A_ArrayExpr, bind, to);
  }
  const bits = 'A_Const' in arg! ? arg.A_Const.bsval?.bsval : undefined;
  const number = bits === undefined ? undefined : bitNumber(bits, bindTypeName(context, type!, location));
  return number ?? bindTypeCast(context, bind(context, arg!), type!, location);
}

/** Collations under which text compares as it does here. */
const COLLATIONS: ReadonlySet<string> = new Set([
  'C',
  'POSIX',
  'ucs_basic',
  'default',
  'C.UTF-8',
  'C.utf8',
  'pg_c_utf8',
]);

/** `x COLLATE "C"`: nothing but `x`. */
export function bindCollation(
  context: BindContext,
  node: Extract<Node, { CollateClause: unknown }>,
  bind: NodeBinder,
): Bound {
  const { arg, collname = [], location } = node.CollateClause;
  const name = collname.map((part) => ('String' in part ? (part.String.sval ?? '') : '')).at(-1)!;
  if (!COLLATIONS.has(name)) throw refuseNode(context, node);
  const bound = bind(context, arg!);
  const type = typeOf(bound);
  if (type !== 'text' && type !== 'unknown' && type !== 'text[]')
    throw bindError(context, 'SQL_TYPE', `collations are not supported by type ${typeName(type)}`, location);
  return bound;
}
