/** `to_char` of timestamps, after `src/backend/utils/adt/formatting.c`. */
import { MillraceError } from '../../util/errors.js';
import { civilOf, DAY_MS, daysOf } from '../calendar.js';
import { isoYear } from '../functions/fields.js';

/** What a keyword prints is computed from. */
interface Reading {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  readonly days: number;
  readonly zoned: boolean;
}

/** Prints one keyword of a reading; `fill` is false under FM. */
export type PrintOf<R> = (reading: R, fill: boolean) => string;

type Print = PrintOf<Reading>;

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
/** The longest English month and day names have nine letters; names are padded to that. */
const NAME_WIDTH = 9;
const JULIAN_OF_1970 = 2_440_588;

const weekday = ({ days }: Reading): number => (((days + 4) % 7) + 7) % 7;
const dayOfYear = ({ days, year }: Reading): number => days - daysOf(year, 1, 1) + 1;
const shown = (year: number): number => (year <= 0 ? 1 - year : year);

const number =
  (read: (reading: Reading) => number, width: number): Print =>
  (reading, fill) => {
    const value = read(reading);
    return fill ? String(value).padStart(width, '0') : String(value);
  };

const yearDigits = (read: (reading: Reading) => number, width: number): Print =>
  number((reading) => (width === 4 ? shown(read(reading)) : shown(read(reading)) % 10 ** width), width);

const name =
  (read: (reading: Reading) => string, change: (text: string) => string): Print =>
  (reading, fill) => {
    const text = change(read(reading));
    return fill ? text.padEnd(NAME_WIDTH) : text;
  };

const short =
  (read: (reading: Reading) => string, change: (text: string) => string): Print =>
  (reading) =>
    change(read(reading).slice(0, 3));
const asIs = (text: string): string => text;
const upper = (text: string): string => text.toUpperCase();
const lower = (text: string): string => text.toLowerCase();
const month = (reading: Reading): string => MONTHS[reading.month - 1]!;
const day = (reading: Reading): string => DAYS[weekday(reading)]!;
const hour12 = ({ hour }: Reading): number => hour % 12 || 12;
const half =
  (am: string, pm: string): Print =>
  ({ hour }) =>
    hour >= 12 ? pm : am;
const era =
  (ad: string, bc: string): Print =>
  ({ year }) =>
    year <= 0 ? bc : ad;
const iso = (reading: Reading): number => isoYear(reading.days).year;
const fraction =
  (digits: number): Print =>
  ({ micros }) =>
    String(Math.trunc(micros / 10 ** (6 - digits))).padStart(digits, '0');
const daySeconds = ({ hour, minute, second }: Reading): number => hour * 3600 + minute * 60 + second;

const century: Print = ({ year }, fill) => {
  const value = year > 0 ? Math.trunc((year - 1) / 100) + 1 : Math.trunc(year / 100) - 1;
  if (!fill || Math.abs(value) > 99) return String(value);
  return value >= 0 ? String(value).padStart(2, '0') : `-${String(-value).padStart(2, '0')}`;
};

const thousands: Print = ({ year }) => {
  const value = shown(year);
  return `${Math.trunc(value / 1000)},${String(value % 1000).padStart(3, '0')}`;
};

/** Keywords that mean the same in capitals and in small letters. */
const NUMBERS: Readonly<Record<string, Print>> = {
  'Y,YYY': thousands,
  YYYY: yearDigits((reading) => reading.year, 4),
  YYY: yearDigits((reading) => reading.year, 3),
  YY: yearDigits((reading) => reading.year, 2),
  Y: yearDigits((reading) => reading.year, 1),
  IYYY: yearDigits(iso, 4),
  IYY: yearDigits(iso, 3),
  IY: yearDigits(iso, 2),
  I: yearDigits(iso, 1),
  CC: century,
  Q: number((reading) => Math.floor((reading.month - 1) / 3) + 1, 1),
  MM: number((reading) => reading.month, 2),
  WW: number((reading) => Math.floor((dayOfYear(reading) - 1) / 7) + 1, 2),
  IW: number((reading) => isoYear(reading.days).week, 2),
  W: number((reading) => Math.floor((reading.day - 1) / 7) + 1, 1),
  DDD: number(dayOfYear, 3),
  DD: number((reading) => reading.day, 2),
  D: number((reading) => weekday(reading) + 1, 1),
  IDDD: number((reading) => isoYear(reading.days).dayOfYear, 3),
  ID: number((reading) => weekday(reading) || 7, 1),
  J: number((reading) => reading.days + JULIAN_OF_1970, 1),
  HH24: number((reading) => reading.hour, 2),
  HH12: number(hour12, 2),
  HH: number(hour12, 2),
  MI: number((reading) => reading.minute, 2),
  SS: number((reading) => reading.second, 2),
  MS: fraction(3),
  US: fraction(6),
  FF1: fraction(1),
  FF2: fraction(2),
  FF3: fraction(3),
  FF4: fraction(4),
  FF5: fraction(5),
  FF6: fraction(6),
  SSSSS: number(daySeconds, 1),
  SSSS: number(daySeconds, 1),
  OF: () => '+00',
  TZH: () => '+00',
  TZM: () => '00',
};

