/** A real log in a temporary folder, one stream and one view's changes stream, and the engine over them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EDGES_SCHEMA, EDGES_STREAM } from '../../../src/event/internal.js';
import { batchFromRows } from '../../../src/event/rows.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import type { Schema } from '../../../src/event/schema.js';
import { definitionName } from '../../../src/event/served.js';
import type { ViewDescription } from '../../../src/event/view.js';
import { systemClock } from '../../../src/io/clock.js';
import { realDisk } from '../../../src/io/disk-real.js';
import { systemRandom } from '../../../src/io/random.js';
import { openLog, type EmbeddedLog } from '../../../src/log/embedded/open.js';
import { startReaderLoop, type ReaderLoop } from '../../../src/log/reader-loop.js';
import { streamRelation, viewRelation, type Catalog } from '../../../src/serve/query/catalog.js';
import { Duck } from '../../../src/serve/query/duck.js';
import { QueryEngine, type QueryLimits } from '../../../src/serve/query/engine.js';
import { createSnapshots } from '../../../src/serve/query/snapshots.js';
import type { SnapshotSource } from '../../../src/serve/query/sources.js';
import type { LakeReader } from '../../../src/serve/query/stream-source.js';
import { TempFiles, writeParquet } from '../../../src/serve/query/temp-files.js';
import { openSummary, type ViewSummary } from '../../../src/summary/summary.js';
import { loadParser } from '../../../src/util/sql-text.js';

export const MINUTE = 60_000;
export const START = Date.UTC(2026, 0, 31, 12);

export const EVENTS = defineSchema({
  columns: {
    tenant_id: 'dictionary',
    event_id: 'string',
    event_time: 'timestamp',
    kind: 'dictionary',
    campaign: 'string?',
    cost: 'decimal?',
    score: 'double?',
    clicks: 'int64?',
    labels: 'list?',
    props: 'json?',
    note: 'string?',
  },
  tenant: 'tenant_id',
  eventId: 'event_id',
  eventTime: 'event_time',
});

/** A stream that has no tenants: operators only. */
export const INTERNAL = defineSchema({ columns: { secret: 'string' } });

export const CHANGES = defineSchema({
  columns: {
    tenant: 'dictionary',
    window_start: 'timestamp',
    window_end: 'timestamp',
    op: 'dictionary',
    state: 'dictionary',
    reason: 'dictionary?',
    txn: 'int64',
    campaign: 'string?',
    impressions: 'int64',
    cost: 'decimal?',
    rate: 'double?',
  },
  tenant: 'tenant',
});

export function viewDescription(name: string, global = false): ViewDescription {
  const column = (
    columnName: string,
    type: ViewDescription['columns'][number]['type'],
    position: number,
    scale?: number,
  ) => ({ name: columnName, type, column: position, ...(scale === undefined ? {} : { scale }) });
  return {
    name,
    epoch: '1.0123456789abcdef',
    stream: `view.${name}`,
    schema: CHANGES,
    source: 'events',
    sources: ['events'],
    columns: [
      ...(global ? [] : [column('tenant_id', 'text', 0)]),
      column('campaign', 'text', 7),
      column('window_start', 'timestamptz', 1),
      column('window_end', 'timestamptz', 2),
      { ...column('impressions', 'bigint', 8), additive: true },
      { ...column('cost', 'numeric', 9, 6), additive: true },
      column('rate', 'double precision', 10),
    ],
    keyColumns: [0, 1, 2, 7],
    valueColumns: [8, 9, 10],
    windowMs: MINUTE,
    global,
  };
}

/** A row of the changes stream. */
export function change(
  tenant: string,
  minute: number,
  campaign: string | null,
  impressions: number,
  more: Record<string, unknown> = {},
) {
  const start = START + minute * MINUTE;
  return {
    tenant,
    window_start: start,
    window_end: start + MINUTE,
    op: 'upsert',
    state: 'open',
    reason: null,
    txn: 1,
    campaign,
    impressions,
    cost: (impressions * 0.25).toFixed(6),
    rate: impressions / 4,
    ...more,
  };
}

export interface Fixture {
  readonly folder: string;
  readonly log: EmbeddedLog;
  readonly engine: QueryEngine;
  readonly snapshots: SnapshotSource;
  readonly catalog: Catalog;
  readonly files: TempFiles;
  readonly views: Map<string, ViewSummary>;
  /** Appends changes of view `traffic` (or another) and waits until the summary has them. */
  change(rows: readonly Record<string, unknown>[], view?: string): Promise<void>;
  append(stream: string, rows: readonly Record<string, unknown>[]): Promise<void>;
  query(sql: string, tenant?: string | null): Promise<unknown[][]>;
  close(): Promise<void>;
}

