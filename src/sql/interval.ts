/** Intervals: PostgreSQL's text in and out (style `postgres`), and arithmetic on the parts. */
import { evaluationError } from './value.js';
import type { Interval } from './value.js';

const HOUR = 3_600_000;
const DAY = 86_400_000;

const UNITS: Readonly<Record<string, Interval>> = {
  microsecond: { months: 0, days: 0, ms: 0.001 },
  millisecond: { months: 0, days: 0, ms: 1 },
  second: { months: 0, days: 0, ms: 1000 },
  minute: { months: 0, days: 0, ms: 60_000 },
  hour: { months: 0, days: 0, ms: HOUR },
  day: { months: 0, days: 1, ms: 0 },
  week: { months: 0, days: 7, ms: 0 },
  month: { months: 1, days: 0, ms: 0 },
  year: { months: 12, days: 0, ms: 0 },
  decade: { months: 120, days: 0, ms: 0 },
  century: { months: 1200, days: 0, ms: 0 },
  millennium: { months: 12_000, days: 0, ms: 0 },
};

const ALIASES: Readonly<Record<string, string>> = {
  us: 'microsecond',
  usec: 'microsecond',
  usecs: 'microsecond',
  microseconds: 'microsecond',
  ms: 'millisecond',
  msec: 'millisecond',
  msecs: 'millisecond',
  milliseconds: 'millisecond',
  s: 'second',
  sec: 'second',
  secs: 'second',
  seconds: 'second',
  m: 'minute',
  min: 'minute',
  mins: 'minute',
  minutes: 'minute',
  h: 'hour',
  hr: 'hour',
  hrs: 'hour',
  hours: 'hour',
  d: 'day',
  days: 'day',
  w: 'week',
  weeks: 'week',
  mon: 'month',
  mons: 'month',
  months: 'month',
  y: 'year',
  yr: 'year',
  yrs: 'year',
  years: 'year',
  dec: 'decade',
  decs: 'decade',
  decades: 'decade',
  c: 'century',
  cent: 'century',
  centuries: 'century',
  mil: 'millennium',
  mils: 'millennium',
  millennia: 'millennium',
};

/** The singular name of a time unit, or undefined: `hrs` → `hour`. */
export function unitName(word: string): string | undefined {
  const lower = word.toLowerCase();
  return lower in UNITS ? lower : ALIASES[lower];
}

/** ms rounded to whole microseconds, without a negative zero. */
export function roundMicros(ms: number): number {
  const whole = Math.floor(ms);
  const micros = Math.round((ms - whole) * 1000);
  return micros === 0 ? whole + 0 : micros === 1000 ? whole + 1 : Math.round(ms * 1000) / 1000;
}

/**
 * An interval of text: `1 day 02:03:04.5`, `-3 hours`, `2 weeks ago`. A number without a unit
 * takes `bareUnit`.
 *
 * Also `1-2` (years and months), `1 02:03` (days and time) and ISO 8601 (`P1DT2H`).
 *
 * @throws SQL_RUNTIME as PostgreSQL words it.
 */
export function parseInterval(text: string, bareUnit = 'second'): Interval {
  const invalid = (): Error =>
    evaluationError(`invalid input syntax for type interval: "${text}" (expected units, as 1 day 02:03:04)`);
  let rest = text.trim().replace(/^@\s*/, '');
  const ago = /\s+ago$/i.test(rest);
  if (ago) rest = rest.replace(/\s+ago$/i, '');
  if (/^[+-]?inf(inity)?$/i.test(rest))
    throw evaluationError(`interval "${text}" is not supported: intervals are finite here`);
  if (rest === '') throw invalid();
  const iso = isoInterval(rest);
  if (iso !== undefined) return iso;
  let total: Interval = { months: 0, days: 0, ms: 0 };
  while (rest !== '') {
    const clock = /^([+-]?)(\d{1,9}):(\d{1,2})(?::(\d{1,2}(?:\.\d*)?))?(?=\s|$)/.exec(rest);
    const amount = /^([+-]?(?:\d+\.?\d*|\.\d+))\s*([a-z]+)?(?=[\s\d+-]|$)/i.exec(rest);
    const years = /^([+-]?)(\d{1,9})-(\d{1,2})(?=\s|$)/.exec(rest);
    const days = /^([+-]?\d{1,9})(?=\s+[+-]?\d+:)/.exec(rest);
    const bare = amount !== null && amount[2] === undefined && amount[0].length < rest.length;
    if (clock !== null) {
      total = addIntervals(total, clockPart(clock, invalid));
      rest = rest.slice(clock[0].length).trim();
    } else if (years !== null) {
      if (Number(years[3]) > 11) throw evaluationError(`interval field value out of range: "${text}"`);
      const months = Number(years[2]) * 12 + Number(years[3]);
      total = addIntervals(total, { months: years[1] === '-' ? -months : months, days: 0, ms: 0 });
      rest = rest.slice(years[0].length).trim();
    } else if (days !== null) {
      total = addIntervals(total, { months: 0, days: Number(days[1]), ms: 0 });
      rest = rest.slice(days[0].length).trim();
    } else if (amount !== null && !bare) {
      const unit = unitName(amount[2] ?? bareUnit);
      if (unit === undefined) throw invalid();
      total = addIntervals(total, spread(Number(amount[1]), UNITS[unit]!));
      rest = rest.slice(amount[0].length).trim();
    } else throw invalid();
  }
  const fits = Math.abs(total.months) < 2 ** 31 && Math.abs(total.days) < 2 ** 31 && Math.abs(total.ms) < 9.2e15;
  if (!fits) throw evaluationError(`interval field value out of range: "${text}"`);
  return ago ? negateInterval(total) : total;
}

