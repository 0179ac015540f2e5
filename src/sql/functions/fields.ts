/** date_trunc, extract and date_part. */
import type { MillraceError } from '../../util/errors.js';
import { checkTimestamp, civilOf, dateOf, DAY_MS, daysOf } from '../calendar.js';
import type { Civil } from '../calendar.js';
import { addDecimal, Decimal, decimalToDouble, divideDecimal } from '../decimal.js';
import { roundMicros, unitName } from '../interval.js';
import { truncateInterval } from '../interval-math.js';
import type { SqlType } from '../plan.js';
import { typeName } from '../types.js';
import { evaluationError } from '../value.js';
import type { Interval, Value } from '../value.js';
import { zoneOf } from '../zones.js';
import type { Zone } from '../zones.js';
import { define } from './registry.js';
import type { Evaluate, EvaluateValues, FunctionDefinition } from './registry.js';

const MORE_UNITS: Readonly<Record<string, string>> = {
  quarter: 'quarter',
  qtr: 'quarter',
  quarters: 'quarter',
  millennium: 'millennium',
  millennia: 'millennium',
  mil: 'millennium',
  mils: 'millennium',
  c: 'century',
  cent: 'century',
  dec: 'decade',
  decs: 'decade',
};

/** A unit's one name, as `date_trunc` and `extract` take it; undefined when there is none. */
function fieldName(text: string): string | undefined {
  const lower = text.toLowerCase();
  return Object.hasOwn(MORE_UNITS, lower) ? MORE_UNITS[lower] : unitName(lower);
}

const SUBDAY: Readonly<Record<string, number>> = {
  microsecond: 0.001,
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
};

/** A wall clock's reading cut to a unit. */
function truncate(unit: string, local: number): number {
  const size = SUBDAY[unit];
  if (size !== undefined) {
    const whole = Number.isInteger(local) && size >= 1;
    return whole
      ? Math.floor(local / size) * size
      : roundMicros((Math.floor(Math.round(local * 1000) / (size * 1000)) * size * 1000) / 1000);
  }
  const day = Math.floor(local / DAY_MS);
  if (unit === 'day') return day * DAY_MS;
  const { year, month } = dateOf(day);
  switch (unit) {
    case 'week':
      return (day - ((((day + 3) % 7) + 7) % 7)) * DAY_MS;
    case 'month':
      return daysOf(year, month, 1) * DAY_MS;
    case 'quarter':
      return daysOf(year, month - ((month - 1) % 3), 1) * DAY_MS;
    case 'year':
      return daysOf(year, 1, 1) * DAY_MS;
    case 'decade':
      return daysOf(year > 0 ? Math.trunc(year / 10) * 10 : -Math.trunc((8 - (year - 1)) / 10) * 10, 1, 1) * DAY_MS;
    case 'century':
      return daysOf(year > 0 ? century(year) * 100 - 99 : century(year) * 100 + 1, 1, 1) * DAY_MS;
    case 'millennium':
      return daysOf(year > 0 ? millennium(year) * 1000 - 999 : millennium(year) * 1000 + 1, 1, 1) * DAY_MS;
    default:
      throw evaluationError(`unit "${unit}" not supported`);
  }
}

const century = (year: number): number =>
  year > 0 ? Math.trunc((year + 99) / 100) : -Math.trunc((99 - (year - 1)) / 100);
const millennium = (year: number): number =>
  year > 0 ? Math.trunc((year + 999) / 1000) : -Math.trunc((999 - (year - 1)) / 1000);

function unitOf(text: string, type: SqlType): string {
  const unit = fieldName(text);
  if (unit === undefined) throw evaluationError(`unit "${text}" not recognized for type ${typeName(type)}`);
  return unit;
}

function truncateTimestamp(type: 'timestamp' | 'timestamptz'): Evaluate {
  return (unit: string, timestamp: number) => checkTimestamp(truncate(unitOf(unit, type), timestamp));
}

/** Cut by a zone's wall clock. Units below a day keep the row's own distance from UTC. */
function truncateInZone(unitText: string, instant: number, zoneName: string): number {
  return truncateBy(unitOf(unitText, 'timestamptz'), zoneOf(zoneName), instant);
}

function truncateBy(unit: string, zone: Zone, instant: number): number {
  const offset = zone.offsetMs(instant);
  const local = truncate(unit, roundMicros(instant + offset));
  return checkTimestamp(unit in SUBDAY ? roundMicros(local - offset) : zone.instantOf(local));
}

/** A constant unit, and zone, are looked up once. */
function prepareTruncate(type: 'timestamp' | 'timestamptz'): NonNullable<FunctionDefinition['prepare']> {
  return ([unitText, , zoneName]) => {
    const zone = typeof zoneName === 'string' ? zoneOf(zoneName) : undefined;
    if (typeof unitText !== 'string') return undefined;
    const unit = unitOf(unitText, type);
    if (zone !== undefined) return (_: string, instant: number) => truncateBy(unit, zone, instant);
    return zoneName === undefined
      ? (_: string, timestamp: number) => checkTimestamp(truncate(unit, timestamp))
      : undefined;
  };
}

