/** Every scalar function, operator and cast against a real PostgreSQL, over random rows. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { columnFromValues, valueOf } from '../../src/event/rows.js';
import { Decimal, parseDecimal } from '../../src/sql/decimal.js';
import { compile } from '../../src/sql/evaluate.js';
import type { RowAccess } from '../../src/sql/evaluate.js';
import { functionTable } from '../../src/sql/functions/index.js';
import type { Expression, SqlType } from '../../src/sql/plan.js';
import { intOf } from '../../src/sql/value.js';
import type { Value } from '../../src/sql/value.js';
import { columnsOf, SPECIAL_CALLS, visit } from '../../src/sql/walk.js';
import { MillraceError } from '../../src/util/errors.js';
import { loadParser } from '../../src/util/sql-text.js';
import { bindText } from './bind-text.js';
import { oracleCalls } from './oracle-calls.js';
import { EXPRESSIONS } from './oracle-expressions.js';
import { randomRows, SCHEMA, TABLE } from './oracle-rows.js';
import type { OracleRow } from './oracle-rows.js';
import { startPostgres } from './postgres.js';
import type { TestPostgres } from './postgres.js';
import { rounds } from '../sim/rounds.js';

const SEED = Number(process.env['MILLRACE_SEED'] ?? 20_260_725);
const ROWS = rounds(24, 60);
const DOUBLE_TOLERANCE = 1e-9;

let postgres: TestPostgres | undefined;
let reason = '';
try {
  await loadParser();
  postgres = await startPostgres();
} catch (error) {
  reason = String(error);
  console.warn(`oracle tests are skipped: ${reason}`);
}

const rows = randomRows(ROWS, SEED);

/** A row's value in our representation. */
function ours(row: OracleRow, name: string): Value {
  const raw = row[name];
  if (raw === null || raw === undefined) return null;
  switch (name) {
    case 'b':
    case 'c':
    case 'i':
    case 'k':
      return intOf(BigInt(raw as string));
    case 'n':
    case 'm':
      return parseDecimal(raw as string)!;
    case 'd':
    case 'e':
      return Number(raw);
    case 'x':
    case 'y':
      return Uint8Array.from(Buffer.from(raw as string, 'hex'));
    default:
      return raw as Value;
  }
}

function access(row: OracleRow): RowAccess {
  const values = SCHEMA.columns.map((column) => ours(row, column.name));
  const none = (): never => {
    throw new Error('rows have columns only');
  };
  return { column: (index) => values[index]!, key: none, aggregate: none, windowStart: 0, windowEnd: 0 };
}

const accesses = rows.map(access);

async function load(server: TestPostgres): Promise<void> {
  await server.client.query(`CREATE TABLE rows (id int, ${TABLE})`);
  for (const [id, row] of rows.entries()) {
    const names = Object.keys(row);
    const values = names.map((name) => {
      const raw = row[name];
      if (raw === null) return null;
      if (name === 'ts' || name === 'tz') return Number(raw) / 1000;
      return name === 'x' || name === 'y' ? Buffer.from(raw as string, 'hex') : raw;
    });
    const marks = names.map((name, i) =>
      name === 'ts' || name === 'tz' ? `to_timestamp($${i + 2}::numeric::float8)` : `$${i + 2}`,
    );
    await server.client.query(`INSERT INTO rows (id, ${names.join(', ')}) VALUES ($1, ${marks.join(', ')})`, [
      id,
      ...values,
    ]);
  }
  // Far from 1970 a double of seconds loses ms: set them exactly.
  for (const [id, row] of rows.entries()) {
    for (const name of ['ts', 'tz']) {
      if (row[name] === null) continue;
      await server.client.query(
        `UPDATE rows SET ${name} = 'epoch'::timestamptz + make_interval(secs => floor($2::numeric / 1000)::float8) + ((($2::numeric % 1000) + 1000) % 1000)::text::interval / 1000 WHERE id = $1`,
        [id, row[name]],
      );
    }
  }
  await server.client.query(`
    CREATE FUNCTION try(expression text, row_id int) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE result text;
    BEGIN
      EXECUTE format('SELECT (%s)::text FROM rows WHERE id = %s', expression, row_id) INTO result;
      RETURN 'V' || result;
    EXCEPTION WHEN OTHERS THEN RETURN 'E' || SQLERRM;
    END $$`);
}

/** PostgreSQL's results by row: `V…`, `E…` or null; of the first `count` rows. */
async function theirs(sql: string, count: number): Promise<(string | null)[]> {
  const result = await postgres!.client.query({
    text: 'SELECT try($1, id) AS r FROM rows WHERE id < $2 ORDER BY id',
    values: [sql, count],
    rowMode: 'array',
  });
  return (result.rows as (string | null)[][]).map(([value]) => value ?? null);
}

const casts = new Map<SqlType, (value: Value) => Value>();
function asText(value: Value, type: SqlType): string {
  let cast = casts.get(type);
  if (cast === undefined) {
    cast = type === 'text' ? (each) => each : (functionTable.castOf(type, 'text')!.evaluate as (value: Value) => Value);
    casts.set(type, cast);
  }
  return cast(value) as string;
}

