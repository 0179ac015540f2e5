/** Random rows with NULLs and extremes, the same for PostgreSQL and for our evaluator. */
import { defineSchema } from '../../src/event/schema-define.js';

/** One column of every type, two of those that binary operators take. */
export const SCHEMA = defineSchema({
  columns: {
    t: 'string?',
    s: 'dictionary?',
    b: 'int64?',
    c: 'int64?',
    i: 'int64?',
    k: 'int64?',
    n: 'decimal?',
    m: 'decimal?',
    d: 'double?',
    e: 'double?',
    ts: 'timestamp?',
    tz: 'timestamp?',
    f: 'boolean?',
    g: 'boolean?',
    j: 'json?',
    u: 'uuid?',
    v: 'uuid?',
    l: 'list?',
    x: 'bytes?',
    y: 'bytes?',
  },
});

/** The columns' types for CREATE TABLE. */
export const TABLE =
  't text, s text, b bigint, c bigint, i bigint, k bigint, n numeric(18,6), m numeric(18,6), d float8, e float8, ts timestamptz, tz timestamptz, ' +
  'f boolean, g boolean, j json, u uuid, v uuid, l text[], x bytea, y bytea';

/** A small seeded generator (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

type Random = () => number;
const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

const TEXTS = [
  '',
  ' ',
  'a',
  'abc',
  'ABC',
  'aBc',
  'abcabc',
  ' padded\t',
  'xxabcxx',
  'a,b,,c',
  'a%b_c',
  '\\',
  'a\\b',
  '100',
  '-7',
  '+3',
  ' 42 ',
  '1.50',
  '-0.005',
  '1e3',
  '.5',
  'NaN',
  'Infinity',
  '9223372036854775807',
  '9223372036854775808',
  '2147483648',
  'true',
  'f',
  'yes',
  'off',
  'Äpfel',
  'ÀÉÎ',
  'straße',
  'İstanbul',
  'ΣΊΣΥΦΟΣ',
  '日本語',
  'a😀b',
  '😀',
  '\u{e000}',
  'e\u0301',
  'https://example.com/path?utm_source=x&b=2#frag',
  'http://sub.example.org',
  'user@example.com',
  'line1\nline2',
  '2024-02-29',
  '2024-02-29 23:59:59.999',
  '2023-02-29',
  '1999-12-31T23:00:00Z',
  '2024-03-31 02:30:00 Europe/Berlin',
  '2024-07-01 12:00:00+05:30',
  '0001-01-01 00:00:00 BC',
  '{"a":1}',
  '[1,2]',
  '{a,b,NULL}',
  '{"x y","q\\"r"}',
  '\\x00ff',
  '\\xzz',
  '1 day 02:03:04',
  '-3 hours',
  '1 year 2 mons ago',
  '123e4567-e89b-12d3-a456-426614174000',
  '{123E4567-E89B-12D3-A456-426614174000}',
  'x'.repeat(50),
  '12:34',
  'aaa',
  'foobar',
  'Ⅷ ⅷ',
];
const BIGINTS = [
  '0',
  '1',
  '-1',
  '2',
  '7',
  '-13',
  '10',
  '100',
  '2147483647',
  '-2147483648',
  '9007199254740991',
  '9007199254740993',
  '-9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '4611686018427387904',
  '3037000500',
];
const INTEGERS = ['0', '1', '-1', '2', '3', '-4', '5', '10', '-10', '100', '2147483647', '-2147483648', '65536', '12'];
const NUMERICS = [
  '0.000000',
  '0.000001',
  '-0.000001',
  '1.000000',
  '-1.000000',
  '1.500000',
  '2.500000',
  '-2.500000',
  '0.333333',
  '10.000000',
  '123.456789',
  '-123.456789',
  '9999.999999',
  '10000.000000',
  '999999999999.999999',
  '-999999999999.999999',
  '0.050000',
  '99.995000',
  '7.000000',
];
const DOUBLES = [
  '0',
  '-0',
  '1',
  '-1',
  '0.5',
  '1.5',
  '2.5',
  '-2.5',
  '0.1',
  '1e15',
  '1e-5',
  '123456789.123456789',
  '1e300',
  '-1e300',
  '1e-300',
  '5e-324',
  'Infinity',
  '-Infinity',
  'NaN',
  '9223372036854775807',
  '3.0000000000000004',
  '1e20',
  '0.0001',
  '2147483647.5',
];
const TIMES = [
  0, 1, -1, 1_700_000_000_000, 1_700_000_000_123, 951_782_400_000, 951_868_799_999, 1_711_846_800_000,
  1_711_846_799_999, 1_711_850_400_000, 1_729_990_800_000, 1_729_994_399_999, 1_729_994_400_000, 1_704_067_200_000,
  1_704_067_199_999, -2_208_988_800_000, -3_000_000_000_000, -62_135_596_800_000, -62_167_219_200_001,
  4_102_444_800_000, 32_503_680_000_000, 253_402_300_799_999, 1_709_251_199_999, 1_735_646_400_000, 1_577_664_000_000,
];
const JSONS = [
  '{}',
  '[]',
  'null',
  '1.50',
  '"text"',
  '{"a":1,"b":"x","c":null,"d":[1, 2,{"e":true}],"f":{"g":"h"}}',
  '{"a": {"b" : [ "x" ,"y" ]} , "a":"last"}',
  '[1,"two",null,[3],{"a":4}]',
  '{"a":"\\u00e9\\n\\"q\\""}',
  '{"\\u0061":1e2}',
  '{"a":"}]"}',
];
const UUIDS = [
  '123e4567-e89b-12d3-a456-426614174000',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
];
const LISTS = [
  [],
  ['a'],
  ['a', 'b'],
  ['bot', 'vip', ''],
  ['x y', 'q"r', 'back\\slash', 'NULL', '{}', 'é'],
  ['abc', 'ABC'],
];
const BYTES = ['', '00', '00ff', '616263', '616264', 'ffffffff'];

/** A row as PostgreSQL's parameters and as our values' texts. */
export type OracleRow = Readonly<Record<string, unknown>>;

