/** Every plain aggregate on random values, against a real PostgreSQL. */
import { afterAll, describe, expect, test } from 'vitest';
import { aggregateTable } from '../../../src/sql/aggregates/index.js';
import type { SqlType } from '../../../src/sql/plan.js';
import type { Value } from '../../../src/sql/value.js';
import { randomOf } from '../oracle-rows.js';
import { startPostgres } from '../postgres.js';
import type { TestPostgres } from '../postgres.js';
import { aggregatorOf, casesOf, nameOf, resultOf, stateOf, taken } from './run.js';
import type { Args, Case } from './run.js';
import { literal, randomValue, textOfValue } from './values.js';

const SEED = Number(process.env['MILLRACE_SEED'] ?? 11);
const DOUBLE_TOLERANCE = 1e-9;
/** Rows of the groups that are tried. */
const SIZES = [0, 1, 2, 3, 7, 20, 60, 60];
/** Doubles that are mixed into groups of a few rows, by group. */
const ODD: readonly (readonly number[])[] = [[Infinity], [-Infinity, Infinity], [NaN], [-0], [-0, 0]];
const ODD_ROWS = 4;
/** Not PostgreSQL's, or free to answer otherwise there. */
const OURS = new Set(['first_value', 'last_value', 'any_value']);

/** Which of two equal numbers comes out, 1.0 or 1.00, 0 or -0, depends on the order of rows there. */
const ONE_OF = new Set(['min', 'max', 'mode', 'percentile_disc']);

let postgres: TestPostgres | undefined;
try {
  postgres = await startPostgres();
} catch (error) {
  console.warn(`oracle tests are skipped: ${String(error)}`);
}
afterAll(() => postgres?.stop());

/** PostgreSQL adds squares of doubles row by row: beyond a moderate range it loses what is kept here. */
function moderate(value: Value, type: SqlType): Value {
  if (type !== 'double precision') return value;
  const size = Math.abs(value as number);
  return size > 1e6 || size < 1e-6 ? Math.sign(value as number) : value;
}

function rowsOf({ types }: Case, seed: number, count: number): Args[] {
  const random = randomOf(seed);
  return Array.from({ length: count }, () =>
    types.map((type) => (random() < 0.15 ? null : moderate(randomValue(type, random), type))),
  );
}

/** Rows of which every double is an odd one, or every other. */
function oddRows(each: Case, odd: readonly number[], seed: number): Args[] {
  return rowsOf(each, seed, ODD_ROWS).map((args, row) =>
    args.map((arg, i) => {
      const isDouble = each.types[i] === 'double precision' || each.types[i] === 'real';
      return isDouble && (odd[0] === 0 || row % 2 === 0) ? odd[(row >> 1) % odd.length]! : arg;
    }),
  );
}

function callOf({ definition, types, constants }: Case): string {
  const columns = types.map((_, i) => `c${i}`);
  const direction = constants.at(-1) === true ? ' DESC' : '';
  if (definition.withinGroup === true) {
    const direct = constants
      .slice(0, -1)
      .map((constant) => literal(constant, Array.isArray(constant) ? 'double precision[]' : 'double precision'));
    return `${definition.name}(${direct.join(', ')}) WITHIN GROUP (ORDER BY c0${direction})`;
  }
  if (columns.length === 0) return `${definition.name}(*)`;
  return `${definition.name}(${columns.join(', ')}${definition.ordered === true ? ' ORDER BY row' : ''})`;
}

function sqlOf(each: Case, rows: readonly Args[]): string {
  const columns = ['row', ...each.types.map((_, i) => `c${i}`)];
  const values = rows.map(
    (args, row) => `(${[row, ...args.map((arg, i) => literal(arg, each.types[i]!))].join(', ')})`,
  );
  const from =
    rows.length > 0
      ? `(VALUES ${values.join(', ')})`
      : `(SELECT ${[0, ...each.types.map((type) => `NULL::${type}`)].join(', ')} WHERE false)`;
  return `SELECT (${callOf(each)})::text FROM ${from} AS rows(${columns.join(', ')})`;
}

async function theirs(sql: string): Promise<string | null> {
  try {
    const { rows } = await postgres!.client.query<[string | null]>({ text: sql, rowMode: 'array' });
    return rows[0]![0];
  } catch (error) {
    return `error: ${(error as Error).message}`;
  }
}

function isSame(ours: string | null, expected: string | null, type: SqlType, isOneOf: boolean): boolean {
  if (ours === expected || ours === null || expected === null) return ours === expected;
  if (type === 'double precision' && (Number(ours) !== 0 || Number(expected) !== 0))
    return Math.abs(Number(ours) - Number(expected)) <= DOUBLE_TOLERANCE * Math.max(1, Math.abs(Number(expected)));
  return isOneOf && trimmed(ours) === trimmed(expected);
}

/** Numbers without zeros at their end, and 0 without a sign. */
const trimmed = (text: string): string =>
  text.replaceAll(/\d+\.\d+/g, (number) => number.replace(/\.?0+$/, '')).replaceAll(/-0(?![.\d])/g, '0');

// Skipped where PostgreSQL's binaries do not run; the reason is printed above.
describe.skipIf(postgres === undefined)(`aggregates, seed ${SEED}`, () => {
  const cases = aggregateTable
    .all()
    .filter(({ name }) => !OURS.has(name) && !name.startsWith('approx_'))
    .flatMap(casesOf);

  test.each(cases.map((each) => [nameOf(each), each] as const))('%s', async (_, each) => {
    const { result } = each.definition;
    const type = typeof result === 'function' ? result(each.types) : result;
    const aggregator = aggregatorOf(each);
    const wrong: string[] = [];
    const hasDoubles = each.types.some((each) => each === 'double precision' || each === 'real');
    const groups = [
      ...SIZES.map((size, index) => rowsOf(each, SEED * 100 + index, size)),
      ...(hasDoubles ? ODD.map((odd, index) => oddRows(each, odd, SEED * 100 + index)) : []),
    ];
    for (const rows of groups) {
      const value = resultOf(aggregator, stateOf(aggregator, taken(each, rows)));
      const ours = typeof value === 'string' && value.startsWith('error:') ? value : textOfValue(value as Value, type);
      const sql = sqlOf(each, rows);
      const expected = await theirs(sql);
      if (!isSame(ours, expected, type, ONE_OF.has(each.definition.name)))
        wrong.push(`ours ${ours}, PostgreSQL ${expected}: ${sql.slice(0, 600)}`);
    }
    expect(wrong).toEqual([]);
  });
});
