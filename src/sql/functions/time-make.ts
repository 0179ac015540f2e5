/** Times made of parts, intervals scaled and justified, ages, OVERLAPS. */
import { addToTimestamp, checkTimestamp, DAY_MS, daysInMonth, daysOf } from '../calendar.js';
import { checkPattern, readAlong } from '../format/read-time.js';
import { negateInterval, roundMicros } from '../interval.js';
import {
  ageBetween,
  divideInterval,
  justifyDays,
  justifyHours,
  justifyInterval,
  multiplyInterval,
} from '../interval-math.js';
import type { SqlType } from '../plan.js';
import { clockOf } from '../time-of-day.js';
import { evaluationError } from '../value.js';
import type { Interval, Value } from '../value.js';
import { zoneOf } from '../zones.js';
import { roundHalfEven } from './number-text.js';
import { atRunTime, define } from './registry.js';
import type { FunctionDefinition, FunctionExtra } from './registry.js';

const fails = { fails: true } as const;
const double = 'double precision';

const two = (part: number): string => `${part < 0 ? '-' : ''}${String(Math.abs(part)).padStart(part < 0 ? 1 : 2, '0')}`;

/** A negative year is BC; there is no year 0. */
function makeDate(year: number, month: number, day: number): number {
  const civil = year < 0 ? year + 1 : year;
  const valid = year !== 0 && Math.abs(year) <= 5_874_897 && month >= 1 && month <= 12 && day >= 1;
  if (!valid || day > daysInMonth(civil, month))
    throw evaluationError(`date field value out of range: ${year}-${two(month)}-${two(day)}`);
  return daysOf(civil, month, day);
}

function makeTime(hour: number, minute: number, second: number): number {
  const ms = roundMicros(hour * 3_600_000 + minute * 60_000 + second * 1000);
  const valid = hour >= 0 && hour <= 24 && minute >= 0 && minute <= 59 && second >= 0 && second <= 60 && ms <= DAY_MS;
  if (!valid) throw evaluationError(`time field value out of range: ${hour}:${two(minute)}:${secondText(second)}`);
  return ms;
}

/** As C's `%02g` prints it. */
function secondText(second: number): string {
  if (!Number.isFinite(second)) return Number.isNaN(second) ? 'nan' : second > 0 ? 'inf' : '-inf';
  return String(Number(second.toPrecision(6))).padStart(2, '0');
}

function makeTimestamp(...[year, month, day, hour, minute, second]: readonly number[]): number {
  return checkTimestamp(makeDate(year!, month!, day!) * DAY_MS + makeTime(hour!, minute!, second!));
}

const INT32_MAX = 2 ** 31;

function makeInterval(...[years, months, weeks, days, hours, minutes, seconds]: readonly number[]): Interval {
  const month = years! * 12 + months!;
  const day = weeks! * 7 + days!;
  const ms = hours! * 3_600_000 + minutes! * 60_000 + roundHalfEven(seconds! * 1e6) / 1000;
  if (!(Math.abs(month) < INT32_MAX && Math.abs(day) < INT32_MAX && Math.abs(ms) < 9.2e15))
    throw evaluationError('interval out of range');
  return { months: month + 0, days: day + 0, ms: roundMicros(ms) };
}

/** An instant plus an interval whose months and days count by a zone's wall clock. */
function addInZone(instant: number, { months, days, ms }: Interval, zoneName: string): number {
  const zone = zoneOf(zoneName);
  const local = addToTimestamp(roundMicros(instant + zone.offsetMs(instant)), { months, days, ms: 0 });
  return checkTimestamp(roundMicros(zone.instantOf(local) + ms));
}

/** One side of OVERLAPS: its lesser end, and its other one, which may be open. NULL where both are. */
function spanOf(start: number | null, end: number | null): readonly [number, number | null] | null {
  if (start === null) return end === null ? null : [end, null];
  return end !== null && start > end ? [end, start] : [start, end];
}

function overlaps(a: number | null, b: number | null, c: number | null, d: number | null): boolean | null {
  const first = spanOf(a, b);
  const second = spanOf(c, d);
  if (first === null || second === null) return null;
  if (first[0] === second[0]) return first[1] === null || second[1] === null ? null : true;
  const [earlier, later] = first[0] < second[0] ? [first, second] : [second, first];
  if (earlier[1] === null) return null;
  if (later[0] < earlier[1]) return true;
  return later[1] === null ? null : false;
}

