/**
 * Times in keys and names, by the patterns of Java's `DateTimeFormatter`, which is what people have in
 * the prefixes that they bring: `yyyy/MM/dd/HH`, `'year='yyyy`, `YYYY-'w'ww`.
 *
 * Texts and weeks are those of the United States, as on the servers where such patterns come from: weeks
 * begin on Sunday, and the first is that of January 1st.
 */
import { DAY_MS, dateOf, daysOf } from '../../sql/calendar.js';
import { MillraceError } from '../../util/errors.js';

/** A pattern that was read. */
export interface TimePattern {
  readonly text: string;
  /** The wall clock's reading, ms as if it were UTC, as text. */
  format(localMs: number): string;
}

/** A wall clock's reading, taken apart. */
interface Reading {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** Within the second. */
  readonly ms: number;
  /** Within the day. */
  readonly dayMs: number;
  /** Days since 1970. */
  readonly days: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** From 1. */
  readonly dayOfYear: number;
}

type Field = (reading: Reading) => string;

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const WEEKDAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const FRACTION_DIGITS_MAX = 9;
const PADDED_MAX = 19;

/**
 * Reads a pattern. `at` is where it begins in the text that is told of.
 *
 * @throws CONFIG_INVALID with the position of what is wrong, counted from 1.
 */
export function parseTimePattern(text: string, at = 0): TimePattern {
  const fields: Field[] = [];
  for (let i = 0; i < text.length;) {
    const char = text[i]!;
    if (char === "'") {
      const end = endOfQuote(text, i, at);
      const literal = end === i + 1 ? "'" : text.slice(i + 1, end).replaceAll("''", "'");
      fields.push(() => literal);
      i = end + 1;
    } else if (/[A-Za-z]/.test(char)) {
      let end = i + 1;
      while (text[end] === char) end++;
      fields.push(fieldOf(char, end - i, at + i));
      i = end;
    } else if ('[]{}#'.includes(char)) {
      throw wrong(at + i, `'${char}' has a meaning of its own in time patterns; put it between single quotes`);
    } else {
      fields.push(() => char);
      i++;
    }
  }
  return { text, format: (localMs) => readFields(fields, localMs) };
}

/** An error at a position of a text, which counts from 0 here and from 1 for people. */
export function wrong(index: number, message: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `at character ${index + 1}: ${message}`);
}

function endOfQuote(text: string, start: number, at: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] !== "'") continue;
    // A doubled quote inside a quoted text is one quote.
    if (i > start + 1 && text[i + 1] === "'") i++;
    else return i;
  }
  throw wrong(at + start, 'this single quote is never closed');
}

function fieldOf(letter: string, count: number, index: number): Field {
  const field = FIELDS[letter];
  if (field === undefined)
    throw wrong(index, `expected one of the letters ${Object.keys(FIELDS).join(' ')}, found '${letter}'`);
  const [make, countMax] = field;
  if (count > countMax) throw wrong(index, `expected at most ${countMax} letters '${letter}' together, found ${count}`);
  return make(count);
}

/** How a letter is printed by how often it stands there, and how often it may. */
const FIELDS: Readonly<Record<string, readonly [make: (count: number) => Field, countMax: number]>> = {
  y: [(count) => year(count, (reading) => (reading.year > 0 ? reading.year : 1 - reading.year)), PADDED_MAX],
  u: [(count) => year(count, (reading) => reading.year), PADDED_MAX],
  Y: [(count) => year(count, (reading) => weekOf(reading).year), PADDED_MAX],
  Q: [quarter, 4],
  q: [quarter, 4],
  M: [(count) => named(count, MONTHS, (reading) => reading.month, 1), 5],
  L: [(count) => named(count, MONTHS, (reading) => reading.month, 1), 5],
  w: [(count) => padded(count, (reading) => weekOf(reading).week), 2],
  D: [(count) => padded(count, (reading) => reading.dayOfYear), 3],
  d: [(count) => padded(count, (reading) => reading.day), 2],
  E: [(count) => named(Math.max(count, 3), WEEKDAYS, (reading) => reading.weekday, 0), 5],
  a: [() => (reading) => (reading.hour < 12 ? 'AM' : 'PM'), 1],
  h: [(count) => padded(count, (reading) => reading.hour % 12 || 12), 2],
  K: [(count) => padded(count, (reading) => reading.hour % 12), 2],
  k: [(count) => padded(count, (reading) => reading.hour || 24), 2],
  H: [(count) => padded(count, (reading) => reading.hour), 2],
  m: [(count) => padded(count, (reading) => reading.minute), 2],
  s: [(count) => padded(count, (reading) => reading.second), 2],
  S: [(count) => (reading) => pad(reading.ms, 3).padEnd(count, '0').slice(0, count), FRACTION_DIGITS_MAX],
  A: [(count) => padded(count, (reading) => reading.dayMs), PADDED_MAX],
  n: [(count) => padded(count, (reading) => reading.ms * 1_000_000), PADDED_MAX],
  N: [(count) => padded(count, (reading) => reading.dayMs * 1_000_000), PADDED_MAX],
};

function readFields(fields: readonly Field[], localMs: number): string {
  const days = Math.floor(localMs / DAY_MS);
  const dayMs = Math.floor(localMs) - days * DAY_MS;
  const date = dateOf(days);
  const reading: Reading = {
    ...date,
    hour: Math.floor(dayMs / 3_600_000),
    minute: Math.floor(dayMs / 60_000) % 60,
    second: Math.floor(dayMs / 1000) % 60,
    ms: dayMs % 1000,
    dayMs,
    days,
    weekday: modulo(days + 4, 7),
    dayOfYear: days - daysOf(date.year, 1, 1) + 1,
  };
  return fields.map((field) => field(reading)).join('');
}

/** The week-based year and its week. */
function weekOf({ days, weekday }: Reading): { readonly year: number; readonly week: number } {
  // The year of the week's Saturday: the week that has January 1st is the first of its year.
  const { year } = dateOf(days - weekday + 6);
  const newYear = daysOf(year, 1, 1);
  const firstSunday = newYear - modulo(newYear + 4, 7);
  return { year, week: Math.floor((days - firstSunday) / 7) + 1 };
}

function year(count: number, of: (reading: Reading) => number): Field {
  return (reading) => {
    const value = of(reading);
    if (count === 2) return pad(modulo(value, 100), 2);
    const digits = pad(Math.abs(value), count);
    if (value < 0) return `-${digits}`;
    return count >= 4 && digits.length > count ? `+${digits}` : digits;
  };
}

function quarter(count: number): Field {
  const of = (reading: Reading): number => Math.ceil(reading.month / 3);
  if (count < 3) return padded(count, of);
  if (count === 3) return (reading) => `Q${of(reading)}`;
  return (reading) => `${['1st', '2nd', '3rd', '4th'][of(reading) - 1]} quarter`;
}

/** A number with one or two letters, three letters of the name, the name, its first letter. */
function named(count: number, names: readonly string[], of: (reading: Reading) => number, first: number): Field {
  if (count < 3) return padded(count, of);
  const length = count === 3 ? 3 : count === 4 ? undefined : 1;
  return (reading) => names[of(reading) - first]!.slice(0, length);
}

function padded(count: number, of: (reading: Reading) => number): Field {
  return (reading) => pad(of(reading), count);
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
