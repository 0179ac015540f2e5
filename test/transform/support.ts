/** Transforms on a real log on disk, in this thread; their functions run in threads of their own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../../src/config/parse.js';
import type { MillraceOptions } from '../../src/config/options.js';
import {
  EDGES_SCHEMA,
  EDGES_STREAM,
  QUARANTINE_SCHEMA,
  QUARANTINE_STREAM,
  REDRIVE_SCHEMA,
  REDRIVE_STREAM,
} from '../../src/event/internal.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema, type SchemaInput } from '../../src/event/schema-define.js';
import type { Schema } from '../../src/event/schema.js';
import { systemClock, type Clock } from '../../src/io/clock.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemRandom } from '../../src/io/random.js';
import { openLog, type EmbeddedLog } from '../../src/log/embedded/open.js';
import type { StreamDefinition } from '../../src/log/log.js';
import { connectLog, type RemoteLog } from '../../src/log/remote.js';
import { withDerivedStreams } from '../../src/transform/plan.js';
import { Transforms, type TransformStatus } from '../../src/transform/transforms.js';

/** A small event with every role and a column of most types. */
export const COLUMNS = {
  id: 'uuid',
  tenant: 'dictionary',
  at: 'timestamp',
  kind: 'dictionary?',
  country: 'dictionary?',
  user: 'string?',
  ip: 'string?',
  agent: 'dictionary?',
  cost: 'decimal?',
  clicks: 'int64?',
  ratio: 'double?',
  flag: 'boolean?',
  device: 'uuid?',
  labels: 'list?',
  props: 'json?',
} as const satisfies SchemaInput['columns'];

/** Its schema. */
export const SCHEMA: Schema = defineSchema({ columns: COLUMNS, tenant: 'tenant', eventId: 'id', eventTime: 'at' });

/** An event; what is left out is null. */
export type Event = Record<string, unknown>;

/** A uuid that ends in `n`. */
export function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

/** An event with an id, a tenant and a time. */
export function event(n: number, rest: Event = {}): Event {
  return { id: uuid(n), tenant: `t${n % 3}`, at: 1_760_000_000_000 + n, ...rest };
}

const folders: string[] = [];

