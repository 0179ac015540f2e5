import { relative } from 'node:path';
import { Command } from 'commander';
import { dim, green, print, printError, printJson, red } from './output.js';
import { runSuite, type CaseReport } from './test/run-suite.js';
import { readSuite } from './test/suite.js';

/** `millrace test`: events in, expected rows out, under a virtual clock; exit code 1 when a case fails. */
export function testCommand(): Command {
  return new Command('test')
    .description('run test files: events in, expected rows out, under a clock of their own; no server')
    .argument('<files...>', 'YAML files with cases')
    .option('--json', 'print one JSON object a case')
    .addHelpText('after', '\nExamples:\n  millrace test tests/*.yaml\n  millrace test tests/traffic.yaml --json')
    .action(runFiles);
}

async function runFiles(files: readonly string[], { json = false }: { json?: boolean }): Promise<void> {
  let passed = 0;
  let failed = 0;
  for (const file of files) {
    try {
      for (const report of await runSuite(await readSuite(file))) {
        if (report.failures.length === 0) passed++;
        else failed++;
        if (json) printJson({ file, ...report, ok: report.failures.length === 0 });
        else printReport(relative(process.cwd(), file) || file, report);
      }
    } catch (error) {
      printError(error, json);
      failed++;
    }
  }
  if (!json) print(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

function printReport(file: string, { name, elapsedMs, failures }: CaseReport): void {
  const mark = failures.length === 0 ? green('ok') : red('failed');
  print(`${mark} ${file}: ${name} ${dim(`${Math.round(elapsedMs)} ms`)}`);
  for (const failure of failures) for (const line of failure.split('\n')) print(`  ${coloured(line)}`);
}

function coloured(line: string): string {
  const text = line.trimStart();
  if (text.startsWith('- ')) return red(line);
  return text.startsWith('+ ') ? green(line) : line;
}
