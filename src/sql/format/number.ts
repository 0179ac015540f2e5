/**
 * `to_char` of numbers: the patterns `9 0 . , D G S MI PL SG PR FM TH`, after `NUM_processor` in
 * `src/backend/utils/adt/formatting.c`. Refused: EEEE, V, L, TM, and RN beside others.
 */
import { MillraceError } from '../../util/errors.js';
import { roundDecimal } from '../decimal.js';
import type { Decimal } from '../decimal.js';
import { ordinal } from './time.js';

/** A pattern, read once. */
export interface NumberFormat {
  /** What stands where, in order. */
  readonly parts: readonly string[];
  /** Digits before and after the point. */
  readonly before: number;
  readonly after: number;
  /** Digits before the point from the first 0 on, that are always printed. */
  readonly zeros: number;
  /** Position of the last 0 after the point, from 1. */
  readonly lastZero: number;
  readonly fill: boolean;
  readonly sign: 'default' | 'S first' | 'S last' | 'MI' | 'PR' | 'SG' | 'PL';
}

const TOKENS = [
  'FM',
  'fm',
  'MI',
  'mi',
  'PL',
  'pl',
  'SG',
  'sg',
  'PR',
  'pr',
  'TH',
  'th',
  'S',
  's',
  'D',
  'd',
  'G',
  'g',
  '9',
  '0',
  '.',
  ',',
];

/** Begins a part that is printed as it is. */
const QUOTE = '"';

/** Reads a pattern. @throws SQL_UNSUPPORTED for what is refused. */
export function readNumberFormat(pattern: string): NumberFormat {
  const tokens = tokenize(pattern);
  const point = tokens.findIndex((token) => token === '.' || token === 'D');
  const digitsBefore = tokens.slice(0, point < 0 ? undefined : point).filter((token) => token === '9' || token === '0');
  const digitsAfter = point < 0 ? [] : tokens.slice(point).filter((token) => token === '9' || token === '0');
  const firstZero = digitsBefore.indexOf('0');
  return {
    parts: tokens.filter((token) => token !== 'FM'),
    before: digitsBefore.length,
    after: digitsAfter.length,
    zeros: firstZero < 0 ? 0 : digitsBefore.length - firstZero,
    lastZero: digitsAfter.lastIndexOf('0') + 1,
    fill: !tokens.includes('FM'),
    sign: signOf(tokens),
  };
}

function tokenize(pattern: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < pattern.length;) {
    const quoted = /^"((?:[^"\\]|\\[\s\S])*)"/.exec(pattern.slice(at));
    if (quoted !== null) {
      tokens.push(QUOTE + quoted[1]!.replace(/\\([\s\S])/g, '$1'));
      at += quoted[0].length;
      continue;
    }
    const token = TOKENS.find((each) => pattern.startsWith(each, at));
    if (token === undefined && !/[ :;/$%()-]/.test(pattern[at]!)) throw refuse(pattern.slice(at, at + 4));
    const found = token === 'TH' || token === 'th' ? token : (token?.toUpperCase() ?? pattern[at]!);
    tokens.push(found);
    at += found.length;
  }
  if (tokens.filter((token) => token === '.' || token === 'D').length > 1)
    throw new MillraceError('SQL_TYPE', 'multiple decimal points');
  return tokens;
}

function refuse(what: string): MillraceError {
  return new MillraceError(
    'SQL_UNSUPPORTED',
    `to_char: "${what}" in a number's pattern is not supported; docs/reference/sql.md lists the patterns there are`,
  );
}

function signOf(tokens: readonly string[]): NumberFormat['sign'] {
  const marks = tokens.filter((token) => ['S', 'MI', 'PR', 'SG', 'PL'].includes(token));
  if (marks.length > 1) throw refuse(marks.join(' with '));
  const [mark] = marks;
  if (mark === undefined) return 'default';
  if (mark !== 'S') return mark as 'MI';
  const firstDigit = tokens.findIndex((token) => '90.D'.includes(token));
  return tokens.indexOf('S') < firstDigit ? 'S first' : 'S last';
}

/** Formats a decimal. `after`: digits after the point that there are, fewer than the pattern's for a large double; `negativeZero`: a zero shows its minus, as a double's does. */
export function formatNumber(format: NumberFormat, value: Decimal, after = format.after, negativeZero = false): string {
  const rounded = roundDecimal(value, after);
  const [whole, fraction = ''] = rounded.toString().replace('-', '').split('.') as [string, string?];
  const digits = whole === '0' ? '' : whole;
  // Without a place before the point even a lone 0 does not fit.
  const overflow = digits.length > format.before || format.before === 0;
  // The sign is that of what is printed: -0.001 to two digits has none.
  const negative = rounded.units < 0n || (negativeZero && rounded.units === 0n);
  return new Printer(format, negative, overflow ? undefined : digits, fraction).print();
}

