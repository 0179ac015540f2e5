/** Random events as text: values of every type, key orders, escapes, blanks, nulls, unknown fields. */
import fc from 'fast-check';
import { defineSchema } from '../../src/event/schema-define.js';

/** One column of every type, nullable and not, more than 64 of them so that masks take two words. */
export const WIDE = defineSchema({
  columns: {
    id: 'uuid',
    tenant: 'dictionary',
    time: 'timestamp',
    name: 'string?',
    kind: 'dictionary?',
    tags: 'list?',
    blob: 'bytes?',
    count: 'int64?',
    ratio: 'double?',
    cost: 'decimal?',
    seen: 'timestamp?',
    flag: 'boolean?',
    props: 'json?',
    detail: 'json?',
    ...Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`filler_${i}`, 'string?' as const])),
    last: 'int64',
    last_note: 'string?',
  },
  tenant: 'tenant',
  eventId: 'id',
  eventTime: 'time',
});

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', 'é😀', '\ud800', 'a"b\\c\n', ' '),
  fc.string({ minLength: 100, maxLength: 300 }),
);
const short = fc.oneof(fc.constantFrom('view', 'click', 'purchase'), text);
const iso = fc
  .date({ min: new Date('1950-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());
const time = fc.oneof(
  fc.integer({ min: -8_640_000_000_000_000, max: 8_640_000_000_000_000 }),
  iso,
  iso.map((value) => value.slice(0, 10)),
  iso.map((value) => value.replace('Z', '-05:30')),
);
const decimal = fc.integer({ min: -99_999_999_999, max: 99_999_999_999 }).map((value) => value / 100);
const key = fc.oneof({ weight: 9, arbitrary: fc.stringMatching(/^[a-z é]{0,12}$/) }, { weight: 1, arbitrary: text });
const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  text,
);
const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 3 }),
  ),
})).value;

/** Values by column, as they would be written; a missing key is a missing field. */
const values = fc.record(
  {
    id: fc.uuid().chain((id) => fc.constantFrom(id, id.toUpperCase())),
    tenant: short,
    time,
    last: fc.integer(),
    name: fc.option(text),
    kind: fc.option(short),
    tags: fc.option(fc.array(short, { maxLength: 5 })),
    blob: fc.option(fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('base64'))),
    count: fc.option(fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String))),
    ratio: fc.option(fc.double({ noDefaultInfinity: true, noNaN: true })),
    cost: fc.option(
      fc.oneof(
        decimal,
        decimal.map((value) => value.toFixed(2)),
      ),
    ),
    seen: fc.option(time),
    flag: fc.option(fc.boolean()),
    props: fc.option(fc.dictionary(key, json, { maxKeys: 4 })),
    detail: fc.option(json),
    filler_7: fc.option(text),
    filler_58: fc.option(text),
    last_note: fc.option(text),
    received_at: json,
    unknown_field: json,
    ünknown: json,
  },
  { requiredKeys: ['id', 'tenant', 'time', 'last'] },
);

/** How an event is written. */
interface Style {
  /** Sort keys of the members. */
  readonly order: readonly number[];
  /** Blanks between tokens. */
  readonly blank: string;
  /** Write characters as \u escapes. */
  readonly escapes: boolean;
  /** Write numbers with an exponent. */
  readonly exponent: boolean;
}

/** Half of what follows would leave nothing to the scanner if each came in every second event. */
const rarely = fc.integer({ min: 0, max: 9 }).map((n) => n === 0);

const style: fc.Arbitrary<Style> = fc.record({
  order: fc.oneof(fc.constant([]), fc.array(fc.nat(), { minLength: 21, maxLength: 21 })),
  blank: fc.constantFrom('', '', ' ', '\t ', '\r'),
  escapes: rarely,
  exponent: rarely,
});

/** An event: its plain value and how it was written. */
export interface Written {
  readonly object: Record<string, unknown>;
  readonly text: string;
}

/** Random events. */
export const events: fc.Arbitrary<Written[]> = fc
  .array(fc.tuple(values, style), { minLength: 1, maxLength: 30 })
  .map((rows) =>
    rows.map(([object, how]) => ({
      object: object as Record<string, unknown>,
      text: write(object as Record<string, unknown>, how),
    })),
  );

function write(object: Record<string, unknown>, { order, blank, escapes, exponent }: Style): string {
  const keys = Object.keys(object).map((key, i) => [order[i] ?? i, key] as const);
  keys.sort((a, b) => a[0] - b[0]);
  const value = (input: unknown, inside: boolean): string => {
    if (typeof input === 'string') return quoted(input, escapes && !inside);
    if (typeof input === 'number' && exponent && !inside) return exponential(input);
    if (Array.isArray(input))
      return `[${blank}${input.map((item) => value(item, true)).join(`${blank},${blank}`)}${blank}]`;
    if (typeof input !== 'object' || input === null)
      return Object.is(input, -0) ? '-0.0' : String(JSON.stringify(input));
    const members = Object.entries(input).map(
      ([key, item]) => `${JSON.stringify(key)}${blank}:${blank}${value(item, true)}`,
    );
    return `{${blank}${members.join(`${blank},${blank}`)}${blank}}`;
  };
  const members = keys.map(
    ([, key]) => `${blank}${quoted(key, escapes)}${blank}:${blank}${value(object[key], false)}${blank}`,
  );
  return `{${members.join(',')}}`;
}

function exponential(value: number): string {
  const text = value.toExponential();
  return Object.is(value, -0) ? '-0e0' : text.replace('e+', 'E+');
}

function quoted(text: string, escapes: boolean): string {
  const plain = JSON.stringify(text);
  if (!escapes) return plain;
  return plain.replaceAll(/[a-f/]/g, (char, at: number) =>
    plain[at - 1] === '\\' || /\\u[0-9a-f]{0,3}$/.test(plain.slice(0, at))
      ? char
      : `\\u00${char.codePointAt(0)!.toString(16)}`,
  );
}
