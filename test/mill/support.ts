import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ColumnBatch } from '../../src/event/columns.js';
import { LATE_SCHEMA, LATE_STREAM } from '../../src/event/internal.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import type { Schema } from '../../src/event/schema.js';
import { systemClock, type Clock } from '../../src/io/clock.js';
import type { Disk } from '../../src/io/disk.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemRandom } from '../../src/io/random.js';
import { openLog, type EmbeddedLog } from '../../src/log/embedded/open.js';
import type { Log, StreamDefinition } from '../../src/log/log.js';
import { startReaderLoop, type ReaderLoop } from '../../src/log/reader-loop.js';
import { parseViews } from '../../src/sql/parse.js';
import { isRelational, planView, streamRelation } from '../../src/sql/standing.js';
import type { StandingPlan } from '../../src/sql/standing.js';
import type { RelationView } from '../../src/sql/relation/relation.js';
import { planRelationView } from '../../src/sql/relation/view.js';
import { RelationalStage } from '../../src/mill/relational/stage.js';
import { describeView } from '../../src/sql/describe.js';
import type { ViewPlan } from '../../src/sql/plan.js';
import { planHash } from '../../src/mill/plan-hash.js';
import { ViewStage } from '../../src/mill/stage.js';
import type { RunningView, ViewStageOptions } from '../../src/mill/stage-options.js';

/** A small event of every kind of column that a view can use. */
export const EVENTS = defineSchema({
  columns: {
    id: 'string',
    tenant: 'dictionary',
    at: 'timestamp',
    seen: 'timestamp?',
    kind: 'dictionary?',
    campaign: 'dictionary?',
    user: 'string?',
    number: 'int64?',
    cost: 'decimal?',
    ratio: 'double?',
    flag: 'boolean?',
    device: 'uuid?',
  },
  tenant: 'tenant',
  eventId: 'id',
  eventTime: 'at',
});

/** One event of a test; what is left out is null. */
export type Event = Record<string, unknown> & { readonly id: string; readonly tenant: string };

/** A batch of events. */
export function batchOfEvents(events: readonly Event[], schema: Schema = EVENTS): ColumnBatch {
  return batchFromRows(
    schema,
    events.map((event) => ({ ...event, received_at: 0 })),
  );
}

/** A clock whose wall time is set by hand; timers are real. */
export class HandClock implements Clock {
  time: number;

  constructor(time: number) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(delayMs: number, run: () => void): () => void {
    return systemClock.after(delayMs, run);
  }
}

/** Plans the first view of a SQL text over `events`. */
export async function planOf(sql: string, schema: Schema = EVENTS): Promise<ViewPlan> {
  const [view] = await parseViews(sql, 'test.sql');
  return planView(view!, new Map([['events', { name: 'events', schema }]])) as ViewPlan;
}

/** The same as operators, though a kernel could run it. */
export async function relationalPlanOf(sql: string, schema: Schema = EVENTS): Promise<RelationView> {
  const [view] = await parseViews(sql, 'test.sql');
  return planRelationView(view!, new Map([['events', streamRelation({ name: 'events', schema })]]));
}

const folders: string[] = [];

/** A fresh folder, removed by `removeFolders`. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-mill-'));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

function stream(name: string, schema: Schema, rest: Partial<StreamDefinition> = {}): StreamDefinition {
  return {
    name,
    schema,
    partitions: 1,
    clock: 'arrival',
    retentionMs: 86_400_000,
    bytesMax: 1e12,
    policy: 'refuse',
    ...rest,
  };
}

/** A log with `events`, `late` and a view's changes. */
export async function openTestLog(
  folder: string,
  clock: Clock,
  plans: readonly StandingPlan[],
  rest: Partial<StreamDefinition> = {},
  schema: Schema = EVENTS,
): Promise<EmbeddedLog> {
  const log = await openLog({
    folder: join(folder, 'log'),
    disk: realDisk,
    clock,
    random: systemRandom,
    options: { segmentBytes: 1 << 22, firstSegmentBytes: 1 << 18, arrivalClockEveryMs: 5, idleClockMinMs: 3_600_000 },
  });
  await log.createStream(stream('events', schema, rest));
  await log.createStream(stream(LATE_STREAM, LATE_SCHEMA));
  for (const plan of plans)
    await log.createStream(
      stream(`view.${plan.name}`, describeView(plan, { number: 1, id: '', sinceMs: null }).schema),
    );
  return log;
}

/** Starts a view on a log. */
export function startView(
  log: Log,
  folder: string,
  plan: StandingPlan,
  clock: Clock,
  options: Partial<ViewStageOptions> = {},
  disk: Disk = realDisk,
  hash = planHash(plan),
): { loop: ReaderLoop; stage: RunningView } {
  const input = {
    stream: `view.${plan.name}`,
    id: `mill.${plan.name}`,
    hash,
    log,
    folder: join(folder, 'mill', plan.name),
    disk,
    clock,
    options,
  };
  const stage: RunningView = isRelational(plan)
    ? new RelationalStage({ ...input, plan })
    : new ViewStage({ ...input, plan });
  const loop = startReaderLoop({ log, stage, clock, options: { flushEveryMs: 5, tickEveryMs: 5 } });
  return { loop, stage };
}

/** Every row of a stream with its offset, in order of partition and offset. */
export function readAll(
  log: Log,
  name: string,
): (Record<string, unknown> & { logOffset: number; logPartition: number })[] {
  const rows: (Record<string, unknown> & { logOffset: number; logPartition: number })[] = [];
  for (let partition = 0; partition < log.stream(name)!.partitions; partition++) {
    const cursor = log.cursor(name, partition, 0);
    for (let batch = cursor.next(); batch !== null; batch = cursor.next()) {
      for (let i = 0; i < batch.rows; i++)
        rows.push({ ...rowOf(batch.batch, i), logOffset: batch.baseOffset + i, logPartition: partition });
    }
    cursor.close();
  }
  return rows;
}

/** The newest row of every key, deletes taken out. */
export function newest(
  rows: readonly Record<string, unknown>[],
  keys: readonly string[],
): Map<string, Record<string, unknown>> {
  const byKey = new Map<string, Record<string, unknown>>();
  for (const row of rows) {
    const key = JSON.stringify(keys.map((name) => keyed(row[name])));
    if (row.op === 'delete') byKey.delete(key);
    else byKey.set(key, row);
  }
  return byKey;
}

/** JSON has no NaN and no infinity. */
function keyed(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** Waits until `test` holds. */
export async function until(test: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 90_000;
  while (!test()) {
    if (performance.now() > end) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
