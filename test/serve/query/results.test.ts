/** Arrow and Parquet answers, read back by readers that are not ours: flechette, hyparquet and DuckDB. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance, DuckDBListValue, listValue } from '@duckdb/node-api';
import { tableFromIPC } from '@uwdata/flechette';
import { Decoder } from '@toondepauw/node-zstd';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePage } from '../../../src/serve/query/parquet-page.js';
import type { ResultFormat } from '../../../src/serve/query/result-formats.js';
import { typeOf } from '../../../src/serve/query/types.js';
import { vectorOf } from '../../../src/serve/query/vectors.js';
import { BatchTarget } from '../../../src/event/batch.js';
import { openFixture, type Fixture } from './fixture.js';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(async () => {
  await fixture.close();
});

const answer = (sql: string, format: ResultFormat, rowsMax?: number) =>
  fixture.engine.run({ sql, tenant: null, format, ...(rowsMax === undefined ? {} : { rowsMax }) });

/** Values in one form whatever the reader makes of them: micros, days and texts. */
type Cell = string | number | boolean | null | readonly (string | null)[];

const micros = fc.bigInt({ min: -30_000_000_000_000_000n, max: 250_000_000_000_000_000n });
const isoOf = (value: bigint): string => {
  const rest = ((value % 1_000_000n) + 1_000_000n) % 1_000_000n;
  return new Date(Number((value - rest) / 1_000n)).toISOString().slice(0, 19) + `.${String(rest).padStart(6, '0')}`;
};
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const words = fc.string({ maxLength: 12 }).filter((text) => !text.includes('\0'));
const decimalText = (value: bigint): string => {
  const digits = String(value < 0n ? -value : value).padStart(7, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
};

interface Kind {
  readonly type: string;
  readonly arbitrary: fc.Arbitrary<unknown>;
  readonly sql: (value: never) => string;
  readonly cell: (value: never) => Cell;
}

const kind = <T>(
  type: string,
  arbitrary: fc.Arbitrary<T>,
  sql: (value: T) => string,
  cell: (value: T) => Cell,
): Kind => ({
  type,
  arbitrary,
  sql: sql as Kind['sql'],
  cell: cell as Kind['cell'],
});

const KINDS: readonly Kind[] = [
  kind('boolean', fc.boolean(), String, (value) => value),
  kind('integer', fc.integer(), (value) => quoted(String(value)), String),
  kind('bigint', fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (value) => quoted(String(value)), String),
  kind(
    'numeric(38, 6)',
    fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }),
    (value) => quoted(decimalText(value)),
    decimalText,
  ),
  kind(
    'double precision',
    fc.double(),
    (value) => quoted(String(value)),
    (value) => (Object.is(value, -0) ? 0 : value),
  ),
  kind('text', words, quoted, (value) => value),
  kind('timestamptz', micros, (value) => quoted(`${isoOf(value)}Z`), String),
  kind('timestamp', micros, (value) => quoted(isoOf(value)), String),
  kind(
    'date',
    fc.integer({ min: -300_000, max: 2_900_000 }),
    (day) => quoted(isoOf(BigInt(day) * 86_400_000_000n).slice(0, 10)),
    String,
  ),
  kind('time', fc.bigInt({ min: 0n, max: 86_399_999_999n }), (value) => quoted(isoOf(value).slice(11)), String),
  kind('uuid', fc.uuid(), quoted, (value) => value),
  kind(
    'json',
    fc.json({ maxDepth: 1 }).filter((text) => !text.includes('\\u0000')),
    quoted,
    (value) => value,
  ),
  kind(
    'text[]',
    fc.array(fc.option(words), { maxLength: 3 }),
    (list) => `ARRAY[${list.map((item) => (item === null ? 'NULL' : quoted(item))).join(', ')}]`,
    (list) => list,
  ),
];

