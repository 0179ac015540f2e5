import { randomUUID } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ObjectSink } from '../../../src/deliver/sinks/objects.js';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { systemClock } from '../../../src/io/clock.js';
import { realDisk } from '../../../src/io/disk-real.js';
import { openFolderStore } from '../../../src/io/folder-objects/store.js';
import type { ObjectStore } from '../../../src/io/objects.js';
import { systemRandom } from '../../../src/io/random.js';
import { sinkConformance } from '../../conformance/sinks.js';
import { SeededRandom } from '../../sim/random.js';
import { Bench, deliveryOptions, freshFolder, removeFolders, someRows, until, type Row } from '../support.js';
import { asTexts, CONTEXT, directoryOptions, KilledStore, objectsIn, readObject, type TextRow } from './support.js';

/** Every row of a folder, with the key of its object. */
async function rowsIn(
  folder: string,
  options: { readonly format: string; readonly compression?: string | undefined },
): Promise<{ key: string; row: TextRow }[]> {
  const found: { key: string; row: TextRow }[] = [];
  if (!existsSync(folder)) return found;
  for (const [key, bytes] of objectsIn(folder))
    for (const row of await readObject(bytes, options)) found.push({ key, row });
  return found;
}

for (const settings of [
  { format: 'ndjson' },
  { format: 'parquet', partitionBy: { tenant: 'tenant' }, prefix: 'tenant=!{partitionKeyFromQuery:tenant}/' },
])
  sinkConformance(`directory, ${settings.format}`, async () => {
    const root = freshFolder();
    const folder = join(root, 'objects');
    return {
      make: () => createSink(directoryOptions(folder, settings), CONTEXT),
      read: async () => (await rowsIn(folder, settings)).map(({ row }) => row['id']!),
      guarantee: 'exactly once',
      ordered: false,
      outage: {
        away: async () => renameSync(folder, `${folder}.away`),
        back: async () => renameSync(`${folder}.away`, folder),
      },
      close: async () => undefined,
    };
  });

const SEED = 20261129;
const TENANTS = ['acme', 'bolt', '..', 'a/b', '', 'ünïcode', 'x'.repeat(300), '%', '{"a":1}', ' '];
const FORMATS = [
  { format: 'ndjson' },
  { format: 'ndjson', compression: 'gzip' },
  { format: 'csv', compression: 'zstd' },
  { format: 'parquet' },
  { format: 'parquet', compression: 'none', rowGroupRows: 1000 },
];
const PARTITIONS = [
  {},
  { partitionBy: { t: 'tenant' }, prefix: 't=!{partitionKeyFromQuery:t}/!{timestamp:yyyy}/' },
  {
    partitionBy: { t: 'tenant', k: "coalesce(kind, 'none')", n: 'count % 3' },
    prefix: '!{partitionKeyFromLambda:k}/!{partitionKeyFromQuery:n}/t=!{partitionKeyFromQuery:t}/',
  },
  { partitionBy: { t: 'tenant' } },
  { partitionBy: { t: 'tenant' }, pack: true, sortBy: ['at'] },
  { sortBy: ['cost', 'id'] },
];

function randomRows(random: SeededRandom, count: number, from: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `e-${from + i}`,
    tenant: TENANTS[random.below(TENANTS.length)]!,
    at: 1_700_000_000_000 + random.below(100_000),
    kind: random.chance(0.2) ? null : ['click', 'view', 'a,"b"\n'][random.below(3)],
    cost: random.chance(0.2) ? null : `${random.below(1000)}.${100_000 + random.below(900_000)}`,
    count: random.chance(0.1) ? null : random.below(10_000),
    note: random.chance(0.2) ? null : ['', 'plain', 'ö, "quoted"\r\nlines'][random.below(3)],
    labels: random.chance(0.3) ? null : ['x', `y,${random.below(5)}`].slice(0, random.below(3)),
    props: random.chance(0.3) ? null : { n: random.below(10), text: 'a"b' },
  }));
}

