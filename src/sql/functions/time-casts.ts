/** Casts of timestamps, dates and intervals; the session's zone is UTC. */
import { checkTimestamp, dateText, DAY_MS, parseTime, timestampText } from '../calendar.js';
import type { SqlType } from '../plan.js';
import type { Value } from '../value.js';
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
  cast('date', 'timestamp', startOf),
  cast('date', 'timestamptz', startOf),
];