const NULL_SHARE = 0.08;

/** Random rows. Values are texts, numbers (timestamps, ms), booleans, lists; null is NULL. */
export function randomRows(count: number, seed: number): OracleRow[] {
  const random = randomOf(seed);
  const digits = (size: number): string => String(Math.floor(random() * 10 ** size));
  const signed = (text: string): string => (random() < 0.4 ? `-${text}` : text);
  const text = (): string =>
    random() < 0.8
      ? pick(random, TEXTS)
      : Array.from({ length: Math.floor(random() * 8) }, () => pick(random, [...'abcABC %_.é😀1'])).join('');
  const bigint = (): string => (random() < 0.5 ? pick(random, BIGINTS) : signed(digits(1 + Math.floor(random() * 15))));
  const integer = (): string =>
    random() < 0.5 ? pick(random, INTEGERS) : signed(digits(1 + Math.floor(random() * 9)));
  const numeric = (): string =>
    random() < 0.4
      ? pick(random, NUMERICS)
      : signed(`${digits(1 + Math.floor(random() * 9))}.${digits(6).padStart(6, '0')}`);
  const double = (): string =>
    random() < 0.5 ? pick(random, DOUBLES) : String((random() - 0.5) * 10 ** Math.floor(random() * 12));
  const time = (): number => (random() < 0.5 ? pick(random, TIMES) : Math.floor((random() * 2 - 0.7) * 3e12));
  const make: Readonly<Record<string, () => unknown>> = {
    t: text,
    s: text,
    b: bigint,
    c: bigint,
    i: integer,
    k: integer,
    n: numeric,
    m: numeric,
    d: double,
    e: double,
    ts: time,
    tz: time,
    f: () => random() < 0.5,
    g: () => random() < 0.5,
    j: () => pick(random, JSONS),
    u: () => pick(random, UUIDS),
    v: () => pick(random, UUIDS),
    l: () => pick(random, LISTS),
    x: () => pick(random, BYTES),
    y: () => pick(random, BYTES),
  };
  return Array.from({ length: count }, () =>
    Object.fromEntries(Object.entries(make).map(([name, value]) => [name, random() < NULL_SHARE ? null : value()])),
  );
}
