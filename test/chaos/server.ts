/**
 * The real process under test: started, asked, killed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How to start a server. */
export interface ServerInput {
  readonly config: string;
  readonly data: string;
  readonly port: number;
  /** Where what it says is kept, appended. */
  readonly output: string;
  /** A module loaded before the program: how a control breaks a guard. */
  readonly preload?: string;
}

/** A running server process. */
export interface Server {
  readonly url: string;
  readonly pid: number | undefined;
  /** Whether `/ready` answers 200 within `timeoutMs`; false when the process ended before. */
  ready(timeoutMs?: number): Promise<boolean>;
  kill(): Promise<void>;
  /** SIGTERM, and the wait for its end. */
  stop(): Promise<number | null>;
}

/** Starts the built program on a configuration. */
export function startServer(input: ServerInput): Server {
  const output = openSync(input.output, 'a');
  const preload = input.preload === undefined ? [] : ['--import', resolve(input.preload)];
  const child = spawn(
    process.execPath,
    [
      ...preload,
      'dist/cli/main.js',
      'start',
      '--config',
      input.config,
      '--data',
      input.data,
      '--port',
      String(input.port),
    ],
    { stdio: ['ignore', output, output] },
  );
  closeSync(output);
  const url = `http://127.0.0.1:${input.port}`;
  const ended = new Promise<number | null>((done) => child.on('exit', (code) => done(code)));
  return {
    url,
    pid: child.pid,
    ready: (timeoutMs = 120_000) => untilReady(child, url, timeoutMs, input.output),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

async function untilReady(child: ChildProcess, url: string, timeoutMs: number, output: string): Promise<boolean> {
  const until = Date.now() + timeoutMs;
  let said = 'no answer';
  while (Date.now() < until) {
    if (child.signalCode !== null) return false;
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${tailOf(output)}`);
    const answer = await fetch(`${url}/ready`).catch(() => undefined);
    if (answer?.status === 200) return true;
    said = (await answer?.text().catch(() => undefined)) ?? said;
    await sleep(20);
  }
  throw new Error(`the server was not ready after ${timeoutMs} ms: ${said}\n${tailOf(output)}`);
}

function tailOf(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-30).join('\n');
}

/** A free port of this machine. */
export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.on('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
