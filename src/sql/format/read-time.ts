/**
 * `to_timestamp` and `to_date`: a text read along a pattern, after `DCH_from_char` and `do_to_timestamp` in
 * `src/backend/utils/adt/formatting.c`, without FX.
 */
import { MillraceError } from '../../util/errors.js';
import { daysInMonth, daysOf } from '../calendar.js';
import { roundMicros } from '../interval.js';
import { evaluationError } from '../value.js';

/** What was read so far. */
interface Fields {
  year?: number;
  isoYear?: number;
  month?: number;
  day?: number;
  dayOfYear?: number;
  isoWeek?: number;
  isoDay?: number;
  julian?: number;
  hour?: number;
  minute?: number;
  second?: number;
  daySecond?: number;
  micros?: number;
  zoneHour?: number;
  zoneMinute?: number;
  half?: 'am' | 'pm';
  bc?: boolean;
  twelve?: boolean;
  negativeZone?: boolean;
}

type NumberField = {
  [Key in keyof Fields]-?: NonNullable<Fields[Key]> extends number ? Key : never;
}[keyof Fields];

/** A part of a pattern. */
type Part = { readonly kind: 'separator' } | { readonly kind: 'text' } | FieldPart;

/** A field; `written` is its keyword as the pattern spells it, which messages show. */
interface FieldPart {
  readonly kind: 'field';
  readonly name: string;
  readonly written: string;
  readonly fill: boolean;
}

const NUMBERS: Readonly<Record<string, readonly [NumberField, number]>> = {
  YYYY: ['year', 4],
  YYY: ['year', 3],
  YY: ['year', 2],
  Y: ['year', 1],
  IYYY: ['isoYear', 4],
  MM: ['month', 2],
  DDD: ['dayOfYear', 3],
  DD: ['day', 2],
  IW: ['isoWeek', 2],
  ID: ['isoDay', 1],
  J: ['julian', 1],
  HH24: ['hour', 2],
  HH12: ['hour', 2],
  HH: ['hour', 2],
  MI: ['minute', 2],
  SSSSS: ['daySecond', 5],
  SSSS: ['daySecond', 4],
  SS: ['second', 2],
  TZH: ['zoneHour', 2],
  TZM: ['zoneMinute', 2],
};

/** Digits of a fraction. */
const FRACTIONS: Readonly<Record<string, number>> = {
  MS: 3,
  US: 6,
  FF1: 1,
  FF2: 2,
  FF3: 3,
  FF4: 4,
  FF5: 5,
  FF6: 6,
};

const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const DAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');
const short = (names: readonly string[]): string[] => names.map((name) => name.slice(0, 3));

const WORDS: Readonly<Record<string, readonly string[]>> = {
  MONTH: MONTHS,
  MON: short(MONTHS),
  DAY: DAYS,
  DY: short(DAYS),
  'A.M.': ['a.m.', 'p.m.'],
  'P.M.': ['a.m.', 'p.m.'],
  AM: ['am', 'pm'],
  PM: ['am', 'pm'],
  'B.C.': ['a.d.', 'b.c.'],
  'A.D.': ['a.d.', 'b.c.'],
  BC: ['ad', 'bc'],
  AD: ['ad', 'bc'],
};

const REFUSED = ['FX', 'TM', 'TZ', 'OF', 'RM', 'CC', 'Y,YYY', 'IYY', 'IY', 'IDDD', 'WW', 'W', 'Q', 'D', 'I'];
const KEYWORDS = [...Object.keys(NUMBERS), ...Object.keys(FRACTIONS), ...Object.keys(WORDS), ...REFUSED].sort(
  (a, b) => b.length - a.length,
);

const DAY_SECONDS = 86_400;

