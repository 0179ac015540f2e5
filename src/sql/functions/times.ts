/** Arithmetic on timestamps, dates and intervals, and time zones. */
import { addToTimestamp, checkDate, checkTimestamp, DAY_MS } from '../calendar.js';
import { addIntervals, intervalText, negateInterval, roundMicros } from '../interval.js';
import { evaluationError, int32Of } from '../value.js';
import { clockOf } from '../time-of-day.js';
import type { Interval, Value } from '../value.js';
import { zoneOf } from '../zones.js';
import { roundHalfEven } from './number-text.js';
import { define } from './registry.js';
import type { Evaluate, FunctionDefinition } from './registry.js';

const fails = { fails: true } as const;
const minus = (timestamp: number, interval: Interval): number => addToTimestamp(timestamp, negateInterval(interval));

/** The distance of two timestamps: whole days of 24 hours, and the rest. */
function distance(a: number, b: number): Interval {
  const ms = roundMicros(a - b);
  const days = Math.trunc(ms / DAY_MS) + 0;
  return { months: 0, days, ms: roundMicros(ms - days * DAY_MS) };
}

/** Start of the stride that a timestamp falls into, counted from `origin`. */
function dateBin(stride: Interval, timestamp: number, origin: number): number {
  if (stride.months !== 0)
    throw evaluationError('timestamps cannot be binned into intervals containing months or years');
  const length = stride.days * DAY_MS + stride.ms;
  if (length <= 0) throw evaluationError('stride must be greater than zero');
  const micros = Math.round(length * 1000);
  const offset = Math.round((timestamp - origin) * 1000);
  return checkTimestamp(roundMicros(origin + (Math.floor(offset / micros) * micros) / 1000));
}

function toLocal(zone: string, instant: number): number {
  return checkTimestamp(roundMicros(instant + zoneOf(zone).offsetMs(instant)));
}

function toInstant(zone: string, local: number): number {
  return checkTimestamp(zoneOf(zone).instantOf(local));
}

/** A zone that is a fixed distance from UTC. */
function shifted({ months, days, ms }: Interval, timestamp: number, sign: 1 | -1): number {
  if (months !== 0 || days !== 0)
    throw evaluationError(`interval time zone "${intervalText({ months, days, ms })}" must not include months or days`);
  return checkTimestamp(roundMicros(timestamp + sign * Math.trunc(ms / 1000) * 1000));
}

/** A constant zone is looked up once, and refused while binding when there is none. */
function inZone(
  name: string,
  from: 'timestamptz' | 'timestamp',
  to: 'timestamptz' | 'timestamp',
  evaluate: Evaluate,
): FunctionDefinition {
  return define(name, ['text', from], to, evaluate, {
    fails: true,
    prepare: ([zone]: readonly (Value | undefined)[]) => {
      if (typeof zone !== 'string') return undefined;
      zoneOf(zone);
      return undefined;
    },
  });
}

function fromEpoch(seconds: number): number {
  if (!Number.isFinite(seconds)) throw evaluationError(`timestamp out of range: ${seconds} is not supported`);
  // As PostgreSQL: the seconds are counted from 2000 before they are rounded to microseconds.
  const micros = roundHalfEven((seconds - EPOCH_2000_S) * 1e6);
  const wholeMs = Math.floor(micros / 1000);
  return checkTimestamp(EPOCH_2000_S * 1000 + wholeMs + (micros - wholeMs * 1000) / 1000);
}

/** Seconds from 1970 to 2000. */
const EPOCH_2000_S = 946_684_800;

/** Operators and functions of time. */
export const timeFunctions: readonly FunctionDefinition[] = [
  ...(['timestamptz', 'timestamp'] as const).flatMap((type) => [
    define('+', [type, 'interval'], type, addToTimestamp, fails),
    define('+', ['interval', type], type, (a: Interval, b: number) => addToTimestamp(b, a), fails),
    define('-', [type, 'interval'], type, minus, fails),
    define('-', [type, type], 'interval', distance),
    define('date_bin', ['interval', type, type], type, dateBin, fails),
  ]),
  define('+', ['date', 'interval'], 'timestamp', (a: number, b: Interval) => addToTimestamp(a * DAY_MS, b), fails),
  define('+', ['interval', 'date'], 'timestamp', (a: Interval, b: number) => addToTimestamp(b * DAY_MS, a), fails),
  define('-', ['date', 'interval'], 'timestamp', (a: number, b: Interval) => minus(a * DAY_MS, b), fails),
  define('+', ['date', 'integer'], 'date', (a: number, b: number) => checkDate(a + b), fails),
  define('+', ['integer', 'date'], 'date', (a: number, b: number) => checkDate(a + b), fails),
  define('-', ['date', 'integer'], 'date', (a: number, b: number) => checkDate(a - b), fails),
  define('-', ['date', 'date'], 'integer', (a: number, b: number) => int32Of(a - b), fails),
  define('+', ['date', 'time'], 'timestamp', (a: number, b: number) => checkTimestamp(a * DAY_MS + b), fails),
  define('+', ['time', 'date'], 'timestamp', (a: number, b: number) => checkTimestamp(a + b * DAY_MS), fails),
  define('+', ['time', 'interval'], 'time', (a: number, b: Interval) => clockOf(a + b.ms)),
  define('+', ['interval', 'time'], 'time', (a: Interval, b: number) => clockOf(a.ms + b)),
  define('-', ['time', 'interval'], 'time', (a: number, b: Interval) => clockOf(a - b.ms)),
  define('-', ['time', 'time'], 'interval', (a: number, b: number) => ({ months: 0, days: 0, ms: roundMicros(a - b) })),
  define('+', ['interval', 'interval'], 'interval', addIntervals),
  define('-', ['interval', 'interval'], 'interval', (a: Interval, b: Interval) => addIntervals(a, negateInterval(b))),
  define('-', ['interval'], 'interval', negateInterval),
  inZone('timezone', 'timestamptz', 'timestamp', toLocal),
  inZone('timezone', 'timestamp', 'timestamptz', toInstant),
  define(
    'timezone',
    ['interval', 'timestamptz'],
    'timestamp',
    (zone: Interval, at: number) => shifted(zone, at, 1),
    fails,
  ),
  define(
    'timezone',
    ['interval', 'timestamp'],
    'timestamptz',
    (zone: Interval, at: number) => shifted(zone, at, -1),
    fails,
  ),
  define('to_timestamp', ['double precision'], 'timestamptz', fromEpoch, fails),
];
