/** The engine's instance ends with nothing under way: a thread that ends while DuckDB works ends the process. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Duck, type DuckOptions } from '../../../src/serve/query/duck.js';
import { moduleFile } from '../../module-file.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'duck-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const LONG = 'SELECT count(*) FROM range(1000000000000) AS numbers(n) WHERE n * n % 7 = 3';

function options(): DuckOptions {
  return {
    folders: [folder],
    spillFolder: join(folder, 'spill'),
    memoryBytesMax: 2 ** 27,
    spillBytesMax: 2 ** 27,
    threads: 1,
  };
}

test('close interrupts what runs, and resolves once that has ended', async () => {
  const duck = await Duck.open(options());
  const { signal } = new AbortController();
  let ended = 0;
  const running = [1, 2].map(() =>
    duck
      .select(LONG, signal, (result) => result.fetchChunk())
      .finally(() => {
        ended++;
      }),
  );
  const answers = Promise.allSettled(running);
  await duck.close();
  expect(ended).toBe(2);
  for (const answer of await answers)
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'SHUTTING_DOWN' } });
  await expect(duck.select('SELECT 1', signal, async () => 1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
});

test('a thread that closed it in the midst of a query can end', () => {
  const module = moduleFile('serve/query/duck.ts');
  const thread = `
    const { Duck } = await import(${JSON.stringify(module)});
    const { parentPort } = await import('node:worker_threads');
    const duck = await Duck.open(${JSON.stringify(options())});
    const { signal } = new AbortController();
    duck.select(${JSON.stringify(LONG)}, signal, (result) => result.fetchChunk()).catch(() => undefined);
    await duck.close();
    parentPort.postMessage('closed');`;
  const program = `
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(thread)})));
    worker.on('message', async () => {
      await worker.terminate();
      console.log('ended');
    });`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(child.stderr).toBe('');
  expect(child).toMatchObject({ status: 0, stdout: 'ended\n' });
});
