/** `npm run oracle -- [--cases N] [--seed S] [--failures N] [--minutes N] [--wanted RULE,…] [--raw]`: a stream is a batch, and DuckDB agrees. */
import { reportLines, verdict } from './report.js';
import { run } from './run.js';

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

/** A case that failed is made again from its seed and the rules that it was made for. */
function again(seed: number, wanted: readonly string[]): string {
  return `--cases 1 --seed ${seed} --wanted '${wanted.join(',')}'`;
}

const wantedAt = process.argv.indexOf('--wanted');
const seed = option('seed', 1);
const report = await run({
  seed,
  cases: option('cases', 150),
  timeMaxMs: option('minutes', Infinity) * 60_000,
  failuresMax: option('failures', 10),
  wanted: wantedAt < 0 ? null : process.argv[wantedAt + 1]!.split(',').filter((rule) => rule !== ''),
  minimises: !process.argv.includes('--raw'),
  onCase: (done) => {
    if (done % 50 === 0) console.log(`${done} cases`);
  },
});
for (const { failure, script, seed: of, wanted } of report.failed)
  console.log(
    `\n==== ${again(of, wanted)}: ${failure.at}: ${failure.what}\n${failure.detail}\n---- script\n${script}\n`,
  );
console.log(reportLines(report, seed).join('\n'));
const wrong = verdict(report);
for (const line of wrong) console.log(`FAILED: ${line}`);
process.exit(wrong.length === 0 ? 0 : 1);
