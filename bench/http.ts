/**
 * HTTP batches of 500 events, durable before the answer, in events per CPU-second of the server's
 * process: our front door and a view over its stream, against node:http + JSON.parse + ajv + raw
 * append + fdatasync, which neither deduplicates nor sums.
 *
 * The client keeps `CONNECTIONS` requests under way, each with new event ids, and runs in this
 * process, so its own work is not counted.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { row, type BenchRow, type Measured } from './harness.js';
import { BENCH_KEY, prepareBodies, preparePlainBodies, type PreparedBody } from './load.js';

const CONNECTIONS = 16;
const SECONDS = 10;

/** A server under test. */
export interface Target {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Runs the bench: with the plain event, the same without event ids, and with the richer traffic of the generator. */
export async function run(): Promise<BenchRow[]> {
  const plain = preparePlainBodies(100, 500, 21);
  return [
    await compare('13 fields, 1,000 tenants, deduplicated', '>= 3x', 'door', plain),
    await compare('13 fields, 1,000 tenants, no event ids', '>= 3x', 'door-without-ids', plain),
    await compare('ad traffic, 15,000 tenants, deduplicated', undefined, 'door', prepareBodies(100, 500, 21)),
  ];
}

async function compare(
  what: string,
  target: string | undefined,
  kind: Kind,
  bodies: readonly PreparedBody[],
): Promise<BenchRow> {
  const door = await measureTarget(await start(kind), bodies);
  const baseline = await measureTarget(await start('baseline'), bodies);
  const bytes = bodies.reduce((sum, body) => sum + body.bytes.length, 0) / bodies.length / 500;
  const extra = { 'bytes an event': bytes, 'events/s': door.records / door.wallSeconds };
  return row(
    `http: durable batches of 500, one view: ${what}`,
    door,
    'node:http + JSON.parse + ajv + raw append + fdatasync',
    baseline,
    { ...(target === undefined ? {} : { target }), extra },
  );
}

/** Sends for `SECONDS` after warming up, and stops the target. */
export function measureTarget(target: Target, bodies: readonly PreparedBody[]): Promise<Measured> {
  return measureSending(target, (seconds) => send(target.port, bodies, seconds));
}

/** The same for another way to send: answers how many records were taken in so many seconds. */
export async function measureSending(target: Target, sending: (seconds: number) => Promise<number>): Promise<Measured> {
  try {
    await sending(SECONDS / 3);
    const cpu = cpuOf(target.pid);
    const begin = performance.now();
    const records = await sending(SECONDS);
    return { records, cpuSeconds: cpuOf(target.pid) - cpu, wallSeconds: (performance.now() - begin) / 1000 };
  } finally {
    await target.stop();
  }
}

/** The servers of `http-servers.ts`. */
export type Kind = 'door' | 'door-without-ids' | 'baseline' | 'firehose-baseline';

/** Starts one in a process of its own. */
export async function start(kind: Kind): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), `bench-http-${kind}-`));
  const child = spawn(process.execPath, ['scripts/run.mjs', 'bench/http-servers.ts', kind, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.once('exit', () => reject(new Error(`the ${kind} server did not start`)));
  });
  const { pid, port } = JSON.parse(line) as { pid: number; port: number };
  return {
    pid,
    port,
    async stop() {
      process.kill(pid, 'SIGTERM');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

/** A closed loop on every connection; answers how many events were taken. */
async function send(port: number, bodies: readonly PreparedBody[], seconds: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const until = performance.now() + seconds * 1000;
  // 32 digits an id: fewer would give two events of a body the same id.
  const entropy = Buffer.alloc(500 * 32);
  let next = 0;
  let taken = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const body = bodies[next++ % bodies.length]!;
      body.renew(Date.now(), entropy);
      const answer = await post(agent, port, Buffer.from(body.bytes));
      const { accepted } = JSON.parse(answer) as { accepted: number };
      if (accepted !== body.events) throw new Error(`not all events were taken: ${answer}`);
      taken += accepted;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  agent.destroy();
  return taken;
}

function post(agent: Agent, port: number, body: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${BENCH_KEY}`, 'content-length': body.length };
    const sent = request({ agent, port, host: '127.0.0.1', path: '/v1/events', method: 'POST', headers }, (answer) => {
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

/** User and system time of a process, by proc(5), in ticks of 10 ms. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
