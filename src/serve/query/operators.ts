/**
 * Operators, by their name in PostgreSQL. What is not in here does not exist.
 */
import { convert, convertLoosely } from './coerce.js';
import { once } from './literals.js';
import {
  divideDoubles,
  divideIntegers,
  divideNumerics,
  multiplyNumerics,
  productType,
  QUOTIENT,
  remainder,
  wide,
} from './numbers.js';
import type { Bound } from './tree.js';
import { commonType, commonTypeOf, isInteger, isNumber, isTime, numericOf, typeOf, type Type } from './types.js';

const COMPARISONS = new Set(['=', '<>', '!=', '<', '<=', '>', '>=']);
const NOT_COMPARABLE = new Set(['json']);

/** Makes a call node. */
export function call(args: readonly Bound[], type: Type, print: (args: readonly string[]) => string): Bound {
  return { kind: 'call', args, type, print };
}

/** Binds `left op right`; null when there is no such operator for these types. */
export function bindOperator(op: string, left: Bound, right: Bound): Bound | null {
  if (COMPARISONS.has(op)) return comparison(op === '!=' ? '<>' : op, left, right);
  switch (op) {
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
      return timeArithmetic(op, left, right) ?? arithmetic(op, left, right);
    case '||':
      return concatenation(left, right);
    case '~':
    case '~*':
    case '!~':
    case '!~*':
      return regularExpression(op, left, right);
    case '->':
    case '->>':
      return jsonField(op, left, right);
    case '@>':
      if (left.type.name !== 'text[]' || right.type.name !== 'text[]') return null;
      return call([left, right], typeOf('boolean'), ([a, b]) => `list_has_all(${a}, ${b})`);
    case '&&':
      if (left.type.name !== 'text[]' || right.type.name !== 'text[]') return null;
      return call([left, right], typeOf('boolean'), ([a, b]) => `list_has_any(${a}, ${b})`);
    default:
      return null;
  }
}

/** Binds `op value`. */
export function bindPrefix(op: string, value: Bound): Bound | null {
  if (op !== '-' && op !== '+') return null;
  if (value.kind === 'literal' && value.type.name === 'unknown') return null;
  if (!isNumber(value.type) && value.type.name !== 'interval') return null;
  return op === '+' ? value : call([value], value.type, ([x]) => `(- ${x})`);
}

/** A comparison of two values, converted to their common type. */
export function comparison(op: string, left: Bound, right: Bound): Bound | null {
  const pair = alike(left, right);
  if (pair === null || NOT_COMPARABLE.has(pair[0].type.name)) return null;
  return call(pair, typeOf('boolean'), ([a, b]) => `(${a} ${op} ${b})`);
}

/** Both values in their common type, or null when there is none. */
export function alike(left: Bound, right: Bound): [Bound, Bound] | null {
  const common = commonType(left.type, right.type);
  if (common === null) return null;
  const type = common.name === 'unknown' ? typeOf('text') : common;
  return [convertLoosely(left, type), convertLoosely(right, type)];
}

function arithmetic(op: string, left: Bound, right: Bound): Bound | null {
  const common = commonType(left.type, right.type);
  if (common === null || !isNumber(common)) return null;
  const type = op === '^' ? typeOf('double precision') : common;
  const [a, b] = [convertLoosely(left, type), convertLoosely(right, type)];
  if (op === '^') return call([a, b], type, ([x, y]) => `pow(${x}, ${y})`);
  const scale = Math.max(a.type.scale, b.type.scale);
  const result = type.name === 'numeric' ? numericOf(scale) : type;
  if (op === '%') return type.name === 'double precision' ? null : call([a, b], result, ([x, y]) => remainder(x!, y!));
  if (op === '/') return division(a, b);
  if (op === '*' && type.name === 'numeric')
    return call([a, b], productType(a.type, b.type), ([x, y]) => multiplyNumerics(x!, y!, a.type, b.type));
  return call([a, b], result, ([x, y]) => `(${type.name === 'numeric' ? wide(x!, a.type) : x} ${op} ${y})`);
}

function division(a: Bound, b: Bound): Bound {
  if (isInteger(a.type)) return call([a, b], a.type, ([x, y]) => divideIntegers(x!, y!));
  if (a.type.name === 'numeric')
    return call([a, b], QUOTIENT, ([x, y]) => divideNumerics(x!, y!, a.type.scale, b.type.scale));
  return call([a, b], a.type, ([x, y]) => divideDoubles(x!, y!));
}

function timeArithmetic(op: string, left: Bound, right: Bound): Bound | null {
  const [l, r] = [left.type.name, right.type.name];
  const plain = (a: Bound, b: Bound, type: Type) => call([a, b], type, ([x, y]) => `(${x} ${op} ${y})`);
  const interval = typeOf('interval');
  if (op === '+' && isTime(right.type) && (l === 'interval' || l === 'integer')) return timeArithmetic(op, right, left);
  if (op === '+' || op === '-') {
    if (isTime(left.type) && (r === 'interval' || (r === 'unknown' && op === '+')))
      return plain(left, convert(right, interval), l === 'date' ? typeOf('timestamp') : left.type);
    if (l === 'date' && r === 'integer') return plain(left, right, left.type);
    if (l === 'interval' && (r === 'interval' || r === 'unknown'))
      return plain(left, convert(right, interval), interval);
  }
  if (op === '-' && isTime(left.type) && (isTime(right.type) || r === 'unknown')) {
    const type = commonType(left.type, right.type)!;
    return plain(convert(left, type), convert(right, type), type.name === 'date' ? typeOf('integer') : interval);
  }
  if (op === '*' && l === 'interval' && isNumber(right.type))
    return call([left, convert(right, typeOf('double precision'))], interval, ([x, n]) => `(${x} * ${n})`);
  if (op === '*' && r === 'interval' && isNumber(left.type)) return timeArithmetic(op, right, left);
  return null;
}