/** Our results by row, in the same form. */
function results(expression: Expression): (string | null)[] {
  const run = compile(expression);
  return accesses.map((row) => {
    try {
      const value = run(row);
      return value === null ? null : `V${asText(value, expression.type)}`;
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      return `E${error.message}`;
    }
  });
}

function agree(a: string | null, b: string | null, type: SqlType): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  if (a.startsWith('E') && ONLY_OURS.test(a)) return true;
  if (a.startsWith('E') && b.startsWith('E')) return sameError(a, b);
  if (type !== 'double precision' || !a.startsWith('V') || !b.startsWith('V')) return false;
  const x = Number(a.slice(1));
  const y = Number(b.slice(1));
  return Math.abs(x - y) <= DOUBLE_TOLERANCE * Math.max(Math.abs(x), Math.abs(y));
}

/** Errors that only we raise, on purpose; `docs/reference/sql.md` names them. */
const ONLY_OURS = /not supported|LIKE pattern must not end with escape character|\(expected units/;

/** Errors agree when they say the same; what we add in brackets does not count. */
function sameError(a: string, b: string): boolean {
  if (/\(expected (ISO 8601|HH:MM:SS)\)/.test(a)) return true;
  const bare = (text: string): string => text.replace(/ \(expected .*\)$/, '').replace(/^(E.*?)[:(].*$/s, '$1');
  return bare(a) === bare(b);
}

const hits = new Map<object, number>();

function count(expression: Expression): void {
  visit(expression, (node) => {
    if (node.kind !== 'call' || SPECIAL_CALLS.has(node.name)) return;
    const entry = functionTable.definitionOf(node);
    hits.set(entry, (hits.get(entry) ?? 0) + ROWS);
  });
}

interface Outcome {
  readonly mismatches: string[];
  readonly refused: string[];
}

async function check(sql: string, outcome: Outcome): Promise<void> {
  let expression: Expression;
  try {
    expression = bindText(sql, SCHEMA);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const expected = await theirs(sql, ROWS);
    const message = error.message.split('\n')[0]!.replace(/^line \d+:\d+: /, '');
    const allFail = expected.every((value) => value === null || value.startsWith('E'));
    const real = expected.find((value) => value !== null);
    if (!allFail && !/not supported|longest|takes the flags/.test(message))
      outcome.mismatches.push(`${sql}: refused (${message}), PostgreSQL answers ${real}`);
    else if (!allFail) outcome.refused.push(`${sql}: ${message}`);
    return;
  }
  count(expression);
  // What reads no column is the same on every row.
  const rowsTried = columnsOf(expression).length === 0 ? 1 : ROWS;
  const expected = await theirs(sql, rowsTried);
  const found = results(expression).slice(0, rowsTried);
  const wrong = found.flatMap((value, id) => (agree(value, expected[id]!, expression.type) ? [] : [id]));
  const [id] = wrong;
  if (id === undefined) return;
  outcome.mismatches.push(
    `${sql} on ${wrong.length} rows, as ${id} (${readsOf(expression, id)}): ours ${found[id]}, PostgreSQL ${expected[id]}`,
  );
}

function readsOf(expression: Expression, id: number): string {
  const reads = new Set<string>();
  visit(expression, (node) => {
    if (node.kind === 'column') reads.add(`${node.name}=${JSON.stringify(rows[id]![node.name])}`);
  });
  return [...reads].join(', ');
}

// Skipped where PostgreSQL's binaries do not run; the reason is printed above.
describe.skipIf(postgres === undefined)(`oracle, seed ${SEED}`, () => {
  beforeAll(() => load(postgres!), 60_000);
  afterAll(() => postgres?.stop());

  test('rows survive the way there', async () => {
    for (const { name, type } of SCHEMA.columns.filter((column) => column.name !== 'received_at')) {
      const column = columnFromValues(
        { name, type, nullable: true },
        rows.map((row) => row[name]!),
      );
      expect(valueOf(column, type, 0) === null).toBe(rows[0]![name] === null);
    }
    expect(Decimal).toBeDefined();
  });

  test('every overload', async () => {
    const outcome: Outcome = { mismatches: [], refused: [] };
    for (const { sql } of oracleCalls()) await check(sql, outcome);
    const table = functionTable.all().map((entry) => `${signature(entry)}: ${hits.get(entry) ?? 0}`);
    console.log(`hits\n${table.join('\n')}\nrefused\n${outcome.refused.join('\n')}`);
    console.log(`differ\n${outcome.mismatches.join('\n')}`);
    expect(
      functionTable
        .all()
        // A call without arguments is a constant before it runs.
        .filter((entry) => !hits.has(entry) && (entry.params.length > 0 || entry.variadic !== undefined))
        .map(signature),
    ).toEqual([]);
    expect(outcome.mismatches).toEqual([]);
  }, 300_000);

  test('expressions', async () => {
    const outcome: Outcome = { mismatches: [], refused: [] };
    for (const sql of EXPRESSIONS) await check(sql, outcome);
    expect(outcome.refused).toEqual([]);
    expect(outcome.mismatches).toEqual([]);
  });
});

function signature(entry: { name: string; params: readonly string[]; result: string }): string {
  return `${entry.name}(${entry.params.join(', ')}) ${entry.result}`;
}
