/**
 * A vitest reporter that leaves the counts, each skipped test with its reason, and each failed one with its first error,
 * in the file COUNT_FILE.
 */
import { writeFileSync } from 'node:fs';

/** Between a failed test's name and its error. */
export const WHY = ' | ';

function firstOf(errors) {
  const [line] = String(errors?.[0]?.message ?? 'no error').split('\n');
  return line.slice(0, 300);
}

export default class CountReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: [], failures: [], files: [] };
    for (const error of unhandledErrors) counts.failures.push(`an unhandled error: ${error.message}`);
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        tests += 1;
        const { state, note } = test.result();
        if (state === 'passed') counts.passed += 1;
        else if (state === 'skipped')
          counts.skipped.push({ name: `${module.relativeModuleId} > ${test.fullName}`, reason: note ?? '' });
        else {
          counts.failed += 1;
          counts.failures.push(`${module.relativeModuleId} > ${test.fullName}${WHY}${firstOf(test.result().errors)}`);
        }
      }
      if (module.state() !== 'failed') continue;
      counts.files.push(module.relativeModuleId);
      if (tests > 0 && module.errors().length === 0) continue;
      counts.failed += 1;
      counts.failures.push(`${module.relativeModuleId}: could not be run${WHY}${firstOf(module.errors())}`);
    }
    writeFileSync(process.env.COUNT_FILE, JSON.stringify(counts));
  }
}