const dayOfWeek = (days: number): number => (((days + 4) % 7) + 7) % 7;

/** The ISO year of a day, and the day its first week begins. */
export function isoYear(days: number): { year: number; week: number; dayOfYear: number } {
  const thursday = days - ((dayOfWeek(days) + 6) % 7) + 3;
  const { year } = dateOf(thursday);
  const firstThursday = daysOf(year, 1, 4) + 3 - ((dayOfWeek(daysOf(year, 1, 4)) + 6) % 7);
  const monday = firstThursday - 3;
  return { year, week: Math.floor((thursday - firstThursday) / 7) + 1, dayOfYear: days - monday + 1 };
}

const whole = (value: number): Decimal => new Decimal(BigInt(value), 0);
/** Microseconds as units of a scale; whole ms apart, since a double of microseconds may not hold them. */
function scaled(ms: number, scale: number): Decimal {
  const rest = ms - Math.trunc(ms);
  return new Decimal(BigInt(Math.trunc(ms)) * 1000n + BigInt(Math.round(rest * 1000)), scale);
}

const shownYear = (year: number): number => (year > 0 ? year : year - 1);

type Field = (civil: Civil, timestamp: number, days: number) => Decimal;

const DATE_FIELDS: Readonly<Record<string, Field>> = {
  millennium: ({ year }) => whole(millennium(year)),
  century: ({ year }) => whole(century(year)),
  decade: ({ year }) => whole(year >= 0 ? Math.trunc(year / 10) : -Math.trunc((8 - (year - 1)) / 10)),
  year: ({ year }) => whole(shownYear(year)),
  isoyear: (_, __, days) => whole(shownYear(isoYear(days).year)),
  quarter: ({ month }) => whole(Math.floor((month - 1) / 3) + 1),
  month: ({ month }) => whole(month),
  week: (_, __, days) => whole(isoYear(days).week),
  day: ({ day }) => whole(day),
  dow: (_, __, days) => whole(dayOfWeek(days)),
  isodow: (_, __, days) => whole(dayOfWeek(days) || 7),
  doy: ({ year }, _, days) => whole(days - daysOf(year, 1, 1) + 1),
};

const CLOCK_FIELDS: Readonly<Record<string, Field>> = {
  hour: ({ ms }) => whole(Math.floor(ms / 3_600_000)),
  minute: ({ ms }) => whole(Math.floor(ms / 60_000) % 60),
  second: ({ ms }) => scaled(ms % 60_000, 6),
  millisecond: ({ ms }) => scaled(ms % 60_000, 3),
  microsecond: ({ ms }) => scaled(ms % 60_000, 0),
  epoch: (_, timestamp) => scaled(timestamp, 6),
};

const ZONE_FIELDS: Readonly<Record<string, Field>> = {
  timezone: () => whole(0),
  timezone_hour: () => whole(0),
  timezone_minute: () => whole(0),
};

const JULIAN_OF_1970 = 2_440_588;
const DAY_MICROS = new Decimal(86_400_000_000n, 0);

/** The Julian day; of a timestamp with its part of a day behind the point. */
const JULIAN: Field = ({ ms }, _, days) =>
  addDecimal(whole(days + JULIAN_OF_1970), divideDecimal(scaled(ms, 0), DAY_MICROS));

function extractFrom(type: 'timestamptz' | 'timestamp' | 'date'): (field: string, value: number) => Decimal {
  const fields: Readonly<Record<string, Field>> = {
    ...DATE_FIELDS,
    ...(type === 'date'
      ? {
          epoch: (_: Civil, timestamp: number) => whole(timestamp / 1000),
          julian: (_: Civil, __: number, days: number) => whole(days + JULIAN_OF_1970),
        }
      : { ...CLOCK_FIELDS, julian: JULIAN }),
    ...(type === 'timestamptz' ? ZONE_FIELDS : {}),
  };
  return (field, value) => {
    const timestamp = type === 'date' ? value * DAY_MS : value;
    const name = extractName(field);
    const read = name !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (read === undefined) throw unknownField(field, name, type);
    return read(civilOf(timestamp), timestamp, Math.floor(timestamp / DAY_MS));
  };
}

function extractName(field: string): string | undefined {
  const lower = field.toLowerCase();
  return Object.hasOwn(DATE_FIELDS, lower) ||
    Object.hasOwn(ZONE_FIELDS, lower) ||
    lower === 'epoch' ||
    lower === 'julian'
    ? lower
    : fieldName(lower);
}

function unknownField(field: string, name: string | undefined, type: SqlType): MillraceError {
  const problem = name === undefined ? 'not recognized' : 'not supported';
  return evaluationError(`unit "${field}" ${problem} for type ${typeName(type)}`);
}

