/**
 * Deliveries over HTTP, in records per CPU-second of our side (the receiver is another process): from
 * the bytes of the log's batches to answered requests, against a plain loop that parses lines of JSON,
 * makes each event's text again, and posts requests of the same size.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Pool } from 'undici';
import { parseConfig } from '../src/config/parse.js';
import { Breaker } from '../src/deliver/breaker.js';
import { Courier } from '../src/deliver/courier.js';
import { CutRows } from '../src/deliver/rows.js';
import { createSink } from '../src/deliver/sinks/index.js';
import { adEvents } from '../src/event/ad-events.js';
import { BatchTarget, decodeBatch, DictionaryChain, DictionaryScope, encodeAttached } from '../src/event/batch.js';
import { batchFromRows, rowOf } from '../src/event/rows.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { systemNetwork } from '../src/io/network.js';
import { systemRandom } from '../src/io/random.js';
import { adRows } from './ad-rows.js';
import { measure, row, type BenchRow } from './harness.js';

const RECORDS = 100_000;
const BATCH_ROWS = 8_192;
const REQUEST_ROWS = 1_000;
const REQUESTS_MAX = 4;
const schema = adEvents();

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const receiver = spawn(process.execPath, ['bench/deliver-http-receiver.mjs'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(receiver.stdout, 'data')) as [Buffer];
  const url = `http://127.0.0.1:${Number(port.toString())}/in`;
  const batches = storedBatches();
  const lines = storedLines(batches);
  try {
    return [
      await compare('webhook, lines of JSON', url, { type: 'webhook', rowsMax: REQUEST_ROWS }, batches, () =>
        plainLoop(url, lines, (events) => `${events.map((event) => JSON.stringify(event)).join('\n')}\n`),
      ),
      await compare("Firehose's protocol", url, { type: 'http', recordsMax: REQUEST_ROWS }, batches, () =>
        plainLoop(url, lines, (events) =>
          JSON.stringify({
            requestId: crypto.randomUUID(),
            timestamp: Date.now(),
            records: events.map((event) => ({ data: Buffer.from(JSON.stringify(event)).toString('base64') })),
          }),
        ),
      ),
    ];
  } finally {
    receiver.kill();
  }
}

async function compare(
  what: string,
  url: string,
  to: Readonly<Record<string, unknown>>,
  batches: readonly Uint8Array[],
  baseline: () => Promise<number>,
): Promise<BenchRow> {
  const delivery = { from: 'events', to: { url, allowPrivate: ['127.0.0.1'], ...to } };
  const config = { streams: { events: { schema: 'ad-events' } }, deliveries: { out: delivery } };
  const options = parseConfig(config, { folder: '/' }).deliveries[0]!;
  const ground = { clock: systemClock, random: systemRandom, disk: realDisk, network: systemNetwork };
  const sink = createSink(options.sink, {
    name: 'out',
    stream: 'events',
    schema,
    requestsMax: REQUESTS_MAX,
    ...ground,
  });
  const signal = new AbortController().signal;
  await sink.open(signal);
  const onFailure = (error: unknown): void => {
    throw error;
  };
  const courier = new Courier({
    ...ground,
    sink,
    breaker: new Breaker(),
    retry: options.retry,
    onFailure,
    onRetry() {},
  });
  const place = {
    delivery: 'out',
    stream: 'events',
    range: 'events/0:0-1',
    receivedAt: 1_750_000_000_000,
    replay: null,
  };
  let bytes = 0;
  const measured = await measure(
    async () => {
      const { receipt } = await courier.bring(cutOf(batches), place, signal);
      bytes = receipt.bytes;
      return receipt.count(1);
    },
    { warm: 3, times: 7 },
  );
  await sink.close();
  return row(
    `deliver: ${what}`,
    measured,
    'JSON.parse, JSON.stringify, undici',
    await measure(baseline, { times: 5 }),
    {
      extra: { 'bytes a row': bytes / RECORDS },
    },
  );
}

/** The events as the log keeps them: batches of one segment. */
function storedBatches(): Uint8Array[] {
  const rows = adRows(RECORDS);
  const scope = new DictionaryScope(schema);
  const target = new BatchTarget();
  const batches: Uint8Array[] = [];
  for (let at = 0; at < rows.length; at += BATCH_ROWS) {
    target.position = 0;
    const batch = batchFromRows(schema, rows.slice(at, at + BATCH_ROWS));
    const place = { baseOffset: at, receivedAt: 1_750_000_000_000, segmentPosition: at };
    const { bytes } = encodeAttached([{ batch, rows: null }], scope, place, target);
    batches.push(target.bytes.slice(0, bytes));
  }
  return batches;
}

/** A cut of all of them, as a reader of the log forms it. */
function cutOf(stored: readonly Uint8Array[]): CutRows {
  const chain = new DictionaryChain();
  return new CutRows(
    schema,
    stored.map((bytes, index) => {
      chain.apply(bytes);
      const batch = decodeBatch(bytes, schema, chain);
      const place = { stream: 'events', partition: 0, baseOffset: index * BATCH_ROWS, receivedAt: 1_750_000_000_000 };
      return { ...place, batch, rows: null, attempts: null };
    }),
  );
}

function storedLines(batches: readonly Uint8Array[]): string[] {
  return cutOf(batches).slices.flatMap(({ batch }) =>
    Array.from({ length: batch.rows }, (_, index) => JSON.stringify(rowOf(batch, index))),
  );
}

/** What one would write: parse, gather, make a body, post; as many requests at once as we have. */
async function plainLoop(
  url: string,
  lines: readonly string[],
  bodyOf: (events: readonly unknown[]) => string,
): Promise<number> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: REQUESTS_MAX });
  const starts = Array.from(
    { length: Math.ceil(lines.length / REQUEST_ROWS) },
    (_, index) => index * REQUEST_ROWS,
  ).values();
  let taken = 0;
  const run = async (): Promise<void> => {
    for (const start of starts) {
      const events = lines.slice(start, start + REQUEST_ROWS).map((line) => JSON.parse(line) as unknown);
      const headers = { 'content-type': 'application/json' };
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: pathname,
        headers,
        body: bodyOf(events),
      });
      await body.dump();
      if (statusCode === 200) taken += events.length;
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_MAX }, run));
  await pool.close();
  return taken;
}
