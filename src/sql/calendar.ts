/** Days, clocks and their text: the proleptic Gregorian calendar, ms since 1970. */
import { clockText, roundMicros } from './interval.js';
import { isoSpelling } from './spelled-time.js';
import { evaluationError } from './value.js';
import type { Interval } from './value.js';

/** ms of a day. */
export const DAY_MS = 86_400_000;
/** Past this size a double of ms holds no microseconds: only whole ms are allowed. */
const MICROS_MS_MAX = 2 ** 43;
const TIMESTAMP_MS_MIN = -210_866_803_200_000;
const TIMESTAMP_MS_MAX = 9_000_000_000_000_000;

/** A calendar reading; `year` 0 is 1 BC. `ms` is the time of day. */
export interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly ms: number;
}

/** Days since 1970 of a date (months beyond 1..12 carry). Howard Hinnant's `days_from_civil`. */
export function daysOf(year: number, month: number, day: number): number {
  const carried = year + Math.floor((month - 1) / 12);
  const m = ((((month - 1) % 12) + 12) % 12) + 1;
  const y = m <= 2 ? carried - 1 : carried;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (m + (m > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The date of days since 1970: `civil_from_days`. */
export function dateOf(days: number): { year: number; month: number; day: number } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return { year, month, day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1 };
}

/** The calendar reading of a timestamp. */
export function civilOf(timestamp: number): Civil {
  const days = Math.floor(timestamp / DAY_MS);
  return { ...dateOf(days), ms: roundMicros(timestamp - days * DAY_MS) };
}

/** The timestamp of a calendar reading. */
export function timestampOf(year: number, month: number, day: number, ms = 0): number {
  return checkTimestamp(roundMicros(daysOf(year, month, day) * DAY_MS + ms));
}

/** Refuses what PostgreSQL's range or a double's precision does not hold. */
export function checkTimestamp(timestamp: number): number {
  if (!(timestamp >= TIMESTAMP_MS_MIN && timestamp < TIMESTAMP_MS_MAX)) throw evaluationError('timestamp out of range');
  if (Math.abs(timestamp) > MICROS_MS_MAX && !Number.isInteger(timestamp)) {
    throw evaluationError('timestamp out of range: microseconds are not supported before 1692 and after 2248');
  }
  return timestamp;
}

const DATE_MIN = -2_440_588;
const DATE_MAX = 2_145_042_541;

/** Refuses days outside PostgreSQL's range of dates. */
export function checkDate(days: number): number {
  if (days < DATE_MIN || days >= DATE_MAX) throw evaluationError('date out of range');
  return days;
}

/** How many days a month has. */
export function daysInMonth(year: number, month: number): number {
  return daysOf(year, month + 1, 1) - daysOf(year, month, 1);
}

/** A wall-clock timestamp plus an interval: months first (the day is clamped), then days, then time. */
export function addToTimestamp(timestamp: number, interval: Interval): number {
  let result = timestamp;
  if (interval.months !== 0) {
    const civil = civilOf(result);
    const index = civil.year * 12 + (civil.month - 1) + interval.months;
    const year = Math.floor(index / 12);
    const month = index - year * 12 + 1;
    result = timestampOf(year, month, Math.min(civil.day, daysInMonth(year, month)), civil.ms);
  }
  return checkTimestamp(roundMicros(result + interval.days * DAY_MS + interval.ms));
}

/** `2024-02-29`, with ` BC` apart. */
function dateParts(year: number, month: number, day: number): { text: string; era: string } {
  const two = (n: number): string => String(n).padStart(2, '0');
  const shown = year > 0 ? year : 1 - year;
  return { text: `${String(shown).padStart(4, '0')}-${two(month)}-${two(day)}`, era: year > 0 ? '' : ' BC' };
}

/** A date's text. */
export function dateText(days: number): string {
  const { year, month, day } = dateOf(days);
  const { text, era } = dateParts(year, month, day);
  return text + era;
}

/** A timestamp's text; `zone` is appended before BC: `+00`. */
export function timestampText(timestamp: number, zone = ''): string {
  const { year, month, day, ms } = civilOf(timestamp);
  const { text, era } = dateParts(year, month, day);
  return `${text} ${clockText(ms)}${zone}${era}`;
}

/** What a time text says: the wall clock's reading, and its distance from UTC or its zone's name. */
export interface TimeText {
  readonly local: number;
  readonly offsetMs: number | undefined;
  readonly zone: string | undefined;
}

const TIME_TEXT =
  /^(\d{4,6})-(\d{1,2})-(\d{1,2})(?:(?:[ Tt]+)(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d*)?))?)?\s*(?:([Zz]|utc|gmt)|([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?|([A-Za-z_]+(?:\/[A-Za-z_+-]+)+))?\s*(bc|ad)?$/i;

/**
 * Reads ISO 8601 as PostgreSQL does: `2024-02-29 23:59:59.5+01`, `2024-02-29T12:00Z`,
 * `2024-02-29 12:00 Europe/Berlin`, and dates with a month's name or with slashes. Other spellings that PostgreSQL takes
 * are refused.
 */
export function parseTime(text: string, type: string): TimeText {
  const body = text.trim();
  if (body.toLowerCase() === 'epoch') return { local: 0, offsetMs: 0, zone: undefined };
  if (/^[+-]?inf(inity)?$/i.test(body))
    throw evaluationError(`${type} "${text}" is not supported: times are finite here`);
  // Eight digits are a date without dashes.
  const dashed = body.replace(/^(\d{4})(\d{2})(\d{2})(?=$|[ Tt])/, '$1-$2-$3');
  const match = TIME_TEXT.exec(dashed) ?? TIME_TEXT.exec(isoSpelling(dashed) ?? '');
  if (match === null) throw evaluationError(`invalid input syntax for type ${type}: "${text}" (expected ISO 8601)`);
  const [, yearText, monthText, dayText, hour = '0', minute = '0', second = '0'] = match;
  const shown = Number(yearText);
  const year = match[13]?.toLowerCase() === 'bc' ? 1 - shown : shown;
  const month = Number(monthText);
  const day = Number(dayText);
  const ms = roundMicros(Number(hour) * 3_600_000 + Number(minute) * 60_000 + Number(second) * 1000);
  const inRange =
    shown >= 1 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysInMonth(year, month) &&
    Number(minute) < 60 &&
    Number(second) <= 60 &&
    ms <= DAY_MS;
  if (!inRange) throw evaluationError(`date/time field value out of range: "${text}"`);
  return { local: timestampOf(year, month, day, ms), offsetMs: offsetOf(match, text), zone: match[12] };
}

function offsetOf(match: RegExpExecArray, text: string): number | undefined {
  if (match[7] !== undefined) return 0;
  if (match[8] === undefined) return undefined;
  const seconds = Number(match[9]) * 3600 + Number(match[10] ?? 0) * 60 + Number(match[11] ?? 0);
  if (seconds >= 16 * 3600 || Number(match[10] ?? 0) > 59)
    throw evaluationError(`time zone displacement out of range: "${text}"`);
  return (match[8] === '-' ? -seconds : seconds) * 1000;
}
