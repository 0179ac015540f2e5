/**
 * Ten million groups of an open window, each with a count and an exact sum: what the process takes in memory, in a
 * process of its own (`groups-child.ts --groups N`; `MILLRACE_BENCH_GROUPS` for another number).
 */
import { spawnSync } from 'node:child_process';
import type { BenchRow } from '../harness.js';
import type { GroupsReport } from './groups-child.js';

const GROUPS = Number(process.env['MILLRACE_BENCH_GROUPS'] ?? 10_000_000);

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const child = spawnSync(
    process.execPath,
    ['scripts/run.mjs', 'bench/mill/groups-child.ts', '--groups', String(GROUPS)],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (child.status !== 0) throw new Error('groups-child.ts failed');
  const { cpuSeconds, records, residentBytes, stateBytes, wallSeconds } = JSON.parse(child.stdout) as GroupsReport;
  return [
    {
      name: `${(GROUPS / 1e6).toFixed(0)} M live groups`,
      records,
      cpuSeconds,
      wallSeconds,
      baselineName: '-',
      baselineRecords: 0,
      baselineCpuSeconds: 0,
      ratio: NaN,
      target: '< 2 GB resident',
      extra: {
        'resident, GB': residentBytes / 1e9,
        'state, bytes a group': stateBytes / GROUPS,
      },
    },
  ];
}