const isSeparator = (c: string): boolean => /^[!-/:-@[-`{-~]$/.test(c);

/** Cuts a pattern into parts. */
function partsOf(pattern: string): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < pattern.length;) {
    const quoted = /^"((?:[^"\\]|\\[\s\S])*)"?/.exec(pattern.slice(at));
    if (quoted !== null) {
      for (const _ of quoted[1]!.replace(/\\([\s\S])/g, '$1')) parts.push({ kind: 'text' });
      at += quoted[0].length;
      continue;
    }
    const fill = /^(?:FM|fm)/.test(pattern.slice(at));
    const start = fill ? at + 2 : at;
    const upper = pattern.slice(start, start + 6).toUpperCase();
    const name = KEYWORDS.find((keyword) => upper.startsWith(keyword));
    if (name !== undefined) {
      const suffix = pattern.slice(start + name.length, start + name.length + 2);
      if (REFUSED.includes(name) || /^th$/i.test(suffix)) throw refuse(REFUSED.includes(name) ? name : 'TH');
      at = start + name.length;
      parts.push({ kind: 'field', name, written: pattern.slice(start, at), fill });
    } else if (fill) at = start;
    else {
      const c = pattern[at]!;
      parts.push({ kind: isSeparator(c) || /\s/.test(c) ? 'separator' : 'text' });
      at++;
    }
  }
  return parts;
}

function refuse(name: string): MillraceError {
  return new MillraceError('SQL_UNSUPPORTED', `to_timestamp and to_date: the pattern ${name} is not supported`);
}

/** Reads one text. */
class Reader {
  readonly #text: string;
  readonly fields: Fields = {};
  #at = 0;
  #skipped = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(parts: readonly Part[]): void {
    parts.forEach((part, i) => {
      if (this.#at >= this.#text.length) return;
      if (part.kind === 'field' || i === 0) this.#skipped += this.#skipSpace();
      if (part.kind === 'separator') {
        this.#skipped--;
        if (/\s/.test(this.#text[this.#at] ?? '') || isSeparator(this.#text[this.#at] ?? '')) {
          this.#at++;
          this.#skipped++;
        }
      } else if (part.kind === 'text') {
        if (this.#skipped > 0) this.#skipped--;
        else this.#at += (this.#text.codePointAt(this.#at) ?? 0) > 0xffff ? 2 : 1;
      } else {
        this.#field(part, part.fill || !isDigits(parts[i + 1]));
        this.#skipped = this.#skipSpace();
      }
    });
  }

  #skipSpace(): number {
    const space = /^[ \t\n\r\v\f]*/.exec(this.#text.slice(this.#at))![0].length;
    this.#at += space;
    return space;
  }

  #field({ name, written }: FieldPart, free: boolean): void {
    const number = NUMBERS[name];
    if (number !== undefined) this.#number(name, written, number, free);
    else if (FRACTIONS[name] !== undefined) this.#fraction(name, written, free);
    else this.#word(written, WORDS[name]!);
  }

  /** An integer of exactly `length` characters, or as long as it is where something else follows. */
  #integer(name: string, length: number, free: boolean): { value: number; digits: number } {
    const rest = this.#text.slice(this.#at);
    const copy = rest.slice(0, length);
    if (!free && copy.length < length) throw evaluationError(`source string too short for "${name}" formatting field`);
    const found = /^\s*[+-]?\d+/.exec(free ? rest : copy)?.[0];
    if (found === undefined || (!free && found.length < length))
      throw evaluationError(`invalid value "${copy}" for "${name}"`);
    this.#at += found.length;
    const value = Number(found);
    if (Math.abs(value) >= 2 ** 31) throw evaluationError(`value for "${name}" in source string is out of range`);
    return { value, digits: found.length };
  }

  #set(name: string, field: NumberField, value: number): void {
    // As PostgreSQL has it, 0 is as good as nothing.
    const known = this.fields[field] ?? 0;
    if (known !== 0 && known !== value)
      throw evaluationError(`conflicting values for "${name}" field in formatting string`);
    this.fields[field] = value;
  }

  #number(name: string, written: string, [field, length]: readonly [NumberField, number], free: boolean): void {
    if (name === 'TZH') this.#zoneSign();
    const { value, digits } = this.#integer(written, length, free);
    if (name === 'HH12' || name === 'HH') this.fields.twelve = true;
    this.#set(written, field, /^Y{1,3}$/.test(name) && digits < 4 ? fullYear(value) : value);
  }

  #zoneSign(): void {
    const sign = this.#text[this.#at];
    if (sign !== '+' && sign !== '-' && sign !== ' ') return;
    this.fields.negativeZone = sign === '-';
    this.#at++;
  }

  #fraction(name: string, written: string, free: boolean): void {
    const { value, digits } = this.#integer(written, FRACTIONS[name]!, free);
    const scale = name === 'MS' ? 3 : 6;
    const micros = value * 10 ** (scale - Math.min(digits, scale)) * (name === 'MS' ? 1000 : 1);
    this.fields.micros = (this.fields.micros ?? 0) + micros;
  }

  #word(written: string, words: readonly string[]): void {
    const rest = this.#text.slice(this.#at).toLowerCase();
    const index = words.findIndex((word) => rest.startsWith(word));
    if (index < 0) {
      const shown = /^[^\s]*/.exec(this.#text.slice(this.#at))![0];
      throw evaluationError(`invalid value "${shown}" for "${written}"`);
    }
    this.#at += words[index]!.length;
    if (words.length === 12) this.#set(written, 'month', index + 1);
    else if (words.length === 2 && words[0]!.startsWith('a') && words[1]!.startsWith('p')) {
      this.fields.half = index === 0 ? 'am' : 'pm';
      this.fields.twelve = true;
    } else if (words.length === 2) this.fields.bc = index === 1;
  }
}

/** Whether digits follow, so that a number's length must be taken as it is said. */
function isDigits(next: Part | undefined): boolean {
  return next?.kind === 'field' && (NUMBERS[next.name] !== undefined || FRACTIONS[next.name] !== undefined);
}

/** A year of fewer than four digits: the nearest to 2020. */
function fullYear(year: number): number {
  if (year < 70) return year + 2000;
  if (year < 100) return year + 1900;
  if (year < 520) return year + 2000;
  return year < 1000 ? year + 1000 : year;
}

function hourOf({ hour = 0, twelve, half }: Fields): number {
  if (twelve !== true) return hour;
  if (hour < 1 || hour > 12) {
    if (hour === 0 && half === undefined) return 0;
    throw evaluationError(`hour "${hour}" is invalid for the 12-hour clock`);
  }
  return (hour % 12) + (half === 'pm' ? 12 : 0);
}

/** Days since 1970 of what was read, or undefined where it is no date. */
function dayOf(fields: Fields): number | undefined {
  const { year = 0, dayOfYear = 0, bc, julian = 0, isoYear = 0, isoWeek = 0, isoDay } = fields;
  if (julian !== 0) return julian - 2_440_588;
  if (isoWeek !== 0) {
    const fourth = daysOf(isoYear, 1, 4);
    const monday = fourth - ((((fourth + 3) % 7) + 7) % 7);
    // A day beyond Saturday is Sunday, the week's last.
    const weekday = isoDay === undefined ? 0 : isoDay >= 7 || isoDay === 0 ? 6 : isoDay - 1;
    return monday + (isoWeek - 1) * 7 + weekday;
  }
  const written = isoYear === 0 ? year : isoYear;
  const own = bc === true ? 1 - written : written;
  const month = fields.month === undefined || fields.month === 0 ? 1 : fields.month;
  const day = fields.day === undefined || fields.day === 0 ? 1 : fields.day;
  if (dayOfYear !== 0 && (fields.month ?? 0) === 0) {
    if (written === 0) throw evaluationError('cannot calculate day of year without year information');
    const last = daysOf(own + 1, 1, 1) - daysOf(own, 1, 1);
    return dayOfYear < 1 || dayOfYear > last ? undefined : daysOf(own, 1, 1) + dayOfYear - 1;
  }
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(own, month)) return undefined;
  return daysOf(own, month, day);
}

const patterns = new Map<string, readonly Part[]>();
/** Patterns that come from rows are kept, at most this many. */
const PATTERNS_MAX = 256;

/** Refuses a pattern that has a keyword that is not supported. @throws SQL_UNSUPPORTED */
export function checkPattern(pattern: string): void {
  partsOf(pattern);
}

/** A text along a pattern: days since 1970, and ms since midnight in UTC where the pattern has no zone. */
export function readAlong(text: string, pattern: string): { readonly days: number; readonly ms: number } {
  let parts = patterns.get(pattern);
  if (parts === undefined) {
    parts = partsOf(pattern);
    if (patterns.size >= PATTERNS_MAX) patterns.clear();
    patterns.set(pattern, parts);
  }
  const reader = new Reader(text);
  reader.read(parts);
  const { fields } = reader;
  const { minute = 0, second = 0, daySecond = 0, micros = 0, zoneHour = 0, zoneMinute = 0 } = fields;
  const hour = hourOf(fields);
  const days = dayOf(fields);
  const isClock = hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 59;
  const isWithin = daySecond === 0 ? isClock : daySecond > 0 && daySecond < DAY_SECONDS;
  if (days === undefined || !isWithin || micros < 0 || micros >= 1e6)
    throw evaluationError(`date/time field value out of range: "${text}"`);
  const seconds = daySecond === 0 ? hour * 3600 + minute * 60 + second : daySecond;
  const offset = (zoneHour * 60 + zoneMinute) * 60_000 * (fields.negativeZone === true ? -1 : 1);
  return { days, ms: roundMicros(seconds * 1000 + micros / 1000 - offset) };
}
