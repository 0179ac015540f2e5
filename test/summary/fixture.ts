/** A changes stream in memory, and a summary driven from it as the reader loop would. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gather } from '../../src/event/gather.js';
import { batchFromRows } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import type { ViewDescription } from '../../src/event/view.js';
import { realDisk } from '../../src/io/disk-real.js';
import type { Clock } from '../../src/io/clock.js';
import type { LogBatch } from '../../src/log/log.js';
import { writeParquet } from '../../src/serve/query/temp-files.js';
import type { WriteRun } from '../../src/summary/runs.js';
import type { Retention } from '../../src/summary/retention.js';
import { openSummary, type SummaryOptions, type ViewSummary } from '../../src/summary/summary.js';

export const MINUTE = 60_000;

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
    device: 'int64?',
    impressions: 'int64',
    cost: 'decimal?',
    rate: 'double?',
    label: 'string?',
    seen: 'boolean?',
    who: 'uuid?',
  },
  tenant: 'tenant',
});

export const VIEW: ViewDescription = {
  name: 'traffic',
  epoch: '1.0123456789abcdef',
  stream: 'view.traffic',
  schema: CHANGES,
  source: 'events',
  sources: ['events'],
  columns: [
    { name: 'tenant_id', type: 'text', column: 0 },
    { name: 'window_start', type: 'timestamptz', column: 1 },
    { name: 'campaign', type: 'text', column: 7 },
    { name: 'device', type: 'bigint', column: 8 },
    { name: 'impressions', type: 'bigint', column: 9 },
    { name: 'cost', type: 'numeric', scale: 6, column: 10 },
    { name: 'rate', type: 'double precision', column: 11 },
    { name: 'label', type: 'text', column: 12 },
    { name: 'seen', type: 'boolean', column: 13 },
    { name: 'who', type: 'uuid', column: 14 },
  ],
  keyColumns: [0, 1, 2, 7, 8],
  valueColumns: [9, 10, 11, 12, 13, 14],
  windowMs: MINUTE,
  global: false,
};

/** One change, as the mill would write it. */
export interface Change {
  readonly tenant: string;
  /** Window number. */
  readonly window: number;
  readonly campaign: string | null;
  readonly device: number | null;
  readonly impressions: number;
  readonly deleted: boolean;
}

export function rowOfChange(change: Change): Record<string, unknown> {
  const { tenant, window, campaign, device, impressions, deleted } = change;
  return {
    tenant,
    window_start: window * MINUTE,
    window_end: (window + 1) * MINUTE,
    op: deleted ? 'delete' : 'upsert',
    state: deleted ? 'corrected' : 'open',
    reason: deleted ? 'late' : null,
    txn: 1,
    campaign,
    device,
    impressions,
    cost: deleted ? null : `${impressions}.25`,
    rate: impressions / 3,
    label: impressions % 2 === 0 ? null : `label ${impressions}`,
    seen: impressions % 3 === 0,
    who: `00000000-0000-4000-8000-${String(impressions % 1000).padStart(12, '0')}`,
  };
}

/** The changes stream: partition = first character of the tenant. */
export class Stream {
  readonly partitions = 2;
  readonly #rows: Change[][] = [[], []];

  append(changes: readonly Change[]): void {
    for (const change of changes) this.#rows[this.partitionOf(change.tenant)]!.push(change);
  }

  partitionOf(tenant: string): number {
    return tenant.charCodeAt(0) % this.partitions;
  }

  end(partition: number): number {
    return this.#rows[partition]!.length;
  }

  /** A batch of up to `limit` rows from an offset on; null at the end. */
  batch(partition: number, offset: number, limit: number): LogBatch | null {
    const rows = this.#rows[partition]!.slice(offset, offset + limit);
    if (rows.length === 0) return null;
    const batch = gather(
      batchFromRows(CHANGES, rows.map(rowOfChange)),
      rows.map((_, index) => index),
    );
    return {
      stream: VIEW.stream,
      partition,
      baseOffset: offset,
      rows: rows.length,
      batch,
      eventTimeMin: NaN,
      eventTimeMax: NaN,
      receivedAt: 0,
      clockAdvanceMs: 0,
      clockTotalMs: 0,
    };
  }

  /** The newest change of each key of a tenant, with its revision. */
  newest(tenant: string): Map<string, { change: Change; revision: number }> {
    const newest = new Map<string, { change: Change; revision: number }>();
    this.#rows[this.partitionOf(tenant)]!.forEach((change, offset) => {
      if (change.tenant === tenant)
        newest.set(JSON.stringify([change.window, change.campaign, change.device]), { change, revision: offset + 1 });
    });
    return newest;
  }
}

export const writeRun: WriteRun = (path, schema, groups) =>
  writeParquet(realDisk, path, schema, groups, { compression: 'zstd', sync: false });

/** A clock that moves by hand. */
export class ManualClock implements Clock {
  ms = 1_000_000;
  now(): number {
    return this.ms;
  }
  monotonic(): number {
    return this.ms;
  }
  after(): () => void {
    return () => undefined;
  }
}

/** A summary over a stream, that can be opened again. */
export class Driven {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-summary-'));
  readonly clock = new ManualClock();
  readonly stream: Stream;
  readonly options: Partial<SummaryOptions>;
  retention: Retention | null = null;
  summary!: ViewSummary;
  #offsets: number[] = [];

  constructor(stream: Stream, options: Partial<SummaryOptions> = {}) {
    this.stream = stream;
    this.options = options;
  }

  /** Opens, from what is on disk, and answers where it goes on in the stream. */
  async open(): Promise<readonly number[]> {
    this.summary = await openSummary({
      endOf: (partition) => this.stream.end(partition),
      view: VIEW,
      partitions: this.stream.partitions,
      folder: this.folder,
      disk: realDisk,
      clock: this.clock,
      writeRun,
      ...(this.retention === null ? {} : { retention: this.retention }),
      options: this.options,
    });
    this.summary.store.expect(
      Array.from({ length: this.stream.partitions }, (_, partition) => this.stream.end(partition)),
    );
    const positions = await this.summary.stage.restore();
    this.#offsets = positions.map((position) => position.offset);
    return [...this.#offsets];
  }

  /** Takes in what there is, in batches of `limit`. */
  async catchUp(limit = 1_000, afterEach: () => void = () => undefined): Promise<void> {
    afterEach();
    for (let partition = 0; partition < this.stream.partitions; partition++)
      for (
        let batch = this.stream.batch(partition, this.#offsets[partition]!, limit);
        batch !== null;
        batch = this.stream.batch(partition, this.#offsets[partition]!, limit)
      ) {
        await this.summary.stage.process(batch, false);
        this.#offsets[partition] = batch.baseOffset + batch.rows;
        afterEach();
      }
  }

  async flush(): Promise<void> {
    await this.summary.stage.flush([]);
  }

  /** Ends, keeping the files. */
  async close(): Promise<void> {
    await this.summary.close();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
