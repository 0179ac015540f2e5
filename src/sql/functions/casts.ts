/** Casts, and each type's text form. */
import { decimalOf, decimalToDouble, decimalToInt, doubleToDecimal, parseDecimal } from '../decimal.js';
import type { Decimal } from '../decimal.js';
import { intervalText, parseInterval } from '../interval.js';
import type { SqlType } from '../plan.js';
import { evaluationError, int32Of, int64Of, intOf } from '../value.js';
import type { Int, Interval, Value } from '../value.js';
import { define } from './registry.js';
import type { Evaluate, FunctionDefinition } from './registry.js';
import { timeCasts } from './time-casts.js';

/** A double as PostgreSQL prints it: the shortest digits that read back, `1e+15` from 15 digits on. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (Object.is(value, -0)) return '-0';
  if (value === 0) return '0';
  const [mantissa, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 15) {
    return exponent >= 0
      ? plain(value)
      : value.toFixed(Math.max(0, mantissa.replace(/[-.]/g, '').length - 1 - exponent));
  }
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
}

function plain(value: number): string {
  return String(value);
}

/** PostgreSQL's whitespace around a number or a boolean. */
function trimmed(text: string): string {
  return text.replace(/^[ \t\n\r\f\v]+|[ \t\n\r\f\v]+$/g, '');
}

function invalid(type: string, text: string): Error {
  return evaluationError(`invalid input syntax for type ${type}: "${text}"`);
}

const INTEGER = /^([+-]?)(0x[0-9a-f]+(?:_[0-9a-f]+)*|0o[0-7]+(?:_[0-7]+)*|0b[01]+(?:_[01]+)*|\d+(?:_\d+)*)$/i;

function parseWhole(text: string, type: 'bigint' | 'integer'): bigint {
  const match = INTEGER.exec(trimmed(text));
  if (match === null) throw invalid(type, text);
  const size = BigInt(match[2]!.replaceAll('_', ''));
  const value = match[1] === '-' ? -size : size;
  const bits = type === 'bigint' ? 64 : 32;
  if (BigInt.asIntN(bits, value) !== value) throw evaluationError(`value "${text}" is out of range for type ${type}`);
  return value;
}

const DOUBLE = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/i;

function parseDouble(text: string): number {
  const body = trimmed(text);
  const named = /^([+-]?)(nan|inf|infinity)$/i.exec(body);
  if (named !== null) {
    if (named[2]!.toLowerCase() === 'nan') return NaN;
    return named[1] === '-' ? -Infinity : Infinity;
  }
  const digits = DOUBLE.exec(body)?.[0];
  if (digits === undefined) throw invalid('double precision', text);
  const value = Number(digits);
  const zero = /^[+-]?[0.]+(?:e|$)/i.test(digits);
  // A prefix that is out of range is reported before what follows it, as the C library finds it.
  if (!Number.isFinite(value) || (value === 0 && !zero)) {
    throw evaluationError(`"${digits}" is out of range for type double precision`);
  }
  if (digits !== body) throw invalid('double precision', text);
  return value;
}

function parseNumeric(text: string): Decimal {
  const value = parseDecimal(trimmed(text));
  if (value !== null) return value;
  if (/^[+-]?(nan|inf|infinity)$/i.test(trimmed(text))) {
    throw evaluationError(`numeric "${text}" is not supported: numeric has no NaN and no infinity here`);
  }
  throw invalid('numeric', text);
}

function parseBoolean(text: string): boolean {
  const word = trimmed(text).toLowerCase();
  if (word !== '') {
    if ('true'.startsWith(word) || 'yes'.startsWith(word) || word === 'on' || word === '1') return true;
    if ('false'.startsWith(word) || 'no'.startsWith(word) || word === 'of' || word === 'off' || word === '0')
      return false;
  }
  throw invalid('boolean', text);
}

