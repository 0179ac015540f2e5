/** What is in the folder, as those see it who read it: DuckDB, and people. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { realDisk } from '../../../src/io/disk-real.js';
import { lockFolder } from '../../../src/io/lock.js';
import { FeedClient } from '../../../src/pull/feed-client.js';
import { Puller } from '../../../src/pull/puller.js';
import type { PullTarget } from '../../../src/pull/target.js';
import { createParquetTarget } from '../../../src/pull/targets/parquet.js';
import { readManifest, type Manifest } from '../../../src/pull/targets/parquet/manifest.js';
import { SimClock } from '../../sim/clock.js';
import { minuteKey, ModelFeed, traffic } from '../model-feed.js';
import { parquetUnderTest } from './support.js';

const HOUR_MS = 3_600_000;

let feed: ModelFeed;
let url = '';
let root = '';
let clock: SimClock;
let target: PullTarget;
let close: () => Promise<void>;

beforeEach(async () => {
  feed = new ModelFeed();
  url = await feed.listen();
  const under = parquetUnderTest();
  ({ root } = under);
  clock = new SimClock();
  target = createParquetTarget({ path: root, disk: realDisk, clock, lock: lockFolder });
  close = () => under.close();
});
afterEach(async () => {
  await target.close();
  await feed.close();
  await close();
});

function puller(limit = 1000, table?: string): Puller {
  const client = new FeedClient({ url, tenant: 'acme', view: 'traffic' });
  return new Puller({ client, target, limit, table });
}

const part = (): string => join(root, 'traffic', 'acme');
const manifest = (): Manifest => readManifest(realDisk, part())!;
const there = (): string[] => readdirSync(part()).toSorted();

/** As the guide tells it. */
async function query(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(`
    SET VARIABLE files = (
      SELECT list('${part()}/' || file.path)
      FROM (SELECT unnest(files) AS file FROM read_json('${part()}/manifest.json')))`);
  const answer = await connection.runAndReadAll(sql);
  return answer.getRowObjectsJson();
}

