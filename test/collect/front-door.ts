/** The front door over the real log in a temporary folder, with a disk that can be told to fail. */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCollector, type Collector } from '../../src/collect/collector.js';
import { Dedupe } from '../../src/collect/dedupe/dedupe.js';
import type { Guards } from '../../src/collect/guards/guards.js';
import { listen, type HttpServer } from '../../src/collect/http/server.js';
import { FIREHOSE_DEFAULTS, type CollectLimits } from '../../src/collect/options.js';
import { SigningKeys } from '../../src/collect/tracking/signing-keys.js';
import { Definitions } from '../../src/config/definitions.js';
import type { FirehoseOptions } from '../../src/config/options.js';
import { TenantStore } from '../../src/config/tenant-store.js';
import type { TenantsInput } from '../../src/config/tenants.js';
import { adEvents } from '../../src/event/ad-events.js';
import { QUARANTINE_SCHEMA, QUARANTINE_STREAM } from '../../src/event/internal.js';
import { rowOf } from '../../src/event/rows.js';
import { systemClock } from '../../src/io/clock.js';
import { realDisk } from '../../src/io/disk-real.js';
import type { Disk, DiskFile } from '../../src/io/disk.js';
import { systemRandom } from '../../src/io/random.js';
import { openLog, type EmbeddedLog } from '../../src/log/embedded/open.js';
import type { StreamDefinition } from '../../src/log/log.js';
import { Registry } from '../../src/registry.js';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.js';

export const KEYS = {
  acme: 'mr_acme_0123456789abcdef',
  bolt: 'mr_bolt_0123456789abcdef',
  reader: 'mr_read_0123456789abcdef',
  operator: 'mr_ops_0123456789abcdef',
};
export const SECRETS = [{ id: 'k1', secret: 'a secret of at least thirty-two characters' }];

export const TENANTS: TenantsInput = {
  tenants: [
    {
      id: 'acme',
      keys: [{ key: KEYS.acme }, { key: KEYS.reader, role: 'read' }],
      redirectHosts: ['shop.example', '*.cdn.example'],
    },
    {
      id: 'bolt',
      keys: [{ key: KEYS.bolt }],
      postbackSecrets: [{ key: 'a-postback-secret-of-bolt' }],
      postbackNames: { cid: 'click-id', et: 'name', txid: 'transaction_id' },
    },
  ],
  operators: [{ key: KEYS.operator }],
};

/** The real disk until told otherwise. */
export class FaultyDisk {
  /** Every write and sync fails with this code. */
  fail: 'EIO' | 'ENOSPC' | null = null;
  /** Syncs wait until `release`. */
  #held: (() => void)[] | null = null;
  readonly disk: Disk;

  constructor(real: Disk = realDisk) {
    this.disk = { ...real, open: (path, mode, permissions) => this.#wrap(real.open(path, mode, permissions)) };
  }

  hold(): void {
    this.#held = [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const go of held) go();
  }

  #check(): void {
    if (this.fail !== null) throw Object.assign(new Error(`${this.fail}: injected`), { code: this.fail });
  }

  #wrap(file: DiskFile): DiskFile {
    const checked = async (work: () => Promise<void>): Promise<void> => {
      this.#check();
      if (this.#held !== null) await new Promise<void>((resolve) => this.#held!.push(resolve));
      this.#check();
      await work();
    };
    return {
      readSync: (target, offset, length, position) => file.readSync(target, offset, length, position),
      write: (source, position) => checked(() => file.write(source, position)),
      writeSync: (source, position) => (this.#check(), file.writeSync(source, position)),
      sync: () => checked(() => file.sync()),
      syncSync: () => (this.#check(), file.syncSync()),
      allocate: (size) => checked(() => file.allocate(size)),
      truncate: (size) => checked(() => file.truncate(size)),
      size: () => file.size(),
      close: () => file.close(),
    };
  }
}

/** Makes the guards of a door whose log is open. */
export type Guarding = (door: FrontDoor) => Promise<Guards>;

/** Whatever JSON says; tests compare it with what they expect. */
export type Json = ReturnType<typeof JSON.parse>;

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  json(): Json;
}

export class FrontDoor {
  folder = mkdtempSync(join(tmpdir(), 'millrace-collect-'));
  readonly faults = new FaultyDisk();
  readonly errors: unknown[] = [];
  readonly agent = new http.Agent({ keepAlive: true });
  readonly keys = new SigningKeys(SECRETS);
  metrics: Metrics = createMetrics();
  log!: EmbeddedLog;
  dedupe!: Dedupe;
  streams!: Registry;
  tenants!: TenantStore;
  collector!: Collector;
  server!: HttpServer;
  /** Guards of the views given; null: without. */
  guards: Guards | null = null;

  static async open(
    options: {
      limits?: Partial<CollectLimits>;
      tenants?: TenantsInput;
      tenantsFile?: string;
      partitions?: number;
      streams?: readonly StreamDefinition[];
      firehose?: Partial<FirehoseOptions>;
      guarding?: Guarding;
    } = {},
  ): Promise<FrontDoor> {
    const door = new FrontDoor();
    await door.start(options);
    return door;
  }