/** Half to even, as the C library's `rint`. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

function doubleToInt(value: number, type: 'bigint' | 'integer'): Int {
  const rounded = roundHalfEven(value);
  const limit = type === 'bigint' ? 2 ** 63 : 2 ** 31;
  if (!(rounded >= -limit && rounded < limit)) throw evaluationError(`${type} out of range`);
  return intOf(BigInt(rounded));
}

const UUID = /^\{?([0-9a-f]{4}-?){7}[0-9a-f]{4}\}?$/i;

function parseUuid(text: string): string {
  const hex = text.replace(/[{}-]/g, '').toLowerCase();
  if (!UUID.test(text) || text.startsWith('{') !== text.endsWith('}')) throw invalid('uuid', text);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function parseJson(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    throw evaluationError('invalid input syntax for type json');
  }
  return text;
}

function parseBytea(text: string): Uint8Array {
  if (!text.startsWith('\\x')) {
    if (text.includes('\\')) throw evaluationError('bytea in escape format is not supported: write \\x and hex digits');
    return new TextEncoder().encode(text);
  }
  const hex = text.slice(2).replace(/\s/g, '');
  const wrong = /[^0-9a-f]/i.exec(hex);
  if (wrong !== null) throw evaluationError(`invalid hexadecimal digit: "${wrong[0]}"`);
  if (hex.length % 2 !== 0) throw evaluationError('invalid hexadecimal data: odd number of digits');
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** A text list as PostgreSQL prints an array: `{a,"b c",NULL}`. */
function listText(items: readonly (string | null)[]): string {
  const quoted = items.map((item) => {
    if (item === null) return 'NULL';
    const plainItem = item !== '' && !/[{}",\\\s]/.test(item) && item.toUpperCase() !== 'NULL';
    return plainItem ? item : `"${item.replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${quoted.join(',')}}`;
}

function parseList(text: string): readonly (string | null)[] {
  const body = /^\s*\{([\s\S]*)\}\s*$/.exec(text)?.[1];
  if (body === undefined) throw evaluationError(`malformed array literal: "${text}"`);
  const items: (string | null)[] = [];
  if (body.trim() === '') return items;
  const item = /\s*(?:"((?:[^"\\]|\\[\s\S])*)"|([^{}",\\\s](?:[^{}",\\]*[^{}",\\\s])?))\s*(,|$)/y;
  for (let more = true; more;) {
    const match = item.exec(body);
    if (match === null) throw evaluationError(`malformed array literal: "${text}"`);
    if (match[1] !== undefined) items.push(match[1].replace(/\\([\s\S])/g, '$1'));
    else items.push(match[2]!.toUpperCase() === 'NULL' ? null : match[2]!);
    more = match[3] === ',';
  }
  return items;
}

const cast = (from: SqlType, to: SqlType, evaluate: Evaluate, fails = true): FunctionDefinition =>
  define('cast', [from], to, evaluate, { fails });

const same = (value: Value): Value => value;

const numberCasts: readonly FunctionDefinition[] = [
  { ...cast('integer', 'bigint', same, false), inline: ([a]) => a! },
  cast('integer', 'numeric', (a: number) => decimalOf(a), false),
  { ...cast('integer', 'double precision', same, false), inline: ([a]) => a! },
  cast('integer', 'boolean', (a: number) => a !== 0, false),
  cast('bigint', 'integer', int32Of),
  cast('bigint', 'numeric', (a: Int) => decimalOf(a), false),
  { ...cast('bigint', 'double precision', Number, false), inline: ([a]) => `Number(${a})` },
  cast('numeric', 'integer', (a: Decimal) => int32Of(decimalToInt(a))),
  cast('numeric', 'bigint', decimalToInt),
  cast('numeric', 'double precision', decimalToDouble),
  cast('double precision', 'integer', (a: number) => doubleToInt(a, 'integer')),
  cast('double precision', 'bigint', (a: number) => doubleToInt(a, 'bigint')),
  cast('double precision', 'numeric', doubleToDecimal),
  cast('boolean', 'integer', Number, false),
];

const textCasts: readonly FunctionDefinition[] = [
  cast('text', 'integer', (a: string) => Number(parseWhole(a, 'integer'))),
  cast('text', 'bigint', (a: string) => int64Of(parseWhole(a, 'bigint'))),
  cast('text', 'numeric', parseNumeric),
  cast('text', 'double precision', parseDouble),
  cast('text', 'boolean', parseBoolean),
  cast('text', 'uuid', parseUuid),
  cast('text', 'json', parseJson),
  cast('text', 'bytea', parseBytea),
  cast('text', 'text[]', parseList),
  cast('text', 'interval', (a: string) => parseInterval(a)),
  cast('integer', 'text', String, false),
  cast('bigint', 'text', String, false),
  cast('numeric', 'text', String, false),
  cast('double precision', 'text', doubleText, false),
  cast('boolean', 'text', String, false),
  cast('uuid', 'text', same, false),
  cast('json', 'text', same, false),
  cast('bytea', 'text', (a: Uint8Array) => `\\x${Buffer.from(a).toString('hex')}`, false),
  cast('text[]', 'text', listText, false),
  cast('interval', 'text', (a: Interval) => intervalText(a), false),
];

/** Every cast but those of the time types, which follow. */
export const castFunctions: readonly FunctionDefinition[] = [...numberCasts, ...textCasts, ...timeCasts];
