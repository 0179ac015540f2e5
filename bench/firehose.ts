/**
 * PutRecordBatch of 500 records, durable before the answer, in records per CPU-second of the server's
 * process: our front door with a view over its stream, which verifies the signature, deduplicates and
 * gives each record its result, against node:http + JSON.parse + base64 + JSON.parse + ajv + raw append +
 * fdatasync, which does none of that.
 *
 * Records bring no event id, so that each call has new ones from its own id while its signature stays good:
 * signing is the client's work, and is done once a body.
 */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { signRequest } from '../src/io/sigv4/sign.js';
import { SigningKeyCache } from '../src/io/sigv4/signing-key.js';
import { row, type BenchRow } from './harness.js';
import { measureSending, start, type Target } from './http.js';
import { BENCH_ACCESS_KEY } from './load.js';
import { sampleEvents } from './sample-events.js';

const CONNECTIONS = 16;
const BODIES = 50;
const RECORDS = 500;

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const bodies = prepare();
  const door = await measure(await start('door'), bodies);
  const baseline = await measure(await start('firehose-baseline'), bodies);
  const bytes = bodies.reduce((sum, body) => sum + body.length, 0) / BODIES / RECORDS;
  return [
    row(
      'firehose: PutRecordBatch of 500, one view: 12 fields, 1,000 tenants, signed, deduplicated',
      door,
      'node:http + JSON.parse + base64 + JSON.parse + ajv + raw append + fdatasync, no signature',
      baseline,
      { extra: { 'bytes a record': bytes, 'records/s': door.records / door.wallSeconds } },
    ),
  ];
}

function prepare(): Buffer[] {
  const events = sampleEvents(BODIES * RECORDS, 0, 21).map((text) => {
    const { event_id: _, ...event } = JSON.parse(text) as Record<string, unknown>;
    return Buffer.from(JSON.stringify({ ...event, event_time: Date.now() })).toString('base64');
  });
  return Array.from({ length: BODIES }, (_unused, at) => {
    const Records = events.slice(at * RECORDS, (at + 1) * RECORDS).map((Data) => ({ Data }));
    return Buffer.from(JSON.stringify({ DeliveryStreamName: 'events', Records }));
  });
}

function measure(target: Target, bodies: readonly Buffer[]) {
  const calls = bodies.map((body) => ({ body, headers: signed(target.port, body) }));
  return measureSending(target, async (seconds) => {
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const until = performance.now() + seconds * 1000;
    let next = 0;
    let taken = 0;
    const worker = async (): Promise<void> => {
      while (performance.now() < until) {
        const answer = JSON.parse(await call(agent, target.port, calls[next++ % calls.length]!)) as {
          FailedPutCount: number;
          RequestResponses: unknown[];
        };
        if (answer.FailedPutCount !== 0) throw new Error('not all records were taken');
        taken += answer.RequestResponses.length;
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, worker));
    agent.destroy();
    return taken;
  });
}

interface Call {
  readonly body: Buffer;
  readonly headers: Record<string, string>;
}

function signed(port: number, body: Buffer): Record<string, string> {
  return signRequest(
    {
      method: 'POST',
      origin: `http://127.0.0.1:${port}`,
      target: '/',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Firehose_20150804.PutRecordBatch' },
      body,
    },
    {
      credentials: { accessKeyId: BENCH_ACCESS_KEY.id, secretAccessKey: BENCH_ACCESS_KEY.secret },
      region: 'us-east-1',
      service: 'firehose',
      keys: new SigningKeyCache(),
      nowMs: Date.now(),
    },
  );
}

function call(agent: Agent, port: number, { body, headers }: Call): Promise<string> {
  return new Promise((resolve, reject) => {
    const all = { ...headers, 'content-length': body.length, 'amz-sdk-invocation-id': randomUUID() };
    const sent = request({ agent, port, host: '127.0.0.1', path: '/', method: 'POST', headers: all }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () =>
        answer.statusCode === 200 ? resolve(text) : reject(new Error(`${answer.statusCode}: ${text}`)),
      );
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
