/**
 * The two servers that `bench/http.ts` compares, each started in a process of its own:
 * `http-servers.ts door|door-without-ids|baseline|firehose-baseline FOLDER`. Prints `{"pid", "port"}` when it listens.
 *
 * `door` is our front door on our log, decode to columns, screen, deduplicate, append, fdatasync, and
 * one view that reads the log and publishes its changes into it.
 * `baseline` is what one would write: node:http, JSON.parse, a compiled ajv schema, the raw body
 * appended to a file, one fdatasync for all that waits. It deduplicates nothing and keeps no columns.
 * `firehose-baseline` is the same for PutRecordBatch, with base64 before the second JSON.parse; it verifies no signature.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { createCollector } from '../src/collect/collector.js';
import { Dedupe } from '../src/collect/dedupe/dedupe.js';
import { listen } from '../src/collect/http/server.js';
import { SigningKeys } from '../src/collect/tracking/signing-keys.js';
import { FIREHOSE_DEFAULTS } from '../src/collect/options.js';
import { Definitions } from '../src/config/definitions.js';
import { TenantStore } from '../src/config/tenant-store.js';
import { tenantNames } from '../src/cli/generate/traffic.js';
import { adEvents } from '../src/event/ad-events.js';
import { defineSchema, type ColumnInput } from '../src/event/schema-define.js';
import type { Schema } from '../src/event/schema.js';
import { LATE_SCHEMA, LATE_STREAM, QUARANTINE_SCHEMA, QUARANTINE_STREAM } from '../src/event/internal.js';
import { growHeapsFreely } from '../src/io/heap.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { systemRandom } from '../src/io/random.js';
import { openLog, type EmbeddedLog } from '../src/log/embedded/open.js';
import { startMill } from '../src/mill/mill.js';
import { Registry } from '../src/registry.js';
import { changesLayout } from '../src/sql/describe.js';
import { parseViews } from '../src/sql/parse.js';
import type { ViewPlan } from '../src/sql/plan.js';
import { planView } from '../src/sql/standing.js';
import { createMetrics } from '../src/telemetry/metrics.js';
import { BENCH_ACCESS_KEY, BENCH_KEY } from './load.js';

const [kind, folder = ''] = process.argv.slice(2);
const port = kind?.endsWith('baseline')
  ? await startBaseline(kind === 'baseline' ? takeLines : takeRecords)
  : await startDoor(kind === 'door' ? adEvents() : withoutIds());
console.log(JSON.stringify({ pid: process.pid, port }));
process.on('SIGTERM', () => process.exit(0));

/** The ready schema, its event id a column like any other: nothing is deduplicated, as in the baseline. */
function withoutIds(): Schema {
  const { columns, roles } = adEvents();
  const names = columns.filter(({ name }) => name !== 'received_at');
  return defineSchema({
    columns: Object.fromEntries(
      names.map(({ name, type, nullable }) => [name, nullable ? `${type}?` : type]),
    ) as Record<string, ColumnInput>,
    tenant: columns[roles.tenant]!.name,
    eventTime: columns[roles.eventTime]!.name,
  });
}

async function startDoor(schema: Schema): Promise<number> {
  growHeapsFreely();
  const ground = { clock: systemClock, random: systemRandom, disk: realDisk };
  const log = await openLog({ ...ground, folder: join(folder, 'log') });
  const common = { clock: 'arrival', retentionMs: 86_400_000, bytesMax: 1e12, policy: 'refuse' } as const;
  const events = { ...common, name: 'events', schema, partitions: 1, lake: false };
  const streams = new Registry({
    options: { file: undefined, streams: [events], deliveries: [], transforms: [], firehose: FIREHOSE_DEFAULTS },
    definitions: new Definitions(realDisk, folder),
    views: [],
    clock: systemClock,
  });
  await streams.openIn(log);
  await log.createStream({ ...common, name: QUARANTINE_STREAM, schema: QUARANTINE_SCHEMA, partitions: 1 });
  const dedupe = await Dedupe.open({
    ...ground,
    folder: join(folder, 'dedupe'),
    log,
    streams: schema.roles.eventId < 0 ? [] : ['events'],
  });
  const plain = Array.from({ length: 1000 }, (_, i) => `t${i}`);
  const tenants = new TenantStore({
    clock: systemClock,
    inline: {
      tenants: [...tenantNames(15_000), ...plain].map((id) => ({ id })),
      operators: [{ key: BENCH_KEY }],
      operatorAccessKeys: [BENCH_ACCESS_KEY],
    },
  });
  const signingKeys = new SigningKeys([{ id: 'k1', secret: 'a secret of at least thirty-two characters' }]);
  const collector = createCollector({
    ...ground,
    log,
    dedupe,
    tenants,
    signingKeys,
    streams,
    metrics: createMetrics(),
    onError: (error) => console.error(error),
  });
  await startView(log, schema);
  const server = await listen({
    handlers: [collector],
    host: '127.0.0.1',
    port: 0,
    connectionsMax: 1000,
    requestTimeoutMs: 30_000,
    clock: systemClock,
    onError: (error) => console.error(error),
  });
  return server.port;
}

