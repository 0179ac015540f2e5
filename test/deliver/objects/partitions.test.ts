import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { PartitionsResult } from '../../../bench/partitions-child.js';

const PARTITIONS = 15_000;
const ROWS = 60_000;

// In memory where there is such a folder: 15,000 synced files are slow on a busy disk, and this is not about the disk.
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'millrace-partitions-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the bench's child; answers what it prints. */
function child(...args: string[]): string {
  const run = spawnSync(process.execPath, ['scripts/run.mjs', 'bench/partitions-child.ts', ...args], {
    encoding: 'utf8',
  });
  expect(run.stderr).toBe('');
  expect(run.status).toBe(0);
  return run.stdout;
}

test('15,000 partitions at once: every one an object, in bounded memory', () => {
  const log = join(folder, 'log');
  child('fill', log, String(PARTITIONS), String(ROWS));
  const settings = {
    partitionBy: { tenant: 'tenant_id' },
    prefix: 'tenant=!{partitionKeyFromQuery:tenant}/',
    format: 'parquet',
  };
  const result = JSON.parse(
    child('deliver', log, join(folder, 'objects'), JSON.stringify(settings)),
  ) as PartitionsResult;
  expect(result.rows).toBe(ROWS);
  expect(result.objects).toBe(PARTITIONS * result.cuts);
  // The process itself takes about 100 MB. Were all objects held at once, or a writer's buffers an object, it would be many GB.
  expect(result.memoryMbMax).toBeLessThan(700);
}, 300_000);
