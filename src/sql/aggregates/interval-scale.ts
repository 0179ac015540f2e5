/** Intervals multiplied and divided, as PostgreSQL's `interval_mul` and `interval_div`. */
import { evaluationError } from '../value.js';
import type { Interval } from '../value.js';

const DAY_SECONDS = 86_400;
const MONTH_DAYS = 30;
const INT32 = 2 ** 31;
const INT64 = 2 ** 63;

/** An interval of whole parts. Throws 'interval out of range' where they do not fit PostgreSQL's. */
export function intervalOf(months: number, days: number, micros: number): Interval {
  if (Math.abs(months) >= INT32 || Math.abs(days) >= INT32 || Math.abs(micros) >= INT64)
    throw evaluationError('interval out of range');
  return { months: months + 0, days: days + 0, ms: micros / 1000 + 0 };
}

/** Each part scaled; a fraction of a month becomes days of 30 to one, a fraction of a day becomes time. */
export function scaledInterval({ months, days, ms }: Interval, scale: (amount: number) => number): Interval {
  const wholeMonths = Math.trunc(scale(months));
  let wholeDays = Math.trunc(scale(days));
  const monthDays = roundedMicros((scale(months) - wholeMonths) * MONTH_DAYS);
  let seconds = roundedMicros((scale(days) - wholeDays + monthDays - Math.trunc(monthDays)) * DAY_SECONDS);
  if (Math.abs(seconds) >= DAY_SECONDS) {
    const carried = Math.trunc(seconds / DAY_SECONDS);
    wholeDays += carried;
    seconds -= carried * DAY_SECONDS;
  }
  wholeDays += Math.trunc(monthDays);
  return intervalOf(wholeMonths, wholeDays, roundHalfEven(scale(Math.round(ms * 1000)) + seconds * 1e6));
}

/** Seconds to whole microseconds, as `TSROUND`. */
function roundedMicros(seconds: number): number {
  return roundHalfEven(seconds * 1e6) / 1e6;
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
