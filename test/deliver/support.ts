import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeliveryOptions } from '../../src/config/options.js';
import { CutRows, type PlacedSlice } from '../../src/deliver/rows.js';
import { DeliveryStage, type DeliveryInput } from '../../src/deliver/stage.js';
import type { Sink, SinkContext } from '../../src/deliver/sink.js';
import {
  EDGES_SCHEMA,
  EDGES_STREAM,
  QUARANTINE_SCHEMA,
  QUARANTINE_STREAM,
  REDRIVE_SCHEMA,
  REDRIVE_STREAM,
} from '../../src/event/internal.js';
import { Quarantine } from '../../src/event/quarantine.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import type { Schema } from '../../src/event/schema.js';
import { systemClock, type Clock } from '../../src/io/clock.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemNetwork } from '../../src/io/network.js';
import { systemRandom } from '../../src/io/random.js';
import { openLog, type EmbeddedLog } from '../../src/log/embedded/open.js';
import type { StreamDefinition } from '../../src/log/log.js';
import { startReaderLoop, type ReaderLoop } from '../../src/log/reader-loop.js';
import { parseCondition } from '../../src/sql/expression.js';

/** An event with a column of every kind that sinks tell apart. */
export const SCHEMA = defineSchema({
  columns: {
    id: 'string',
    tenant: 'dictionary',
    at: 'timestamp',
    kind: 'dictionary?',
    cost: 'decimal?',
    count: 'int64?',
    note: 'string?',
    labels: 'list?',
    props: 'json?',
  },
  tenant: 'tenant',
  eventId: 'id',
  eventTime: 'at',
});

/** One event of a test; what is left out is null. */
export type Row = Readonly<Record<string, unknown>> & { readonly id: string; readonly tenant: string };

