/** Casts of timestamps, dates and times of day; the session's zone is UTC. */
import { checkTimestamp, dateText, DAY_MS, parseTime, timestampText } from '../calendar.js';
import type { SqlType } from '../plan.js';
import { clockText, roundMicros } from '../interval.js';
import { clockOf, parseClock } from '../time-of-day.js';
import { evaluationError } from '../value.js';
import type { Interval, Value } from '../value.js';
import { zoneOf } from '../zones.js';
import { define } from './registry.js';
import type { Evaluate, FunctionDefinition } from './registry.js';

function parseInstant(text: string): number {
  const { local, offsetMs, zone } = parseTime(text, 'timestamp with time zone');
  if (zone !== undefined) return zoneOf(zone).instantOf(local);
  return checkTimestamp(local - (offsetMs ?? 0));
}

const parseLocal = (text: string): number => parseTime(text, 'timestamp').local;
const parseDate = (text: string): number => Math.floor(parseTime(text, 'date').local / DAY_MS);

const cast = (from: SqlType, to: SqlType, evaluate: Evaluate, fails = false): FunctionDefinition =>
  define('cast', [from], to, evaluate, { fails });
const same = (value: Value): Value => value;
const dayOf = (timestamp: number): number => Math.floor(timestamp / DAY_MS);
const startOf = (days: number): number => days * DAY_MS;

/** ms rounded to some digits of a second, half away from zero, as PostgreSQL's time types do. */
function roundSecond(ms: number, digits: number): number {
  if (digits < 0 || digits > 6) throw evaluationError(`precision ${digits} must be between 0 and 6`);
  const micros = Math.round(Math.abs(ms - Math.trunc(ms)) * 1000);
  const whole = BigInt(Math.trunc(ms)) * 1000n + BigInt(ms < 0 ? -micros : micros);
  const unit = 10n ** BigInt(6 - digits);
  const half = unit / 2n;
  const rounded = whole < 0n ? -((half - whole) / unit) * unit : ((whole + half) / unit) * unit;
  return roundMicros(Number(rounded / 1000n) + Number(rounded % 1000n) / 1000);
}

/** `timestamp(3)` and the like: functions named as their types, as in PostgreSQL. */
export const precisionFunctions: readonly FunctionDefinition[] = [
  ...(['timestamp', 'timestamptz', 'time'] as const).map((type) =>
    define(type, [type, 'integer'], type, roundSecond, { fails: true }),
  ),
  define(
    'interval',
    ['interval', 'integer'],
    'interval',
    (a: Interval, digits: number) => ({ ...a, ms: roundSecond(a.ms, digits) }),
    { fails: true },
  ),
];

/** Casts of the time types. */
export const timeCasts: readonly FunctionDefinition[] = [
  cast('text', 'timestamptz', parseInstant, true),
  cast('text', 'timestamp', parseLocal, true),
  cast('text', 'date', parseDate, true),
  cast('timestamptz', 'text', (a: number) => timestampText(a, '+00')),
  cast('timestamp', 'text', (a: number) => timestampText(a)),
  cast('date', 'text', dateText),
  { ...cast('timestamptz', 'timestamp', same), inline: ([a]) => a! },
  { ...cast('timestamp', 'timestamptz', same), inline: ([a]) => a! },
  cast('timestamptz', 'date', dayOf),
  cast('timestamp', 'date', dayOf),
  cast('text', 'time', parseClock, true),
  cast('time', 'text', clockText),
  cast('timestamptz', 'time', clockOf),
  cast('timestamp', 'time', clockOf),
  cast('interval', 'time', (a: Interval) => clockOf(a.ms)),
  cast('time', 'interval', (ms: number) => ({ months: 0, days: 0, ms })),
  cast('date', 'timestamp', startOf),
  cast('date', 'timestamptz', startOf),
];
