/** Every function on hostile values: a wrong row is an error of SQL, never one of JavaScript, and takes no memory or time. */
import { expect, test } from 'vitest';
import { Decimal, parseDecimal } from '../../src/sql/decimal.js';
import { functionTable } from '../../src/sql/functions/index.js';
import { quantify } from '../../src/sql/functions/items.js';
import type { EvaluateValues, FunctionDefinition } from '../../src/sql/functions/registry.js';
import type { ScalarType, SqlType } from '../../src/sql/plan.js';
import { isArray, itemOf } from '../../src/sql/types.js';
import type { Item, Value } from '../../src/sql/value.js';
import { MillraceError } from '../../src/util/errors.js';
import { randomOf } from './oracle-rows.js';
import { rounds } from '../sim/rounds.js';

const SEED = Number(process.env['MILLRACE_SEED'] ?? 20_261_129);
const CALLS = rounds(20, 60);
/** No single call may take more time of a processor: rows come by the hundred thousand a second. */
const CALL_MS_MAX = 2_000;

const INT32 = [0, 1, -1, 2, 7, -2_147_483_648, 2_147_483_647, 100, -100, 1_000_000];
const INT64: readonly Item[] = [...INT32, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, Number.MAX_SAFE_INTEGER];
const DOUBLES = [0, -0, 1, -1, 0.5, 1e308, -1e308, 5e-324, Infinity, -Infinity, NaN, 1e15, 2 ** 53, -2.5];
const DECIMALS = ['0', '1', '-1', '0.5', '-0.001', '1e30', '-1e30', '1e-30', '99999.99999', '1e2000', '1e-1500'];
const TIMES = [0, -1, 1, 0.001, -62_167_219_200_001, -210_866_803_200_000, 8_999_999_999_999_999, 253_402_300_799_999];
const TEXTS = [
  '',
  ' ',
  'a',
  'abc',
  '\\',
  '%',
  '%%_\\%',
  '(',
  '[',
  '(a+)+$',
  'a{1,255}',
  'a{1,65535}',
  '\0',
  '\ud800',
  'a\udc00b',
  '😀😀',
  'é'.normalize('NFD'),
  '\u{10ffff}',
  'x'.repeat(1_000),
  '{',
  '{}',
  '{a,NULL,"b"}',
  '{{1},{2}}',
  '[1:2]={1,2}',
  '[',
  '{"a":1,"a":[1,2.50,{"b":null}]}',
  '[[[[[[[[1]]]]]]]]',
  '['.repeat(5_000),
  '"\\ud800"',
  '"\\u0000"',
  '1e999999',
  '9'.repeat(400),
  '-0',
  '0x7fffffffffffffff',
  'NaN',
  'infinity',
  '2024-02-30',
  '2024-02-29 23:59:60',
  '999999-12-31',
  '24:00:00',
  '25:00',
  'epoch',
  '1 year 2 mons',
  'P1Y2M3DT4H5M6S',
  '99999999999 years',
  '\\x00ff',
  '\\xz',
  '\\400',
  'UTC',
  'Europe/Berlin',
  'No/Where',
  'constructor',
  '__proto__',
  'toString',
  'hour',
  'YYYY-MM-DD HH24:MI:SS.US',
  'FM9,999.99',
  'g',
  'base64',
  'NFC',
  '%1$s %s %I %L',
  '%*s',
  '%999999999s',
  '$1 $& \\1 \\9',
];

type Random = () => number;
const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

const documents = TEXTS.flatMap((text) => {
  try {
    return [(functionTable.castOf('text', 'jsonb')!.evaluate as EvaluateValues)(text) as string];
  } catch {
    // Most texts are no JSON.
    return [];
  }
});

const VALUES: Record<ScalarType, (random: Random) => Item> = {
  boolean: (random) => random() < 0.5,
  smallint: (random) => pick(random, [0, 1, -1, 32_767, -32_768]),
  integer: (random) => pick(random, INT32),
  bigint: (random) => pick(random, INT64),
  numeric: (random) => parseDecimal(pick(random, DECIMALS))!,
  real: (random) => Math.fround(pick(random, DOUBLES)),
  'double precision': (random) => pick(random, DOUBLES),
  text: (random) => pick(random, TEXTS),
  timestamptz: (random) => pick(random, TIMES),
  timestamp: (random) => pick(random, TIMES),
  date: (random) => pick(random, [0, -1, 19_782, -2_440_588, 2_145_042_540]),
  time: (random) => pick(random, [0, 0.001, 86_399_999.999, 86_400_000]),
  interval: (random) => ({
    months: pick(random, [0, 1, -1, 2_147_483_647, -2_147_483_647]),
    days: pick(random, [0, 1, -31, 2_147_483_647]),
    ms: pick(random, [0, 0.001, -1, 86_400_000, 9.1e15]),
  }),
  uuid: () => '123e4567-e89b-12d3-a456-426614174000',
  json: (random) => pick(random, documents),
  jsonb: (random) => pick(random, documents),
  bytea: (random) => Uint8Array.from({ length: Math.floor(random() * 5) }, () => Math.floor(random() * 256)),
};

