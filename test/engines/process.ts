/**
 * A server of another make, as a child process of a test: started on this machine only, asked until it answers,
 * ended politely and then not, and killed and started again on the same data, since that is what chaos tests do.
 *
 * Each server has a folder for its data and a log beside it. The log is deleted when the server is stopped, and kept
 * when it ended by itself or didn't start; the error then names it. A child never outlives the test: Linux kills it
 * with its parent, and elsewhere an exit hook does.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { killTree } from './tree.js';

const START_MS_MAX = 120_000;
const STOP_MS_MAX = 20_000;
const POLL_MS = 50;
const LOG_LINES_SHOWN = 20;

/** What each engine's launcher takes. */
export interface EngineOptions {
  /** The data folder. It is kept when the engine stops; without it, a temporary one is made and deleted. */
  readonly folder?: string;
  /** A process group of its own: Ctrl-C at the terminal does not reach it. Default false. */
  readonly ownGroup?: boolean;
}

/** What each running engine gives. */
export interface Engine {
  /** Its data. */
  readonly folder: string;
  /** What it prints. */
  readonly logFile: string;
  /** The process that runs now; undefined between `kill` and `restart`. */
  readonly pid: number | undefined;
  /** Asks it to stop, after 20 s kills it; then deletes a temporary data folder. */
  stop(): Promise<void>;
  /** SIGKILL to the process and all its children, as a crash; resolves when they are gone. */
  kill(): Promise<void>;
  /** Starts again on the same data and the same port, after a clean stop if it runs; resolves when it is ready. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

/** How a server is started. */
export interface ServerSpec {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs as this user. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** Whether the server answers; a rejection means not yet. */
  ready(): Promise<boolean>;
  /** What asks it to stop: SIGTERM by default. */
  readonly stopSignal?: NodeJS.Signals;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Linux ends the child with its parent, however that one ends. */
const WITH_PARENT =
  process.platform === 'linux' && spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0
    ? ['setpriv', '--pdeathsig', 'KILL']
    : [];

/** Makes the data folder, and starts the server that `specify` describes for it. */
export async function launch(
  name: string,
  options: EngineOptions,
  specify: (folder: string) => Promise<ServerSpec>,
): Promise<Engine> {
  const folder = options.folder ?? (await mkdtemp(path.join(tmpdir(), `millrace-${name}-`)));
  await mkdir(folder, { recursive: true });
  const spec = await specify(folder);
  const server = new Server(name, folder, spec, options);
  await server.start();
  return server;
}

class Server implements Engine {
  readonly folder: string;
  readonly logFile: string;
  readonly #name: string;
  readonly #spec: ServerSpec;
  readonly #temporary: boolean;
  readonly #ownGroup: boolean;
  #child: ChildProcess | undefined;
  /** The process ended without being told to. */
  #failed = false;

  constructor(name: string, folder: string, spec: ServerSpec, options: EngineOptions) {
    this.folder = folder;
    this.#name = name;
    this.#spec = spec;
    this.#temporary = options.folder === undefined;
    this.#ownGroup = options.ownGroup === true;
    const logs = fileURLToPath(new URL('../../.tmp/engines', import.meta.url));
    mkdirSync(logs, { recursive: true });
    this.logFile = path.join(logs, `${name}-${process.pid}-${path.basename(folder)}.log`);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const child = this.#spawn();
    if (await this.#untilReady(child)) return;
    await this.#end(child, 'SIGKILL');
    this.#failed = true;
    throw new Error(`${this.#name} does not start; the end of ${this.logFile}:\n${this.#logTail()}`);
  }

  get #stopSignal(): NodeJS.Signals {
    return this.#spec.stopSignal ?? 'SIGTERM';
  }

  #spawn(): ChildProcess {
    const { command, args, env, user } = this.#spec;
    const log = openSync(this.logFile, 'a');
    const [program, ...rest] = [...WITH_PARENT, command, ...args];
    const child = spawn(program!, rest, {
      cwd: this.folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
      detached: this.#ownGroup,
      ...user,
    });
    closeSync(log);
    const ended = (): void => {
      running.delete(child);
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#failed = true;
    };
    child.once('exit', ended);
    child.once('error', (error) => {
      appendFileSync(this.logFile, `${error.message}\n`);
      ended();
    });
    running.add(child);
    this.#child = child;
    return child;
  }

  async #untilReady(child: ChildProcess): Promise<boolean> {
    const deadline = performance.now() + START_MS_MAX;
    while (performance.now() < deadline && this.#child === child) {
      // Not yet: refused, reset or timed out.
      const ready = await this.#spec.ready().catch(() => false);
      if (this.#child !== child) return false;
      if (ready) return true;
      await sleep(POLL_MS);
    }
    return false;
  }

  #logTail(): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n');
  }

  /** From here on the child's end is wanted. */
  async #end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    if (this.#child === child) this.#child = undefined;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    if (signal === 'SIGKILL') {
      await killTree(child.pid);
      await gone;
      return;
    }
    child.kill(signal);
    // A paused process takes no signal before it goes on.
    child.kill('SIGCONT');
    const timer = setTimeout(() => void killTree(child.pid!), STOP_MS_MAX);
    await gone;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    if (this.#child !== undefined) await this.#end(this.#child, 'SIGKILL');
  }

  async restart(): Promise<void> {
    if (this.#child !== undefined) await this.#end(this.#child, this.#stopSignal);
    this.#failed = false;
    await this.start();
  }

  async stop(): Promise<void> {
    if (this.#child !== undefined) await this.#end(this.#child, this.#stopSignal);
    if (this.#temporary) await rm(this.folder, { recursive: true, force: true });
    if (this.#failed) console.error(`${this.#name} ended by itself; see ${this.logFile}`);
    else rmSync(this.logFile, { force: true });
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }
}

/**
 * A port of 127.0.0.1 that nothing listens on, by default none that the system gives to outgoing connections: while
 * an engine is down, one of those could take its port, and a client that calls an absent engine could reach itself.
 */
export async function freePort({ first, last } = { first: 20_000, last: 31_999 }): Promise<number> {
  const size = last - first + 1;
  const offset = randomInt(size);
  for (let step = 0; step < size; step++) {
    const port = first + ((offset + step) % size);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port of ${first}-${last} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve);
    server.listen(port, '127.0.0.1', () => resolve(undefined));
  });
  if (error?.code === 'EADDRINUSE') return false;
  if (error !== undefined) throw error;
  await new Promise((resolve) => server.close(resolve));
  return true;
}