const tables = fc.array(fc.tuple(...KINDS.map(({ arbitrary }) => fc.option(arbitrary, { freq: 4 }))), {
  minLength: 1,
  maxLength: 12,
});

function statementOf(rows: readonly (readonly unknown[])[]): string {
  const cell = (value: unknown, { type, sql }: Kind) => `${value === null ? 'NULL' : sql(value as never)}::${type}`;
  const values = rows.map(
    (row, index) => `(${[index, ...row.map((value, at) => cell(value, KINDS[at]!))].join(', ')})`,
  );
  return `SELECT * FROM (VALUES ${values.join(', ')}) AS v (row, ${KINDS.map((_, at) => `k${at}`).join(', ')}) ORDER BY row`;
}

const cellsOf = (rows: readonly (readonly unknown[])[]): Cell[][] =>
  rows.map((row) => row.map((value, at) => (value === null ? null : KINDS[at]!.cell(value as never))));

function byFlechette(bytes: Uint8Array): Cell[][] {
  const table = tableFromIPC(bytes, { useBigInt: true, useDecimalInt: true, useDate: false });
  const columns = KINDS.map((_, at) => table.getChild(`k${at}`)!);
  return Array.from({ length: table.numRows }, (_, row) =>
    columns.map((column, at): Cell => {
      const value: unknown = column.at(row);
      if (value === null) return null;
      switch (KINDS[at]!.type) {
        case 'numeric(38, 6)':
          return decimalText(value as bigint);
        case 'timestamptz':
        case 'timestamp': {
          const { data } = column as unknown as { data: readonly { values: BigInt64Array }[] };
          return String(data[0]!.values[row]);
        }
        case 'date':
          return String((value as number) / 86_400_000);
        case 'text[]':
          return [...(value as Iterable<string | null>)];
        case 'double precision':
          return (value as number) + 0;
        default:
          return typeof value === 'boolean' || typeof value === 'string' ? value : String(value);
      }
    }),
  );
}

