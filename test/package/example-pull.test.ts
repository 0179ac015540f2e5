/** `npm run example:pull`, as a newcomer runs it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

const AGREED = /^ +\d+ s .* all four agree/gm;

/** Runs it; `interruptAfter`: Ctrl-C when so many seconds have agreed. */
async function run(args: readonly string[], interruptAfter = Infinity) {
  const child = spawn(process.execPath, ['scripts/run.mjs', 'examples/pull/run.ts', ...args]);
  let said = '';
  let failed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if ((said.match(AGREED)?.length ?? 0) >= interruptAfter) child.kill('SIGINT');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (failed += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said, failed };
}

it('shows a server and three databases that agree every second, and ends by itself', async () => {
  const { code, said, failed } = await run(['--seconds', '3']);
  expect([code, failed]).toEqual([0, '']);
  expect(said.match(AGREED)).toHaveLength(3);
  expect(said.match(/^ {2}\w+\/traffic: \d+ days?, \d+ rows?: as the server has them$/gm)).toHaveLength(3);
}, 180_000);

it('stops everything at Ctrl-C', async () => {
  const { code, said, failed } = await run([], 1);
  expect([code, failed]).toEqual([0, '']);
  expect(said).toMatch(/Stopping: workers, databases, Millrace\.\n$/);
}, 180_000);
