/**
 * A load of prepared requests for the latency benches, with an open loop: each request has an
 * *intended* time, and its latency runs from there, so a server that stalls is charged for every
 * request that had to wait (no coordinated omission).
 *
 * Bodies are made once by the traffic generator; before each sending only the event ids and times
 * are written anew, in place, so that the load costs little CPU beside the server it measures.
 */
import { randomFillSync } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AsciiWriter } from '../src/cli/generate/ascii-writer.js';
import { Traffic, tenantNames } from '../src/cli/generate/traffic.js';
import { sampleEvents } from './sample-events.js';

/** The operator's key of bench configurations. */
export const BENCH_KEY = 'mr_bench_operator_key_0123456789';

/** An operator's access key of bench configurations. */
export const BENCH_ACCESS_KEY = { id: 'MRAKBENCH0000001', secret: 'a secret for benches only' };

const ID = Buffer.from('"event_id":"');
const TIME = Buffer.from('"event_time":');
const HEX = Buffer.from('0123456789abcdef');

/** A body whose ids and times can be renewed. */
export class PreparedBody {
  readonly bytes: Buffer;
  readonly events: number;
  readonly #ids: number[] = [];
  readonly #times: number[] = [];

  constructor(events: readonly Buffer[]) {
    this.bytes = Buffer.concat(events.flatMap((event) => (event.at(-1) === 10 ? [event] : [event, Buffer.from('\n')])));
    this.events = events.length;
    for (let at = this.bytes.indexOf(ID); at >= 0; at = this.bytes.indexOf(ID, at + 1)) this.#ids.push(at + ID.length);
    for (let at = this.bytes.indexOf(TIME); at >= 0; at = this.bytes.indexOf(TIME, at + 1))
      this.#times.push(at + TIME.length);
    if (this.#ids.length !== events.length || this.#times.length !== events.length)
      throw new Error('an event without id or time');
  }

  /** New ids, and `nowMs` as everybody's time. `entropy` holds 32 bytes an event. */
  renew(nowMs: number, entropy: Buffer): void {
    const { bytes } = this;
    let e = 0;
    randomFillSync(entropy);
    for (const at of this.#ids)
      for (let i = 0; i < 36; i++)
        if (bytes[at + i] !== 45) {
          bytes[at + i] = HEX[entropy[e]! & 15]!;
          e = (e + 1) % entropy.length;
        }
    const digits = String(nowMs);
    for (const at of this.#times) bytes.write(digits, at, 'latin1');
  }
}

/** Makes `count` bodies of `size` events for 15,000 zipf tenants. */
export function prepareBodies(count: number, size: number, seed: number, tenants = 15_000): PreparedBody[] {
  const traffic = new Traffic({
    seed,
    tenants: tenantNames(tenants),
    startMs: Date.now(),
    rate: 50_000,
    duplicates: 0,
    late: 0,
  });
  const event = (): Buffer => {
    const out = new AsciiWriter(1024);
    traffic.next(out);
    return Buffer.from(out.buffer.subarray(0, out.length));
  };
  return Array.from({ length: count }, () => new PreparedBody(Array.from({ length: size }, event)));
}

/** Makes `count` bodies of `size` events of 13 fields and about 376 bytes for 1,000 zipf tenants. */
export function preparePlainBodies(count: number, size: number, seed: number): PreparedBody[] {
  const events = sampleEvents(count * size, 0, seed).map((text) => Buffer.from(text));
  return Array.from({ length: count }, (_, i) => new PreparedBody(events.slice(i * size, (i + 1) * size)));
}

/** Latencies of one kind of request, and what failed. */
export interface Latencies {
  readonly ms: number[];
  failed: number;
  lastFailure: string;
}

/** Sends one kind of request at a steady rate until `seconds` are over; answers when all are answered. */
export async function openLoop(input: {
  url: string;
  bodies: readonly PreparedBody[];
  perSecond: number;
  seconds: number;
  connections: number;
}): Promise<Latencies> {
  const agent = new Agent({ keepAlive: true, maxSockets: input.connections });
  const result: Latencies = { ms: [], failed: 0, lastFailure: '' };
  const entropy = Buffer.alloc(32 * Math.max(...input.bodies.map((body) => body.events)));
  const start = performance.now();
  const total = Math.round(input.perSecond * input.seconds);
  const under: Promise<void>[] = [];
  for (let i = 0; i < total; i++) {
    const intended = start + (i * 1000) / input.perSecond;
    const wait = intended - performance.now();
    if (wait > 1) await sleep(wait);
    const body = input.bodies[i % input.bodies.length]!;
    body.renew(Date.now(), entropy);
    // The socket may take the bytes later; a body that is renewed meanwhile must not change them.
    under.push(post(agent, input.url, Buffer.from(body.bytes), intended, result));
  }
  await Promise.all(under);
  agent.destroy();
  return result;
}

function post(agent: Agent, url: string, body: Buffer, intended: number, result: Latencies): Promise<void> {
  return new Promise((done) => {
    const fail = (why: string): void => {
      result.failed++;
      result.lastFailure = why;
      done();
    };
    const headers = { authorization: `Bearer ${BENCH_KEY}`, 'content-length': body.length };
    const sent = request(`${url}/v1/events`, { agent, method: 'POST', headers }, (answer) => {
      answer.resume();
      answer.on('end', () => {
        result.ms.push(performance.now() - intended);
        if (answer.statusCode === 200) done();
        else fail(`status ${answer.statusCode}`);
      });
      answer.on('error', (error) => fail(error.message));
    });
    sent.on('error', (error) => fail(error.message));
    sent.end(body);
  });
}

/** The value below which a share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
