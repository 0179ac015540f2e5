/** Casts of everything but times and arrays, and each type's text form. */
import { decimalOf, decimalToDouble, doubleToDecimal } from '../decimal.js';
import { intervalText, parseInterval } from '../interval.js';
import { invalidJson, normalizeJson } from '../json/document.js';
import type { SqlType } from '../plan.js';
import { realOf, realText, realToDecimal } from '../real.js';
import { evaluationError, int16Of, int32Of, int64Of, intOf } from '../value.js';
import type { Int, Interval, Value } from '../value.js';
import { arrayCasts } from './array-casts.js';
import { castDecimal } from './decimal-casts.js';
import { jsonCasts } from './json-casts.js';
import {
  doubleText,
  invalidInput,
  parseBoolean,
  parseDouble,
  parseNumeric,
  parseWhole,
  roundHalfEven,
} from './number-text.js';
import { define } from './registry.js';
import type { Evaluate, FunctionDefinition } from './registry.js';
import { timeCasts } from './time-casts.js';

const WHOLE_BITS = { smallint: 16, integer: 32, bigint: 64 } as const;

function doubleToInt(value: number, type: keyof typeof WHOLE_BITS): Int {
  const rounded = roundHalfEven(value);
  const limit = 2 ** (WHOLE_BITS[type] - 1);
  if (!(rounded >= -limit && rounded < limit)) throw evaluationError(`${type} out of range`);
  return intOf(BigInt(rounded));
}

const UUID = /^\{?([0-9a-f]{4}-?){7}[0-9a-f]{4}\}?$/i;

function parseUuid(text: string): string {
  const hex = text.replace(/[{}-]/g, '').toLowerCase();
  if (!UUID.test(text) || text.startsWith('{') !== text.endsWith('}')) throw invalidInput('uuid', text);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function parseJson(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    throw invalidJson();
  }
  return text;
}

/** Bytes of text: hex behind `\x`, else as they are, with `\\` and octal `\000`. */
export function parseBytea(text: string): Uint8Array {
  if (!text.startsWith('\\x')) return parseEscapedBytes(text);
  return parseHex(text.slice(2));
}

/** Bytes of pairs of hexadecimal digits; space may stand between pairs. */
export function parseHex(text: string): Uint8Array {
  const digits = text.replace(/[ \t\n\r]*([0-9a-f]{2})/giy, '$1');
  const pairs = /^(?:[0-9a-f]{2})*/i.exec(digits)![0];
  const rest = digits.slice(pairs.length).replace(/^[ \t\n\r]+/, '');
  const wrong = /[^0-9a-f]/iu.exec(rest.slice(0, 3));
  if (wrong !== null) throw evaluationError(`invalid hexadecimal digit: "${wrong[0]}"`);
  if (rest !== '') throw evaluationError('invalid hexadecimal data: odd number of digits');
  return Uint8Array.from(Buffer.from(pairs, 'hex'));
}

