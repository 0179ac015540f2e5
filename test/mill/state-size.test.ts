import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { StateSize } from './state-size-child.js';

test('what a view counts as its state is about what it takes', () => {
  const child = spawnSync(process.execPath, ['scripts/run.mjs', 'test/mill/state-size-child.ts'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const sizes = JSON.parse(child.stdout) as StateSize[];
  const shares = sizes.map(({ counted, name, real }) => ({ name, share: real / counted }));
  expect(shares.length).toBeGreaterThan(15);
  for (const { name, share } of shares) {
    expect(share, `${name} takes ${share.toFixed(2)} times what it counts`).toBeLessThan(2);
    expect(share, `${name} takes ${share.toFixed(2)} times what it counts`).toBeGreaterThan(0.25);
  }
});
