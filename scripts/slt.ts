/**
 * Runs sqllogictest files, each in a pipeline of its own:
 *
 *   npm run slt -- [--batch N] [--partitions N] [--resume] FILE…
 *
 * `--batch` and `--partitions` cut and spread what is inserted, `--resume` stops, saves, kills and resumes every view on the
 * way: the results must be the same. The last line is `N passed, N failed`; the exit code is 1 when anything failed.
 */
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { globSync } from '../src/config/glob.js';
import { sessionExecutor } from './slt/executor.js';
import { readRecords } from './slt/records.js';
import { runRecords } from './slt/run.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { batch: { type: 'string' }, partitions: { type: 'string' }, resume: { type: 'boolean', default: false } },
});

function wholeNumber(name: 'batch' | 'partitions'): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  console.error(`--${name}: expected a whole number from 1, not ${text}`);
  process.exit(2);
}

const batchRows = wholeNumber('batch');
const partitions = wholeNumber('partitions');
const files = positionals.flatMap((path) => globSync(resolve(path)));
if (files.length === 0) {
  console.error('Usage: npm run slt -- [--batch N] [--partitions N] [--resume] FILE…');
  process.exit(2);
}

let passed = 0;
let failed = 0;
for (const file of files) {
  try {
    const executor = sessionExecutor({
      resumes: values.resume,
      ...(batchRows === undefined ? {} : { batchRows }),
      ...(partitions === undefined ? {} : { partitions }),
    });
    const report = await runRecords(readRecords(file), { executor, wait: (ms) => wait(ms), environment: process.env });
    for (const { place, sql, expected, actual } of report.failures)
      console.log(`${place.file}:${place.line}\n${sql}\nexpected:\n${expected}\nactual:\n${actual}\n`);
    const skipped = report.skipped === 0 ? '' : `, ${report.skipped} left out`;
    console.log(`${file}: ${report.passed} passed, ${report.failures.length} failed${skipped}`);
    passed += report.passed;
    failed += report.failures.length;
  } catch (error) {
    console.log(`${file}: ${(error as Error).message}`);
    failed += 1;
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
