/** Times of day: ms since midnight, from 00:00 to 24:00. */
import { DAY_MS } from './calendar.js';
import { roundMicros } from './interval.js';
import { evaluationError } from './value.js';

const CLOCK =
  /^(?:\d{4,6}-\d{1,2}-\d{1,2}[ ]+)?(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d*)?))?\s*(am|pm)?\s*(?:z|utc|gmt|[+-]\d{1,2}(?::?\d{2}){0,2})?\s*(?:bc|ad)?$/i;

/**
 * A time of day of text: `12:34`, `12:34:56.789`, `04:05 PM`; a date before it and a distance from UTC behind
 * it count for nothing. Other spellings that PostgreSQL takes are refused.
 */
export function parseClock(text: string): number {
  const body = text.trim();
  if (body.toLowerCase() === 'allballs') return 0;
  const match = CLOCK.exec(body.replace(/^(\d{2})(\d{2})(\d{2}(?:\.\d*)?)?$/, withColons));
  if (match === null) throw evaluationError(`invalid input syntax for type time: "${text}" (expected HH:MM:SS)`);
  const half = match[4]?.toLowerCase();
  const written = Number(match[1]);
  const minute = Number(match[2]);
  const second = Number(match[3] ?? '0');
  const wrongHalf = half !== undefined && written > 12;
  const hour = half === undefined ? written : (written % 12) + (half === 'pm' ? 12 : 0);
  const ms = roundMicros(hour * 3_600_000 + minute * 60_000 + second * 1000);
  if (wrongHalf || minute > 59 || second > 60 || ms > DAY_MS)
    throw evaluationError(`date/time field value out of range: "${text}"`);
  return ms;
}

/** `101112` and `1011`. */
function withColons(_: string, hour: string, minute: string, second?: string): string {
  return `${hour}:${minute}${second === undefined ? '' : `:${second}`}`;
}

/** The time of day of a timestamp, or of an interval's ms. */
export function clockOf(ms: number): number {
  return roundMicros(ms - Math.floor(ms / DAY_MS) * DAY_MS);
}
