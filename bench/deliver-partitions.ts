/**
 * 15,000 active partitions: memory, objects and bytes of a delivery from a log into a folder, with an
 * object a partition and with all of them packed into few. Each in a process of its own; memory is the
 * most that was resident.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchRow } from './harness.js';
import type { PartitionsResult } from './partitions-child.js';

const PARTITIONS = 15_000;
const ROWS = 600_000;

const split = { partitionBy: { tenant: 'tenant_id' }, prefix: 'tenant=!{partitionKeyFromQuery:tenant}/' };
const CASES = [
  ['NDJSON, gzip, an object a partition', { ...split, compression: 'gzip' }],
  ['Parquet, an object a partition', { ...split, format: 'parquet' }],
  ['Parquet, packed', { partitionBy: { tenant: 'tenant_id' }, format: 'parquet', pack: true }],
] as const;

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-partitions-'));
  try {
    return CASES.map(([name, settings], index) => {
      const log = join(folder, `log-${index}`);
      child('fill', log, String(PARTITIONS), String(ROWS));
      const result = JSON.parse(
        child('deliver', log, join(folder, `objects-${index}`), JSON.stringify(settings)),
      ) as PartitionsResult;
      if (result.rows !== ROWS) throw new Error(`${result.rows} rows of ${ROWS} arrived`);
      return benchRow(name, result);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function child(...args: string[]): string {
  const run = spawnSync(process.execPath, ['scripts/run.mjs', 'bench/partitions-child.ts', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`bench/partitions-child.ts ${args[0]} ended with ${run.status}`);
  return run.stdout;
}

function benchRow(name: string, result: PartitionsResult): BenchRow {
  return {
    name: `15,000 partitions: ${name}`,
    records: result.rows,
    cpuSeconds: result.cpuSeconds,
    wallSeconds: result.wallSeconds,
    baselineName: '–',
    baselineRecords: 0,
    baselineCpuSeconds: 0,
    ratio: Number.NaN,
    target: 'memory < 1 GB',
    extra: {
      'memory MB': result.memoryMbMax,
      objects: result.objects,
      'MB stored': result.bytes / 2 ** 20,
      portions: result.cuts,
    },
  };
}
