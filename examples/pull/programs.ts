/** Millrace and its workers as processes of their own, each with a log in the temporary folder. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

const MILLRACE = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const READY_MS = 60_000;

/** Programs that run. */
export class Programs {
  readonly #folder: string;
  readonly #running = new Map<string, ChildProcess>();

  constructor(folder: string) {
    this.#folder = folder;
    // However we end, they end.
    process.on('exit', () => {
      for (const child of this.#running.values()) child.kill('SIGKILL');
    });
  }

  /** Starts `millrace` with arguments; `name` is that of its log. */
  start(name: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): void {
    const log = openSync(this.#log(name), 'a');
    const child = spawn(process.execPath, [MILLRACE, ...args], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...environment },
      // Ctrl-C is for us, and we end them in order.
      detached: true,
    });
    closeSync(log);
    this.#running.set(name, child);
  }

  /** Runs to the end; answers the exit code and what it said. */
  async run(name: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.start(name, args, environment);
    const child = this.#running.get(name)!;
    if (child.exitCode === null) await once(child, 'exit');
    this.#running.delete(name);
    return { code: child.exitCode, said: readFileSync(this.#log(name), 'utf8').trim() };
  }

  /** Resolves when the server answers. */
  async ready(name: string, url: string): Promise<void> {
    for (const end = Date.now() + READY_MS; Date.now() < end; await sleep(50)) {
      this.check();
      // Not yet.
      const answer = await fetch(`${url}/ready`).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.status === 200) return;
    }
    throw new Error(`${name} does not answer:\n${this.#tail(name)}`);
  }

  /** Throws when one has ended by itself. */
  check(): void {
    for (const [name, child] of this.#running)
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`${name} has ended by itself:\n${this.#tail(name)}`);
  }

  /** Asks one to end, and waits. */
  async stop(name: string): Promise<void> {
    const child = this.#running.get(name);
    this.#running.delete(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }

  /** All of them, the newest first. */
  async stopAll(): Promise<void> {
    for (const name of [...this.#running.keys()].toReversed()) await this.stop(name);
  }

  #log(name: string): string {
    return join(this.#folder, `${name.replaceAll(' ', '-')}.log`);
  }

  #tail(name: string): string {
    return readFileSync(this.#log(name), 'utf8').split('\n').slice(-20).join('\n');
  }
}
