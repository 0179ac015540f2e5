/**
 * Conversions between types: of literals (checked here, at once) and of computed values (printed as
 * casts that mean what PostgreSQL's mean).
 */
import { once } from './literals.js';
import type { Bound } from './tree.js';
import { convertsTo, duckType, isNumber, numericOf, SCALE_MAX, typeOf, type Type, type TypeName } from './types.js';
import { timeLiteral } from './time-literal.js';

/** A value of a wrong form in a literal. */
export class LiteralError extends Error {}

/** A literal. */
export function literal(value: string | boolean | null, type: Type): Bound {
  return { kind: 'literal', value, type };
}

/** Converts where PostgreSQL converts by itself, and literals that have no type yet. */
export function convert(bound: Bound, type: Type): Bound {
  const from = bound.type;
  if (from.name === type.name && (from.name !== 'numeric' || from.scale === type.scale)) return bound;
  if (bound.kind === 'literal' && (from.name === 'unknown' || bound.value === null))
    return typedLiteral(bound.value, type);
  // A constant stays one: some functions ask for it.
  if (bound.kind === 'literal' && isNumber(from) && convertsTo(from, type)) return literal(bound.value, type);
  return printedCast(bound, type);
}

/** As `convert`, but keeps a numeric's own scale. */
export function convertLoosely(bound: Bound, type: Type): Bound {
  if (type.name === 'numeric') {
    if (bound.type.name === 'numeric') return bound;
    if (bound.type.name === 'unknown') return convertUnknownNumeric(bound);
    return convert(bound, numericOf(0));
  }
  return convert(bound, type);
}

/** Explicit casts that exist, by the source type; everything goes to and comes from text. */
const CASTS: Partial<Record<TypeName, readonly TypeName[]>> = {
  integer: ['bigint', 'numeric', 'double precision', 'boolean'],
  bigint: ['integer', 'numeric', 'double precision'],
  numeric: ['integer', 'bigint', 'double precision', 'numeric'],
  'double precision': ['integer', 'bigint', 'numeric'],
  boolean: ['integer'],
  timestamptz: ['timestamp', 'date', 'time'],
  timestamp: ['timestamptz', 'date', 'time'],
  date: ['timestamp', 'timestamptz'],
  text: [
    'boolean',
    'integer',
    'bigint',
    'numeric',
    'double precision',
    'timestamptz',
    'timestamp',
    'date',
    'time',
    'interval',
    'uuid',
    'json',
  ],
};

/** An explicit cast, or null when there is none. `scale` is null for a plain `numeric`. */
export function cast(bound: Bound, name: TypeName, scale: number | null): Bound | null {
  const from = bound.type;
  const type = name === 'numeric' ? numericOf(scale ?? naturalScale(bound)) : typeOf(name);
  if (bound.kind === 'literal' && (from.name === 'unknown' || bound.value === null))
    return name === 'numeric' && scale === null ? convertUnknownNumeric(bound) : typedLiteral(bound.value, type);
  if (from.name === name && (name !== 'numeric' || from.scale === type.scale)) return bound;
  if (name !== 'text' && !(CASTS[from.name] ?? []).includes(name)) return null;
  return printedCast(bound, type);
}

function naturalScale(bound: Bound): number {
  if (bound.type.name === 'numeric') return bound.type.scale;
  return bound.type.name === 'integer' || bound.type.name === 'bigint' ? 0 : SCALE_MAX;
}

function printedCast(bound: Bound, type: Type): Bound {
  const to = duckType(type);
  return { kind: 'call', args: [bound], type, print: ([value]) => castText(value!, bound.type, type.name, to) };
}

/** A cast, printed with PostgreSQL's meaning. */
export function castText(value: string, from: Type, name: TypeName, to: string): string {
  if (name === 'text' && from.name === 'double precision')
    return `regexp_replace(CAST(${value} AS VARCHAR), '\\.0$', '')`;
  if (name === 'text' && from.name === 'bytea') return `concat('\\x', lower(hex(${value})))`;
  if ((name === 'integer' || name === 'bigint') && from.name === 'text')
    return once(
      [value],
      (x) =>
        `CASE WHEN ${x} IS NULL OR regexp_full_match(${x}, '\\s*[+-]?[0-9]+\\s*') THEN CAST(${x} AS ${to}) ELSE error('invalid input syntax for type ${name}') END`,
    );
  return `CAST(${value} AS ${to})`;
}

