/** Binds literals and written casts. */
import type { A_Const, TypeName } from 'libpg-query';
import { bindCast, makeCall } from './bind-call.js';
import { bindError, literal } from './context.js';
import type { BindContext, Bound } from './context.js';
import { functionTable } from './functions/index.js';
import { ALL_FIELDS, cutsNothing, intervalOfFields } from './interval-fields.js';
import type { Expression, SqlType } from './plan.js';
import { arrayOf, SCALAR_TYPES, TYPE_NAMES, typeName } from './types.js';
import { intOf } from './value.js';
import type { Interval } from './value.js';

/** A literal as it is written. */
export function bindConstant(context: BindContext, constant: A_Const): Bound {
  if (constant.bsval !== undefined)
    throw bindError(
      context,
      'SQL_UNSUPPORTED',
      'bit strings are not supported',
      constant.location,
      "Write the number, 0x1f or 0b101, or bytes: '\\x1f'::bytea. Of a cast, b'101'::int, the number is taken.",
    );
  if (constant.isnull === true) return { kind: 'unknown', value: null };
  if (constant.sval !== undefined) return { kind: 'unknown', value: constant.sval.sval ?? '' };
  if (constant.boolval !== undefined) return literal(constant.boolval.boolval ?? false, 'boolean');
  if (constant.ival !== undefined) return literal(constant.ival.ival ?? 0, 'integer');
  return numberLiteral(constant.fval?.fval ?? '0');
}

/** A number beyond the grammar's integers: integer (-2147483648) or bigint when whole and it fits, else numeric. */
function numberLiteral(text: string): Expression {
  const written = text.replaceAll('_', '');
  const whole = /^(-?)(\d+|0[xob][0-9a-f]+)$/i.exec(written);
  if (whole !== null) {
    const value = BigInt(whole[2]!) * (whole[1] === '-' ? -1n : 1n);
    if (BigInt.asIntN(64, value) === value)
      return literal(intOf(value), BigInt.asIntN(32, value) === value ? 'integer' : 'bigint');
    return literal(value.toString(), 'numeric');
  }
  return literal(written, 'numeric');
}

/** The number of a bit string: `b101`, `x1f`; undefined where it has none of the type. */
export function bitNumber(bits: string, type: SqlType): Expression | undefined {
  const width = type === 'integer' ? 32 : 64;
  const digits = bits.slice(1);
  const has = digits.length * (bits.startsWith('x') ? 4 : 1);
  if ((type !== 'integer' && type !== 'bigint') || has > width) return undefined;
  const value = digits === '' ? 0n : BigInt(`0${bits.startsWith('x') ? 'x' : 'b'}${digits}`);
  return literal(type === 'integer' ? Number(BigInt.asIntN(32, value)) : intOf(BigInt.asIntN(64, value)), type);
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
  if (to === 'text') return bindLength(context, value, nameOf(type), modifiers[0], type.location);
  if (modifiers.length === 0) return value;
  if (to === 'numeric') return bindNumericLength(context, value, modifiers, type.location);
  if (to === 'timestamp' || to === 'timestamptz' || to === 'time')
    return bindPrecision(context, value, to, modifiers[0]!, type.location);
  throw bindError(
    context,
    'SQL_UNSUPPORTED',
    `a precision on ${typeName(to)} is not supported`,
    type.location,
    `Write ${to} without it.`,
  );
}

/** `varchar(n)` cuts; `char(n)` cuts too, and the spaces at its end mean nothing. */
function bindLength(
  context: BindContext,
  value: Expression,
  name: string,
  length: number | undefined,
  location: number | undefined,
): Expression {
  if (length !== undefined && length < 1) {
    const shown = name === 'bpchar' ? 'char' : name;
    throw bindError(context, 'SQL_TYPE', `length for type ${shown} must be at least 1`, location);
  }
  const bounds = [literal(1, 'integer'), literal(length ?? 0, 'integer')];
  const cut = length === undefined ? value : makeCall(context, 'substr', [value, ...bounds], 'text', location);
  return name === 'bpchar' ? makeCall(context, 'rtrim', [cut], 'text', location) : cut;
}

