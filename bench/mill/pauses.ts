/**
 * A view at half of the load that it can take, by the system's clock: how long a snapshot holds up its thread, and
 * how long after a window's time is over its final rows are on disk. A window closes `watermark_lag` behind its end;
 * the wait runs from there.
 *
 * In a process of its own (`pauses-child.ts --seconds N`), where the view has a thread and who makes events another.
 */
import { spawnSync } from 'node:child_process';
import type { BenchRow } from '../harness.js';
import type { PausesReport } from './pauses-child.js';

/** A window a second: fewer have no 99th of a hundred. */
const SECONDS = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 100);

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const child = spawnSync(
    process.execPath,
    ['scripts/run.mjs', 'bench/mill/pauses-child.ts', '--seconds', String(SECONDS)],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (child.status !== 0) throw new Error('pauses-child.ts failed');
  const half = JSON.parse(child.stdout) as PausesReport;
  const line = (name: string, values: readonly number[], target: string): BenchRow => ({
    name,
    records: half.records,
    cpuSeconds: half.cpuSeconds,
    wallSeconds: SECONDS,
    baselineName: '-',
    baselineRecords: 0,
    baselineCpuSeconds: 0,
    ratio: NaN,
    target,
    extra: {
      'p50, ms': quantile(values, 0.5),
      'p99, ms': quantile(values, 0.99),
      'max, ms': quantile(values, 1),
      of: values.length,
      'events/s': Math.round(half.rate),
    },
  });
  return [
    line('half load: pause of a snapshot', half.pauses, 'p99 < 20 ms'),
    line('half load: close to final rows on disk', half.waits, 'p99 < 50 ms'),
  ];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