async function byDuckDb(bytes: Uint8Array): Promise<{ cells: Cell[][]; types: string[] }> {
  const path = join(fixture.folder, 'answer.parquet');
  writeFileSync(path, bytes);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const types = (await connection.runAndReadAll(`DESCRIBE SELECT * FROM '${path}'`)).getRows().map((row) => row[1]);
    const expressions = KINDS.map(({ type }, at) => {
      if (type.startsWith('timestamp')) return `CAST(epoch_us(k${at}) AS VARCHAR)`;
      if (type === 'date') return `CAST(CAST(epoch(k${at}) / 86400 AS BIGINT) AS VARCHAR)`;
      if (type === 'time')
        return `CAST(date_part('microseconds', k${at}) + 60000000 * (date_part('minute', k${at}) + 60 * date_part('hour', k${at})) AS VARCHAR)`;
      return ['boolean', 'double precision', 'text[]'].includes(type) ? `k${at}` : `CAST(k${at} AS VARCHAR)`;
    });
    const rows = (
      await connection.runAndReadAll(`SELECT ${expressions.join(', ')} FROM '${path}' ORDER BY "row"`)
    ).getRows();
    const cells = rows.map((row) =>
      row.map((value) =>
        value instanceof DuckDBListValue ? value.items : typeof value === 'number' ? value + 0 : value,
      ),
    );
    return { cells: cells as Cell[][], types: types as string[] };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const compressors = { ZSTD: (page: Uint8Array): Uint8Array => new Decoder().decodeSync(Buffer.from(page)) };

describe('Arrow and Parquet', () => {
  it('hold every value of every type exactly', async () => {
    await fc.assert(
      fc.asyncProperty(tables, async (rows) => {
        const sql = statementOf(rows);
        const expected = cellsOf(rows);
        const arrow = await answer(sql, 'arrow');
        expect(arrow.contentType).toBe('application/vnd.apache.arrow.stream');
        expect(byFlechette(arrow.body)).toEqual(expected);
        const parquet = await answer(sql, 'parquet');
        const { cells, types } = await byDuckDb(parquet.body);
        expect(cells).toEqual(expected);
        expect(types.slice(1)).toEqual([
          'BOOLEAN',
          'INTEGER',
          'BIGINT',
          'DECIMAL(38,6)',
          'DOUBLE',
          'VARCHAR',
          'TIMESTAMP WITH TIME ZONE',
          'TIMESTAMP',
          'DATE',
          'TIME',
          'VARCHAR',
          'JSON',
          'VARCHAR[]',
        ]);
        const objects = await parquetReadObjects({ file: parquet.body.buffer, compressors });
        expect(objects.map((row) => [row['k1'] ?? null, row['k5'] ?? null, row['k12'] ?? null])).toEqual(
          expected.map((row) => [row[1] === null ? null : Number(row[1]), row[5], row[12]]),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('of many chunks and of none', async () => {
    const sql = (count: number) =>
      `SELECT n, CASE WHEN n % 3 = 0 THEN NULL ELSE 'text ' || n END AS t, n::numeric(20, 2) AS d FROM generate_series(1, ${count}) AS g (n)`;
    const rows = (table: ReturnType<typeof tableFromIPC>) => {
      const [n, t, d] = ['n', 't', 'd'].map((name) => [...table.getChild(name)!]);
      return n!.map((_, row) => [n![row], t![row], d![row]]);
    };
    for (const [count, rowsMax] of [
      [0, 100_000],
      [1, 100_000],
      [10_000, 100_000],
      [10_000, 5_000],
    ] as const) {
      const arrow = await answer(sql(count), 'arrow', rowsMax);
      const shown = Math.min(count, rowsMax);
      expect([arrow.rows, arrow.truncated]).toEqual([shown, count > rowsMax]);
      const expected = Array.from({ length: shown }, (_, index) => [
        index + 1,
        (index + 1) % 3 === 0 ? null : `text ${index + 1}`,
        index + 1,
      ]);
      expect(rows(tableFromIPC(arrow.body))).toEqual(expected);
      const parquet = await answer(sql(count), 'parquet', rowsMax);
      expect(Number(parquetMetadata(parquet.body.buffer).num_rows)).toBe(shown);
      const objects = await parquetReadObjects({ file: parquet.body.buffer, compressors });
      expect(objects.map(({ n, t, d }) => [Number(n), t ?? null, d])).toEqual(expected);
    }
  });

  it('name each column once in Parquet', async () => {
    const parquet = await answer('SELECT 1 AS a, 2 AS a, 3 AS "a_2", 4 AS a', 'parquet');
    const [row] = await parquetReadObjects({ file: parquet.body.buffer, compressors });
    expect(row).toEqual({ a: 1, a_2: 2, a_2_2: 3, a_3: 4 });
  });

  it('are no larger than they may be', async () => {
    const { engine, close } = await openFixture({ limits: { resultBytesMax: 10_000 } });
    for (const format of ['json', 'ndjson', 'csv', 'arrow', 'parquet'] as const)
      await expect(
        engine.run({ sql: 'SELECT n FROM generate_series(1, 5000) AS g (n)', tenant: null, format }),
      ).rejects.toMatchObject({ code: 'QUERY_TOO_LARGE' });
    await close();
  });

  it('hold lists of numbers', () => {
    const vector = vectorOf([listValue([1n, null, 3n]), null, listValue([])], typeOf('bigint[]'));
    expect(vector).toMatchObject({ rows: 3, nulls: 1, values: { kind: 'list', items: { rows: 3, nulls: 1 } } });
    // Three items, a null and an empty list.
    expect(writePage(new BatchTarget(), vector)).toBe(5);
    expect(vectorOf([listValue([0.5])], typeOf('double precision[]'))).toMatchObject({
      values: { items: { values: { kind: 'double', numbers: Float64Array.of(0.5) } } },
    });
  });
});