function concatenation(left: Bound, right: Bound): Bound | null {
  const [l, r] = [left.type.name, right.type.name];
  if (l === 'text[]' || r === 'text[]') {
    // PostgreSQL reads a bare literal beside an array as an array, and fails; it must be cast.
    if (l === 'unknown' || r === 'unknown') return null;
    const list = (bound: Bound) =>
      bound.type.name === 'text[]'
        ? bound
        : call([convert(bound, typeOf('text'))], typeOf('text[]'), ([x]) => `[${x}]`);
    return call([list(left), list(right)], typeOf('text[]'), ([a, b]) => `list_concat(${a}, ${b})`);
  }
  const texts = [l, r].some((name) => name === 'text' || name === 'unknown');
  if (!texts) return null;
  return call(
    [convert(left, typeOf('text')), convert(right, typeOf('text'))],
    typeOf('text'),
    ([a, b]) => `(${a} || ${b})`,
  );
}

function regularExpression(op: string, left: Bound, right: Bound): Bound | null {
  const text = typeOf('text');
  if (![left, right].every(({ type }) => type.name === 'text' || type.name === 'unknown')) return null;
  const flags = op.endsWith('*') ? ", 'i'" : '';
  const not = op.startsWith('!') ? 'NOT ' : '';
  return call(
    [convert(left, text), convert(right, text)],
    typeOf('boolean'),
    ([x, pattern]) => `(${not}regexp_matches(${x}, ${pattern}${flags}))`,
  );
}

/** LIKE and ILIKE. `escape` is a constant character; PostgreSQL's default is the backslash. */
export function bindLike(op: string, left: Bound, pattern: Bound, escape: Bound | null): Bound | null {
  const word = { '~~': 'LIKE', '!~~': 'NOT LIKE', '~~*': 'ILIKE', '!~~*': 'NOT ILIKE' }[op];
  const fine = [left, pattern].every(({ type }) => type.name === 'text' || type.name === 'unknown');
  if (word === undefined || !fine) return null;
  const text = typeOf('text');
  const mark = escape ?? { kind: 'literal', value: '\\', type: text };
  return call(
    [convert(left, text), convert(pattern, text), convert(mark, text)],
    typeOf('boolean'),
    ([x, p, e]) => `(${x} ${word} ${p} ESCAPE ${e})`,
  );
}

/** `json -> key`: the key must be constant, so that it can be quoted as a path and never read as one. */
function jsonField(op: string, left: Bound, right: Bound): Bound | null {
  if (left.type.name !== 'json' || right.kind !== 'literal' || typeof right.value !== 'string') return null;
  const { value } = right;
  const path = isInteger(right.type)
    ? value.startsWith('-')
      ? `$[#${value}]`
      : `$[${value}]`
    : right.type.name === 'unknown' || right.type.name === 'text'
      ? keyPath(value)
      : null;
  if (path === null) return null;
  const name: Bound = { kind: 'literal', value: path, type: typeOf('text') };
  const function_ = op === '->' ? 'json_extract' : 'json_extract_string';
  return call([left, name], typeOf(op === '->' ? 'json' : 'text'), ([x, p]) => `${function_}(${x}, ${p})`);
}

function keyPath(key: string): string | null {
  // DuckDB's paths have no escape for a quote inside a quoted key.
  return key.includes('"') || key.includes('\\') ? null : `$."${key}"`;
}

/** IS [NOT] DISTINCT FROM. */
export function bindDistinct(left: Bound, right: Bound, negated: boolean): Bound | null {
  const pair = alike(left, right);
  return pair === null
    ? null
    : call(pair, typeOf('boolean'), ([a, b]) => `(${a} IS ${negated ? 'NOT ' : ''}DISTINCT FROM ${b})`);
}

/** BETWEEN and its kin. */
export function bindBetween(value: Bound, low: Bound, high: Bound, negated: boolean, symmetric: boolean): Bound | null {
  const type = commonTypeOf([value.type, low.type, high.type]);
  if (type === null || NOT_COMPARABLE.has(type.name)) return null;
  const not = negated ? 'NOT ' : '';
  const args = [value, low, high].map((bound) => convertLoosely(bound, type));
  if (!symmetric) return call(args, typeOf('boolean'), ([x, l, h]) => `(${x} ${not}BETWEEN ${l} AND ${h})`);
  return call(args, typeOf('boolean'), (printed) =>
    once(printed, (x, l, h) => `${not}((${x} >= least(${l}, ${h})) AND (${x} <= greatest(${l}, ${h})))`),
  );
}