function valueOf(type: SqlType, random: Random): Value {
  if (!isArray(type)) return VALUES[type](random);
  const item = VALUES[itemOf(type)];
  return Array.from({ length: Math.floor(random() * 4) }, () => (random() < 0.2 ? null : item(random)));
}

function typesOf(entry: FunctionDefinition, random: Random): readonly SqlType[] {
  if (entry.variadic === undefined) return entry.params;
  const type = entry.converts === undefined ? 'text' : entry.result;
  return Array.from({ length: entry.variadic + Math.floor(random() * 4) }, () => type);
}

/** Whether a value has the shape of its type. */
function fits(value: Value, type: SqlType): boolean {
  if (value === null) return true;
  if (isArray(type)) return Array.isArray(value) && value.every((item) => fits(item as Item, itemOf(type)));
  switch (type) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'smallint':
    case 'integer':
    case 'date':
      return Number.isInteger(value) && !Object.is(value, -0);
    case 'bigint':
      return typeof value === 'bigint' ? value > 2n ** 53n - 1n || value < 1n - 2n ** 53n : Number.isSafeInteger(value);
    case 'numeric':
      return value instanceof Decimal && value.scale >= 0;
    case 'real':
      return typeof value === 'number' && Object.is(Math.fround(value), value);
    case 'double precision':
      return typeof value === 'number';
    case 'timestamptz':
    case 'timestamp':
    case 'time':
      return typeof value === 'number' && Number.isFinite(value);
    case 'interval':
      return typeof value === 'object' && 'months' in value && Number.isFinite(value.ms);
    case 'bytea':
      return value instanceof Uint8Array;
    default:
      return typeof value === 'string';
  }
}

function shown(values: readonly Value[]): string {
  const text = JSON.stringify(values, (_, value: unknown) =>
    typeof value === 'bigint' || value instanceof Decimal || Object.is(value, -0) ? String(value) : value,
  );
  return text.slice(0, 200);
}

test(`no function throws an error of JavaScript or answers another type, seed ${SEED}`, () => {
  const random = randomOf(SEED);
  const wrong: string[] = [];
  const operators = functionTable.all().filter(({ name }) => ['=', '<', 'like', '~'].includes(name));
  const quantified = operators
    .filter(({ params }) => params.length === 2 && !isArray(params[1]!))
    .map((entry) => quantify(entry, 'ANY'));
  for (const entry of [...functionTable.all(), ...quantified]) {
    const evaluate = entry.evaluate as EvaluateValues;
    for (let i = 0; i < CALLS; i++) {
      const nulls = entry.nulls === true ? 0.1 : 0;
      const args = typesOf(entry, random).map((type) => (random() < nulls ? null : valueOf(type, random)));
      const call = `${entry.name}(${entry.params.join(', ')}) of ${shown(args)}`;
      const start = process.cpuUsage();
      try {
        const value = evaluate(...args);
        if (!fits(value, entry.result)) wrong.push(`${call} answers ${shown([value])}, no ${entry.result}`);
      } catch (error) {
        if (!(error instanceof MillraceError)) wrong.push(`${call} throws ${String(error)}`);
        else if (error.code !== 'SQL_RUNTIME') wrong.push(`${call} throws ${error.code}: ${error.message}`);
        else if (entry.fails !== true) wrong.push(`${call} is not said to fail, and throws ${error.message}`);
      }
      const { system, user } = process.cpuUsage(start);
      const tookMs = (system + user) / 1_000;
      if (tookMs > CALL_MS_MAX) wrong.push(`${call} takes ${Math.round(tookMs)} ms`);
    }
  }
  if (wrong.length > 0) console.log(wrong.join('\n'));
  expect(wrong).toEqual([]);
}, 180_000);
