/**
 * `npm run chaos:pull -- [--rounds N] [--seed S] [--only steps|processes] [--processes M] [--controls]`
 *
 * - N rounds in one process, where server, clients, workers and database are moved step by step (`round.ts`);
 * - M rounds of real processes over HTTP, each killed with `kill -9` (`processes.ts`): by default a tenth of N,
 *   at most 40;
 * - the schedule of each guard of "never double" (`schedules.ts`); with --controls, and always in CI, also
 *   without its guard, which must fail.
 *
 * The last line is `N passed, N failed`.
 */
import { parseArgs } from 'node:util';
import { PostgresDatabases, type Databases } from './database.js';
import { runProcesses } from './processes.js';
import { runRound } from './round.js';
import { runSchedule, SCHEDULES } from './schedules.js';
import { SqliteFiles } from './sqlite-files.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    seed: { type: 'string' },
    only: { type: 'string' },
    processes: { type: 'string' },
    controls: { type: 'boolean', default: process.env['CI'] === 'true' },
  },
});
const rounds = Number(values.rounds);
const seed = values.seed === undefined ? Date.now() % 100_000_000 : Number(values.seed);
const processRounds = values.processes === undefined ? Math.min(40, Math.ceil(rounds / 10)) : Number(values.processes);
if (![rounds, seed, processRounds].every((number) => Number.isInteger(number) && number >= 0))
  throw new Error('--rounds, --seed and --processes take whole numbers');
/** Rounds between two lines. */
const SAY_EVERY = 100;
let passed = 0;
let failed = 0;

console.log(`chaos of pulls: ${rounds} rounds, seed ${seed} (repeat with --seed ${seed})`);
if (values.only !== 'processes') {
  const postgres = await PostgresDatabases.start();
  const sqlite = new SqliteFiles();
  try {
    for (const databases of [postgres, sqlite]) await guards(databases);
    await steps([postgres, sqlite]);
  } finally {
    await postgres.stop();
    await sqlite.stop();
  }
}
if (values.only !== 'steps') {
  const report = await runProcesses({ rounds: processRounds, seed, say: (line) => console.log(line) });
  for (const failure of report.failures) console.log(`processes: seed ${failure.seed}: ${failure.message}`);
  console.log(
    `processes: ${report.passed} of ${report.rounds} rounds passed, ${Object.entries(report.kills)
      .map(([name, count]) => `${count} kills of ${name}`)
      .join(', ')}; ${report.events} events, sums looked at ${report.looks} times`,
  );
  passed += report.passed;
  failed += report.failures.length;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

async function guards(databases: Databases): Promise<void> {
  for (const schedule of SCHEDULES) {
    const problem = await outcome(() => runSchedule(schedule, databases, false));
    count(problem === null, `${databases.kind}: "${schedule.name}": ${problem?.message ?? 'ok'}`);
    if (values.controls !== true) continue;
    const broken = await outcome(() => runSchedule(schedule, databases, true));
    const verdict =
      broken === null ? 'passed: the schedule does not protect this guard' : `fails, as it must: ${broken.message}`;
    count(broken !== null, `${databases.kind}: control "${schedule.guard}" taken away: ${verdict}`);
  }
}

/** Every fifth round with SQLite. */
async function steps([postgres, sqlite]: readonly [Databases, Databases]): Promise<void> {
  const kills = { server: 0, worker: 0, database: 0, answer: 0 };
  let applied = 0;
  let good = 0;
  for (let round = 0; round < rounds; round++) {
    const problem = await outcome(async () => {
      const report = await runRound(seed + round, (seed + round) % 5 === 0 ? sqlite : postgres);
      applied += report.applied;
      for (const name of ['server', 'worker', 'database', 'answer'] as const) kills[name] += report.kills[name];
    });
    if (problem === null) good += 1;
    else console.log(`steps: seed ${seed + round}: ${problem.stack}`);
    if ((round + 1) % SAY_EVERY === 0) console.log(`steps: ${round + 1} of ${rounds}, ${round + 1 - good} failed`);
  }
  console.log(
    `steps: ${good} of ${rounds} rounds passed; ${kills.server} kills of the server, ${kills.worker} of workers, ` +
      `${kills.database} of database sessions, ${kills.answer} answers lost; ${applied} commits compared`,
  );
  passed += good;
  failed += rounds - good;
}

function count(isGood: boolean, line: string): void {
  console.log(line);
  if (isGood) passed += 1;
  else failed += 1;
}

async function outcome(run: () => Promise<void>): Promise<Error | null> {
  try {
    await run();
    return null;
  } catch (error) {
    return error as Error;
  }
}
