/**
 * Types of expressions, as PostgreSQL has them, and what DuckDB calls them.
 *
 * `unknown` is the type of a quoted literal or NULL until its context decides. `numeric` carries
 * the digits after the point: DuckDB's decimals have a fixed scale, so it must be known here.
 */

/** Names of the types a query can hold. */
export type TypeName =
  | 'unknown'
  | 'boolean'
  | 'integer'
  | 'bigint'
  | 'numeric'
  | 'double precision'
  | 'text'
  | 'timestamptz'
  | 'timestamp'
  | 'date'
  | 'time'
  | 'interval'
  | 'uuid'
  | 'json'
  | 'bytea'
  | 'text[]'
  | 'bigint[]'
  | 'double precision[]';

/** A type. */
export interface Type {
  readonly name: TypeName;
  /** Digits after the point; `numeric` only. */
  readonly scale: number;
}

const PLAIN = new Map<TypeName, Type>();

/** A type without parameters. */
export function typeOf(name: TypeName): Type {
  let type = PLAIN.get(name);
  if (type === undefined) PLAIN.set(name, (type = { name, scale: 0 }));
  return type;
}

/** `numeric` with so many digits after the point. */
export function numericOf(scale: number): Type {
  return { name: 'numeric', scale };
}

/** Most digits after the point that this engine keeps. */
export const SCALE_MAX = 16;

/** What DuckDB calls a type. */
export function duckType(type: Type): string {
  switch (type.name) {
    case 'unknown':
    case 'text':
      return 'VARCHAR';
    case 'numeric':
      return `DECIMAL(38,${type.scale})`;
    case 'timestamptz':
      return 'TIMESTAMPTZ';
    case 'double precision':
      return 'DOUBLE';
    case 'bytea':
      return 'BLOB';
    case 'text[]':
      return 'VARCHAR[]';
    case 'bigint[]':
      return 'BIGINT[]';
    case 'double precision[]':
      return 'DOUBLE[]';
    default:
      return type.name.toUpperCase();
  }
}

const NUMBERS: readonly TypeName[] = ['integer', 'bigint', 'numeric', 'double precision'];
const TIMES: readonly TypeName[] = ['date', 'timestamp', 'timestamptz'];

/** Whether it is a number. */
export function isNumber(type: Type): boolean {
  return NUMBERS.includes(type.name);
}

/** Whether it is integer or bigint. */
export function isInteger(type: Type): boolean {
  return type.name === 'integer' || type.name === 'bigint';
}

/** Whether it is a date or a timestamp. */
export function isTime(type: Type): boolean {
  return TIMES.includes(type.name);
}

/** Whether a value of `from` is taken where `to` is expected, without a cast being written. */
export function convertsTo(from: Type, to: Type): boolean {
  if (from.name === to.name || from.name === 'unknown') return true;
  for (const order of [NUMBERS, TIMES]) {
    const at = order.indexOf(from.name);
    if (at >= 0) return order.indexOf(to.name) > at;
  }
  return false;
}

/** The type that holds both, or null: for CASE, COALESCE, UNION, comparison. */
export function commonType(a: Type, b: Type): Type | null {
  if (a.name === 'unknown') return b;
  if (b.name === 'unknown') return a;
  if (a.name === 'numeric' && b.name === 'numeric') return a.scale >= b.scale ? a : b;
  if (convertsTo(a, b)) return b;
  return convertsTo(b, a) ? a : null;
}

/** As `commonType`, for any number of types; all unknown gives text. */
export function commonTypeOf(types: readonly Type[]): Type | null {
  let common: Type | null = typeOf('unknown');
  for (const type of types) if (common !== null) common = commonType(common, type);
  return common?.name === 'unknown' ? typeOf('text') : common;
}

/** A type as people write it. */
export function typeText(type: Type): string {
  return type.name;
}
