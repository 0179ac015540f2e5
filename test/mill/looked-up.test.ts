/** A kernel's rows looked up in a table that changes meanwhile, held against a recount in the order of arrival. */
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { batchFromRows } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { realDisk } from '../../src/io/disk-real.js';
import type { StreamDefinition } from '../../src/log/log.js';
import { RelationalStage } from '../../src/mill/relational/stage.js';
import type { CatalogRelation, RelationCatalog } from '../../src/sql/relation/catalog.js';
import type { ViewPlan } from '../../src/sql/plan.js';
import { fuse } from '../../src/sql/relation/fuse.js';
import { planRelationView } from '../../src/sql/relation/view.js';
import { parseViews } from '../../src/sql/parse.js';
import { streamRelation } from '../../src/sql/standing.js';
import { SeededRandom } from '../sim/random.js';
import {
  batchOfEvents,
  EVENTS,
  freshFolder,
  HandClock,
  newest,
  openTestLog,
  readAll,
  removeFolders,
  startView,
  until,
} from './support.js';

const T0 = 1_760_000_040_000;
const MINUTE = 60_000;
const ADS = defineSchema({
  columns: { tenant: 'dictionary', name: 'string', owner: 'dictionary?', _deleted: 'boolean?' },
  tenant: 'tenant',
});
const SCHEMAS = { events: EVENTS, ads: ADS };

afterEach(removeFolders);

interface Row {
  readonly campaign: string | null;
  readonly user: string | null;
}

const VIEWS: readonly {
  readonly name: string;
  readonly sql: string;
  /** The owner that a row counts for; undefined: it does not count. `find`: the owner of a name, undefined without a row. */
  readonly owner: (row: Row, find: (name: string | null) => string | null | undefined) => string | null | undefined;
}[] = [
  {
    name: 'by codes',
    sql: `SELECT a.owner, e.window_start, count(*) AS n FROM TUMBLE(events, at, INTERVAL '1 minute') e
      JOIN ads a ON a.name = e.campaign GROUP BY a.owner, e.window_start`,
    owner: ({ campaign }, find) => find(campaign),
  },
  {
    name: 'by bytes, below the window, with conditions on both sides',
    sql: `SELECT owner, window_start, count(*) AS n FROM TUMBLE((
        SELECT a.owner, e.at FROM events e JOIN ads a ON a.name = e."user" AND a.owner <> e.campaign WHERE a.owner <> 'o1'
      ), at, INTERVAL '1 minute') GROUP BY owner, window_start`,
    owner: ({ campaign, user }, find) => {
      const owner = find(user);
      return owner === null || owner === undefined || owner === 'o1' || campaign === null || owner === campaign
        ? undefined
        : owner;
    },
  },
  {
    name: 'all rows',
    sql: `SELECT upper(a.owner) AS owner, e.window_start, count(*) AS n FROM TUMBLE(events, at, INTERVAL '1 minute') e
      LEFT JOIN ads a ON a.name = e.campaign GROUP BY upper(a.owner), e.window_start`,
    owner: ({ campaign }, find) => find(campaign)?.toUpperCase() ?? null,
  },
  {
    name: 'tests for NULL',
    sql: `SELECT a.owner, e.window_start,
        count(*) FILTER (WHERE a.owner IS NULL) + count(a.owner) AS n
      FROM TUMBLE(events, at, INTERVAL '1 minute') e LEFT JOIN ads a ON a.name = e.campaign
      GROUP BY a.owner, e.window_start`,
    owner: ({ campaign }, find) => find(campaign) ?? null,
  },
];

const ADS_STREAM: StreamDefinition = {
  name: 'ads',
  schema: ADS,
  partitions: 1,
  clock: 'arrival',
  retentionMs: 86_400_000,
  bytesMax: 1e12,
  policy: 'refuse',
};

function relations(): RelationCatalog {
  const ads = { ...streamRelation({ name: 'ads', schema: ADS }), kind: 'table' as const, key: [1], time: null };
  return new Map<string, CatalogRelation>([
    ['ads', ads],
    ['events', streamRelation({ name: 'events', schema: EVENTS })],
  ]);
}

async function planned(sql: string): Promise<ViewPlan> {
  const [view] = await parseViews(
    `CREATE MATERIALIZED VIEW v WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour') AS ${sql}`,
    'test.sql',
  );
  const relation = planRelationView(view!, relations());
  const plan = fuse(relation, (source) => SCHEMAS[source as keyof typeof SCHEMAS]);
  expect(plan?.lookups).toHaveLength(1);
  return plan!;
}

