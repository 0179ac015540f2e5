/** `npm run fuzz:isolation -- [--cases N] [--seed S]`: hostile requests of one tenant against another's rows. */
import { openIsolated, runIsolation } from './run.js';

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

const cases = option('cases', 100_000);
const seed = option('seed', 1);
const server = await openIsolated();
const report = await runIsolation(server, {
  cases,
  seed,
  onCase: (n) => {
    if (n % 5_000 === 4_999) console.log(`${n + 1} of ${cases}`);
  },
});
await server.close();
const { accepted, statements, refused, leaks } = report;
console.log(
  `seed ${seed}: ${cases} requests, ${accepted} answered, ${cases - accepted} refused, ${leaks.length} leaks`,
);
console.log(`statements: ${statements.ran} of ${statements.sent} ran`);
for (const [code, count] of Object.entries(refused).sort(([, a], [, b]) => b - a)) console.log(`  ${code}: ${count}`);
for (const leak of leaks.slice(0, 20)) console.log(leak);
process.exit(leaks.length === 0 ? 0 : 1);
