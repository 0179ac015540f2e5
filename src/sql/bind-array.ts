/** Binds array constructors, subscripts, and `op ANY (…)` and `op ALL (…)`. */
import type { A_ArrayExpr, A_Expr, A_Indirection, Node } from 'libpg-query';
import { bindCast, bindFunction, coerce, coerceAll, makeCall, operatorOverload, readLiteral } from './bind-call.js';
import { bindError, literal, typeOf } from './context.js';
import type { BindContext, Bound } from './context.js';
import type { ArrayType, Expression, ScalarType } from './plan.js';
import { refuseNode } from './refuse.js';
import { locationOf } from './tree.js';
import { arrayOf, isArray, itemOf, typeName } from './types.js';

/** Binds a node inside: given by the binder that met the array. */
export type NodeBinder = (context: BindContext, node: Node) => Bound;

/** `ARRAY[…]`; `to` is the array type of a cast that is written right behind it, which its items then take. */
export function bindArray(context: BindContext, node: A_ArrayExpr, bind: NodeBinder, to?: ArrayType): Expression {
  const items = (node.elements ?? []).map((item) => bind(context, item));
  if (items.some((item) => item.kind !== 'unknown' && isArray(item.type)))
    throw bindError(
      context,
      'SQL_UNSUPPORTED',
      'an array of arrays is not supported',
      node.location,
      'Arrays have one dimension here.',
    );
  if (to !== undefined) {
    const type = itemOf(to);
    const cast = items.map((item) => bindCast(context, item, type, context.positions.get(item) ?? node.location));
    return makeCall(context, 'array', cast, to, node.location);
  }
  if (items.length === 0)
    throw bindError(
      context,
      'SQL_TYPE',
      'cannot determine type of empty array',
      node.location,
      'Explicitly cast to the desired type, for example ARRAY[]::integer[].',
    );
  const { args, type } = coerceAll(context, 'ARRAY', items, node.location);
  return makeCall(context, 'array', args, arrayOf(type as ScalarType), node.location);
}

const LAST = 2_147_483_647;

/** `x[i]`, `x[from:to]`; of jsonb `x['key']`, `x[0]`. */
export function bindSubscripts(context: BindContext, node: A_Indirection, bind: NodeBinder): Expression {
  const location = locationOf(node.arg);
  let bound = bind(context, node.arg!);
  for (const step of node.indirection ?? []) {
    if (!('A_Indices' in step)) throw refuseNode(context, { A_Indirection: node });
    const { is_slice: isSlice, lidx, uidx } = step.A_Indices;
    const type = typeOf(bound);
    if (type === 'jsonb' && isSlice !== true) {
      bound = bindFunction(context, '->', [bound, bind(context, uidx!)], location);
    } else if (type !== 'unknown' && isArray(type)) {
      const end = uidx === undefined ? literal(LAST, 'integer') : bind(context, uidx);
      const start = lidx === undefined ? literal(1, 'integer') : bind(context, lidx);
      const bounds = isSlice === true ? [start, end] : [end];
      const whole = bounds.map((each) => coerceIndex(context, each, location));
      bound = bindFunction(context, isSlice === true ? 'slice' : 'subscript', [bound, ...whole], location);
    } else
      throw bindError(
        context,
        'SQL_TYPE',
        `cannot subscript type ${typeName(type)} because it does not support subscripting`,
        location,
        'Arrays and jsonb have subscripts.',
      );
  }
  if (bound.kind === 'unknown') throw refuseNode(context, { A_Indirection: node });
  return bound;
}

/** A subscript is an integer; PostgreSQL casts others as an assignment does. */
function coerceIndex(context: BindContext, bound: Bound, location: number | undefined): Expression {
  return typeOf(bound) === 'bigint' || typeOf(bound) === 'numeric' || typeOf(bound) === 'double precision'
    ? bindCast(context, bound, 'integer', location)
    : coerce(context, bound, 'integer', location);
}

/** `x op ANY (array)` and `x op ALL (array)`. */
export function bindQuantified(context: BindContext, node: A_Expr, name: string, bind: NodeBinder): Expression {
  const { location } = node;
  const quantifier = node.kind === 'AEXPR_OP_ALL' ? 'ALL' : 'ANY';
  const left = bind(context, node.lexpr!);
  const right = bind(context, node.rexpr!);
  const type = typeOf(right);
  if (type !== 'unknown' && !isArray(type))
    throw bindError(context, 'SQL_TYPE', `op ${quantifier} (array) requires array on right side`, location);
  const item = type === 'unknown' ? type : itemOf(type);
  const overload = operatorOverload(context, name, [typeOf(left), item], location);
  if (overload.result !== 'boolean')
    throw bindError(context, 'SQL_TYPE', `op ${quantifier} (array) requires operator to yield boolean`, location);
  const [leftType, rightType] = overload.params as readonly [ScalarType, ScalarType];
  const list =
    right.kind === 'unknown'
      ? readLiteral(context, right.value, arrayOf(rightType), location)
      : coerce(context, right, arrayOf(rightType), location);
  return makeCall(
    context,
    `${overload.name} ${quantifier}`,
    [coerce(context, left, leftType, location), list],
    'boolean',
    location,
  );
}
