/** Random rows of a schema with every column type, for property tests. */
import fc from 'fast-check';
import type { Schema } from '../../src/event/schema.js';
import { defineSchema } from '../../src/event/schema-define.js';

/** Every type, each once required and once nullable where the type allows. */
export const EVERY_TYPE: Schema = defineSchema({
  columns: {
    tenant: 'dictionary',
    id: 'uuid',
    time: 'timestamp',
    u: 'uuid?',
    s: 'string',
    s2: 'string?',
    d: 'dictionary?',
    l: 'list',
    l2: 'list?',
    b: 'bytes?',
    i: 'int64',
    i2: 'int64?',
    f: 'double?',
    m: 'decimal',
    m2: 'decimal?',
    t: 'timestamp?',
    o: 'boolean?',
    j: 'json?',
  },
  tenant: 'tenant',
  eventId: 'id',
  eventTime: 'time',
});

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const uuid = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const word = fc.constantFrom('', 'a', 'bb', 'click', 'ü', '日本', 'x'.repeat(300));
const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 3 });
const int64 = fc.oneof(
  fc.integer({ min: -200, max: 200 }),
  fc.maxSafeInteger(),
  fc
    .bigInt(-(2n ** 63n), 2n ** 63n - 1n)
    .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value))),
);
const decimal = fc
  .oneof(
    fc.integer({ min: -500, max: 500 }).map((value) => BigInt(value) * 10_000n),
    fc.bigInt(-(10n ** 18n) + 1n, 10n ** 18n - 1n),
  )
  .map(decimalText);
const time = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_060_000 }),
  fc.integer({ min: -8_000_000_000_000, max: 8_000_000_000_000 }),
);
const json = fc
  .jsonValue({ maxDepth: 2 })
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
  .filter((value) => value !== null);
const double = fc.double({ noNaN: true }).map((value) => (Object.is(value, -0) ? 0 : value));

function decimalText(value: bigint): string {
  const size = value < 0n ? -value : value;
  return `${value < 0n ? '-' : ''}${size / 1_000_000n}.${String(size % 1_000_000n).padStart(6, '0')}`;
}

/** One row of `EVERY_TYPE`, `received_at` left out. */
export const everyRow: fc.Arbitrary<Record<string, unknown>> = fc.record({
  tenant: fc.constantFrom('t1', 't2', 'tenant-3', 'Ä'),
  id: uuid,
  time,
  u: nullable(uuid),
  s: text,
  s2: nullable(text),
  d: nullable(word),
  l: fc.array(word, { maxLength: 4 }),
  l2: nullable(fc.array(word, { maxLength: 3 })),
  b: nullable(fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('base64'))),
  i: int64,
  i2: nullable(int64),
  f: nullable(double),
  m: decimal,
  m2: nullable(decimal),
  t: nullable(time),
  o: nullable(fc.boolean()),
  j: nullable(json),
});

/** 1 to 70 rows: bitmaps of more than 64 bits included. */
export const everyRows = fc.array(everyRow, { minLength: 1, maxLength: 70 });
