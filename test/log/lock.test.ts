import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { lockFolder } from '../../src/io/lock.js';
import { moduleFile } from '../module-file.js';
import { freshFolder, open, removeFolders } from './support.js';

afterEach(removeFolders);

const MODULE = moduleFile('io/lock.ts');

/** A process that takes the folder and says so, or says why not. */
async function holder(folder: string): Promise<{ said: string; kill: () => Promise<unknown> }> {
  const code = `const { lockFolder } = await import(${JSON.stringify(MODULE)});
    try { await lockFolder(process.argv[1]); console.log('held'); setInterval(() => {}, 1000); }
    catch (error) { console.log(error.code); process.exit(0); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { said: said.toString().trim(), kill: () => (child.kill('SIGKILL'), ended) };
}

test('a second process is refused with the pid of the first, until that is gone, by kill -9 too', async () => {
  const folder = freshFolder();
  const first = await holder(folder);
  expect(first.said).toBe('held');
  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: 'DATA_FOLDER_IN_USE',
    message: expect.stringMatching(/^process \d+ is running with this data folder/) as string,
  });
  await first.kill();
  const release = await lockFolder(folder);
  expect((await holder(folder)).said).toBe('DATA_FOLDER_IN_USE');
  release();
  const second = await holder(folder);
  expect(second.said).toBe('held');
  await second.kill();
});

test('of many processes that find a dead owner, one takes over', async () => {
  const folder = freshFolder();
  await (await holder(folder)).kill();
  const all = await Promise.all(Array.from({ length: 6 }, () => holder(folder)));
  expect(all.map(({ said }) => said).sort()).toEqual([
    'DATA_FOLDER_IN_USE',
    'DATA_FOLDER_IN_USE',
    'DATA_FOLDER_IN_USE',
    'DATA_FOLDER_IN_USE',
    'DATA_FOLDER_IN_USE',
    'held',
  ]);
  await Promise.all(all.map(({ kill }) => kill()));
});

test('a pid that now belongs to another process does not hold the folder', async () => {
  const folder = freshFolder();
  const release = await lockFolder(folder);
  const name = readdirSync(folder).find((file) => file.startsWith('owner.'))!;
  const owner = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>;
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
  writeFileSync(join(folder, name), JSON.stringify({ ...owner, started: '1' }));
  (await lockFolder(folder))();
  release();
});

test('a second log in this process is refused too; after close the folder is free', async () => {
  const folder = freshFolder();
  const log = await open(folder);
  await expect(open(folder)).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
  await log.close();
  await (await open(folder)).close();
});
