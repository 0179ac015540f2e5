/**
 * `npm run chaos -- [--rounds N] [--seed S] [--only kill|power] [--controls]`
 *
 * Both harnesses, then (with --controls, and always in CI) each guard removed in turn, which must
 * make its own harness fail within 25 rounds. The last line is `N passed, N failed`.
 */
import { parseArgs } from 'node:util';
import { runPowerLoss } from '../sim/power-loss.js';
import { runKill } from './kill.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '25' },
    seed: { type: 'string' },
    only: { type: 'string' },
    controls: { type: 'boolean', default: process.env['CI'] === 'true' },
  },
});
const rounds = Number(values.rounds);
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed))
  throw new Error('--rounds and --seed take whole numbers');
const CONTROL_ROUNDS = 25;
const POWER_CONTROLS = ['no-data-sync', 'sync-after-answer', 'no-directory-sync'] as const;
const say = (line: string): void => console.log(line);
let passed = 0;
let failed = 0;

console.log(`chaos: ${rounds} rounds, seed ${seed} (repeat with --seed ${seed})`);
if (values.only !== 'kill') {
  const report = await runPowerLoss({ rounds, seed });
  for (const failure of report.failures) say(`power loss: ${JSON.stringify(failure)}`);
  say(`power loss: ${report.passed} rounds passed, ${report.failed} failed`);
  passed += report.passed;
  failed += report.failed;
}
if (values.only !== 'power') {
  const report = await runKill({ rounds, seed, say });
  for (const failure of report.failures) say(`kill: seed ${failure.seed}, round ${failure.round}: ${failure.message}`);
  say(
    `kill: ${report.passed} of ${report.rounds} rounds passed, ${report.kills} kills; in the last folder ${report.events} events, ${report.late} late`,
  );
  passed += report.passed;
  failed += report.failures.length;
}
if (values.controls === true) {
  if (values.only !== 'kill')
    for (const control of POWER_CONTROLS)
      verdict(control, (await runPowerLoss({ rounds: CONTROL_ROUNDS, seed, control, stopAtFailure: true })).failed > 0);
  if (values.only !== 'power') {
    const report = await runKill({
      rounds: CONTROL_ROUNDS,
      seed,
      say,
      stopAtFailure: true,
      preload: 'test/chaos/offsets-apart.mjs',
    });
    verdict('offsets committed apart', report.failures.length > 0);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

function verdict(control: string, caught: boolean): void {
  say(
    `control "${control}": ${caught ? 'fails, as it must' : `passed ${CONTROL_ROUNDS} rounds: the harness does not protect this guard`}`,
  );
  if (caught) passed++;
  else failed++;
}
