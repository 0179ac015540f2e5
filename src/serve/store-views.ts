/** The views in the store thread: each a summary, the reader that keeps it current, and what reads it. */
import { join } from 'node:path';
import { systemClock } from '../io/clock.js';
import { keyOf } from '../event/served.js';
import { realDisk } from '../io/disk-real.js';
import { startReaderLoop, type ReaderLoop } from '../log/reader-loop.js';
import type { RemoteLog } from '../log/remote.js';
import { Progress } from '../mill/progress.js';
import type { WriteRun } from '../summary/runs.js';
import { openSummary, type ViewSummary } from '../summary/summary.js';
import { closedThrough } from './feed/complete-through.js';
import { FeedReader } from './feed/reader.js';
import { Freshness } from './freshness.js';
import { writeParquet } from './query/temp-files.js';
import type { StoreEvents, StoreThreadData, ViewStatus } from './store-protocol.js';
import { ViewReader } from './view-reader.js';

/** Files of summaries: written by the lake's writer, which summaries may not know. */
const writeRun: WriteRun = (path, schema, groups) =>
  writeParquet(realDisk, path, schema, groups, { compression: 'zstd', sync: true });

/** One view in the store thread. */
export interface OpenView {
  readonly summary: ViewSummary;
  readonly loop: ReaderLoop;
  readonly reader: ViewReader;
  readonly feed: FeedReader;
  readonly freshness: Freshness;
  /** Windows of a tenant that end at or before this are final unless corrected. */
  completeThrough(tenant: string): number | null;
}

/** What a view is doing. */
export function statusOf({ summary, freshness, loop }: Pick<OpenView, 'summary' | 'freshness' | 'loop'>): ViewStatus {
  const { store } = summary;
  const { rows, bytes } = store.openSize();
  return {
    name: store.view.name,
    openRows: rows,
    openBytes: bytes,
    closedRows: summary.closed.rows,
    windows: store.liveTables().length,
    files: summary.closed.runs.files.length,
    freshnessMs: freshness.lastMs,
    completeThrough: freshness.completeThrough,
    reader: loop.status(),
  };
}

/** Where the partitions of a stream end now. */
export function endsOf(log: RemoteLog, stream: string): number[] {
  return Array.from(
    { length: log.stream(stream)?.partitions ?? 0 },
    (_, partition) => log.range(stream, partition).end,
  );
}

/** Opens all definitions of views: each with its summary, the reader that keeps it, and what reads it. */
export async function openViews(
  data: StoreThreadData,
  log: RemoteLog,
  parent: StoreEvents,
): Promise<Map<string, OpenView>> {
  const views = new Map<string, OpenView>();
  for (const { view, reader, progress } of data.views) {
    const key = keyOf(view);
    const partitions = log.stream(view.stream)!.partitions;
    const summary = await openSummary({
      view,
      partitions,
      endOf: (partition) => log.range(view.stream, partition).end,
      folder: join(data.dataFolder, 'summary'),
      disk: realDisk,
      clock: systemClock,
      writeRun,
      ...(Object.hasOwn(data.retentions, view.name) ? { retention: data.retentions[view.name]! } : {}),
    });
    summary.store.expect(endsOf(log, view.stream));
    const loop = startReaderLoop({
      log,
      stage: summary.stage,
      clock: systemClock,
      onStatus: ({ id, state, reason }) => {
        if (state === 'stalled') parent.problem(id, reason ?? 'stalled');
      },
    });
    summary.store.watch.onChanged = (tenants) => parent.changed(key, tenants);
    const freshness = new Freshness({
      log,
      store: summary.store,
      clock: systemClock,
      reader,
      ...(progress === undefined ? {} : { progress: new Progress(progress) }),
    });
    const completeThrough = (tenant: string): number | null =>
      view.sources.some((source) => log.stream(source)?.clock === 'event')
        ? closedThrough(summary.store, tenant)
        : freshness.completeThrough;
    views.set(key, {
      summary,
      loop,
      freshness,
      reader: new ViewReader(summary.store),
      feed: new FeedReader(summary.store, completeThrough),
      completeThrough,
    });
  }
  return views;
}
