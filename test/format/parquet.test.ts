import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeBatch, DictionaryChain, DictionaryScope, encodeAttached, BatchTarget } from '../../src/event/batch.js';
import type { ColumnBatch } from '../../src/event/columns.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { parquetBytes, ParquetWriter } from '../../src/format/parquet/writer.js';
import { EVERY_TYPE, everyRows } from '../event/arbitrary.js';

let folder: string;
let files = 0;
let duck: DuckDBConnection;
let instance: DuckDBInstance;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parquet-'));
  instance = await DuckDBInstance.create(':memory:');
  duck = await instance.connect();
});

afterAll(() => {
  duck.closeSync();
  instance.closeSync();
  rmSync(folder, { recursive: true });
});

/** The rows by DuckDB, as `rowOf` gives them. */
const SELECT = `SELECT tenant, id::VARCHAR id, epoch_ms(time) "time", u::VARCHAR u, s, s2, d, l, l2, base64(b) b, i::VARCHAR i, i2::VARCHAR i2, f,
  m::VARCHAR m, m2::VARCHAR m2, epoch_ms(t) t, o, j::VARCHAR j, epoch_ms(received_at) received_at`;

async function byDuck(bytes: Uint8Array<ArrayBuffer>): Promise<Record<string, unknown>[]> {
  // A name of its own: DuckDB caches what it read of a file by name, size and time.
  const path = join(folder, `${files++}.parquet`);
  writeFileSync(path, bytes);
  const result = await duck.runAndReadAll(`${SELECT} FROM read_parquet('${path}')`);
  rmSync(path);
  return result.getRowObjectsJson().map((row) => ({
    ...row,
    j: row['j'] === null ? null : JSON.parse(String(row['j'])),
    ...numbers(row, ['time', 't', 'received_at', 'f']),
  }));
}

function numbers(row: Record<string, unknown>, names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, row[name] === null ? null : Number(row[name])]));
}

function expected(batches: ColumnBatch[]): Record<string, unknown>[] {
  return batches.flatMap((batch) =>
    Array.from({ length: batch.rows }, (_, i) => {
      const row = rowOf(batch, i);
      return { ...row, i: String(row['i']), i2: row['i2'] === null ? null : String(row['i2']) };
    }),
  );
}

/** Batches as the log gives them: one segment, attached dictionaries. */
function throughLog(parts: Record<string, unknown>[][]): ColumnBatch[] {
  const scope = new DictionaryScope(EVERY_TYPE);
  const chain = new DictionaryChain();
  return parts.map((rows) => {
    const target = new BatchTarget();
    const { bytes } = encodeAttached(
      [{ batch: batchFromRows(EVERY_TYPE, rows), rows: null }],
      scope,
      { baseOffset: 0, receivedAt: 9, segmentPosition: 0 },
      target,
    );
    const one = target.bytes.slice(0, bytes);
    chain.apply(one);
    return decodeBatch(one, EVERY_TYPE, chain);
  });
}

