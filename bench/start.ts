/** A start: what `millrace start` takes until it is ready, against Node with as many threads that do nothing. */
import { spawnSync } from 'node:child_process';
import { row, type BenchRow, type Measured } from './harness.js';
import { startPipeline } from './pipeline.js';

const TURNS = 5;
const THREADS = 5;

const EMPTY = `
const { Worker } = require('node:worker_threads');
const ended = (worker) => new Promise((resolve) => worker.on('exit', resolve));
const threads = Array.from({ length: ${THREADS} }, () => ended(new Worker('0', { eval: true })));
Promise.all(threads).then(() => {
  const { user, system } = process.cpuUsage();
  console.log((user + system) / 1e6);
});
`;

/** Runs the bench: both in turns, the medians. */
export async function run(): Promise<BenchRow[]> {
  const starts: Measured[] = [];
  const empty: Measured[] = [];
  const resident: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const before = performance.now();
    const pipeline = await startPipeline({ tenants: 100 });
    starts.push({ records: 1, cpuSeconds: pipeline.cpuSeconds(), wallSeconds: (performance.now() - before) / 1e3 });
    resident.push(pipeline.residentBytes());
    await pipeline.stop();
    empty.push(emptyThreads());
  }
  const start = median(starts);
  const extra = {
    's CPU': start.cpuSeconds,
    'MB resident': resident.toSorted((a, b) => a - b)[TURNS >> 1]! / 1e6,
  };
  return [row('start', start, `Node with ${THREADS} empty threads`, median(empty), { extra })];
}

function emptyThreads(): Measured {
  const before = performance.now();
  const { stdout } = spawnSync(process.execPath, ['-e', EMPTY], { encoding: 'utf8' });
  return { records: 1, cpuSeconds: Number(stdout), wallSeconds: (performance.now() - before) / 1e3 };
}

function median(runs: readonly Measured[]): Measured {
  return runs.toSorted((a, b) => a.cpuSeconds - b.cpuSeconds)[runs.length >> 1]!;
}
