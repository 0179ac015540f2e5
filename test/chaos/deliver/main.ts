/**
 * `npm run chaos:deliver -- [--rounds N] [--seed S] [--controls]`
 *
 * The harness of deliveries, then (with --controls, and always in CI) each guard removed in turn,
 * which must make it fail within `CONTROL_ROUNDS` rounds. The engines come from `npm run engines`. The
 * last line is `N passed, N failed`.
 */
import { parseArgs } from 'node:util';
import { engineMissing } from '../../engines/missing.js';
import { CONTROLS } from './controls.js';
import { runDeliverChaos } from './run.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    seed: { type: 'string' },
    controls: { type: 'boolean', default: process.env['CI'] === 'true' },
    only: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
if (!Number.isInteger(rounds) || rounds < 0 || !Number.isInteger(seed))
  throw new Error('--rounds and --seed take whole numbers');
for (const name of ['s3', 'opensearch'] as const) {
  const reason = engineMissing(name);
  if (reason !== null) throw new Error(`${name}: ${reason}`);
}
const CONTROL_ROUNDS = 25;
const say = (line: string): void => console.log(line);
let passed = 0;
let failed = 0;

say(`chaos of deliveries: ${rounds} rounds, seed ${seed} (repeat with --seed ${seed})`);
if (rounds > 0) {
  const report = await runDeliverChaos({ rounds, seed, say });
  for (const failure of report.failures)
    say(`deliver: seed ${failure.seed}, round ${failure.round}: ${failure.message}`);
  const faults = Object.entries(report.faults).map(([name, times]) => `${name} ${times}`);
  say(
    `deliver: ${report.passed} of ${report.rounds} rounds passed; ${report.events} events, ${report.quarantined} quarantined; faults: ${faults.join(', ')}`,
  );
  passed += report.passed;
  failed += report.failures.length;
}
if (values.controls === true)
  for (const control of CONTROLS.filter(({ name }) => values.only === undefined || name.includes(values.only))) {
    const report = await runDeliverChaos({ rounds: CONTROL_ROUNDS, seed, say, stopAtFailure: true, control });
    const caught = report.failures.length > 0;
    say(
      `control "${control.name}": ${caught ? 'fails, as it must' : `passed ${CONTROL_ROUNDS} rounds: the harness does not protect this guard`}`,
    );
    if (caught) passed++;
    else failed++;
  }
say(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
