/** A vitest reporter that leaves the counts, and each skipped test with its reason, in the file COUNT_FILE. */
import { writeFileSync } from 'node:fs';

export default class CountReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: [], failures: [] };
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
          counts.failures.push(`${module.relativeModuleId} > ${test.fullName}`);
        }
      }
      if (module.state() === 'failed' && (tests === 0 || module.errors().length > 0)) {
        counts.failed += 1;
        counts.failures.push(`${module.relativeModuleId}: could not be run`);
      }
    }
    writeFileSync(process.env.COUNT_FILE, JSON.stringify(counts));
  }
}