/** Prints one number along its pattern. */
class Printer {
  readonly #format: NumberFormat;
  readonly #negative: boolean;
  /** Digits before the point without leading zeros; undefined when they do not fit. */
  readonly #digits: string | undefined;
  readonly #fraction: string;
  #out = '';
  #place = 0;
  #started = false;
  #signed = false;
  #afterPoint = -1;

  constructor(format: NumberFormat, negative: boolean, digits: string | undefined, fraction: string) {
    this.#format = format;
    this.#negative = negative;
    this.#digits = digits;
    this.#fraction = fraction;
  }

  print(): string {
    for (const part of this.#format.parts) this.#part(part);
    if (this.#format.sign === 'PR' && !this.#format.parts.includes('9') && !this.#format.parts.includes('0'))
      this.#sign();
    return this.#out;
  }

  #part(part: string): void {
    switch (part) {
      case '9':
      case '0':
        if (this.#afterPoint >= 0) this.#fractionDigit();
        else this.#wholeDigit();
        break;
      case '.':
      case 'D':
        this.#sign();
        this.#point();
        break;
      case ',':
      case 'G':
        if (this.#started || this.#afterPoint >= 0) this.#out += ',';
        else if (this.#format.fill) this.#out += ' ';
        break;
      default:
        this.#mark(part);
    }
  }

  #wholeDigit(): void {
    const { before, zeros, fill } = this.#format;
    const remaining = before - this.#place++;
    const digits = this.#digits ?? '#'.repeat(before);
    const shows = remaining <= digits.length || remaining <= zeros;
    const lone = remaining === 1 && this.#format.after === 0 && digits.length === 0;
    // FM9.9 of 0 is `0.`, of 0.1 it is `.1`.
    const zero =
      remaining === 1 && !fill && digits === '' && this.#format.lastZero === 0 && /^0*$/.test(this.#fraction);
    if (!shows && !lone && !zero) {
      if (fill) this.#out += ' ';
      return;
    }
    this.#sign();
    this.#started = true;
    this.#out += remaining <= digits.length ? digits[digits.length - remaining]! : '0';
    if (remaining === 1 && this.#format.after === 0) this.#close();
  }

  #point(): void {
    this.#afterPoint = 0;
    if (this.#digits === undefined || this.#fraction !== '') this.#out += '.';
    this.#started = true;
  }

  #fractionDigit(): void {
    const index = this.#afterPoint++;
    const { after, fill, lastZero } = this.#format;
    const rest = this.#fraction.slice(index);
    const hidden = !fill && index >= lastZero && this.#digits !== undefined && /^0*$/.test(rest);
    if (!hidden && rest !== '') this.#out += this.#digits === undefined ? '#' : rest[0]!;
    if (this.#afterPoint === after) this.#close();
  }

  /** The sign that stands right before the first digit. */
  #sign(): void {
    if (this.#signed) return;
    this.#signed = true;
    const { sign, fill } = this.#format;
    if (sign === 'S first') this.#out += this.#negative ? '-' : '+';
    else if (sign === 'PR') this.#out += this.#negative ? '<' : fill ? ' ' : '';
    else if (sign === 'default' || sign === 'PL') this.#out += this.#negative ? '-' : fill ? ' ' : '';
  }

  /** The sign that stands right behind the last digit. */
  #close(): void {
    const { sign, fill } = this.#format;
    if (sign === 'PR') this.#out += this.#negative ? '>' : fill ? ' ' : '';
    if (sign === 'S last') this.#out += this.#negative ? '-' : '+';
  }

  #mark(part: string): void {
    const { fill } = this.#format;
    if (part === 'MI') this.#out += this.#negative ? '-' : fill ? ' ' : '';
    else if (part === 'PL') this.#out += this.#negative ? (fill ? ' ' : '') : '+';
    else if (part === 'SG') this.#out += this.#negative ? '-' : '+';
    else if (part === 'TH' || part === 'th') this.#ordinal(part);
    else if (part.startsWith(QUOTE)) this.#out += part.slice(QUOTE.length);
    else if (part !== 'S' && part !== 'PR') this.#out += part;
  }

  #ordinal(part: string): void {
    if (this.#digits === undefined || this.#negative || this.#format.after > 0) return;
    const suffix = ordinal(this.#digits === '' ? '0' : this.#digits);
    this.#out += part === 'TH' ? suffix.toUpperCase() : suffix;
  }
}
