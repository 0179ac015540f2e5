/** A smaller run of the second oracle; `npm run oracle` is the whole. */
import { expect, test } from 'vitest';
import { rounds } from '../sim/rounds.js';
import { reportLines, verdict } from './report.js';
import { run } from './run.js';

const SEED = 20_261;

test('a stream is a batch, and DuckDB agrees', async () => {
  const cases = rounds(100, 400);
  const report = await run({ seed: SEED, cases, timeMaxMs: Infinity, failuresMax: 1, minimises: true, wanted: null });
  const failures = report.failed.map(
    ({ failure, script, seed, wanted }) =>
      `--seed ${seed} --wanted '${wanted.join(',')}': ${failure.at}: ${failure.what}\n${failure.detail}\n${script}`,
  );
  expect(failures).toEqual([]);
  expect(verdict(report), reportLines(report, SEED).join('\n')).toEqual([]);
  expect(report.equal).toBeGreaterThan(0);
}, 900_000);