function extractFromInterval(field: string, { months, days, ms }: Interval): Decimal {
  const years = Math.trunc(months / 12);
  const clock = (size: number, modulus: number): Decimal => whole(Math.trunc(ms / size) % modulus);
  const name = extractName(field);
  switch (name) {
    case 'millennium':
      return whole(Math.trunc(years / 1000));
    case 'century':
      return whole(Math.trunc(years / 100));
    case 'decade':
      return whole(Math.trunc(years / 10));
    case 'year':
      return whole(years);
    case 'quarter':
      return whole(months >= 0 ? Math.floor((months % 12) / 3) + 1 : -(Math.floor((-months % 12) / 3) + 1));
    case 'month':
      return whole(months % 12);
    case 'week':
      return whole(Math.trunc(days / 7));
    case 'day':
      return whole(days);
    case 'hour':
      return clock(3_600_000, Infinity);
    case 'minute':
      return clock(60_000, 60);
    case 'second':
      return scaled(ms % 60_000, 6);
    case 'millisecond':
      return scaled(ms % 60_000, 3);
    case 'microsecond':
      return scaled(ms % 60_000, 0);
    case 'epoch':
      return scaled((years * 365.25 + (months % 12) * 30 + days) * DAY_MS + ms, 6);
    default:
      throw unknownField(field, name, 'interval');
  }
}

/** Of a time of day: the clock's fields alone. */
function extractFromTime(field: string, ms: number): Decimal {
  const name = extractName(field);
  const read = name !== undefined && Object.hasOwn(CLOCK_FIELDS, name) ? CLOCK_FIELDS[name] : undefined;
  if (read === undefined) throw unknownField(field, name, 'time');
  // 24:00 is hour 24.
  return read({ year: 0, month: 1, day: 1, ms }, ms, 0);
}

function truncateSpan(unitText: string, span: Interval): Interval {
  const unit = unitOf(unitText, 'interval');
  const cut = truncateInterval(unit, span);
  if (cut === undefined) throw evaluationError(`unit "${unitText}" not supported for type interval`);
  return cut;
}

/** Tries a constant field or zone while binding, so that a wrong one is refused there. */
function checking(evaluate: Evaluate, sample: Value): FunctionDefinition['prepare'] {
  return ([field, , zone]) => {
    if (typeof zone === 'string') zoneOf(zone);
    if (typeof field === 'string') (evaluate as EvaluateValues)(field, sample, 'UTC');
    return undefined;
  };
}

function entry(
  name: string,
  type: SqlType,
  result: SqlType,
  evaluate: Evaluate,
  more: readonly SqlType[] = [],
): FunctionDefinition {
  const prepare = checking(evaluate, type === 'interval' ? { months: 0, days: 0, ms: 0 } : 0);
  return define(name, ['text', type, ...more], result, evaluate, {
    fails: true,
    ...(prepare === undefined ? {} : { prepare }),
  });
}

const TIMES = ['timestamptz', 'timestamp', 'date'] as const;

const EXTRACT = {
  timestamptz: extractFrom('timestamptz'),
  timestamp: extractFrom('timestamp'),
  date: extractFrom('date'),
};

/** date_trunc, extract and date_part. */
export const fieldFunctions: readonly FunctionDefinition[] = [
  define('date_trunc', ['text', 'timestamptz'], 'timestamptz', truncateTimestamp('timestamptz'), {
    fails: true,
    prepare: prepareTruncate('timestamptz'),
  }),
  // The three-argument form: a zone that comes from rows is looked up by row.
  define('date_trunc', ['text', 'timestamptz', 'text'], 'timestamptz', truncateInZone, {
    fails: true,
    prepare: (constants) => (typeof constants[2] === 'string' ? prepareTruncate('timestamptz')(constants) : undefined),
  }),
  define('date_trunc', ['text', 'timestamp'], 'timestamp', truncateTimestamp('timestamp'), {
    fails: true,
    prepare: prepareTruncate('timestamp'),
  }),
  entry('date_trunc', 'interval', 'interval', truncateSpan),
  entry('extract', 'time', 'numeric', extractFromTime),
  entry('date_part', 'time', 'double precision', (field: string, ms: number) =>
    decimalToDouble(extractFromTime(field, ms)),
  ),
  ...TIMES.map((type) => entry('extract', type, 'numeric', EXTRACT[type])),
  entry('extract', 'interval', 'numeric', extractFromInterval),
  ...(['timestamptz', 'timestamp'] as const).map((type) =>
    entry('date_part', type, 'double precision', (field: string, value: number) =>
      decimalToDouble(EXTRACT[type](field, value)),
    ),
  ),
  // PostgreSQL casts a date to a timestamp here, so that its hour is 0 and no error.
  entry('date_part', 'date', 'double precision', (field: string, value: number) =>
    decimalToDouble(EXTRACT.timestamp(field, value * DAY_MS)),
  ),
  entry('date_part', 'interval', 'double precision', (field: string, value: Interval) =>
    decimalToDouble(extractFromInterval(field, value)),
  ),
];
