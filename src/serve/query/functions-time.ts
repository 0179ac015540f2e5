/**
 * Functions on time. The session's zone is always UTC.
 */
import { once, quoteText } from './literals.js';
import { constantOf, same, type Signature } from './signature.js';
import { toCharParts } from './to-char.js';
import { numericOf, type Type } from './types.js';

const UNITS = [
  'microseconds',
  'milliseconds',
  'second',
  'minute',
  'hour',
  'day',
  'week',
  'month',
  'quarter',
  'year',
  'decade',
  'century',
];

/** Fields of extract → the type's scale and DuckDB's text. */
const FIELDS: Readonly<Record<string, readonly [scale: number, print: (x: string) => string]>> = {
  ...Object.fromEntries(
    [
      'year',
      'month',
      'day',
      'hour',
      'minute',
      'quarter',
      'week',
      'dow',
      'isodow',
      'doy',
      'isoyear',
      'decade',
      'century',
    ].map((field) => [field, [0, (x: string) => `date_part('${field}', ${x})`] as const]),
  ),
  second: [6, (x) => `(CAST(date_part('microseconds', ${x}) AS DECIMAL(38,0)) * CAST('0.000001' AS DECIMAL(38,6)))`],
  milliseconds: [3, (x) => `(CAST(date_part('microseconds', ${x}) AS DECIMAL(38,0)) * CAST('0.001' AS DECIMAL(38,3)))`],
  microseconds: [0, (x) => `date_part('microseconds', ${x})`],
  epoch: [6, (x) => `date_part('epoch', ${x})`],
};

const checkField: NonNullable<Signature['check']> = (args) => {
  const field = constantOf(args[0])?.toLowerCase();
  return field !== undefined && Object.hasOwn(FIELDS, field)
    ? null
    : `expected one of the fields ${Object.keys(FIELDS).join(', ')}`;
};

const checkUnit: NonNullable<Signature['check']> = (args) => {
  const unit = constantOf(args[0])?.toLowerCase();
  return unit !== undefined && UNITS.includes(unit.replace(/^(second|minute|hour|day|week|month|year)s$/, '$1'))
    ? null
    : `expected one of the units ${UNITS.join(', ')}`;
};

const fieldOf = (args: readonly unknown[]) => FIELDS[constantOf(args[0] as never)?.toLowerCase() ?? ''];

function fieldFunction(kind: 'extract' | 'date_part'): Signature[] {
  return (['timestamptz', 'timestamp', 'date', 'interval'] as const).map((type) => ({
    args: ['text', type],
    result:
      kind === 'extract'
        ? (_types: readonly Type[], args: readonly unknown[]) => numericOf(fieldOf(args)?.[0] ?? 0)
        : 'double precision',
    print: ([field, x]) => {
      // `field` is a checked constant, printed as a quoted literal.
      const [scale, print] = FIELDS[field!.slice(1, -1).toLowerCase()]!;
      return kind === 'extract' ? `CAST(${print(x!)} AS DECIMAL(38,${scale}))` : `CAST(${print(x!)} AS DOUBLE)`;
    },
    check: checkField,
  }));
}

const truncate = (unit: string, value: string) => `date_trunc(${unit}, ${value})`;

/** Parts of a day keep the offset that holds, so that an hour that comes twice stays two; days begin anew. */
function truncateInZone(unit: string, value: string, zone: string): string {
  const local = `timezone(${zone}, ${value})`;
  return /^'(microsecond|millisecond|second|minute|hour)s?'$/i.test(unit)
    ? once([value, zone], (x, z) => `${x} - (timezone(${z}, ${x}) - ${truncate(unit, `timezone(${z}, ${x})`)})`)
    : `timezone(${zone}, ${truncate(unit, local)})`;
}

/** Functions on time, by name. */
export const TIME_FUNCTIONS: Record<string, readonly Signature[]> = {
  extract: fieldFunction('extract'),
  date_part: fieldFunction('date_part'),
  date_trunc: [
    {
      args: ['text', 'timestamptz'],
      result: 'timestamptz',
      print: ([unit, x]) => truncate(unit!, x!),
      check: checkUnit,
    },
    { args: ['text', 'timestamp'], result: 'timestamp', print: ([unit, x]) => truncate(unit!, x!), check: checkUnit },
    { args: ['text', 'interval'], result: 'interval', print: ([unit, x]) => truncate(unit!, x!), check: checkUnit },
    {
      args: ['text', 'timestamptz', 'text'],
      result: 'timestamptz',
      print: ([unit, x, zone]) => truncateInZone(unit!, x!, zone!),
      check: checkUnit,
    },
  ],
  date_bin: [
    { args: ['interval', 'timestamptz', 'timestamptz'], result: 'timestamptz', print: same('time_bucket') },
    { args: ['interval', 'timestamp', 'timestamp'], result: 'timestamp', print: same('time_bucket') },
  ],
  timezone: [
    { args: ['text', 'timestamptz'], result: 'timestamp', print: same('timezone') },
    { args: ['text', 'timestamp'], result: 'timestamptz', print: same('timezone') },
  ],
  to_timestamp: [{ args: ['double precision'], result: 'timestamptz', print: same('to_timestamp') }],
  to_char: (['timestamptz', 'timestamp', 'date'] as const).map((type) => ({
    args: [type, 'text'],
    result: 'text',
    print: ([x, format]) =>
      `concat(${toCharParts(unquote(format!))!
        .map((part) => (part.kind === 'text' ? quoteText(part.text) : part.print(`CAST(${x} AS TIMESTAMP)`)))
        .join(', ')})`,
    check: (args) => {
      const format = constantOf(args[1]);
      if (format === null) return 'the format of to_char must be a constant';
      return toCharParts(format) === null
        ? 'to_char knows YYYY, YY, MM, DD, HH24, HH12, HH, MI, SS, MS, US, AM, PM, Mon, Month, Dy, Day, D, ID, DDD, IW, IYYY, Q and FM before them; other letters go in "quotes"'
        : null;
    },
  })),
  make_date: [{ args: ['integer', 'integer', 'integer'], result: 'date', print: same('make_date') }],
};

function unquote(literal: string): string {
  return literal.slice(1, -1).replaceAll("''", "'");
}