const WORDS: Readonly<Record<string, Print>> = {
  MONTH: name(month, upper),
  Month: name(month, asIs),
  month: name(month, lower),
  MON: short(month, upper),
  Mon: short(month, asIs),
  mon: short(month, lower),
  DAY: name(day, upper),
  Day: name(day, asIs),
  day: name(day, lower),
  DY: short(day, upper),
  Dy: short(day, asIs),
  dy: short(day, lower),
  AM: half('AM', 'PM'),
  PM: half('AM', 'PM'),
  am: half('am', 'pm'),
  pm: half('am', 'pm'),
  'A.M.': half('A.M.', 'P.M.'),
  'P.M.': half('A.M.', 'P.M.'),
  'a.m.': half('a.m.', 'p.m.'),
  'p.m.': half('a.m.', 'p.m.'),
  AD: era('AD', 'BC'),
  BC: era('AD', 'BC'),
  ad: era('ad', 'bc'),
  bc: era('ad', 'bc'),
  'A.D.': era('A.D.', 'B.C.'),
  'B.C.': era('A.D.', 'B.C.'),
  'a.d.': era('a.d.', 'b.c.'),
  'b.c.': era('a.d.', 'b.c.'),
  TZ: ({ zoned }) => (zoned ? 'UTC' : ''),
  tz: ({ zoned }) => (zoned ? 'utc' : ''),
};

const REFUSED = ['RM', 'rm', 'TM', 'tm', 'FX', 'fx'];

const KEYWORDS: ReadonlyMap<string, Print> = new Map([
  ...Object.entries(NUMBERS),
  ...Object.entries(NUMBERS).map(([key, print]) => [key.toLowerCase(), print] as const),
  ...Object.entries(WORDS),
]);
const BY_LENGTH = [...KEYWORDS.keys(), ...REFUSED].sort((a, b) => b.length - a.length);

/** Every keyword in capitals and small letters, those that only some types have included. */
export const KEYWORD_NAMES: readonly string[] = [...KEYWORDS.keys()];

function refuse(what: string): MillraceError {
  return new MillraceError(
    'SQL_UNSUPPORTED',
    `to_char: the pattern ${what} is not supported; docs/reference/sql.md lists those there are`,
  );
}

/** Compiles a pattern. @throws SQL_UNSUPPORTED for keywords that are refused. */
export function timeFormat(pattern: string, zoned: boolean): (timestamp: number) => string | null {
  const print = compileFormat(pattern, KEYWORDS);
  return (timestamp) => (pattern === '' ? null : print(readingOf(timestamp, zoned)));
}

/** Compiles a pattern for any kind of reading. */
export function compileFormat<R>(pattern: string, keywords: ReadonlyMap<string, PrintOf<R>>): (reading: R) => string {
  const parts: (string | ((reading: R) => string))[] = [];
  let at = 0;
  while (at < pattern.length) {
    const part = nextPart(pattern, at, keywords);
    parts.push(part.print);
    at = part.end;
  }
  return (reading) => parts.map((part) => (typeof part === 'string' ? part : part(reading))).join('');
}

function nextPart<R>(
  pattern: string,
  at: number,
  keywords: ReadonlyMap<string, PrintOf<R>>,
): { print: string | ((reading: R) => string); end: number } {
  if (pattern[at] === '"') {
    const quoted = /"((?:[^"\\]|\\[\s\S])*)(?:"|$)/y;
    quoted.lastIndex = at;
    const match = quoted.exec(pattern)!;
    return { print: match[1]!.replace(/\\([\s\S])/g, '$1'), end: quoted.lastIndex };
  }
  if (pattern[at] === '\\' && pattern[at + 1] === '"') return { print: '"', end: at + 2 };
  let start = at;
  let fill = true;
  while (/^fm$/i.test(pattern.slice(start, start + 2)) && isCased(pattern.slice(start, start + 2))) {
    fill = false;
    start += 2;
  }
  const keyword = BY_LENGTH.find((each) => pattern.startsWith(each, start));
  if (keyword === undefined) return { print: fill ? pattern[at]! : '', end: fill ? at + 1 : start };
  if (REFUSED.includes(keyword)) throw refuse(keyword);
  return withSuffix(pattern, start + keyword.length, keywords.get(keyword)!, fill);
}

/** FM and fm are keywords, Fm is not. */
function isCased(text: string): boolean {
  return text === text.toUpperCase() || text === text.toLowerCase();
}

function withSuffix<R>(
  pattern: string,
  at: number,
  print: PrintOf<R>,
  fill: boolean,
): { print: (reading: R) => string; end: number } {
  const suffix = pattern.slice(at, at + 2);
  if (suffix === 'SP') throw refuse('SP');
  if (suffix !== 'TH' && suffix !== 'th') return { print: (reading) => print(reading, fill), end: at };
  return {
    print: (reading) => {
      const text = print(reading, fill);
      return text + (suffix === 'TH' ? ordinal(text).toUpperCase() : ordinal(text));
    },
    end: at + 2,
  };
}

/** `st`, `nd`, `rd` or `th` for a number's digits. */
export function ordinal(digits: string): string {
  const last = digits.at(-1)!;
  if (digits.at(-2) === '1') return 'th';
  return ({ 1: 'st', 2: 'nd', 3: 'rd' } as Record<string, string>)[last] ?? 'th';
}

function readingOf(timestamp: number, zoned: boolean): Reading {
  const { year, month: monthNumber, day: dayNumber, ms } = civilOf(timestamp);
  const micros = Math.round(ms * 1000);
  return {
    year,
    month: monthNumber,
    day: dayNumber,
    hour: Math.floor(micros / 3_600_000_000),
    minute: Math.floor(micros / 60_000_000) % 60,
    second: Math.floor(micros / 1_000_000) % 60,
    micros: micros % 1_000_000,
    days: Math.floor(timestamp / DAY_MS),
    zoned,
  };
}
