/**
 * What benches of deliveries share: the events as the log keeps them, the way of a cut through a sink,
 * a plain loop to compare with, and the other end, which is another process.
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
import { measure, type Measured } from './harness.js';

/** Events of one measurement. */
export const RECORDS = 100_000;
const BATCH_ROWS = 8_192;
const REQUESTS_MAX = 4;
const RECEIVED_AT = 1_750_000_000_000;
const schema = adEvents();

/** The other end, in a process of its own. */
export interface Receiver {
  readonly url: string;
  stop(): void;
}

/** Starts the other end. */
export async function startReceiver(): Promise<Receiver> {
  const receiver = spawn(process.execPath, ['bench/deliver-http-receiver.mjs'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(receiver.stdout, 'data')) as [Buffer];
  return { url: `http://127.0.0.1:${Number(port.toString())}`, stop: () => void receiver.kill() };
}

/** The events as the log keeps them: batches of one segment. */
export function storedBatches(): Uint8Array[] {
  const rows = adRows(RECORDS);
  const scope = new DictionaryScope(schema);
  const target = new BatchTarget();
  const batches: Uint8Array[] = [];
  for (let at = 0; at < rows.length; at += BATCH_ROWS) {
    target.position = 0;
    const batch = batchFromRows(schema, rows.slice(at, at + BATCH_ROWS));
    const place = { baseOffset: at, receivedAt: RECEIVED_AT, segmentPosition: at };
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
      const place = { stream: 'events', partition: 0, baseOffset: index * BATCH_ROWS, receivedAt: RECEIVED_AT };
      return { ...place, batch, rows: null, attempts: null };
    }),
  );
}

/** The same events as lines of JSON. */
export function storedLines(batches: readonly Uint8Array[]): string[] {
  return cutOf(batches).slices.flatMap(({ batch }) =>
    Array.from({ length: batch.rows }, (_, index) => JSON.stringify(rowOf(batch, index))),
  );
}

/** Measures a sink from the bytes of the log's batches to answered requests; `to` as configurations have it. */
export async function measureSink(
  to: Readonly<Record<string, unknown>>,
  batches: readonly Uint8Array[],
): Promise<Measured & { readonly bytesPerRow: number }> {
  const config = { streams: { events: { schema: 'ad-events' } }, deliveries: { out: { from: 'events', to } } };
  const options = parseConfig(config, { folder: '/' }).deliveries[0]!;
  const ground = { clock: systemClock, random: systemRandom, disk: realDisk, network: systemNetwork };
  const context = { name: 'out', stream: 'events', schema, requestsMax: REQUESTS_MAX, ...ground };
  const sink = createSink(options.sink, context);
  const signal = new AbortController().signal;
  await sink.open(signal);
  const onFailure = (error: unknown): void => {
    throw error;
  };
  const rest = { breaker: new Breaker(systemClock), retry: options.retry, onFailure, onRetry() {} };
  const courier = new Courier({ ...ground, sink, ...rest });
  const place = { delivery: 'out', stream: 'events', range: 'events/0:0-1', receivedAt: RECEIVED_AT, replay: null };
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
  return { ...measured, bytesPerRow: bytes / RECORDS };
}

/** One plain loop: what a request's body is, and how many events its answer says were taken. */
export interface PlainLoop {
  readonly url: string;
  readonly requestRows: number;
  readonly contentType: string;
  readonly bodyOf: (events: readonly unknown[]) => string;
  /** Left out: all of them, when the answer is 200. */
  readonly takenOf?: (answer: string) => number;
}

/** What one would write: parse, gather, make a body, post; as many requests at once as we have. */
export async function plainLoop(lines: readonly string[], { url, requestRows, ...loop }: PlainLoop): Promise<number> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: REQUESTS_MAX });
  const count = Math.ceil(lines.length / requestRows);
  const starts = Array.from({ length: count }, (_, index) => index * requestRows).values();
  let taken = 0;
  const run = async (): Promise<void> => {
    for (const start of starts) {
      const events = lines.slice(start, start + requestRows).map((line) => JSON.parse(line) as unknown);
      const headers = { 'content-type': loop.contentType };
      const sent = { method: 'POST' as const, path: pathname, headers, body: loop.bodyOf(events) };
      const { statusCode, body } = await pool.request(sent);
      const text = await body.text();
      if (statusCode === 200) taken += loop.takenOf?.(text) ?? events.length;
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_MAX }, run));
  await pool.close();
  return taken;
}
