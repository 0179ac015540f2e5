/**
 * Runs benches one after the other, each in a process of its own, so that none warms or crowds the next, and prints
 * them as one table.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { machine, table, type BenchRow } from './harness.js';

/** Runs `all`, or those that `args` names; `--json FILE` among them writes the rows to a file. */
export function runBenches(all: readonly string[], args: readonly string[]): void {
  const jsonAt = args.indexOf('--json');
  const jsonFile = jsonAt >= 0 ? args[jsonAt + 1] : undefined;
  const names = args.filter((arg, i) => !arg.startsWith('--') && (jsonAt < 0 || i !== jsonAt + 1));
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const rows: BenchRow[] = [];
  console.log(machine());
  for (const name of names.length > 0 ? names : all) {
    const out = join(folder, `${name}.json`);
    const run = spawnSync(process.execPath, ['scripts/run.mjs', 'bench/one.ts', name, out], { stdio: 'inherit' });
    if (run.status !== 0) {
      console.error(`bench ${name} failed`);
      process.exitCode = 1;
      continue;
    }
    const part = JSON.parse(readFileSync(out, 'utf8')) as BenchRow[];
    rows.push(...part);
    console.log(`\n${table(part)}\n`);
  }
  rmSync(folder, { recursive: true, force: true });
  console.log(`\n${machine()}\n${table(rows)}`);
  if (jsonFile === undefined) return;
  mkdirSync(dirname(jsonFile), { recursive: true });
  writeFileSync(jsonFile, `${JSON.stringify({ machine: machine(), at: new Date().toISOString(), rows }, null, 2)}\n`);
}
