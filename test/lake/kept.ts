/** Logs with a lake beside them, of which retention has taken the first part. */
import { join } from 'node:path';
import type { Schema } from '../../src/event/schema.js';
import { openCatalog } from '../../src/lake/catalog.js';
import { ColumnCache } from '../../src/lake/column-cache.js';
import type { HistoryFrom } from '../../src/lake/history.js';
import type { HistorySource } from '../../src/lake/history-feed.js';
import { reachOf } from '../../src/lake/reach.js';
import { readSnapshot, type LakeFile } from '../../src/lake/snapshot.js';
import { LakeStage } from '../../src/lake/stage.js';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import type { Log } from '../../src/log/log.js';
import { startReaderLoop } from '../../src/log/reader-loop.js';
import type { StandingPlan } from '../../src/sql/standing.js';
import { freshFolder, HandClock, openTestLog, until } from '../mill/support.js';
import { noSyncDisk } from './no-sync.js';

export const HOUR = 3_600_000;

/** A log, and the lake beside it. */
export interface Kept {
  readonly log: EmbeddedLog;
  readonly folder: string;
  readonly lake: string;
  readonly source: HistorySource;
  readonly clock: HandClock;
}

/** A log of `schema` with an empty lake beside it. */
export async function opened(
  schema: Schema,
  partitions: number,
  startMs: number,
  pageRows: number,
  plans: readonly StandingPlan[] = [],
  cacheBytes = 10_000,
): Promise<Kept> {
  const folder = freshFolder();
  const clock = new HandClock(startMs);
  const log = await openTestLog(folder, clock, plans, { partitions }, schema);
  const lake = join(folder, 'lake');
  return {
    log,
    folder,
    lake,
    clock,
    source: { disk: noSyncDisk, catalog: openCatalog(noSyncDisk, lake), cache: new ColumnCache(cacheBytes), pageRows },
  };
}

/** Takes all that is in the log to the lake, as runs of at most `runRowsMax` rows, and merges the hours that are over. */
export async function toLake({ clock, lake, log }: Kept, runRowsMax: number): Promise<void> {
  const stage = new LakeStage({
    stream: 'events',
    definition: () => log.stream('events')!,
    folder: lake,
    disk: noSyncDisk,
    clock,
    options: { runRowsMax, mergedGroupRows: 5, mergedFileBytes: 2_000 },
  });
  const loop = startReaderLoop({ log, stage, clock, options: { flushEveryMs: 1, tickEveryMs: 1 } });
  stage.hurried = true;
  await loop.drained();
  const isOver = ({ hour, kind }: LakeFile): boolean => kind === 'run' && hour + HOUR <= clock.time;
  await until(() => !(readSnapshot(noSyncDisk, lake, 'events')?.files ?? []).some(isOver), 'merges');
  await loop.stop();
}

/** The oldest offset of each partition. */
export function startsOf(log: Log): number[] {
  return Array.from({ length: log.stream('events')!.partitions }, (_, at) => log.range('events', at).start);
}

/** From the reach that the lake has now. */
export function fromOf({ lake, log }: Pick<Kept, 'lake'> & { readonly log: Log }): HistoryFrom {
  const { from } = reachOf(readSnapshot(noSyncDisk, lake, 'events') ?? { files: [] }, startsOf(log));
  return Object.fromEntries(from.map((offset, partition) => [`events/${partition}`, offset]));
}
