/**
 * `npm test`: type check, lint, format check, then every test that needs only Node and npm.
 *
 *   node scripts/test.mjs [paths for vitest]    with paths: only those tests, no checks
 *   node scripts/test.mjs --thorough [paths]    sweeps with all of their seeds, rows and cases
 *   node scripts/test.mjs --e2e                 the browser tests (they need a Chromium)
 *   node scripts/test.mjs --engines [paths]     the tests against engines (`npm run engines` installs those)
 *
 * What is skipped is printed with its reason; with CI=true a skip is a failure, and a few files that failed are run
 * once more, alone: what passes then is printed as unsteady. The last line is exactly `N passed, N failed`, and the exit code is 1 when anything failed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WHY } from './count-reporter.mjs';
import { freshen, root } from './fresh.mjs';

const ci = process.env.CI === 'true';
const args = process.argv.slice(2);
/** Tests that need more than Node and npm, each kind with its own vitest configuration. */
const KINDS = {
  '--e2e': { title: 'browser tests', config: 'vitest.e2e.config.ts' },
  '--engines': { title: 'tests against engines', config: 'vitest.engines.config.ts' },
};
const kind = KINDS[args.find((arg) => arg in KINDS)];
const thorough = args.includes('--thorough');
const paths = args.filter((arg) => !(arg in KINDS) && arg !== '--thorough');
const everything = kind === undefined && paths.length === 0;
const totals = { passed: 0, failed: 0, skipped: [], unsteady: [], failures: [] };
/** More files than these are no accident. */
const REPEATED_MAX = 5;

function command(bin, parameters, environment = {}) {
  const path = join(root, 'node_modules', '.bin', bin);
  return spawnSync(process.platform === 'win32' ? `${path}.cmd` : path, parameters, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...environment },
  });
}

function check(name, bin, ...parameters) {
  console.log(`\n== ${name}`);
  const ok = command(bin, parameters).status === 0;
  totals[ok ? 'passed' : 'failed'] += 1;
  if (!ok) totals.failures.push(name);
}

/** Runs files, all where none is named, and answers what the reporter counted. */
function count(files) {
  const file = join(root, '.tmp', `count-${process.pid}.json`);
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const config = kind === undefined ? [] : ['--config', kind.config];
  const reporters = ['--reporter=default', '--reporter=./scripts/count-reporter.mjs'];
  const { status } = command('vitest', ['run', ...config, ...reporters, ...files], {
    COUNT_FILE: file,
    ...(thorough ? { MILLRACE_THOROUGH: '1' } : {}),
  });
  try {
    const counts = JSON.parse(readFileSync(file, 'utf8'));
    if (status !== 0 && counts.failed === 0) throw new Error(`vitest ended with ${status}`);
    return counts;
  } catch (error) {
    const failures = [`the tests did not finish: ${error.message}`];
    return { passed: 0, failed: 1, skipped: [], failures, files: [], unfinished: true };
  } finally {
    rmSync(file, { force: true });
  }
}

function tests() {
  console.log(`\n== ${kind?.title ?? 'tests'}`);
  const counts = count(paths);
  totals.skipped.push(...counts.skipped);
  totals.passed += counts.passed;
  const repeats = ci && counts.files.length > 0 && counts.files.length <= REPEATED_MAX;
  const { failed, failures } = repeats ? again(counts) : counts;
  totals.passed += Math.max(0, counts.failed - failed);
  totals.failed += failed;
  totals.failures.push(...failures);
}

/** Files that failed once more, alone: what passes then is unsteady, which is told, and no failure. */
function again(first) {
  console.log('\n== once more, alone, what failed');
  const counts = count(first.files);
  if (counts.unfinished) return first;
  const names = new Set(counts.failures.map(nameOf));
  totals.unsteady.push(...first.failures.filter((failure) => !names.has(nameOf(failure))));
  return counts;
}

function nameOf(failure) {
  return failure.split(WHY)[0];
}

freshen();
if (everything) {
  check('type check', 'tsc', '-p', '.');
  check('type check of the console', 'tsc', '-p', 'console');
  check('type check of the browser tests', 'tsc', '-p', 'test/e2e');
  check('lint', 'oxlint', '--deny-warnings', 'src', 'test', 'bench', 'scripts', 'console', 'examples');
  check('format', 'oxfmt', '--check', '.');
}
tests();

console.log('');
if (everything)
  console.log(
    'not run here: the browser tests, the tests against engines and the chaos rounds; .ci/run runs them ' +
      '(they need a Chromium, what `npm run engines` installs, and minutes)',
  );
for (const { name, reason } of totals.skipped) console.log(`skipped: ${name} (${reason || 'no reason given'})`);
if (ci && totals.skipped.length > 0) {
  console.log('CI skips nothing: each skipped test counts as failed.');
  totals.failed += totals.skipped.length;
}
for (const failure of totals.unsteady) console.log(`unsteady, passed once more: ${failure}`);
for (const failure of totals.failures) console.log(`failed: ${failure}`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 ? 0 : 1;
