import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { StateSize } from './state-size-child.js';

/** By how much the heap of a process may differ for other reasons: compiled code, what is not collected yet. */
const NOISE_BYTES = 6e6;

test('what a view counts as its state is about what it takes', () => {
  const child = spawnSync(process.execPath, ['scripts/run.mjs', 'test/mill/state-size-child.ts'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const sizes = JSON.parse(child.stdout) as StateSize[];
  expect(sizes.length).toBeGreaterThan(15);
  for (const { counted, name, real } of sizes) {
    expect(real, `${name} takes much more than it counts`).toBeLessThan(2 * counted + NOISE_BYTES);
    expect(counted, `${name} counts much more than it takes`).toBeLessThan(4 * real + NOISE_BYTES);
  }
});
