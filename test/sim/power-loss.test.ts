import { expect, test } from 'vitest';
import type { DiskControl } from './disk.js';
import { runPowerLoss } from './power-loss.js';

const SEED = Number(process.env['SEED'] ?? 20_261_122);

/** Seeds that once failed, kept for ever. */
const KEPT = [1_773_517, 1_979_411, 22_533_875, 12_161, 95_029, 130_946, 142_543, 166_300];

test(`no acknowledged row is lost when the power goes (seed ${SEED})`, { timeout: 120_000 }, async () => {
  const { failures, crashes, acknowledged, cuts } = await runPowerLoss({ rounds: 25, seed: SEED });
  expect(failures).toEqual([]);
  expect(crashes).toBeGreaterThan(50);
  expect(acknowledged).toBeGreaterThan(5_000);
  expect(cuts).toBeGreaterThan(10);
});

test('seeds that failed before pass', { timeout: 60_000 }, async () => {
  for (const seed of KEPT) expect((await runPowerLoss({ rounds: 1, seed })).failures).toEqual([]);
});

for (const control of ['no-data-sync', 'sync-after-answer', 'no-directory-sync'] satisfies DiskControl[])
  test(`control: with ${control} the harness fails within 25 rounds`, { timeout: 60_000 }, async () => {
    const { failed } = await runPowerLoss({ rounds: 25, seed: SEED, control, stopAtFailure: true });
    expect(failed).toBe(1);
  });
