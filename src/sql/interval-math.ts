/** Intervals scaled, justified and counted between two days, after `src/backend/utils/adt/timestamp.c`. */
import { civilOf, daysInMonth } from './calendar.js';
import { roundHalfEven } from './functions/number-text.js';
import { roundMicros } from './interval.js';
import { evaluationError } from './value.js';
import type { Interval } from './value.js';

const DAY_SECONDS = 86_400;
const DAY_MS = 86_400_000;
const MONTH_DAYS = 30;
const INT32_MAX = 2 ** 31;

function outOfRange(): Error {
  return evaluationError('interval out of range');
}

/** Rounded to a millionth, as `TSROUND`. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

function whole(value: number): number {
  if (!(Math.abs(value) < INT32_MAX)) throw outOfRange();
  return Math.trunc(value) + 0;
}

/** Each part through `scale`; what is left of a month becomes days, what is left of a day becomes time. */
function scaled(span: Interval, scale: (part: number) => number): Interval {
  const months = whole(scale(span.months));
  let days = whole(scale(span.days));
  const monthRest = rounded((scale(span.months) - months) * MONTH_DAYS);
  let seconds = rounded((scale(span.days) - days + monthRest - Math.trunc(monthRest)) * DAY_SECONDS);
  if (Math.abs(seconds) >= DAY_SECONDS) {
    const more = Math.trunc(seconds / DAY_SECONDS);
    days += more;
    seconds -= more * DAY_SECONDS;
  }
  days = whole(days + Math.trunc(monthRest));
  const micros = scale(Math.round(span.ms * 1000)) + seconds * 1e6;
  if (!(Math.abs(micros) < 9.2e18)) throw outOfRange();
  return { months, days, ms: roundMicros(roundHalfEven(micros) / 1000) };
}

/** span * factor. */
export function multiplyInterval(span: Interval, factor: number): Interval {
  if (!Number.isFinite(factor)) throw outOfRange();
  return scaled(span, (part) => part * factor);
}

/** span / divisor. */
export function divideInterval(span: Interval, divisor: number): Interval {
  if (divisor === 0) throw evaluationError('division by zero');
  if (Number.isNaN(divisor)) throw outOfRange();
  return scaled(span, (part) => part / divisor);
}

/** Whole days out of the time, both of one sign. */
export function justifyHours({ months, days, ms }: Interval): Interval {
  const more = Math.trunc(ms / DAY_MS);
  return settled(months, days + more, ms - more * DAY_MS);
}

/** Whole months of 30 days out of the days, both of one sign. */
export function justifyDays({ months, days, ms }: Interval): Interval {
  const more = Math.trunc(days / MONTH_DAYS);
  let month = months + more;
  let day = days - more * MONTH_DAYS;
  if (month > 0 && day < 0) {
    day += MONTH_DAYS;
    month--;
  } else if (month < 0 && day > 0) {
    day -= MONTH_DAYS;
    month++;
  }
  return { months: month + 0, days: day + 0, ms };
}

/** Time and days of one sign. */
function settled(months: number, days: number, ms: number): Interval {
  const borrow = days > 0 && ms < 0 ? -1 : days < 0 && ms > 0 ? 1 : 0;
  return { months: months + 0, days: days + borrow + 0, ms: roundMicros(ms - borrow * DAY_MS) };
}

/** Days out of the time, months out of the days, all of one sign. */
export function justifyInterval(span: Interval): Interval {
  const moreDays = Math.trunc(span.ms / DAY_MS);
  const ms = span.ms - moreDays * DAY_MS;
  let days = span.days + moreDays;
  const moreMonths = Math.trunc(days / MONTH_DAYS);
  let months = span.months + moreMonths;
  days -= moreMonths * MONTH_DAYS;
  if (months > 0 && (days < 0 || (days === 0 && ms < 0))) {
    days += MONTH_DAYS;
    months--;
  } else if (months < 0 && (days > 0 || (days === 0 && ms > 0))) {
    days -= MONTH_DAYS;
    months++;
  }
  return settled(months, days, ms);
}

/** From `b` to `a` in years, months, days and time, as a person counts. */
export function ageBetween(a: number, b: number): Interval {
  const sign = a < b ? -1 : 1;
  const [later, earlier] = sign < 0 ? [civilOf(b), civilOf(a)] : [civilOf(a), civilOf(b)];
  let ms = roundMicros(later.ms - earlier.ms);
  let days = later.day - earlier.day;
  let months = later.year * 12 + later.month - (earlier.year * 12 + earlier.month);
  if (ms < 0) {
    ms = roundMicros(ms + DAY_MS);
    days--;
  }
  if (days < 0) {
    days += daysInMonth(earlier.year, earlier.month);
    months--;
  }
  return { months: sign * months + 0, days: sign * days + 0, ms: sign * ms + 0 };
}

const CUTS: Readonly<Record<string, number>> = {
  millennium: 12_000,
  century: 1_200,
  decade: 120,
  year: 12,
  quarter: 3,
  month: 1,
};
const CLOCK_CUTS: Readonly<Record<string, number>> = {
  hour: 3_600_000,
  minute: 60_000,
  second: 1_000,
  millisecond: 1,
  microsecond: 0.001,
};

/** Cut to a unit; undefined for a unit that intervals do not have. */
export function truncateInterval(unit: string, { months, days, ms }: Interval): Interval | undefined {
  const size = CUTS[unit];
  if (size !== undefined) return { months: Math.trunc(months / size) * size + 0, days: 0, ms: 0 };
  if (unit === 'day') return { months, days, ms: 0 };
  const clock = CLOCK_CUTS[unit];
  if (clock === undefined) return undefined;
  return { months, days, ms: clock < 1 ? ms : Math.trunc(ms / clock) * clock + 0 };
}
