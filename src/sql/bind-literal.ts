/** Binds literals and written casts. */
import type { A_Const, TypeName } from 'libpg-query';
import { bindCast, makeCall } from './bind-call.js';
import { bindError, literal } from './context.js';
import type { BindContext, Bound } from './context.js';
import { parseInterval } from './interval.js';
import type { Expression, SqlType } from './plan.js';
import { TYPE_NAMES, typeName } from './types.js';

/** A literal as it is written. */
export function bindConstant(constant: A_Const): Bound {
  if (constant.isnull === true) return { kind: 'unknown', value: null };
  if (constant.sval !== undefined) return { kind: 'unknown', value: constant.sval.sval ?? '' };
  if (constant.boolval !== undefined) return literal(constant.boolval.boolval ?? false, 'boolean');
  if (constant.ival !== undefined) return literal(constant.ival.ival ?? 0, 'integer');
  return numberLiteral(constant.fval?.fval ?? '0');
}

/** A number that is no 32-bit integer: bigint when whole and it fits, else numeric. */
function numberLiteral(text: string): Expression {
  const written = text.replaceAll('_', '');
  if (/^(\d+|0[xob][0-9a-f]+)$/i.test(written)) {
    const value = BigInt(written);
    if (BigInt.asIntN(64, value) === value) {
      return literal(value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value, 'bigint');
    }
    return literal(value.toString(), 'numeric');
  }
  return literal(written, 'numeric');
}

/** `CAST(x AS type)` and `x::type`. */
export function bindTypeCast(
  context: BindContext,
  bound: Bound,
  type: TypeName,
  location: number | undefined,
): Expression {
  const to = bindTypeName(context, type, location);
  const modifiers = (type.typmods ?? []).map((node) => ('A_Const' in node ? (node.A_Const.ival?.ival ?? 0) : 0));
  if (to === 'interval') return bindIntervalCast(context, bound, modifiers, location);
  const value = bindCast(context, bound, to, location);
  if (modifiers.length === 0) return value;
  if (to === 'numeric') {
    const [precision, scale = 0] = modifiers as [number, number?];
    if (precision < 1 || precision > 1000) {
      throw bindError(context, 'SQL_TYPE', `NUMERIC precision ${precision} must be between 1 and 1000`, type.location);
    }
    return makeCall(
      context,
      'numeric',
      [value, literal(precision, 'integer'), literal(scale, 'integer')],
      'numeric',
      location,
    );
  }
  if (to === 'text')
    return makeCall(
      context,
      'substr',
      [value, literal(1, 'integer'), literal(modifiers[0]!, 'integer')],
      'text',
      location,
    );
  throw bindError(
    context,
    'SQL_UNSUPPORTED',
    `a precision on ${typeName(to)} is not supported`,
    type.location,
    `Write ${to} without it.`,
  );
}

function bindTypeName(context: BindContext, type: TypeName, location: number | undefined): SqlType {
  const names = (type.names ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : ''));
  const array = (type.arrayBounds ?? []).length > 0 ? '[]' : '';
  const name = names.at(-1)! + array;
  const known = TYPE_NAMES.get(name);
  if (known !== undefined) return known;
  const instead: Readonly<Record<string, string>> = {
    int2: 'Write integer.',
    float4: 'Write double precision.',
    jsonb: 'Write json.',
    bpchar: 'Write text.',
    time: 'Write timestamp.',
  };
  throw bindError(
    context,
    'SQL_UNSUPPORTED',
    `type "${name}" is not supported`,
    type.location ?? location,
    instead[name] ?? `The types are: ${[...new Set(TYPE_NAMES.values())].join(', ')}.`,
  );
}

/** The bits by which the grammar says `INTERVAL '5' MINUTE`. */
const INTERVAL_FIELDS: ReadonlyMap<number, string> = new Map([
  [4, 'year'],
  [2, 'month'],
  [8, 'day'],
  [1024, 'hour'],
  [2048, 'minute'],
  [4096, 'second'],
]);

function bindIntervalCast(
  context: BindContext,
  bound: Bound,
  modifiers: readonly number[],
  location: number | undefined,
): Expression {
  const field = modifiers[0] === undefined || modifiers[0] === 32767 ? undefined : INTERVAL_FIELDS.get(modifiers[0]);
  if (modifiers.length > 0 && (field === undefined || bound.kind !== 'unknown' || modifiers.length > 1)) {
    throw bindError(
      context,
      'SQL_UNSUPPORTED',
      'this interval qualifier is not supported',
      location,
      "Write the units in the text: INTERVAL '1 day 2 hours'.",
    );
  }
  if (field === undefined || bound.kind !== 'unknown' || bound.value === null)
    return bindCast(context, bound, 'interval', location);
  if (!/^\s*[+-]?\d+(\.\d*)?\s*$/.test(bound.value) || (bound.value.includes('.') && field !== 'second')) {
    throw bindError(
      context,
      'SQL_UNSUPPORTED',
      `INTERVAL '…' ${field.toUpperCase()} takes a whole number`,
      location,
      "Write the units in the text: INTERVAL '1 day 2 hours'.",
    );
  }
  return literal({ ...parseInterval(bound.value, field) }, 'interval');
}