/** A fresh folder, removed by `removeFolders`. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-transform-'));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Writes a module or a file into a folder; answers its path. */
export function file(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** A configuration with these transforms of a stream `events`. */
export function optionsOf(
  transforms: Record<string, unknown>,
  folder = '/',
  schema: Schema = SCHEMA,
  stream: Record<string, unknown> = {},
): MillraceOptions {
  return parseConfig(
    { streams: { events: { schema, ...stream } }, collect: { defaultStream: 'events' }, transforms },
    { folder },
  );
}

/** A log and the transforms that run on it. */
export interface Running {
  readonly log: EmbeddedLog;
  readonly remote: RemoteLog;
  readonly transforms: Transforms;
  readonly said: string[];
  append(events: readonly Event[], stream?: string): Promise<void>;
  /** Everything durable has come through every transform. */
  drained(): Promise<void>;
  status(name: string): TransformStatus;
  /** Rows of a stream; `received_at` left out, and columns that are null. */
  rows(stream: string): Event[];
  stop(): Promise<void>;
}

function own(name: string, schema: Schema): StreamDefinition {
  return { name, schema, partitions: 1, clock: 'arrival', retentionMs: 86_400_000, bytesMax: 1e12, policy: 'refuse' };
}

/** Opens the log in `folder` and runs the transforms of a configuration, as the process does. */
export async function run(
  folder: string,
  given: MillraceOptions,
  rest: { clock?: Clock; tenantBytesMax?: number } = {},
): Promise<Running> {
  const options = await withDerivedStreams(given);
  const { clock = systemClock, tenantBytesMax = 1e9 } = rest;
  const log = await openLog({
    folder: join(folder, 'log'),
    disk: realDisk,
    clock,
    random: systemRandom,
    options: { segmentBytes: 1 << 22, firstSegmentBytes: 1 << 18, arrivalClockEveryMs: 5 },
  });
  for (const { lake: _lake, ...stream } of options.streams) await log.createStream(stream);
  await log.createStream(own(QUARANTINE_STREAM, QUARANTINE_SCHEMA));
  await log.createStream(own(REDRIVE_STREAM, REDRIVE_SCHEMA));
  await log.createStream(own(EDGES_STREAM, EDGES_SCHEMA));
  const remote = await connectLog(log.remotePort());
  const said: string[] = [];
  const transforms = new Transforms({
    log: remote,
    clock,
    quarantine: { tenantBytesMax, eventBytesMax: 64 * 1024 },
    onStatus: ({ id, state, reason }) => reason !== null && said.push(`${id} ${state} ${reason}`),
    say: (name, level, message) => said.push(`${name} ${level} ${message}`),
  });
  await transforms.apply(options.transforms);
  return {
    log,
    remote,
    transforms,
    said,
    append: (events, stream = 'events') => append(log, events, stream),
    drained: () => transforms.drained(),
    status: (name) => transforms.status().find(({ stats }) => stats.name === name)!,
    rows: (stream) => readAll(log, stream),
    async stop() {
      await transforms.stop();
      remote.close();
      await log.close();
    },
  };
}

/** Appends events to a stream. */
export async function append(log: EmbeddedLog, events: readonly Event[], stream: string): Promise<void> {
  const rows = events.map((one) => ({ ...one, received_at: 0 }));
  await log.append({ batches: [{ stream, rows: batchFromRows(log.stream(stream)!.schema, rows) }] });
}

/** Every row of a stream in order of partition and offset; `received_at` left out, and columns that are null. */
export function readAll(log: EmbeddedLog, stream: string): Event[] {
  const rows: Event[] = [];
  for (let partition = 0; partition < log.stream(stream)!.partitions; partition++) {
    const cursor = log.cursor(stream, partition, log.range(stream, partition).start);
    for (let batch = cursor.next(); batch !== null; batch = cursor.next())
      for (let row = 0; row < batch.rows; row++) {
        const entries = Object.entries(rowOf(batch.batch, row));
        rows.push(Object.fromEntries(entries.filter(([name, value]) => name !== 'received_at' && value !== null)));
      }
    cursor.close();
  }
  return rows;
}

/** The edges of a reader, summed: `outcome reason` → events. */
export function edges(log: EmbeddedLog, edge: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const row of readAll(log, EDGES_STREAM)) {
    if (row['edge'] !== edge) continue;
    const name = [row['outcome'], row['reason']].filter((part) => part !== undefined).join(' ');
    sums[name] = (sums[name] ?? 0) + Number(row['events']);
  }
  return sums;
}

/** Runs transforms over events once; answers what came out of `to`. */
export async function once(
  transforms: Record<string, unknown>,
  events: readonly Event[],
  folder = freshFolder(),
): Promise<{ rows: Event[]; quarantine: Event[]; edges: Record<string, number>; said: string[] }> {
  const running = await run(folder, optionsOf(transforms, folder));
  await running.append(events);
  await running.drained();
  const [name, { to = name }] = Object.entries(transforms)[0] as [string, { to?: string }];
  const result = {
    rows: running.rows(to),
    quarantine: running.rows(QUARANTINE_STREAM),
    edges: edges(running.log, `transform.${name}`),
    said: running.said,
  };
  await running.stop();
  return result;
}

/** The message of the mistake in a transform with these steps. */
export async function mistake(steps: readonly Event[], schema?: unknown): Promise<string> {
  const transform = { from: 'events', steps, ...(schema === undefined ? {} : { schema }) };
  return withDerivedStreams(optionsOf({ out: transform })).then(
    () => 'none',
    (error: Error) => error.message,
  );
}
