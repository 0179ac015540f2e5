/**
 * The changes feed at full load: 15,000 consumers, each with a long poll open, each with 100 changed rows
 * every 10 s. That is 1,500 pulls a second beside 13,500 that wait.
 *
 * The consumers are this process, the server another; both share the machine. A pull is timed at the
 * server, from the moment at which a waiting consumer's change is there to the end of its answer.
 * `MILLRACE_BENCH_SECONDS` sets the length (default 30).
 */
import { spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchRow } from './harness.js';
import { ROWS_A_PULL, TENANTS } from './feed-load.js';
import type { FeedServerMessage } from './feed-server.js';
import { BENCH_KEY, percentile } from './load.js';

const SECONDS = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 30);
const NEXT = '"next_cursor":"';

/** Runs the bench. */
export async function run(): Promise<readonly BenchRow[]> {
  const child = spawn(process.execPath, ['scripts/run.mjs', 'bench/feed-server.ts', String(SECONDS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new AbortController();
  let bytes = 0;
  try {
    const result = await new Promise<Extract<FeedServerMessage, { cpuSeconds: number }>>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const message = JSON.parse(line) as FeedServerMessage;
        if ('cpuSeconds' in message) return resolve(message);
        const agent = new Agent({ keepAlive: true, maxSockets: TENANTS });
        void (async () => {
          for (let i = 0; i < TENANTS; i++) {
            // A few at a time: all at once would overflow the queue of connections that are not accepted yet.
            if (i % 100 === 99) await sleep(20);
            consume(agent, message.port, `tenant-${i}`, ended.signal, (size) => (bytes += size)).catch(reject);
          }
        })();
      });
    });
    return [benchRow(result, bytes)];
  } finally {
    ended.abort();
    child.kill();
  }
}

/** One consumer: asks, takes the cursor, asks again. */
async function consume(
  agent: Agent,
  port: number,
  tenant: string,
  until: AbortSignal,
  took: (bytes: number) => void,
): Promise<void> {
  let cursor = '';
  while (!until.aborted) {
    const path = `/v1/tenants/${tenant}/views/traffic/changes?wait=30&limit=1000&cursor=${cursor}`;
    const body = await get(agent, port, path, until);
    if (body === null) return;
    took(body.length);
    const at = body.indexOf(NEXT) + NEXT.length;
    cursor = body.toString('latin1', at, body.indexOf('"', at));
  }
}

/** The body; null when it is over. */
function get(agent: Agent, port: number, path: string, until: AbortSignal): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent, port, host: '127.0.0.1', path, headers: { authorization: `Bearer ${BENCH_KEY}` } });
    asked.once('error', (error) => (until.aborted ? resolve(null) : reject(error)));
    asked.once('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.once('error', (error) => (until.aborted ? resolve(null) : reject(error)));
      response.once('end', () => {
        const body = Buffer.concat(parts);
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`${path}: ${response.statusCode} ${body.toString()}`));
      });
    });
    asked.end();
  });
}

function benchRow(result: Extract<FeedServerMessage, { cpuSeconds: number }>, bytes: number): BenchRow {
  return {
    name: `feed: ${TENANTS} consumers, ${ROWS_A_PULL} changed rows each every 10 s, ${SECONDS} s`,
    records: result.rows,
    cpuSeconds: result.cpuSeconds,
    wallSeconds: SECONDS,
    baselineName: 'none: an absolute figure',
    baselineRecords: NaN,
    baselineCpuSeconds: NaN,
    ratio: NaN,
    target: 'p99 of a pull < 25 ms at the server, under one core, < 1.5 GB',
    extra: {
      'pulls/s': result.pullMs.length / SECONDS,
      'pull p50 ms': percentile(result.pullMs, 0.5),
      'pull p99 ms': percentile(result.pullMs, 0.99),
      'pull max ms': percentile(result.pullMs, 1),
      'cores, taking in included': result.cpuSeconds / SECONDS,
      'waiting at least': result.waiting,
      'memory MB': result.residentMb,
      'KB a pull': bytes / 1024 / result.pullMs.length,
    },
  };
}
