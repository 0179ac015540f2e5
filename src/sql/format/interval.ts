/** `to_char` of intervals: the fields that an interval has, after `DCH_to_char` with `is_interval`. */
import { evaluationError } from '../value.js';
import type { Interval } from '../value.js';
import { compileFormat, KEYWORD_NAMES } from './time.js';
import type { PrintOf } from './time.js';

interface Span {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
}

type Print = PrintOf<Span>;

/** A number of at least `width` digits; its sign takes one more, or with `tight` one of them. */
const number =
  (read: (span: Span) => number, width: number, tight = false): Print =>
  (span, fill) => {
    const value = read(span);
    if (!fill) return String(value);
    const digits = String(Math.abs(value)).padStart(value < 0 && tight ? width - 1 : width, '0');
    return value < 0 ? `-${digits}` : digits;
  };

const lastDigits = (digits: number): Print => number(({ year }) => year % 10 ** digits, digits);
/** Of a negative hour PostgreSQL widens even the 12 that stands for 0. */
const hour12: Print = ({ hour }, fill) => {
  const value = hour % 12 === 0 ? 12 : hour % 12;
  const digits = String(Math.abs(value)).padStart(fill ? (hour < 0 && value > 0 ? 3 : 2) : 0, '0');
  return value < 0 ? `-${digits}` : digits;
};
const fraction =
  (digits: number): Print =>
  ({ micros }) => {
    const value = Math.trunc(micros / 10 ** (6 - digits));
    return value < 0 ? `-${String(-value).padStart(digits - 1, '0')}` : String(value).padStart(digits, '0');
  };
const half =
  (am: string, pm: string): Print =>
  ({ hour }) =>
    hour % 24 >= 12 ? pm : am;

const PRINTS: Readonly<Record<string, Print>> = {
  YYYY: number(({ year }) => year, 4),
  YYY: lastDigits(3),
  YY: lastDigits(2),
  Y: lastDigits(1),
  CC: number(({ year }) => Math.trunc(year / 100), 2),
  MM: number(({ month }) => month, 2),
  DDD: number(({ year, month, day }) => (year * 12 + month) * 30 + day, 3, true),
  DD: number(({ day }) => day, 2, true),
  HH24: number(({ hour }) => hour, 2),
  HH12: hour12,
  HH: hour12,
  MI: number(({ minute }) => minute, 2),
  SS: number(({ second }) => second, 2),
  MS: fraction(3),
  US: fraction(6),
  FF1: fraction(1),
  FF2: fraction(2),
  FF3: fraction(3),
  FF4: fraction(4),
  FF5: fraction(5),
  FF6: fraction(6),
  SSSSS: ({ hour, minute, second }) => String(hour * 3600 + minute * 60 + second),
  SSSS: ({ hour, minute, second }) => String(hour * 3600 + minute * 60 + second),
};

const HALVES: Readonly<Record<string, Print>> = {
  AM: half('AM', 'PM'),
  PM: half('AM', 'PM'),
  am: half('am', 'pm'),
  pm: half('am', 'pm'),
  'A.M.': half('A.M.', 'P.M.'),
  'P.M.': half('A.M.', 'P.M.'),
  'a.m.': half('a.m.', 'p.m.'),
  'p.m.': half('a.m.', 'p.m.'),
};

const invalid: Print = () => {
  throw evaluationError('invalid format specification for an interval value');
};

const KEYWORDS: ReadonlyMap<string, Print> = new Map(
  KEYWORD_NAMES.map((name) => [name, HALVES[name] ?? PRINTS[name] ?? PRINTS[name.toUpperCase()] ?? invalid]),
);

/** Compiles a pattern. @throws SQL_UNSUPPORTED for keywords that are refused. */
export function intervalFormat(pattern: string): (interval: Interval) => string | null {
  const print = compileFormat(pattern, KEYWORDS);
  return ({ months, days, ms }) => {
    if (pattern === '') return null;
    const micros = Math.round(ms * 1000);
    return print({
      year: Math.trunc(months / 12) + 0,
      month: (months % 12) + 0,
      day: days,
      hour: Math.trunc(micros / 3_600_000_000) + 0,
      minute: (Math.trunc(micros / 60_000_000) % 60) + 0,
      second: (Math.trunc(micros / 1_000_000) % 60) + 0,
      micros: (micros % 1_000_000) + 0,
    });
  };
}