/** As a reader has a row, whatever the format. */
function plain(row: TextRow): TextRow {
  const { received_at: _stamp, ...rest } = row;
  const cost = rest['cost'] === null || rest['cost'] === undefined ? null : Number(rest['cost']).toFixed(6);
  return Object.fromEntries(
    Object.entries({ ...rest, cost })
      .filter(([, value]) => value !== null)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

const byId = (a: TextRow, b: TextRow): number => (a['id']! < b['id']! ? -1 : 1);

/** One delivery with kills at random puts; answers what is there and what should be. */
async function crashRound(round: number, renamed?: (key: string) => string) {
  const random = new SeededRandom(SEED + round);
  const format = FORMATS[round % FORMATS.length]!;
  const layout = PARTITIONS[round % PARTITIONS.length]!;
  const folder = join(freshFolder(), 'objects');
  const settings = directoryOptions(folder, { ...format, ...layout });
  const bench = await new Bench({ partitions: 2 }).open();
  const options = deliveryOptions({ bufferRowsMax: 40 + random.below(100) });
  const rows: Row[] = [];
  const open = (owner: string): ObjectStore =>
    openFolderStore({ root: folder, owner, disk: realDisk, clock: systemClock, random: systemRandom });
  try {
    for (let kills = 0; kills < 4; kills++) {
      const more = randomRows(random, 50 + random.below(200), rows.length);
      rows.push(...more);
      await bench.append(more);
      const when = random.chance(0.5) ? 'before' : 'after';
      const left = random.below(12);
      let killed: KilledStore | undefined;
      const sink = new ObjectSink(settings, CONTEXT, (owner) => {
        killed = new KilledStore(open(owner), left, when, renamed);
        return killed.store;
      });
      const { loop } = await bench.start(sink, options);
      const drained = bench.drained().then(() => true);
      await until('kill', async () => killed?.isDead === true || (await Promise.race([drained, tick()])));
      void loop;
      await bench.restart();
    }
    await bench.start(new ObjectSink(settings, CONTEXT, open), options);
    await bench.drained();
    return { found: await rowsIn(folder, settings), rows, edges: bench.edges(), format, layout };
  } finally {
    await bench.close();
  }
}

const tick = (): Promise<false> => new Promise((resolve) => setTimeout(() => resolve(false), 2));

describe(`objects, killed at random puts (seed ${SEED})`, () => {
  afterEach(removeFolders);

  test.each(Array.from({ length: 12 }, (_, round) => round))('round %i: every row is there once', async (round) => {
    const { found, rows, edges, format, layout } = await crashRound(round);
    const expected = rows.map((row) => plain(asTexts(row))).toSorted(byId);
    const context = JSON.stringify({ format, layout });
    expect(found.map(({ row }) => plain(row)).toSorted(byId), context).toEqual(expected);
    expect(edges, context).toMatchObject({ read: rows.length, ok: rows.length });
    if (!('prefix' in layout)) return;
    for (const { key, row } of found) {
      const tenant = row['tenant'] === '' ? '__HIVE_DEFAULT_PARTITION__' : row['tenant']!;
      const name = /t=([^/]*)\//.exec(key)![1]!;
      expect(decodeURIComponent(name.split('~')[0]!)).toBe(name.includes('~') ? tenant.slice(0, 127) : tenant);
    }
  });

  test('control: with keys by chance, rows are there twice', async () => {
    let twice = 0;
    for (let round = 0; round < 4; round++) {
      const { found } = await crashRound(round, (key) => `${key}-${randomUUID()}`);
      twice += found.length - new Set(found.map(({ row }) => row['id'])).size;
    }
    expect(twice).toBeGreaterThan(0);
  });
});

describe('keys', () => {
  afterEach(removeFolders);

  test("are Firehose's", async () => {
    const folder = join(freshFolder(), 'objects');
    const bench = await new Bench().open();
    const settings = directoryOptions(folder, { format: 'ndjson', compression: 'gzip', name: 'clicks', version: 3 });
    await bench.append(someRows(5));
    await bench.start(createSink(settings, CONTEXT));
    await bench.drained();
    const [row] = bench.rows('events');
    const at = new Date(Number(row!['received_at'])).toISOString();
    const [key, ...others] = objectsIn(folder).keys();
    expect(others).toEqual([]);
    const stamp = at.slice(0, 19).replaceAll(/[T:]/g, '-');
    expect(key).toMatch(/^\d{4}\/\d\d\/\d\d\/\d\d\/clicks-3-[\d-]{19}-[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\.gz$/);
    expect(key!.startsWith(`${at.slice(0, 13).replaceAll(/[-T]/g, '/')}/clicks-3-${stamp}-`)).toBe(true);
    await bench.close();
  });
});