const ISO_UNITS: Readonly<Record<string, string>> = { Y: 'year', W: 'week', D: 'day', H: 'hour', S: 'second' };

/** `P1Y2M3DT4H5M6S`; undefined for anything else. */
function isoInterval(text: string): Interval | undefined {
  const match = /^P((?:[+-]?\d+(?:\.\d+)?[YMWD])*)(?:T((?:[+-]?\d+(?:\.\d+)?[HMS])+))?$/.exec(text);
  if (match === null || text === 'P') return undefined;
  let total: Interval = { months: 0, days: 0, ms: 0 };
  for (const [part, month] of [
    [match[1] ?? '', 'month'],
    [match[2] ?? '', 'minute'],
  ] as const) {
    for (const [, amount, letter] of part.matchAll(/([+-]?[\d.]+)([A-Z])/g))
      total = addIntervals(total, spread(Number(amount), UNITS[ISO_UNITS[letter!] ?? month]!));
  }
  return total;
}

function clockPart(match: RegExpExecArray, invalid: () => Error): Interval {
  const minutes = Number(match[3]);
  const seconds = Number(match[4] ?? '0');
  if (minutes > 59 || seconds >= 60) throw invalid();
  const ms = roundMicros(Number(match[2]) * HOUR + minutes * 60_000 + seconds * 1000);
  return { months: 0, days: 0, ms: match[1] === '-' ? -ms : ms };
}

/** An amount of a unit; a fraction of a month becomes days, one of a day becomes time. */
function spread(amount: number, unit: Interval): Interval {
  const months = amount * unit.months;
  const wholeMonths = unit.months === 12 ? Math.round(months) : Math.trunc(months);
  const fraction = unit.months >= 12 ? 0 : months - wholeMonths;
  const days = amount * unit.days + fraction * 30;
  const wholeDays = Math.trunc(Math.round(days * 1e9) / 1e9);
  const ms = amount * unit.ms + (days - wholeDays) * DAY;
  return { months: wholeMonths + 0, days: wholeDays + 0, ms: roundMicros(ms) };
}

/** a + b, part by part. */
export function addIntervals(a: Interval, b: Interval): Interval {
  return { months: a.months + b.months, days: a.days + b.days, ms: roundMicros(a.ms + b.ms) };
}

/** -a. */
export function negateInterval(a: Interval): Interval {
  return { months: 0 - a.months, days: 0 - a.days, ms: 0 - a.ms };
}

/** As PostgreSQL prints it: `1 year 2 mons -3 days +04:05:06.7`. */
export function intervalText(interval: Interval): string {
  const years = Math.trunc(interval.months / 12);
  const parts: string[] = [];
  let negative = false;
  for (const [amount, unit] of [
    [years, 'year'],
    [interval.months % 12, 'mon'],
    [interval.days, 'day'],
  ] as const) {
    if (amount === 0) continue;
    parts.push(`${negative && amount > 0 ? '+' : ''}${amount} ${unit}${amount === 1 ? '' : 's'}`);
    negative = amount < 0;
  }
  if (interval.ms !== 0 || parts.length === 0) {
    const sign = interval.ms < 0 ? '-' : negative ? '+' : '';
    parts.push(sign + clockText(Math.abs(interval.ms)));
  }
  return parts.join(' ');
}

/** `HH:MM:SS.ffffff` without trailing zeros. */
export function clockText(ms: number): string {
  const micros = Math.round(ms * 1000);
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = String(micros - seconds * 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const two = (n: number): string => String(n).padStart(2, '0');
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return fraction === '' ? clock : `${clock}.${fraction}`;
}

/** Its length in ms when it has no months (a day counts 24 hours), else undefined. */
export function fixedLengthMs(interval: Interval): number | undefined {
  return interval.months === 0 ? interval.days * DAY + interval.ms : undefined;
}