test.each(VIEWS.flatMap((view) => [1, 2, 3].map((seed) => [view.name, seed, view] as const)))(
  '%s, seed %i: each row meets the table as it was when it came, across restarts',
  async (_name, seed, { owner, sql }) => {
    const random = new SeededRandom(seed);
    const plan = await planned(sql);
    const folder = freshFolder();
    const clock = new HandClock(T0);
    const log = await openTestLog(folder, clock, [plan]);
    await log.createStream(ADS_STREAM);
    const table = new Map<string, string | null>();
    const counts = new Map<string, number>();
    const find = (name: string | null): string | null | undefined => (name === null ? undefined : table.get(name));
    let running = startView(log, folder, plan, clock, { snapshotEveryMs: 0 });
    for (let step = 0; step < 60; step++) {
      clock.time += 1 + random.below(3_000);
      if (random.chance(0.3)) {
        const rows = Array.from({ length: 1 + random.below(3) }, () => ({
          tenant: 'acme',
          name: `n${random.below(8)}`,
          owner: random.chance(0.2) ? null : `o${random.below(4)}`,
          _deleted: random.chance(0.2) ? true : null,
        }));
        await log.append({ batches: [{ stream: 'ads', rows: batchFromRows(ADS, rows) }] });
        for (const { _deleted, name, owner: of } of rows)
          if (_deleted === true) table.delete(name);
          else table.set(name, of);
      } else {
        const rows = Array.from({ length: 1 + random.below(20) }, (__, i) => ({
          id: `${step}.${i}`,
          tenant: 'acme',
          at: clock.time - random.below(4_000),
          campaign: random.chance(0.1) ? null : `n${random.below(10)}`,
          user: random.chance(0.1) ? null : `n${random.below(10)}`,
        }));
        await log.append({ batches: [{ stream: 'events', rows: batchOfEvents(rows) }] });
        for (const row of rows) {
          const of = owner(row, find);
          if (of === undefined) continue;
          const key = JSON.stringify([of, Math.floor(row.at / MINUTE) * MINUTE]);
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
      }
      if (!random.chance(0.1)) continue;
      // A row's turn comes once no other input can have one of its moment.
      clock.time++;
      if (random.chance(0.5)) await running.loop.drained();
      await running.loop.stop();
      running = startView(log, folder, plan, clock, { snapshotEveryMs: 0 });
    }
    clock.time += 10 * MINUTE;
    const read = (): Map<string, number> => {
      const rows = newest(readAll(log, 'view.v'), ['owner', 'window_start']);
      return new Map([...rows].map(([key, row]) => [key, Number(row.n)]));
    };
    await running.loop.drained();
    await until(() => read().size === counts.size, 'all groups are there');
    await running.loop.stop();
    expect([...read()].toSorted()).toEqual([...counts].toSorted());
    expect(running.loop.status().failures).toBe(0);
    await log.close();
  },
);

test('what is committed has the rows whose turn comes at the flush itself', async () => {
  const [view] = await parseViews(
    'CREATE MATERIALIZED VIEW v AS SELECT e.id, a.owner FROM events e JOIN ads a ON a.name = e.campaign',
    'test.sql',
  );
  const plan = planRelationView(view!, relations());
  const folder = freshFolder();
  const clock = new HandClock(T0);
  const log = await openTestLog(folder, clock, [plan]);
  await log.createStream(ADS_STREAM);
  const rows = batchFromRows(ADS, [{ tenant: 'acme', name: 'n1', owner: 'o1', _deleted: null }]);
  await log.append({ batches: [{ stream: 'ads', rows }] });
  clock.time += 1_000;
  const events = batchOfEvents([{ id: 'e1', tenant: 'acme', at: T0, campaign: 'n1' }]);
  await log.append({ batches: [{ stream: 'events', rows: events }] });
  const stage = new RelationalStage({
    plan,
    stream: 'view.v',
    id: 'mill.v',
    log,
    folder: join(folder, 'mill'),
    disk: realDisk,
    clock,
  });
  await stage.restore(undefined);
  for (const stream of ['ads', 'events']) stage.process(log.cursor(stream, 0, 0).next()!, false);
  clock.time += 1_000;
  await until(() => log.arrivalClock('ads').clockMs > T0 + 1_000, 'the clock');
  const read = ['ads', 'events'].map((stream) => ({ stream, partition: 0, offset: 1 }));
  const output = stage.flush(read)!;
  expect(output.outputs.map(({ stream }) => stream)).toEqual(['view.v']);
  expect(output.positions).toEqual(expect.arrayContaining(read));
  await stage.close();
  await log.close();
});
