import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterEach, describe, expect, test } from 'vitest';
import { freePort, launch, type Engine, type EngineOptions } from './process.js';

/** A server that tells its pid and its child's, and keeps in its folder how often it was started. */
const SERVER = `
  const { spawn } = require('node:child_process');
  const { readFileSync, writeFileSync } = require('node:fs');
  let starts = 1;
  try { starts += Number(readFileSync('starts', 'utf8')); } catch {}
  writeFileSync('starts', String(starts));
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore', detached: true });
  process.on('SIGTERM', () => { writeFileSync('stopped', ''); child.kill('SIGKILL'); process.exit(0); });
  require('node:http').createServer((_, answer) => {
    answer.end(JSON.stringify({ starts, pids: [process.pid, child.pid] }));
  }).listen(Number(process.argv[1]), '127.0.0.1');
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that has ended is there until its new parent notices.
    return !existsSync('/proc/self') || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (['ESRCH', 'ENOENT'].includes((error as NodeJS.ErrnoException).code!)) return false;
    throw error;
  }
}

const engines: Engine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop();
});

async function start(
  options: EngineOptions = {},
): Promise<Engine & { ask(): Promise<{ starts: number; pids: number[] }> }> {
  const port = await freePort();
  const ask = async () =>
    (await (await fetch(`http://127.0.0.1:${port}`)).json()) as { starts: number; pids: number[] };
  const engine = await launch('server', options, async () => ({
    command: process.execPath,
    args: ['-e', SERVER, String(port)],
    ready: async () => (await ask()).starts > 0,
  }));
  engines.push(engine);
  return Object.assign(engine, { ask });
}

describe('an engine', () => {
  test('is killed with its children, and starts again on its data and port', async () => {
    const engine = await start();
    const first = await engine.ask();
    expect(first).toMatchObject({ starts: 1, pids: [engine.pid, expect.any(Number)] });
    await engine.kill();
    expect(first.pids.map(isAlive)).toEqual([false, false]);
    expect(engine.pid).toBeUndefined();
    await engine.restart();
    expect(await engine.ask()).toMatchObject({ starts: 2 });
    await engine.restart();
    expect(await engine.ask()).toMatchObject({ starts: 3 });
  });

  test('leaves neither folder nor log when it was stopped, but a folder that was given', async () => {
    const given = await mkdtemp(path.join(tmpdir(), 'millrace-given-'));
    for (const [options, kept] of [
      [{}, false],
      [{ folder: given }, true],
    ] as const) {
      const engine = await start(options);
      await engine.stop();
      expect([existsSync(engine.folder), existsSync(engine.logFile)]).toEqual([kept, false]);
    }
    await rm(given, { recursive: true });
  });

  test('paused, it answers nothing until it goes on; and it can be stopped then', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'millrace-given-'));
    const engine = await start({ folder });
    engine.pause();
    let answered = false;
    const answer = engine.ask().then(() => (answered = true));
    await sleep(100);
    expect(answered).toBe(false);
    engine.resume();
    await answer;
    engine.pause();
    await engine.stop();
    expect(existsSync(path.join(folder, 'stopped'))).toBe(true);
    await rm(folder, { recursive: true });
  });

  test('that does not start says why, and keeps its log', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'millrace-given-'));
    const refused = launch('broken', { folder }, async () => ({
      command: process.execPath,
      args: ['-e', 'console.error("no such setting: x"); process.exit(3)'],
      ready: async () => false,
    }));
    await expect(refused).rejects.toThrow(/broken does not start; the end of (.*\.log):\n.*no such setting: x/);
    const log = /of (.*\.log):/.exec(((await refused.catch((error: unknown) => error)) as Error).message)![1]!;
    expect(readFileSync(log, 'utf8')).toContain('no such setting: x');
    await rm(log);
    await rm(folder, { recursive: true });
  });

  // Elsewhere there is no way to end with a parent that was killed.
  test.runIf(process.platform === 'linux')('ends with the process that started it', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'millrace-given-'));
    const outfile = path.join(folder, 'test', 'engines', 'parent.mjs');
    const contents = `
      import { launch } from './process.js';
      const args = ['-e', 'setInterval(() => {}, 1000)'];
      const engine = await launch('child', { folder: ${JSON.stringify(folder)} }, async () => ({
        command: process.execPath, args, ready: async () => true,
      }));
      console.log(engine.pid);
      setInterval(() => {}, 1000);
    `;
    await build({
      stdin: { contents, resolveDir: import.meta.dirname, loader: 'ts' },
      ...{ outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20' },
    });
    const parent = spawn(process.execPath, [outfile], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line);
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    while (isAlive(pid)) await sleep(10);
    await rm(folder, { recursive: true });
  });
});