/** Some events; ids are `<prefix>-<n>`. */
export function someRows(count: number, prefix = 'e', from = 0): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${prefix}-${from + i}`,
    tenant: ['acme', 'bolt', 'crux'][i % 3]!,
    at: 1_700_000_000_000 + i,
    kind: i % 2 === 0 ? 'click' : 'view',
    cost: '0.25',
    count: i,
    note: `a "note" ${i}`,
    labels: ['x', `y${i % 5}`],
    props: { n: i },
  }));
}

const folders: string[] = [];

/** A fresh folder, removed by `removeFolders`. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-deliver-'));
  folders.push(folder);
  return folder;
}

/** Removes the folders of this file's tests. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A delivery's options; portions go out soon and failures are tried again soon. */
export function deliveryOptions(rest: Partial<DeliveryOptions> = {}): DeliveryOptions {
  return {
    name: 'out',
    from: 'events',
    sink: { type: 'stdout' },
    filter: null,
    bufferBytes: 1024 * 1024,
    bufferMs: 20,
    bufferRowsMax: 1_000_000,
    retry: { minMs: 5, maxMs: 50, deadlineMs: null },
    requestsMax: 2,
    start: 'oldest',
    ...rest,
  };
}

/** Rows as a cut has them, in slices of at most `sliceRows`. */
export function cutRows(rows: readonly Row[], schema: Schema = SCHEMA, sliceRows = rows.length): CutRows {
  const slices: PlacedSlice[] = [];
  for (let from = 0; from < rows.length; from += sliceRows) {
    const batch = batchFromRows(schema, rows.slice(from, from + sliceRows));
    const place = { stream: 'events', partition: 0, baseOffset: from, receivedAt: 1_700_000_000_000 + from };
    slices.push({ ...place, batch, rows: null, attempts: null });
  }
  return new CutRows(schema, slices);
}

/** What a sink of the delivery `out` is made with. */
export function sinkContext(rest: Partial<SinkContext> = {}): SinkContext {
  return {
    name: 'out',
    stream: 'events',
    schema: SCHEMA,
    requestsMax: 2,
    clock: systemClock,
    random: systemRandom,
    disk: realDisk,
    network: systemNetwork,
    ...rest,
  };
}

/** A log on disk with the streams of a delivery, and deliveries that run on it. */
export class Bench {
  readonly folder = freshFolder();
  readonly clock: Clock;
  readonly schema: Schema;
  readonly #partitions: number;
  log!: EmbeddedLog;
  #running: { stage: DeliveryStage; loop: ReaderLoop }[] = [];

  constructor(rest: { readonly partitions?: number; readonly clock?: Clock; readonly schema?: Schema } = {}) {
    this.clock = rest.clock ?? systemClock;
    this.schema = rest.schema ?? SCHEMA;
    this.#partitions = rest.partitions ?? 1;
  }

  /** Opens the log; also after `kill`. */
  async open(): Promise<this> {
    this.log = await openLog({
      folder: join(this.folder, 'log'),
      disk: realDisk,
      clock: this.clock,
      random: systemRandom,
      options: { segmentBytes: 1 << 20, firstSegmentBytes: 1 << 16 },
    });
    await this.log.createStream(definition('events', this.schema, this.#partitions));
    await this.log.createStream(definition(QUARANTINE_STREAM, QUARANTINE_SCHEMA));
    await this.log.createStream(definition(REDRIVE_STREAM, REDRIVE_SCHEMA));
    await this.log.createStream(definition(EDGES_STREAM, EDGES_SCHEMA));
    return this;
  }

  /** Appends events; each call is one commit. */
  async append(rows: readonly Row[], stream = 'events', schema = this.schema): Promise<void> {
    await this.log.append({ batches: [{ stream, rows: batchFromRows(schema, rows) }] });
  }

  /** Starts a delivery. */
  async start(sink: Sink, options: DeliveryOptions = deliveryOptions(), rest: Partial<DeliveryInput> = {}) {
    const { log, clock, schema } = this;
    const filter = options.filter === null ? null : await parseCondition(options.filter, schema, 'filter');
    const quarantine = new Quarantine({ clock, tenantBytesMax: 1e9, eventBytesMax: 65_536 });
    const stage = new DeliveryStage({
      options,
      log,
      schema,
      filter,
      sink,
      quarantine,
      clock,
      random: systemRandom,
      ...rest,
    });
    const loop = startReaderLoop({
      log,
      stage,
      clock,
      options: { flushEveryMs: 5, tickEveryMs: 20, retryMinMs: 5, flushRows: 20_000 },
    });
    const running = { stage, loop };
    this.#running.push(running);
    return running;
  }

  /** Resolves when everything that is in the log now is delivered and committed. */
  async drained(): Promise<void> {
    for (const { stage } of this.#running) stage.draining = true;
    await Promise.all(this.#running.map(({ loop }) => loop.drained()));
    for (const { stage } of this.#running) stage.draining = false;
  }

  /** Stops deliveries at once, as a crash would leave them: what is under way is cut off. */
  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map(({ loop }) => loop.stop()));
  }

  /** Closes the log and opens it again. */
  async restart(): Promise<void> {
    await this.stop();
    await this.log.close();
    await this.open();
  }

  /** Closes everything. */
  async close(): Promise<void> {
    await this.stop();
    await this.log.close();
  }

  /** All rows of a stream. */
  rows(stream: string): Record<string, unknown>[] {
    const found: Record<string, unknown>[] = [];
    for (let partition = 0; partition < this.log.stream(stream)!.partitions; partition++) {
      const cursor = this.log.cursor(stream, partition, this.log.range(stream, partition).start);
      for (let batch = cursor.next(); batch !== null; batch = cursor.next())
        for (let row = 0; row < batch.rows; row++) found.push(rowOf(batch.batch, row));
      cursor.close();
    }
    return found;
  }

  /** The edges of a delivery added up: outcome (and reason) to rows. */
  edges(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { outcome, reason, events } of this.rows(EDGES_STREAM)) {
      const name = reason === null ? String(outcome) : `${String(outcome)} ${String(reason)}`;
      sums[name] = (sums[name] ?? 0) + Number(events);
    }
    return sums;
  }
}

function definition(name: string, schema: Schema, partitions = 1): StreamDefinition {
  return {
    name,
    schema,
    partitions,
    clock: 'arrival',
    retentionMs: 86_400_000,
    bytesMax: 1e12,
    policy: 'refuse',
  };
}

/** Waits until `test` holds, or fails saying what was waited for. */
export async function until(what: string, test: () => boolean | Promise<boolean>, timeoutMs = 100_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await test())) {
    if (performance.now() > deadline) throw new Error(`${what}: did not happen within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