describe('a Parquet file', () => {
  for (const compression of ['none', 'zstd'] as const)
    test(`reads back in DuckDB, ${compression}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(everyRows, { minLength: 1, maxLength: 4 }), fc.boolean(), async (parts, log) => {
          const batches = log ? throughLog(parts) : parts.map((rows) => batchFromRows(EVERY_TYPE, rows));
          expect(await byDuck(await parquetBytes(EVERY_TYPE, batches, { compression }))).toEqual(expected(batches));
        }),
        { numRuns: 40 },
      );
    });

  test('reads back in hyparquet', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(everyRows, { minLength: 1, maxLength: 3 }), async (parts) => {
        const batches = throughLog(parts);
        const bytes = await parquetBytes(EVERY_TYPE, batches, { compression: 'none' });
        const rows = await parquetReadObjects({ file: bytes.buffer, utf8: false });
        const want = expected(batches);
        expect(
          rows.map((row) => ({
            tenant: row['tenant'],
            s: row['s'],
            s2: row['s2'],
            d: row['d'],
            l: row['l'],
            l2: row['l2'] ?? null,
            i: String(row['i']),
            f: row['f'],
            o: row['o'],
          })),
        ).toEqual(want.map(({ tenant, s, s2, d, l, l2, i, f, o }) => ({ tenant, s, s2, d, l, l2, i, f, o })));
      }),
      { numRuns: 30 },
    );
  });

  test('states minimum, maximum and nulls of every column, and field ids', async () => {
    const rows = Array.from({ length: 10 }, (_, i) => ({
      tenant: `t${i}`,
      id: `00000000-0000-4000-8000-00000000000${i}`,
      time: 1000 + i,
      u: null,
      s: `s${i}`,
      s2: i < 3 ? null : 'é',
      d: i % 2 ? 'b' : 'a',
      l: ['x'],
      l2: i === 0 ? null : [],
      b: null,
      i: -i,
      i2: i === 9 ? null : i,
      f: i / 2,
      m: `${i}.500000`,
      m2: null,
      t: null,
      o: i > 20,
      j: null,
    }));
    const bytes = await parquetBytes(EVERY_TYPE, [batchFromRows(EVERY_TYPE, rows)]);
    const metadata = parquetMetadata(bytes.buffer);
    expect(
      metadata.schema
        .filter((element) => element.field_id !== undefined)
        .map((element) => [element.name, element.field_id]),
    ).toEqual(EVERY_TYPE.columns.map((column, i) => [column.name, i + 1]));
    const bounds = Object.fromEntries(
      metadata.row_groups[0]!.columns.map(({ meta_data }) => [meta_data!.path_in_schema[0], meta_data!.statistics]),
    );
    expect(bounds['tenant']).toMatchObject({ min_value: 't0', max_value: 't9', null_count: 0n });
    expect(bounds['i']).toMatchObject({ min_value: -9n, max_value: 0n });
    expect(bounds['i2']).toMatchObject({ min_value: 0n, max_value: 8n, null_count: 1n });
    expect(bounds['s2']).toMatchObject({ null_count: 3n });
    expect(bounds['f']).toMatchObject({ min_value: -0, max_value: 4.5 });
    expect(bounds['u']).toMatchObject({ null_count: 10n });
    expect(bounds['u']!.min_value).toBeUndefined();
    writeFileSync(join(folder, 'bounds.parquet'), bytes);
    const pruned = await duck.runAndReadAll(
      `SELECT count(*)::INT n FROM read_parquet('${join(folder, 'bounds.parquet')}') WHERE tenant = 't4' AND time >= make_timestamp(1004000)`,
    );
    expect(pruned.getRowObjectsJson()).toEqual([{ n: 1 }]);
  });

  test('writes a column plain when its entries are too many for a dictionary', async () => {
    const parts = [0, 1].map((k) =>
      Array.from({ length: 40_000 }, (_, i) => ({
        tenant: `t${k * 40_000 + i}`,
        id: '00000000-0000-4000-8000-000000000000',
        time: i,
        s: '',
        l: [`l${k * 40_000 + i}`],
        i,
        m: 0n,
      })),
    );
    const bytes = await parquetBytes(
      EVERY_TYPE,
      parts.map((rows) => batchFromRows(EVERY_TYPE, rows)),
    );
    writeFileSync(join(folder, 'many.parquet'), bytes);
    const result = await duck.runAndReadAll(
      `SELECT count(DISTINCT tenant)::INT tenants, count(DISTINCT l[1])::INT items, max(tenant) top FROM read_parquet('${join(folder, 'many.parquet')}')`,
    );
    expect(result.getRowObjectsJson()).toEqual([{ tenants: 80_000, items: 80_000, top: 't9999' }]);
  });

  test('of no rows is a valid file', async () => {
    expect(await byDuck(await parquetBytes(EVERY_TYPE, []))).toEqual([]);
  });

  test('goes to its sink one row group at a time', async () => {
    const sizes: number[] = [];
    const writer = new ParquetWriter(EVERY_TYPE, { write: (bytes) => void sizes.push(bytes.length) });
    const batch = batchFromRows(EVERY_TYPE, [
      { tenant: 't', id: '00000000-0000-4000-8000-000000000000', time: 1, s: '', l: [], i: 1, m: 0n },
    ]);
    await writer.writeRowGroup([{ batch, rows: null }]);
    await writer.writeRowGroup([]);
    await writer.writeRowGroup([{ batch, rows: null }]);
    const file = await writer.finish();
    expect(sizes).toHaveLength(3);
    expect(file).toEqual({ rows: 2, bytes: sizes.reduce((a, b) => a + b) });
  });
});