export async function openFixture(
  options: {
    limits?: Partial<QueryLimits>;
    lake?: LakeReader;
    partitions?: number;
    /** Changes the text that the engine is given: only to show that a test would see what is wrong. */
    printed?: (sql: string) => string;
  } = {},
): Promise<Fixture> {
  await loadParser();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-query-'));
  const log = await openLog({
    folder: join(folder, 'log'),
    disk: realDisk,
    clock: systemClock,
    random: systemRandom,
    options: { firstSegmentBytes: 1 << 20, segmentBytes: 1 << 24 },
  });
  const stream = (name: string, schema: Schema, partitions = options.partitions ?? 2) =>
    log.createStream({ name, schema, partitions, clock: 'arrival', retentionMs: 1e9, bytesMax: 1e9, policy: 'refuse' });
  await stream('events', EVENTS);
  await stream('internal', INTERNAL, 1);
  await stream(EDGES_STREAM, EDGES_SCHEMA, 1);
  const descriptions = [viewDescription('traffic'), viewDescription('totals', true)];
  const views = new Map<string, ViewSummary>();
  const loops = new Map<string, ReaderLoop>();
  for (const description of descriptions) {
    await stream(description.stream, CHANGES);
    const view = await openSummary({
      endOf: (partition) => log.range(description.stream, partition).end,
      view: description,
      partitions: options.partitions ?? 2,
      folder: join(folder, 'summary'),
      disk: realDisk,
      clock: systemClock,
      writeRun: (path, schema, groups) =>
        writeParquet(realDisk, path, schema, groups, { compression: 'zstd', sync: false }),
    });
    views.set(description.name, view);
    loops.set(
      description.name,
      startReaderLoop({ log, stage: view.stage, clock: systemClock, options: { flushEveryMs: 20 } }),
    );
  }
  const files = new TempFiles(join(folder, 'tmp'), realDisk);
  const duck = await Duck.open({
    folders: [folder],
    spillFolder: join(folder, 'tmp', 'spill'),
    memoryBytesMax: 256 << 20,
    spillBytesMax: 256 << 20,
    threads: 2,
  });
  const { printed } = options;
  if (printed !== undefined) {
    const select = duck.select.bind(duck);
    duck.select = (sql, signal, use) => select(printed(sql), signal, use);
  }
  const catalog: Catalog = new Map(
    [
      streamRelation('events', EVENTS),
      streamRelation('internal', INTERNAL),
      streamRelation(EDGES_STREAM, EDGES_SCHEMA),
      ...descriptions.flatMap((view) => [viewRelation(view), viewRelation(view, definitionName(view))]),
    ].map((relation) => [relation.name, relation]),
  );
  const snapshots = createSnapshots({
    log,
    lake: options.lake ?? { take: () => null },
    view: (key) => views.get(key.slice('view.'.length)),
    files,
  });
  const engine = new QueryEngine({
    duck,
    snapshots,
    catalog: () => catalog,
    clock: systemClock,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    onError: (error, printed) => console.error(printed, error),
  });
  return {
    folder,
    log,
    engine,
    snapshots,
    catalog,
    files,
    views,
    async change(rows, view = 'traffic') {
      await log.append({ batches: [{ stream: `view.${view}`, rows: batchFromRows(CHANGES, rows) }] });
      await views
        .get(view)!
        .store.reached(
          [0, 1]
            .slice(0, log.stream(`view.${view}`)!.partitions)
            .map((partition) => log.range(`view.${view}`, partition).end),
        );
    },
    async append(name, rows) {
      await log.append({ batches: [{ stream: name, rows: batchFromRows(log.stream(name)!.schema, rows) }] });
    },
    async query(sql, tenant = null) {
      const answer = await engine.run({ sql, tenant, format: 'json' });
      return (JSON.parse(new TextDecoder().decode(answer.body)) as { rows: unknown[][] }).rows;
    },
    async close() {
      for (const loop of loops.values()) await loop.stop();
      for (const view of views.values()) await view.close();
      await duck.close();
      await log.close();
      rmSync(folder, { recursive: true });
    },
  };
}
