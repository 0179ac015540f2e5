/** `npm run example:pull`, as a newcomer runs it. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('shows a server and three databases that agree every second, and ends by itself', () => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['scripts/run.mjs', 'examples/pull/run.ts', '--seconds', '3'],
    { encoding: 'utf8' },
  );
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout.match(/^ +\d+ s .* all four agree/gm)).toHaveLength(3);
  expect(stdout.match(/^ {2}\w+\/traffic: \d+ days, \d+ rows: as the server has them$/gm)).toHaveLength(3);
}, 180_000);
