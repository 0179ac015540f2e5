/**
 * The process whose memory is measured: `partitions-child.ts fill LOG PARTITIONS ROWS` writes a log with
 * events of so many tenants, `… deliver LOG FOLDER SETTINGS` brings it to a folder and prints what it took.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { sinkField } from '../src/config/sinks/index.js';
import { Deliveries } from '../src/deliver/deliveries.js';
import { adEvents } from '../src/event/ad-events.js';
import {
  EDGES_SCHEMA,
  EDGES_STREAM,
  QUARANTINE_SCHEMA,
  QUARANTINE_STREAM,
  REDRIVE_SCHEMA,
  REDRIVE_STREAM,
} from '../src/event/internal.js';
import { batchFromRows } from '../src/event/rows.js';
import type { Schema } from '../src/event/schema.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { growHeapsFreely } from '../src/io/heap.js';
import { systemNetwork } from '../src/io/network.js';
import { systemRandom } from '../src/io/random.js';
import { openLog, type EmbeddedLog } from '../src/log/embedded/open.js';
import { adRows } from './ad-rows.js';

/** What the delivery took. */
export interface PartitionsResult {
  readonly rows: number;
  readonly objects: number;
  readonly bytes: number;
  readonly cuts: number;
  readonly memoryMbMax: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

const COMMIT_ROWS = 5_000;
const MIB = 2 ** 20;

async function open(folder: string): Promise<EmbeddedLog> {
  const log = await openLog({ folder, disk: realDisk, clock: systemClock, random: systemRandom, options: {} });
  const streams: readonly (readonly [string, Schema])[] = [
    ['events', adEvents()],
    [QUARANTINE_STREAM, QUARANTINE_SCHEMA],
    [REDRIVE_STREAM, REDRIVE_SCHEMA],
    [EDGES_STREAM, EDGES_SCHEMA],
  ];
  for (const [name, schema] of streams)
    await log.createStream({
      name,
      schema,
      partitions: 1,
      clock: 'arrival',
      retentionMs: 86_400_000,
      bytesMax: 1e12,
      policy: 'refuse',
    });
  return log;
}

/** Every tenant has the same number of events, and none two in a row. */
async function fill(folder: string, partitions: number, rows: number): Promise<void> {
  const log = await open(folder);
  for (let at = 0; at < rows; at += COMMIT_ROWS) {
    const events = adRows(Math.min(COMMIT_ROWS, rows - at), at + 1).map((event, i) => ({
      ...event,
      tenant_id: `adv-${String((at + i) % partitions).padStart(6, '0')}`,
    }));
    await log.append({ batches: [{ stream: 'events', rows: batchFromRows(adEvents(), events) }] });
  }
  await log.close();
}

async function deliver(folder: string, path: string, settings: object): Promise<PartitionsResult> {
  const log = await open(folder);
  const cpu = process.cpuUsage();
  const start = performance.now();
  const deliveries = new Deliveries({
    log,
    clock: systemClock,
    random: systemRandom,
    disk: realDisk,
    quarantine: { tenantBytesMax: MIB, eventBytesMax: 65_536 },
    onStatus: () => undefined,
    network: systemNetwork,
    ask: () => Promise.reject(new Error('nobody asks here')),
  });
  await deliveries.apply(
    [
      {
        name: 'archive',
        from: 'events',
        sink: sinkField.parse({ type: 'directory', path, ...settings }),
        filter: null,
        bufferBytes: 128 * MIB,
        bufferMs: 10_000,
        bufferRowsMax: 1_000_000,
        retry: { minMs: 1_000, maxMs: 60_000, deadlineMs: null },
        requestsMax: 16,
        start: 'oldest',
      },
    ],
    [],
  );
  // Not drained: that would close portions before they are full.
  const rows = log.range('events', 0).end;
  while (deliveries.status()[0]!.delivery.totals.read < rows) await sleep(100);
  const { totals } = deliveries.status()[0]!.delivery;
  await deliveries.stop(0);
  await log.close();
  const used = process.cpuUsage(cpu);
  return {
    rows: totals.ok,
    objects: totals.objects,
    bytes: totals.bytes,
    cuts: totals.cuts,
    memoryMbMax: process.resourceUsage().maxRSS / 1024,
    cpuSeconds: (used.user + used.system) / 1e6,
    wallSeconds: (performance.now() - start) / 1e3,
  };
}

const [command, folder, ...rest] = process.argv.slice(2);
if (command === 'fill') await fill(folder!, Number(rest[0]), Number(rest[1]));
else {
  growHeapsFreely();
  console.log(JSON.stringify(await deliver(folder!, rest[0]!, JSON.parse(rest[1]!) as object)));
}
process.exit(0);
