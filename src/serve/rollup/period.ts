/**
 * Periods that windows are rolled up to: minutes and hours of a zone's clock, its days, weeks and months.
 *
 * Every instant is in exactly one period. A day has 23, 24 or 25 hours, as the zone's clock says. Where that
 * clock jumps inside a period of minutes or an hour (half-hour steps are rare, and real), the jump ends it.
 */
import { DAY_MS, dateOf, daysOf } from '../../sql/calendar.js';
import type { Zone } from '../../sql/zones.js';

const MINUTE_MS = 60_000;

/** Granularities of a fixed length of the clock, ms. */
const CLOCK = {
  '1m': MINUTE_MS,
  '5m': 5 * MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '30m': 30 * MINUTE_MS,
  '1h': 60 * MINUTE_MS,
} as const;

/** The granularities, finest first. */
export const GRANULARITIES = ['1m', '5m', '15m', '30m', '1h', '1d', '1w', '1mo'] as const;

/** One of them. Weeks begin on Monday. */
export type Granularity = (typeof GRANULARITIES)[number];

/** From `start` up to but without `end`; ms. */
export interface Period {
  readonly start: number;
  readonly end: number;
}

/** Whether a text names a granularity. */
export function isGranularity(text: string): text is Granularity {
  return (GRANULARITIES as readonly string[]).includes(text);
}

/** The shortest that a period of a granularity can be, where its zone's clock does not jump; ms. */
export function usualLengthMs(granularity: Granularity): number {
  if (Object.hasOwn(CLOCK, granularity)) return CLOCK[granularity as keyof typeof CLOCK];
  return { '1d': 1, '1w': 7, '1mo': 28 }[granularity as '1d' | '1w' | '1mo'] * DAY_MS;
}

/** The period that an instant is in. */
export function periodOf(instant: number, granularity: Granularity, zone: Zone): Period {
  if (Object.hasOwn(CLOCK, granularity)) return clockPeriod(instant, CLOCK[granularity as keyof typeof CLOCK], zone);
  return calendarPeriod(instant, granularity as '1d' | '1w' | '1mo', zone);
}

/** From `start` on, periods of the clock begin every `sizeMs` from `origin`, until the clock jumps; ms. */
export interface ClockPiece {
  readonly start: number;
  readonly origin: number;
  readonly sizeMs: number;
}

/** What `periodOf` says of a span in a few numbers, of granularities of the clock; null of others. */
export function clockPieces(from: number, to: number, granularity: Granularity, zone: Zone): ClockPiece[] | null {
  if (!Object.hasOwn(CLOCK, granularity)) return null;
  const sizeMs = CLOCK[granularity as keyof typeof CLOCK];
  const pieces: ClockPiece[] = [{ start: from, origin: -zone.offsetMs(from), sizeMs }];
  for (let at = from; at < to; at += DAY_MS) {
    // No zone's clock jumps twice within a day.
    if (zone.offsetMs(at) === zone.offsetMs(at + DAY_MS)) continue;
    const start = jump(at, at + DAY_MS, zone);
    pieces.push({ start, origin: -zone.offsetMs(start), sizeMs });
  }
  return pieces;
}

/** Periods without a gap from one that `from` is in to one that holds the last instant before `to`; null: more than `max`. */
export function periodsBetween(
  from: number,
  to: number,
  granularity: Granularity,
  zone: Zone,
  max: number,
): Period[] | null {
  const periods: Period[] = [];
  for (let at = from; at < to;) {
    if (periods.length === max) return null;
    const period = periodOf(at, granularity, zone);
    periods.push(period);
    at = period.end;
  }
  return periods;
}

function clockPeriod(instant: number, sizeMs: number, zone: Zone): Period {
  const offset = zone.offsetMs(instant);
  const start = Math.floor((instant + offset) / sizeMs) * sizeMs - offset;
  const end = start + sizeMs;
  return {
    start: zone.offsetMs(start) === offset ? start : jump(start, instant, zone),
    end: zone.offsetMs(end - 1) === offset ? end : jump(instant, end, zone),
  };
}

/** The first ms in `from < t <= to` at which the clock has jumped. */
function jump(from: number, to: number, zone: Zone): number {
  const before = zone.offsetMs(from);
  let low = from;
  let high = to;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (zone.offsetMs(middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

function calendarPeriod(instant: number, granularity: '1d' | '1w' | '1mo', zone: Zone): Period {
  const today = Math.floor((instant + zone.offsetMs(instant)) / DAY_MS);
  let day = firstDay(today, granularity);
  // Where the clock goes back over midnight, the day before goes on until midnight comes for good.
  if (midnight(day, zone) > instant) day = firstDay(day - 1, granularity);
  const start = midnight(day, zone);
  let next = day;
  let end = start;
  // A day that a zone left out has no length.
  while (end <= start) {
    next = following(next, granularity);
    end = midnight(next, zone);
  }
  return { start, end };
}

function midnight(day: number, zone: Zone): number {
  return zone.instantOf(day * DAY_MS);
}

/** The first day of the period that a day is in; days since 1970, which was a Thursday. */
function firstDay(day: number, granularity: '1d' | '1w' | '1mo'): number {
  if (granularity === '1d') return day;
  if (granularity === '1w') return day - ((((day + 3) % 7) + 7) % 7);
  const { year, month } = dateOf(day);
  return daysOf(year, month, 1);
}

function following(day: number, granularity: '1d' | '1w' | '1mo'): number {
  if (granularity === '1d') return day + 1;
  if (granularity === '1w') return day + 7;
  const { year, month } = dateOf(day);
  return daysOf(year, month + 1, 1);
}
