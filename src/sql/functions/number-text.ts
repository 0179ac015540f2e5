/** Numbers read from text, as PostgreSQL's input functions read them, and doubles printed. */
import { parseDecimal } from '../decimal.js';
import type { Decimal } from '../decimal.js';
import { evaluationError } from '../value.js';

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
      ? String(value)
      : value.toFixed(Math.max(0, mantissa.replace(/[-.]/g, '').length - 1 - exponent));
  }
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
}

/** A text without PostgreSQL's whitespace around it. */
export function trimmed(text: string): string {
  return text.replace(/^[ \t\n\r\f\v]+|[ \t\n\r\f\v]+$/g, '');
}

/** The error of a text that is none of a type's. */
export function invalidInput(type: string, text: string): Error {
  return evaluationError(`invalid input syntax for type ${type}: "${text}"`);
}

const INTEGER = /^([+-]?)(0x[0-9a-f]+(?:_[0-9a-f]+)*|0o[0-7]+(?:_[0-7]+)*|0b[01]+(?:_[01]+)*|\d+(?:_\d+)*)$/i;

const BITS = { smallint: 16, integer: 32, bigint: 64 } as const;

/** A whole number of text. */
export function parseWhole(text: string, type: keyof typeof BITS): bigint {
  const match = INTEGER.exec(trimmed(text));
  if (match === null) throw invalidInput(type, text);
  const size = BigInt(match[2]!.replaceAll('_', ''));
  const value = match[1] === '-' ? -size : size;
  if (BigInt.asIntN(BITS[type], value) !== value)
    throw evaluationError(`value "${text}" is out of range for type ${type}`);
  return value;
}

const DOUBLE = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/i;

/** A double or a real of text; `round` brings a double to the type. */
export function parseDouble(text: string, type: string, round: (value: number) => number): number {
  const body = trimmed(text);
  const named = /^([+-]?)(nan|inf|infinity)$/i.exec(body);
  if (named !== null) {
    if (named[2]!.toLowerCase() === 'nan') return NaN;
    return named[1] === '-' ? -Infinity : Infinity;
  }
  const digits = DOUBLE.exec(body)?.[0];
  if (digits === undefined) throw invalidInput(type, text);
  const value = round(Number(digits));
  const zero = /^[+-]?[0.]+(?:e|$)/i.test(digits);
  // A prefix that is out of range is reported before what follows it, as the C library finds it.
  if (!Number.isFinite(value) || (value === 0 && !zero))
    throw evaluationError(`"${digits}" is out of range for type ${type}`);
  if (digits !== body) throw invalidInput(type, text);
  return value;
}

/** A numeric of text. */
export function parseNumeric(text: string): Decimal {
  const value = parseDecimal(trimmed(text));
  if (value !== null) return value;
  if (/^[+-]?(nan|inf|infinity)$/i.test(trimmed(text))) {
    throw evaluationError(`numeric "${text}" is not supported: numeric has no NaN and no infinity here`);
  }
  throw invalidInput('numeric', text);
}

/** A boolean of text. */
export function parseBoolean(text: string): boolean {
  const word = trimmed(text).toLowerCase();
  if (word !== '') {
    if ('true'.startsWith(word) || 'yes'.startsWith(word) || word === 'on' || word === '1') return true;
    if ('false'.startsWith(word) || 'no'.startsWith(word) || word === 'of' || word === 'off' || word === '0')
      return false;
  }
  throw invalidInput('boolean', text);
}

/** Half to even, as the C library's `rint`. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