/** OVERLAPS of a type of times; either side's end may be an interval. */
function overlapsOf(type: SqlType, add: (time: number, span: Interval) => number): FunctionDefinition[] {
  const end = (start: Value, stop: Value, isSpan: boolean): number | null => {
    if (!isSpan) return stop as number | null;
    return start === null || stop === null ? null : add(start as number, stop as Interval);
  };
  return [false, true].flatMap((firstSpan) =>
    [false, true].map((secondSpan) =>
      define(
        'overlaps',
        [type, firstSpan ? 'interval' : type, type, secondSpan ? 'interval' : type],
        'boolean',
        (a: Value, b: Value, c: Value, d: Value) =>
          overlaps(a as number | null, end(a, b, firstSpan), c as number | null, end(c, d, secondSpan)),
        { nulls: true, fails: firstSpan || secondSpan },
      ),
    ),
  );
}

function timestampAlong(text: string, pattern: string): number {
  const { days, ms } = readAlong(text, pattern);
  return checkTimestamp(roundMicros(days * DAY_MS + ms));
}

/** The last day that a date can be, and one more. */
const DAYS_MAX = 2_145_042_541;

function dateAlong(text: string, pattern: string): number {
  const { days, ms } = readAlong(text, pattern);
  if (days >= DAYS_MAX) throw evaluationError(`date out of range: "${text}"`);
  return days + Math.floor(ms / DAY_MS);
}

const INTERVAL_PARTS = {
  names: ['years', 'months', 'weeks', 'days', 'hours', 'mins', 'secs'],
  default: 0,
} as const;

/** A constant pattern that cannot work is refused while binding. */
const along: FunctionExtra = {
  fails: true,
  prepare: ([, pattern]) => {
    if (typeof pattern === 'string') checkPattern(pattern);
    return undefined;
  },
};

const makers: readonly FunctionDefinition[] = [
  define('make_date', ['integer', 'integer', 'integer'], 'date', makeDate, fails),
  define('make_time', ['integer', 'integer', double], 'time', makeTime, fails),
  define(
    'make_timestamp',
    ['integer', 'integer', 'integer', 'integer', 'integer', double],
    'timestamp',
    makeTimestamp,
    fails,
  ),
  define(
    'make_timestamptz',
    ['integer', 'integer', 'integer', 'integer', 'integer', double],
    'timestamptz',
    makeTimestamp,
    fails,
  ),
  define(
    'make_timestamptz',
    ['integer', 'integer', 'integer', 'integer', 'integer', double, 'text'],
    'timestamptz',
    (year: number, month: number, day: number, hour: number, minute: number, second: number, zone: string) =>
      checkTimestamp(zoneOf(zone).instantOf(makeTimestamp(year, month, day, hour, minute, second))),
    fails,
  ),
  define(
    'make_interval',
    ['integer', 'integer', 'integer', 'integer', 'integer', 'integer', double],
    'interval',
    makeInterval,
    { fails: true, parameters: INTERVAL_PARTS },
  ),
  define('to_timestamp', ['text', 'text'], 'timestamptz', atRunTime(timestampAlong), along),
  define('to_date', ['text', 'text'], 'date', atRunTime(dateAlong), along),
];

const spans: readonly FunctionDefinition[] = [
  define('*', ['interval', double], 'interval', multiplyInterval, fails),
  define('*', [double, 'interval'], 'interval', (a: number, b: Interval) => multiplyInterval(b, a), fails),
  define('/', ['interval', double], 'interval', divideInterval, fails),
  define('justify_hours', ['interval'], 'interval', justifyHours),
  define('justify_days', ['interval'], 'interval', justifyDays),
  define('justify_interval', ['interval'], 'interval', justifyInterval),
  define('age', ['timestamp', 'timestamp'], 'interval', ageBetween),
  define('age', ['timestamptz', 'timestamptz'], 'interval', ageBetween),
  define('date_add', ['timestamptz', 'interval'], 'timestamptz', addToTimestamp, fails),
  define('date_add', ['timestamptz', 'interval', 'text'], 'timestamptz', addInZone, fails),
  define(
    'date_subtract',
    ['timestamptz', 'interval'],
    'timestamptz',
    (a: number, b: Interval) => addToTimestamp(a, negateInterval(b)),
    fails,
  ),
  define(
    'date_subtract',
    ['timestamptz', 'interval', 'text'],
    'timestamptz',
    (a: number, b: Interval, zone: string) => addInZone(a, negateInterval(b), zone),
    fails,
  ),
  ...(['date', 'timestamp', 'timestamptz', 'interval'] as const).map((type) =>
    define('isfinite', [type], 'boolean', () => true),
  ),
];

/** Functions that make times, and that reckon with spans. */
export const timeMakeFunctions: readonly FunctionDefinition[] = [
  ...makers,
  ...spans,
  ...overlapsOf('timestamp', addToTimestamp),
  ...overlapsOf('timestamptz', addToTimestamp),
  ...overlapsOf('time', (time, span) => clockOf(time + span.ms)),
];