/** One view, in this thread as well. */
async function startView(log: EmbeddedLog, schema: Schema): Promise<void> {
  const [view] = await parseViews(
    `CREATE MATERIALIZED VIEW by_tenant AS SELECT tenant_id, window_start, count(*) AS events, sum(cost) AS cost
     FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, window_start`,
    'bench.sql',
  );
  const plan = planView(view!, new Map([['events', { name: 'events', schema }]])) as ViewPlan;
  const common = { clock: 'arrival', retentionMs: 86_400_000, bytesMax: 1e12, policy: 'refuse' } as const;
  await log.createStream({ ...common, name: 'view.by_tenant', schema: changesLayout(plan).schema, partitions: 1 });
  await log.createStream({ ...common, name: LATE_STREAM, schema: LATE_SCHEMA, partitions: 1 });
  startMill({
    log,
    dataFolder: folder,
    views: [{ plan, epoch: 1, stream: 'view.by_tenant' }],
    disk: realDisk,
    clock: systemClock,
    onStatus: (status) => {
      if (status.state === 'stalled') throw new Error(`the view stalled: ${status.reason}`);
    },
  });
}

/** The events of a request, what is to be kept of it, and what is answered. */
interface Taken {
  readonly events: readonly unknown[];
  readonly kept: Buffer;
  readonly answer: object;
}

function takeLines(body: Buffer): Taken {
  const events = body
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
  return { events, kept: body, answer: { accepted: events.length } };
}

function takeRecords(body: Buffer): Taken {
  const { Records } = JSON.parse(body.toString('utf8')) as { Records: { Data: string }[] };
  const datas = Records.map(({ Data }) => Buffer.from(Data, 'base64'));
  const events = datas.map((data) => ({ event_id: randomUUID(), ...(JSON.parse(data.toString('utf8')) as object) }));
  const responses = events.map(({ event_id }) => ({ RecordId: event_id }));
  return {
    events,
    kept: Buffer.concat(datas),
    answer: { FailedPutCount: 0, Encrypted: false, RequestResponses: responses },
  };
}

function startBaseline(take: (body: Buffer) => Taken): Promise<number> {
  const validate = new Ajv({ strict: false }).compile(jsonSchema());
  const append = appender(join(folder, 'raw.ndjson'));
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { events, kept, answer } = take(Buffer.concat(chunks));
      for (const event of events)
        if (!validate(event)) return void response.writeHead(400).end(JSON.stringify(validate.errors));
      append(kept, () => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer));
      });
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

/** Raw append with group commit: what came while the last sync ran is written and synced together. */
function appender(path: string): (bytes: Buffer, done: () => void) => void {
  const descriptor = fs.openSync(path, 'w');
  let waiting: { bytes: Buffer; done: () => void }[] = [];
  let busy = false;
  let position = 0;
  const flush = (): void => {
    if (busy || waiting.length === 0) return;
    busy = true;
    const group = waiting;
    waiting = [];
    const bytes = Buffer.concat(group.map((one) => one.bytes));
    fs.write(descriptor, bytes, 0, bytes.length, position, (failed) => {
      if (failed !== null) throw failed;
      fs.fdatasync(descriptor, (error) => {
        if (error !== null) throw error;
        position += bytes.length;
        busy = false;
        for (const { done } of group) done();
        flush();
      });
    });
  };
  return (bytes, done) => {
    waiting.push({ bytes, done });
    flush();
  };
}

/** The ready schema as JSON Schema, as strict as ours. */
function jsonSchema(): object {
  const text = { type: 'string', maxLength: 65_536 };
  const types: Record<string, object> = {
    uuid: { type: 'string', minLength: 36, maxLength: 36 },
    timestamp: { type: 'integer' },
    int64: { type: 'integer' },
    decimal: { type: ['number', 'string'] },
    double: { type: 'number' },
    boolean: { type: 'boolean' },
    list: { type: 'array', items: text },
    json: {},
  };
  const columns = adEvents().columns.filter((column) => column.name !== 'received_at');
  return {
    type: 'object',
    required: columns.filter((column) => !column.nullable).map((column) => column.name),
    properties: Object.fromEntries(
      columns.map((column) => [
        column.name,
        column.nullable && column.type !== 'json'
          ? { anyOf: [types[column.type] ?? text, { type: 'null' }] }
          : (types[column.type] ?? text),
      ]),
    ),
  };
}
