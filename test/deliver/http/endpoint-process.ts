/** `endpoint.mjs` as a process: started, killed, started again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { freshFolder } from '../support.js';

/** A request that the endpoint took. */
export interface Taken {
  readonly id: string;
  readonly ids: readonly string[];
  readonly body: string;
}

/** An endpoint that can be killed; what it took stays. */
export class EndpointProcess {
  readonly #file = join(freshFolder(), 'taken.ndjson');
  #port = 0;
  #process: ChildProcess | null = null;

  /** The address, the same over kills. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/in`;
  }

  /** Starts it; resolves when it listens. */
  async start(): Promise<this> {
    if (this.#port === 0) this.#port = await freePort();
    const script = join(import.meta.dirname, 'endpoint.mjs');
    const child = spawn(process.execPath, [script, String(this.#port), this.#file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process = child;
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`the endpoint ended with ${String(code)}`))),
    ]);
    return this;
  }

  /** SIGKILL, in the middle of whatever it does. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    this.#process = null;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** The requests that it took, in order. */
  taken(): Taken[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Taken);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