function convertUnknownNumeric(bound: Bound): Bound {
  if (bound.kind !== 'literal' || typeof bound.value !== 'string') return convert(bound, numericOf(0));
  const plain = plainDecimal(bound.value);
  if (plain === null) throw new LiteralError(`invalid input syntax for type numeric: "${bound.value}"`);
  return literal(plain, numericOf(scaleOf(plain)));
}

/** A constant as a literal of a type; throws LiteralError when it is not one. */
export function typedLiteral(value: string | boolean | null, type: Type): Bound {
  if (value === null || typeof value === 'boolean') return literal(value, type);
  const wrong = () => new LiteralError(`invalid input syntax for type ${type.name}: "${value}"`);
  const trimmed = value.trim();
  switch (type.name) {
    case 'unknown':
    case 'text':
    case 'json':
      if (type.name === 'json' && !isJson(value)) throw wrong();
      return literal(value, type);
    case 'integer':
    case 'bigint': {
      if (!/^[+-]?\d{1,19}$/.test(trimmed)) throw wrong();
      const limit = type.name === 'integer' ? 31n : 63n;
      const number = BigInt(trimmed.replace('+', ''));
      if (number >= 1n << limit || number < -(1n << limit))
        throw new LiteralError(`value "${value}" is out of range for type ${type.name}`);
      return literal(String(number), type);
    }
    case 'numeric': {
      const plain = plainDecimal(trimmed);
      if (plain === null) throw wrong();
      return literal(plain, type);
    }
    case 'double precision':
      if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^(NaN|[+-]?Infinity)$/.test(trimmed)) throw wrong();
      return literal(trimmed, type);
    case 'boolean': {
      const is = /^(t|true|y|yes|on|1)$/i.test(trimmed);
      if (!is && !/^(f|false|n|no|off|0)$/i.test(trimmed)) throw wrong();
      return literal(is, type);
    }
    case 'uuid':
      if (!/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(trimmed)) throw wrong();
      return literal(trimmed, type);
    case 'timestamptz':
    case 'timestamp':
    case 'date': {
      const normal = timeLiteral(trimmed, type.name);
      if (normal === null) throw wrong();
      return literal(normal, type);
    }
    case 'interval':
      if (!/^[-+0-9a-zA-Z:. ]{1,100}$/.test(trimmed)) throw wrong();
      return literal(trimmed, type);
    case 'time':
      if (!/^\d{1,2}:\d{2}(:\d{2}(\.\d{1,6})?)?$/.test(trimmed)) throw wrong();
      return literal(trimmed, type);
    default:
      throw new LiteralError(`a literal can't be given as ${type.name} here`);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The digits after the point of a plain decimal. */
export function scaleOf(plain: string): number {
  const point = plain.indexOf('.');
  return point < 0 ? 0 : plain.length - point - 1;
}

/** A number without exponent, at most 38 digits of which 20 after the point; null when it is not one. */
export function plainDecimal(text: string): string | null {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim());
  if (match === null || (match[2] === '' && (match[3] ?? '') === '')) return null;
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const shift = Number(exponent);
  let digits = whole! + fraction;
  let point = whole!.length + shift;
  if (point < 0) {
    digits = '0'.repeat(Math.min(40, -point)) + digits;
    point = 0;
  }
  if (point > digits.length) digits = digits.padEnd(Math.min(point, 60), '0');
  const left = digits.slice(0, point).replace(/^0+(?=\d)/, '') || '0';
  const right = digits.slice(point);
  if (left.length + right.length > 38 || right.length > 20) return null;
  return `${sign === '-' ? '-' : ''}${left}${right === '' ? '' : `.${right}`}`;
}