/** Bytes of text in which a backslash stands before three octal digits or another one. */
export function parseEscapedBytes(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [part] of text.matchAll(/\\[0-3][0-7]{2}|\\\\|\\|[^\\]+/g)) {
    if (part === '\\') throw evaluationError('invalid input syntax for type bytea');
    if (part === '\\\\') bytes.push(0x5c);
    else if (part.startsWith('\\')) bytes.push(Number.parseInt(part.slice(1), 8));
    else for (const byte of Buffer.from(part)) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** A whole number as big-endian bytes. */
const toBytes =
  (size: number) =>
  (value: Int): Uint8Array => {
    const hex = BigInt.asUintN(size * 8, BigInt(value))
      .toString(16)
      .padStart(size * 2, '0');
    return Uint8Array.from(Buffer.from(hex, 'hex'));
  };

const fromBytes =
  (type: 'smallint' | 'integer' | 'bigint', size: number) =>
  (bytes: Uint8Array): Int => {
    if (bytes.length > size) throw evaluationError(`${type} out of range`);
    if (bytes.length === 0) return 0;
    return intOf(BigInt.asIntN(size * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`)));
  };

const cast = (from: SqlType, to: SqlType, evaluate: Evaluate, fails = true): FunctionDefinition =>
  define('cast', [from], to, evaluate, { fails });

const same = (value: Value): Value => value;
const free = (from: SqlType, to: SqlType): FunctionDefinition => ({
  ...cast(from, to, same, false),
  inline: ([a]) => a!,
});

const numberCasts: readonly FunctionDefinition[] = [
  free('smallint', 'integer'),
  free('smallint', 'bigint'),
  free('smallint', 'real'),
  free('smallint', 'double precision'),
  cast('smallint', 'numeric', (a: number) => decimalOf(a), false),
  cast('integer', 'smallint', int16Of),
  free('integer', 'bigint'),
  cast('integer', 'numeric', (a: number) => decimalOf(a), false),
  cast('integer', 'real', Math.fround as Evaluate, false),
  free('integer', 'double precision'),
  cast('integer', 'boolean', (a: number) => a !== 0, false),
  cast('bigint', 'smallint', int16Of),
  cast('bigint', 'integer', int32Of),
  cast('bigint', 'numeric', (a: Int) => decimalOf(a), false),
  cast('bigint', 'real', (a: Int) => Math.fround(Number(a)), false),
  { ...cast('bigint', 'double precision', Number, false), inline: ([a]) => `Number(${a})` },
  cast('numeric', 'smallint', castDecimal.smallint),
  cast('numeric', 'integer', castDecimal.integer),
  cast('numeric', 'bigint', castDecimal.bigint),
  cast('numeric', 'real', castDecimal.real),
  cast('numeric', 'double precision', decimalToDouble),
  cast('real', 'smallint', (a: number) => doubleToInt(a, 'smallint')),
  cast('real', 'integer', (a: number) => doubleToInt(a, 'integer')),
  cast('real', 'bigint', (a: number) => doubleToInt(a, 'bigint')),
  cast('real', 'numeric', realToDecimal),
  free('real', 'double precision'),
  cast('double precision', 'smallint', (a: number) => doubleToInt(a, 'smallint')),
  cast('double precision', 'integer', (a: number) => doubleToInt(a, 'integer')),
  cast('double precision', 'bigint', (a: number) => doubleToInt(a, 'bigint')),
  cast('double precision', 'numeric', doubleToDecimal),
  cast('double precision', 'real', realOf),
  cast('boolean', 'integer', Number, false),
];

const textCasts: readonly FunctionDefinition[] = [
  cast('text', 'smallint', (a: string) => Number(parseWhole(a, 'smallint'))),
  cast('text', 'integer', (a: string) => Number(parseWhole(a, 'integer'))),
  cast('text', 'bigint', (a: string) => int64Of(parseWhole(a, 'bigint'))),
  cast('text', 'numeric', parseNumeric),
  cast('text', 'real', (a: string) => parseDouble(a, 'real', Math.fround)),
  cast('text', 'double precision', (a: string) => parseDouble(a, 'double precision', (value) => value)),
  cast('text', 'boolean', parseBoolean),
  cast('text', 'uuid', parseUuid),
  cast('text', 'json', parseJson),
  cast('text', 'jsonb', normalizeJson),
  cast('text', 'bytea', parseBytea),
  cast('text', 'interval', (a: string) => parseInterval(a)),
  cast('smallint', 'text', String, false),
  cast('integer', 'text', String, false),
  cast('bigint', 'text', String, false),
  cast('numeric', 'text', String, false),
  cast('real', 'text', realText, false),
  cast('double precision', 'text', doubleText, false),
  cast('boolean', 'text', String, false),
  cast('uuid', 'text', same, false),
  cast('json', 'text', same, false),
  cast('jsonb', 'text', same, false),
  cast('bytea', 'text', (a: Uint8Array) => `\\x${Buffer.from(a).toString('hex')}`, false),
  cast('interval', 'text', (a: Interval) => intervalText(a), false),
];

const byteCasts: readonly FunctionDefinition[] = (
  [
    ['smallint', 2],
    ['integer', 4],
    ['bigint', 8],
  ] as const
).flatMap(([type, size]) => [cast(type, 'bytea', toBytes(size), false), cast('bytea', type, fromBytes(type, size))]);

const scalarCasts = [...numberCasts, ...textCasts, ...byteCasts, ...jsonCasts, ...timeCasts];

/** Every cast but those from one array to another, which the table makes of their items' casts. */
export const castFunctions: readonly FunctionDefinition[] = [...scalarCasts, ...arrayCasts(scalarCasts)];