function bindNumericLength(
  context: BindContext,
  value: Expression,
  modifiers: readonly number[],
  location: number | undefined,
): Expression {
  const [precision, scale = 0] = modifiers as [number, number?];
  const wrong =
    precision < 1 || precision > 1000
      ? `NUMERIC precision ${precision} must be between 1 and 1000`
      : scale < -1000 || scale > 1000
        ? `NUMERIC scale ${scale} must be between -1000 and 1000`
        : undefined;
  if (wrong !== undefined) throw bindError(context, 'SQL_TYPE', wrong, location);
  const bounds = [literal(precision, 'integer'), literal(scale, 'integer')];
  return makeCall(context, 'numeric', [value, ...bounds], 'numeric', location);
}

/** Most digits after the point of a second. */
const PRECISION_MAX = 6;

/** `timestamp(3)` and the like: rounded to that many digits of a second. */
function bindPrecision(
  context: BindContext,
  value: Expression,
  type: 'timestamp' | 'timestamptz' | 'time' | 'interval',
  digits: number,
  location: number | undefined,
): Expression {
  if (digits < 0)
    throw bindError(context, 'SQL_TYPE', `${type.toUpperCase()}(${digits}) precision must not be negative`, location);
  const bound = literal(Math.min(digits, PRECISION_MAX), 'integer');
  return makeCall(context, type, [value, bound], type, location);
}

function nameOf(type: TypeName): string {
  const last = (type.names ?? []).at(-1);
  return last !== undefined && 'String' in last ? (last.String.sval ?? '') : '';
}

/** The type of a name. Several pairs of brackets mean what one means, as in PostgreSQL. */
export function bindTypeName(context: BindContext, type: TypeName, location: number | undefined): SqlType {
  const name = nameOf(type);
  const known = TYPE_NAMES.get(name);
  if (known !== undefined) return (type.arrayBounds ?? []).length > 0 ? arrayOf(known) : known;
  const instead: Readonly<Record<string, string>> = {
    timetz: 'Write time.',
    money: 'Write numeric.',
    xml: 'Write text.',
    inet: 'Write text.',
  };
  throw bindError(
    context,
    'SQL_UNSUPPORTED',
    `type "${name}" is not supported`,
    type.location ?? location,
    instead[name] ?? `The types are: ${SCALAR_TYPES.join(', ')}, and arrays of them.`,
  );
}

/** `date(x)`: a type's name as a function, which is a cast; undefined where it is none. */
export function bindCastCall(
  context: BindContext,
  name: string,
  bound: Bound,
  location: number | undefined,
): Expression | undefined {
  const to = TYPE_NAMES.get(name);
  const isCast = to !== undefined && (bound.kind === 'unknown' || functionTable.castOf(bound.type, to) !== undefined);
  return isCast ? bindCast(context, bound, to, location) : undefined;
}

function bindIntervalCast(
  context: BindContext,
  bound: Bound,
  modifiers: readonly number[],
  location: number | undefined,
): Expression {
  const [fields = ALL_FIELDS, digits] = modifiers;
  const isText = bound.kind === 'unknown' && bound.value !== null;
  if (!isText && !cutsNothing(fields))
    throw bindError(
      context,
      'SQL_UNSUPPORTED',
      'fields of an interval that is no literal are not supported',
      location,
      "Write date_trunc('hour', x), or the units into the text.",
    );
  const value =
    isText && fields !== ALL_FIELDS
      ? literal({ ...readFields(context, bound.value, fields, location) }, 'interval')
      : bindCast(context, bound, 'interval', location);
  return digits === undefined ? value : bindPrecision(context, value, 'interval', digits, location);
}

function readFields(context: BindContext, text: string, fields: number, location: number | undefined): Interval {
  try {
    return intervalOfFields(text, fields);
  } catch (error) {
    throw bindError(context, 'SQL_TYPE', (error as Error).message, location);
  }
}