  async start(
    options: {
      limits?: Partial<CollectLimits>;
      tenants?: TenantsInput;
      tenantsFile?: string;
      partitions?: number;
      streams?: readonly StreamDefinition[];
      firehose?: Partial<FirehoseOptions>;
      guarding?: Guarding;
    } = {},
  ): Promise<void> {
    const onError = (error: unknown): void => void this.errors.push(error);
    const common = { clock: systemClock, random: systemRandom, disk: this.faults.disk };
    this.log = await openLog({
      ...common,
      folder: join(this.folder, 'log'),
      options: { firstSegmentBytes: 1024 * 1024, segmentBytes: 4 * 1024 * 1024, retryEveryMs: 20 },
    });
    const declared = [
      stream('events', adEvents(), options.partitions ?? 2),
      stream('other', adEvents(), 1),
      ...(options.streams ?? []),
    ];
    this.streams = new Registry({
      options: {
        file: '/etc/millrace.config.ts',
        streams: declared.map((one) => ({ ...one, lake: false })),
        deliveries: [],
        transforms: [],
        firehose: { ...FIREHOSE_DEFAULTS, ...options.firehose },
      },
      definitions: new Definitions(this.faults.disk, this.folder),
      views: [],
      clock: systemClock,
    });
    await this.streams.openIn(this.log);
    await this.log.createStream(stream(QUARANTINE_STREAM, QUARANTINE_SCHEMA, 1));
    this.dedupe = await Dedupe.open({
      ...common,
      folder: join(this.folder, 'dedupe'),
      log: this.log,
      streams: this.streams.open.map(({ name }) => name),
      onTrouble: onError,
    });
    this.tenants = new TenantStore({
      clock: systemClock,
      intervalMs: 20,
      ...(options.tenantsFile === undefined ? { inline: options.tenants ?? TENANTS } : { file: options.tenantsFile }),
    });
    this.metrics = createMetrics();
    this.guards = options.guarding === undefined ? null : await options.guarding(this);
    this.collector = createCollector({
      ...this,
      ...common,
      ...(this.guards === null ? { guards: undefined } : { guards: this.guards }),
      signingKeys: this.keys,
      onError,
      ...(options.limits !== undefined && { limits: options.limits }),
      firehose: { ...FIREHOSE_DEFAULTS, ...options.firehose },
    });
    this.streams.tell({ doors: this.collector.doors, threads: [] });
    this.server = await listen({
      handlers: [this.collector],
      host: '127.0.0.1',
      port: 0,
      connectionsMax: 1000,
      requestTimeoutMs: 5000,
      clock: systemClock,
      onError,
    });
  }

  async stop(): Promise<void> {
    this.faults.fail = null;
    this.faults.release();
    this.tenants.close();
    await this.server.drain(500);
    await this.guards?.stop();
    await this.dedupe.close();
    await this.log.close();
  }

  async end(): Promise<void> {
    await this.stop();
    this.agent.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }

  request(
    method: string,
    path: string,
    body: string | Uint8Array | null = null,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        {
          host: '127.0.0.1',
          port: this.server.port,
          method,
          path,
          agent: this.agent,
          headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Chrome/120 Safari/537.36', ...headers },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const bytes = Buffer.concat(chunks);
            resolve({
              status: response.statusCode!,
              headers: response.headers,
              body: bytes,
              json: () => JSON.parse(bytes.toString()),
            });
          });
        },
      );
      request.on('error', reject);
      if (body !== null) request.write(body);
      request.end();
    });
  }

  post(
    body: string | Uint8Array,
    key: string | null = KEYS.acme,
    headers: Record<string, string> = {},
    query = '',
  ): Promise<Answer> {
    return this.request('POST', `/v1/events${query}`, body, {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...headers,
    });
  }

  /** All rows of a stream, as the log has them. */
  rows(name: string): Record<string, Json>[] {
    const rows: Record<string, Json>[] = [];
    for (let partition = 0; partition < this.log.stream(name)!.partitions; partition++) {
      const cursor = this.log.cursor(name, partition, 0);
      for (let batch = cursor.next(); batch !== null; batch = cursor.next())
        for (let row = 0; row < batch.rows; row++) rows.push(rowOf(batch.batch, row));
      cursor.close();
    }
    return rows;
  }
}

export function stream(name: string, schema: StreamDefinition['schema'], partitions: number): StreamDefinition {
  return { name, schema, partitions, clock: 'arrival', retentionMs: 3_600_000_000, bytesMax: 1e12, policy: 'refuse' };
}

export const id = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

/** An event of the ready schema. */
export const event = (number: number, fields: Record<string, unknown> = {}): Record<string, unknown> => ({
  event_id: id(number),
  event_type: 'impression',
  event_time: Date.now(),
  campaign_id: `c${number % 3}`,
  ...fields,
});

export const ndjson = (...events: unknown[]): string => events.map((one) => JSON.stringify(one)).join('\n');