describe('the folder', () => {
  test('is read by DuckDB with the list of the manifest: exact types, each key once', async () => {
    const [start, end, campaign] = feed.columns.key;
    feed.columns = {
      key: [start!, end!, campaign!],
      values: [
        ...feed.columns.values,
        { name: 'all_digits', type: 'numeric' },
        { name: 'share', type: 'double precision' },
        { name: 'paid', type: 'boolean' },
        { name: 'id', type: 'uuid' },
        { name: 'extra', type: 'json' },
        { name: 'users', type: 'bytea' },
        { name: 'day', type: 'date' },
      ],
    };
    const values = {
      clicks: '9223372036854775807',
      cost: '-3.250001',
      all_digits: '12345678901234567890.5',
      share: 0.1,
      paid: true,
      id: '018f2d3a-0000-7000-8000-0123456789ab',
      extra: { a: [1] },
      users: 'AP+A',
      day: '2026-01-31',
    };
    feed.change('acme', { key: minuteKey(0, 'é "x"'), values }, { key: minuteKey(1440, null), values: {} });
    await puller().catchUp();
    feed.change('acme', { key: minuteKey(0, 'é "x"'), values });
    await puller().catchUp();
    const types = await query("DESCRIBE SELECT * FROM read_parquet(getvariable('files'))");
    expect(Object.fromEntries(types.map((row) => [row['column_name'], row['column_type']]))).toEqual({
      window_start: 'TIMESTAMP WITH TIME ZONE',
      window_end: 'TIMESTAMP WITH TIME ZONE',
      campaign: 'VARCHAR',
      clicks: 'BIGINT',
      cost: 'DECIMAL(18,6)',
      all_digits: 'VARCHAR',
      share: 'DOUBLE',
      paid: 'BOOLEAN',
      id: 'UUID',
      extra: 'JSON',
      users: 'BLOB',
      day: 'VARCHAR',
      _key: 'BLOB',
      _rev: 'BIGINT',
      _txn: 'BIGINT',
      _state: 'VARCHAR',
      _reason: 'VARCHAR',
      _tenant: 'VARCHAR',
    });
    const rows = await query(
      `SELECT campaign, clicks, cost, all_digits, share, paid, id, extra, hex(users) AS users, octet_length(_key) AS key,
              _rev, _tenant FROM read_parquet(getvariable('files')) ORDER BY window_start`,
    );
    const { day: _, users: __, extra: ___, ...same } = values;
    expect(rows).toMatchObject([
      { campaign: 'é "x"', ...same, users: '00FF80', extra: '{"a":[1]}', key: '16', _rev: '3', _tenant: 'acme' },
      { campaign: null, clicks: null, cost: null, id: null, _rev: '2' },
    ]);
  });

  test('a page writes only the days that it touches, and keeps the files before for ten seconds', async () => {
    feed.change('acme', traffic(0, 'a', 1), traffic(1440, 'b', 2), { ...traffic(2880, 'c', 3), isDelete: true });
    await puller().catchUp();
    // The page that was staged goes, too.
    clock.advance(10_000);
    const before = manifest().files.map(({ path }) => path);
    expect(there()).toEqual([...before, 'manifest.json']);
    expect(before.map((path) => path.slice(0, 10))).toEqual(['2026-01-31', '2026-02-01']);
    feed.change('acme', traffic(1440, 'b', 20));
    await puller().catchUp();
    const after = manifest().files.map(({ path }) => path);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    expect(there()).toEqual([...new Set([...before, ...after, 'manifest.json'])].toSorted());
    clock.advance(9_999);
    expect(there()).toContain(before[1]);
    clock.advance(1);
    expect(there()).toEqual([...after, 'manifest.json'].toSorted());
  });

  test('many staged pages become few files', async () => {
    feed.change('acme', ...Array.from({ length: 100 }, (_, n) => traffic(n * 100, `c${n}`, n)));
    const worker = puller(1);
    let most = 0;
    for (;;) {
      const { isCurrent } = await worker.turn(0);
      if (isCurrent) break;
      most = Math.max(most, manifest().staged.length);
    }
    expect(most).toBe(32);
    const { files, staged } = manifest();
    expect(staged).toEqual([]);
    expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(100);
  });

  test('tombstones are kept for 35 days', async () => {
    feed.change('acme', traffic(0, 'a', 1), traffic(0, 'b', 1));
    const worker = puller();
    await worker.catchUp();
    feed.change('acme', { ...traffic(0, 'a', 0), isDelete: true });
    await worker.catchUp();
    clock.advance(24 * HOUR_MS);
    feed.change('acme', { ...traffic(0, 'b', 0), isDelete: true });
    await worker.catchUp();
    expect(manifest()).toMatchObject({ files: [], deleted: [{ rows: 2 }] });
    clock.advance(34 * 24 * HOUR_MS);
    expect(await worker.sweep()).toBe(0);
    clock.advance(1);
    expect(await worker.sweep()).toBe(1);
    expect(manifest().deleted).toMatchObject([{ rows: 1 }]);
    clock.advance(24 * HOUR_MS);
    expect(await worker.sweep()).toBe(1);
    expect(manifest().deleted).toEqual([]);
  });

  test('is of one process: another is told so', async () => {
    const release = await lockFolder(join(root, '.lock'));
    await expect(puller().catchUp()).rejects.toMatchObject({
      code: 'DATA_FOLDER_IN_USE',
      message: expect.stringContaining('one worker writes into a folder'),
    });
    release();
    await puller().catchUp();
  });

  test('a view goes into one table, and a number that the column can not hold is refused', async () => {
    feed.change('acme', traffic(0, 'a', 1));
    await puller().catchUp();
    await expect(puller(1000, 'other').catchUp()).rejects.toMatchObject({
      code: 'PULL_TABLE_CHANGED',
      message: expect.stringContaining('goes into table "traffic" already'),
    });
    const before = manifest();
    feed.change('acme', { key: minuteKey(0, 'a'), values: { clicks: 1, cost: '1000000000000.000000' } });
    await expect(puller().catchUp()).rejects.toMatchObject({
      code: 'PULL_ROWS_REFUSED',
      message: expect.stringContaining("'cost'"),
    });
    expect(manifest()).toEqual(before);
    feed.change('acme', { key: minuteKey(0, 'a'), values: { clicks: 1, cost: '-999999999999.999999' } });
    await puller().catchUp();
    expect(await query("SELECT cost FROM read_parquet(getvariable('files'))")).toEqual([
      { cost: '-999999999999.999999' },
    ]);
  });
});
