import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RowSlice } from '../../src/event/batch.js';
import { batchOf, type ColumnBatch } from '../../src/event/columns.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { CopyIn } from '../../src/io/copy-in.js';
import { COPY_BEGIN, COPY_END, PG_TYPES, PgCopy } from '../../src/format/pg-copy.js';
import { EVERY_TYPE } from '../event/arbitrary.js';
import { startPostgres, type TestPostgres } from '../sql/postgres.js';
import { everyBatch } from './arbitrary.js';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());

/** How a value of each type is asked for, so that it reads as `event/rows.ts` has it. */
const ASKED: Readonly<Record<string, (name: string) => string>> = {
  bytes: (name) => `translate(encode(${name}, 'base64'), E'\\n', '')`,
  int64: (name) => `${name}::text`,
  double: (name) => `${name}::text`,
  decimal: (name) => `${name}::text`,
  timestamp: (name) => `(extract(epoch from ${name}) * 1000)::text`,
  json: (name) => `${name}::text`,
};

/** Values that are texts so that they lose nothing. */
const READ: Readonly<Record<string, (text: string) => unknown>> = {
  double: Number,
  timestamp: Number,
  json: JSON.parse,
};

/** What the server has after a COPY, and the first error. */
async function copied(schema: ColumnBatch['schema'], slice: RowSlice): Promise<Record<string, unknown>[]> {
  const { client } = postgres;
  const columns = schema.columns.map(({ name, type }) => `"${name}" ${PG_TYPES[type]}`);
  await client.query(`DROP TABLE IF EXISTS copied; CREATE TEMP TABLE copied (${columns.join(', ')})`);
  const body = Buffer.concat([COPY_BEGIN, new PgCopy(schema).encode(slice).data, COPY_END]);
  await client.query(new CopyIn('COPY copied FROM STDIN (FORMAT binary)', body)).done;
  const asked = schema.columns.map(({ name, type }) => `${ASKED[type]?.(`"${name}"`) ?? `"${name}"`} AS "${name}"`);
  const { rows } = await client.query<Record<string, unknown>>(`SELECT ${asked.join(', ')} FROM copied ORDER BY ctid`);
  return rows.map((row) =>
    Object.fromEntries(
      schema.columns.map(({ name, type }) => {
        const value = row[name]!;
        return [name, value === null ? null : (READ[type]?.(value as string) ?? value)];
      }),
    ),
  );
}

/** A row as the server should have it; numbers of 64 bits are texts there. */
function expectedRow(batch: ColumnBatch, row: number): Record<string, unknown> {
  const values = rowOf(batch, row);
  for (const { name, type } of batch.schema.columns)
    if (type === 'int64' && values[name] !== null) values[name] = String(values[name]);
  return values;
}

/** Whether PostgreSQL can hold a row: no zero byte in a text. */
const holds = (batch: ColumnBatch, row: number): boolean => !JSON.stringify(rowOf(batch, row)).includes('\\u0000');

describe('COPY in binary', () => {
  test('the server has what rowOf says, for every type and kind of column, of all rows or some', async () => {
    await fc.assert(
      fc.asyncProperty(everyBatch, fc.boolean(), async (batch, isSome) => {
        const all = Array.from({ length: batch.rows }, (_, row) => row);
        const chosen = all.filter((row) => holds(batch, row) && (!isSome || row % 3 !== 1));
        const rows = chosen.length === batch.rows ? null : Uint32Array.from(chosen);
        expect(await copied(EVERY_TYPE, { batch, rows })).toEqual(chosen.map((row) => expectedRow(batch, row)));
      }),
      { numRuns: 60 },
    );
  });

  test('integers at the edges of what they are made of', async () => {
    const schema = defineSchema({ columns: { i: 'int64', m: 'decimal', t: 'timestamp?' } });
    const edges = [0n, 1n, -1n, 999_999n, -999_999n, 1_000_000n, 10n ** 10n - 1n, 2n ** 31n, 2n ** 32n, -(2n ** 32n)];
    const wide = [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)];
    const values = [...edges, ...wide];
    const batch = batchFromRows(
      schema,
      values.map((i) => ({ i, m: '0', t: i >= -8_000_000_000_000n && i <= 8_640_000_000_000_000n ? i : null })),
    );
    const { nulls: _nulls, ...integers } = batch.column(0) as { nulls: unknown } & object;
    const columns = [batch.column(0), { ...integers, nulls: null } as never, batch.column(2), batch.column(3)];
    const tested = batchOf(schema, batch.rows, columns);
    const rows = await copied(schema, { batch: tested, rows: null });
    expect(rows).toEqual(values.map((_, row) => expectedRow(tested, row)));
  });

  test('a base beyond what doubles hold, and a delta that leads back', async () => {
    const schema = defineSchema({ columns: { i: 'int64', m: 'decimal' } });
    const base = -(2n ** 53n) - 1n;
    const column = { kind: 'integer', nulls: null, base, width: 1, deltas: Uint8Array.of(0, 1, 5, 255) } as const;
    const plain = batchFromRows(
      schema,
      [1, 2, 3, 4].map(() => ({ i: 0, m: '0' })),
    );
    const batch = batchOf(schema, 4, [column, column, plain.column(2)]);
    const rows = await copied(schema, { batch, rows: null });
    expect(rows).toEqual([0, 1, 2, 3].map((row) => expectedRow(batch, row)));
  });

  test('special doubles', async () => {
    const schema = defineSchema({ columns: { f: 'double' } });
    const plain = batchFromRows(
      schema,
      [1, 2, 3, 4].map(() => ({ f: 0 })),
    );
    const values = Float64Array.of(Number.NaN, Infinity, -Infinity, -0);
    const batch = batchOf(schema, 4, [{ kind: 'double', nulls: null, values }, plain.column(1)]);
    const rows = await copied(schema, { batch, rows: null });
    expect(rows.map(({ f }) => f)).toEqual([...values]);
  });

  test.each([
    ['a zero byte', { s: 'a\0b' }, '22021'],
    ['a zero byte in JSON', { j: { a: '\0' } }, '22P05'],
    ['a time after the last', { t: 2n ** 63n - 1n }, '22008'],
    ['a time before the first', { t: -(2n ** 63n) }, '22008'],
  ])('%s is refused by the server', async (_what, values, code) => {
    const schema = defineSchema({ columns: { s: 'string?', j: 'json?', t: 'timestamp?' } });
    const batch = batchFromRows(schema, [values]);
    await expect(copied(schema, { batch, rows: null })).rejects.toMatchObject({ code });
  });
});
