/** Printed expressions against the evaluator, over batches of every column shape. */
import { beforeAll, expect, test } from 'vitest';
import type { ColumnBatch } from '../../src/event/columns.js';
import { batchFromRows } from '../../src/event/rows.js';
import { shapeOf } from '../../src/mill/kernels/columns.js';
import { printExpression } from '../../src/mill/kernels/print.js';
import { KernelRow } from '../../src/mill/kernels/kernel-row.js';
import { KernelEnvironment, KernelSource } from '../../src/mill/kernels/source.js';
import { Decimal } from '../../src/sql/decimal.js';
import { compile } from '../../src/sql/evaluate.js';
import type { Expression } from '../../src/sql/plan.js';
import { staticScale } from '../../src/sql/scale.js';
import { MillraceError } from '../../src/util/errors.js';
import { loadParser } from '../../src/util/sql-text.js';
import { bindText } from './bind-text.js';
import { isRepeated, oracleCalls } from './oracle-calls.js';
import { EXPRESSIONS } from './oracle-expressions.js';
import { randomRows, SCHEMA } from './oracle-rows.js';
import { rounds } from '../sim/rounds.js';

const SEED = Number(process.env['MILLRACE_SEED'] ?? 7);

/** Expressions in which printing differs from calling: NULL logic, laziness, scales. */
const MORE = [
  'f AND (i / k) > 1',
  'k <> 0 AND i / k > 1',
  'k = 0 OR i / k > 1',
  'CASE WHEN k <> 0 THEN i / k END',
  'CASE WHEN k = 0 THEN NULL WHEN f THEN n ELSE m * 2 END',
  'CASE WHEN f THEN n ELSE 0 END',
  "CASE WHEN s = 'abc' THEN n ELSE m END",
  'coalesce(n, m, 0)',
  'coalesce(n, m)',
  'coalesce(NULL, n)',
  'coalesce(i, i / nullif(k, k))',
  'n + m',
  'n - m',
  'n * m',
  'n * m + n',
  'n + i',
  'n * b',
  '-n > m',
  'n > 1.5',
  'n * 2 >= m',
  'n = m',
  'n <> 0.000001',
  'n > i',
  '(n + m) * (n - m) * 1.25',
  "s = 'abc' AND n > 0",
  "s = 'abc' OR n > 0 OR f",
  "lower(s) = 'abc' AND NOT (t LIKE 'a%' OR g)",
  "s IN ('abc', 'a') AND i > 0",
  "s NOT IN ('abc', NULL)",
  'NOT (f AND g)',
  '(f OR g) IS NULL',
  '(n > m) IS NOT NULL',
  's::bigint > 0',
  'u = v',
  'ts > tz',
  'greatest(n, m) - least(n, m)',
  'f = g',
  "t || '-' || s",
  'd > 0.5 AND e < 1e10',
  'window_start < ts AND window_end > window_start',
];

beforeAll(loadParser);

const START = 1_700_000_000_000;

/** Rows in the shapes that batches have: few values make narrow columns, extremes wide ones. */
function batches(): ColumnBatch[] {
  const wild = randomRows(rounds(24, 60), SEED).map((row) => ({
    ...row,
    j: row['j'] === null ? null : JSON.parse(row['j'] as string),
    x: bytes(row['x']),
    y: bytes(row['y']),
  }));
  const tame = wild.map((row, i) => ({
    ...row,
    b: i,
    c: i % 7,
    i: i % 11,
    k: i % 3,
    n: `${i}.25`,
    m: '1.500000',
    ts: START + i,
    tz: START + (i % 5),
    d: i / 3,
    f: i % 2 === 0,
  }));
  return [batchFromRows(SCHEMA, wild), batchFromRows(SCHEMA, tame)];
}

function bytes(hex: unknown): unknown {
  return hex === null ? null : Uint8Array.from(Buffer.from(hex as string, 'hex'));
}

/** What a value or an error looks like, equal for equal ones only. */
function shown(value: unknown): string {
  if (value instanceof Decimal) return `numeric ${value.toString()}`;
  if (typeof value === 'bigint') return `bigint ${value}`;
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `[${value.map(shown).join()}]`;
  return JSON.stringify(value) ?? 'undefined';
}

function attempt(run: () => unknown): string {
  try {
    return shown(run());
  } catch (error) {
    if (error instanceof MillraceError) return `error ${error.message}`;
    throw error;
  }
}

function evaluated(expression: Expression, batch: ColumnBatch): string[] {
  const compiled = compile(expression);
  const row = new KernelRow();
  Object.assign(row, { batch, windowStart: START, windowEnd: START + 60_000 });
  return Array.from({ length: batch.rows }, (_, index) => {
    row.row = index;
    return attempt(() => compiled(row));
  });
}

function printed(expression: Expression, batch: ColumnBatch, decimals: boolean): string[] {
  const environment = new KernelEnvironment(SCHEMA, () => {
    throw new Error('no key is made here');
  });
  const shapes = new Map(SCHEMA.columns.map((_, index) => [index, shapeOf(batch.column(index))]));
  const source = new KernelSource(environment, shapes);
  const { shared, prelude, value, isNull, scale } = printExpression(source, expression, decimals);
  const text = `${source.names()}\nreturn (start, end, i) => {\n${shared.join('\n')}\n${prelude}\nreturn ${isNull === 'false' ? value : `(${isNull}) ? null : (${value})`};\n}`;
  const make = new Function('columns', text) as (columns: unknown) => (...args: unknown[]) => unknown;
  const run = make(source.bound(batch));
  return Array.from({ length: batch.rows }, (_, index) =>
    attempt(() => {
      const result = run(START, START + 60_000, index);
      return scale === undefined || result === null ? result : new Decimal(BigInt(result as number), scale);
    }),
  );
}

function bound(sql: string): Expression | undefined {
  try {
    return bindText(sql, SCHEMA);
  } catch (error) {
    if (error instanceof MillraceError) return undefined;
    throw error;
  }
}

test(`printed and evaluated expressions agree, seed ${SEED}`, () => {
  const all = batches();
  const calls = oracleCalls()
    .filter(({ entry }) => !isRepeated(entry))
    .map(({ sql }) => sql);
  const wrong: string[] = [];
  let compared = 0;
  for (const sql of [...MORE, ...EXPRESSIONS, ...calls]) {
    const expression = bound(sql);
    if (expression === undefined) continue;
    for (const [which, batch] of all.entries()) {
      const expected = evaluated(expression, batch);
      for (const decimals of [true, false]) {
        const found = printed(expression, batch, decimals);
        const row = found.findIndex((value, index) => value !== expected[index]);
        compared += batch.rows;
        if (row >= 0)
          wrong.push(`${sql}, batch ${which}, row ${row}: printed ${found[row]}, evaluated ${expected[row]}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(200_000);
}, 120_000);

test('a static scale is the scale of every value', () => {
  const wrong: string[] = [];
  for (const sql of [...MORE, ...EXPRESSIONS]) {
    const expression = bound(sql);
    const scale = expression?.type === 'numeric' ? staticScale(expression) : undefined;
    if (expression === undefined || scale === undefined) continue;
    const compiled = compile(expression);
    const row = new KernelRow();
    for (const batch of batches()) {
      for (row.batch = batch, row.row = 0; row.row < batch.rows; row.row++) {
        let value: unknown = null;
        try {
          value = compiled(row);
        } catch (error) {
          if (!(error instanceof MillraceError)) throw error;
        }
        if (value instanceof Decimal && value.scale !== scale)
          wrong.push(`${sql}: ${value.toString()}, not scale ${scale}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});
