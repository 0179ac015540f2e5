/**
 * Chaos harness (a): `kill -9` of the real process under a real HTTP client, at random moments.
 *
 * A round: start the server on the folder of the rounds before, send, kill somewhere (one time in
 * four while it is still starting), start again, resend what was not answered, compare everything.
 * A folder serves `ROUNDS_A_FOLDER` rounds; then the server is stopped and its log is read through:
 * no key's published value ever went back, no revision without a change.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { check } from './check.js';
import { Client } from './client.js';
import { writeConfig } from './config.js';
import { inspectLog } from './inspect.js';
import { createRng, type Rng } from './rng.js';
import { freePort, startServer, type Server } from './server.js';

/** Rounds on one data folder before a new one. */
const ROUNDS_A_FOLDER = 10;

/** What a run found. */
export interface ChaosReport {
  readonly rounds: number;
  readonly passed: number;
  readonly failures: readonly { readonly round: number; readonly seed: number; readonly message: string }[];
  readonly events: number;
  readonly late: number;
  readonly kills: number;
}

/** How to run. */
export interface KillInput {
  readonly rounds: number;
  readonly seed: number;
  /** A module that breaks a guard, loaded into the server. */
  readonly preload?: string;
  /** Stop at the first failure: for controls. */
  readonly stopAtFailure?: boolean;
  readonly say: (line: string) => void;
}

/** Runs the rounds. */
export async function runKill(input: KillInput): Promise<ChaosReport> {
  const failures: { round: number; seed: number; message: string }[] = [];
  const totals = { events: 0, late: 0, kills: 0 };
  let round = 0;
  while (round < input.rounds && !(input.stopAtFailure === true && failures.length > 0)) {
    const seed = input.seed + round;
    const size = Math.min(ROUNDS_A_FOLDER, input.rounds - round);
    const folder = new Folder(seed, input.preload);
    let failed = false;
    for (let i = 0; i < size && !failed; i++, round++) {
      try {
        await folder.round();
      } catch (error) {
        failed = true;
        failures.push({ round, seed, message: `${(error as Error).message} (kept in ${folder.path})` });
      }
      input.say(`kill round ${round + 1}/${input.rounds}: ${failed ? failures.at(-1)!.message : 'ok'}`);
    }
    const problem = failed ? undefined : await folder.finish().catch((error: unknown) => (error as Error).message);
    if (problem !== undefined)
      failures.push({ round: round - 1, seed, message: `${problem} (kept in ${folder.path})` });
    if (problem !== undefined) input.say(`kill rounds up to ${round}: ${problem}`);
    totals.events += folder.events;
    totals.late += folder.late;
    totals.kills += folder.kills;
    await folder.close(failed || problem !== undefined);
  }
  return { rounds: round, passed: round - failures.length, failures, ...totals };
}

class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'millrace-chaos-'));
  readonly #rng: Rng;
  readonly #client: Client;
  readonly #preload: string | undefined;
  #server: Server | undefined;
  events = 0;
  late = 0;
  kills = 0;

  constructor(seed: number, preload: string | undefined) {
    this.#rng = createRng(seed);
    this.#client = new Client(this.#rng, `s${seed}`);
    this.#preload = preload;
    mkdirSync(join(this.path, 'data'), { recursive: true });
    writeConfig(join(this.path, 'millrace.config.json'));
  }

  async round(): Promise<void> {
    const rng = this.#rng;
    if (this.#server === undefined) await this.#startReady();
    const stop = new AbortController();
    const sending = this.#client.run(this.#server!.url, stop.signal);
    sending.catch(() => undefined);
    await sleep(50 + rng.below(900));
    await this.#kill();
    while (rng.below(4) === 0) {
      this.#server = await this.#start();
      await sleep(rng.below(700));
      await this.#kill();
    }
    stop.abort();
    await sending;
    await this.#startReady();
    await this.#client.settle(this.#server!.url);
    const found = await check(this.#server!.url, this.#client.acknowledged);
    this.events = found.events;
    this.late = found.late;
  }

  /** Stops in order and reads the log through. */
  async finish(): Promise<void> {
    const code = await this.#server!.stop();
    this.#server = undefined;
    if (code !== 0) throw new Error(`SIGTERM ended the server with ${code}`);
    await inspectLog(this.path);
  }

  async close(keep: boolean): Promise<void> {
    await this.#server?.kill();
    if (!keep) rmSync(this.path, { recursive: true, force: true });
  }

  async #startReady(): Promise<void> {
    this.#server = await this.#start();
    if (!(await this.#server.ready())) throw new Error('the server did not start');
  }

  async #start(): Promise<Server> {
    return startServer({
      config: join(this.path, 'millrace.config.json'),
      data: join(this.path, 'data'),
      port: await freePort(),
      output: join(this.path, 'output.log'),
      ...(this.#preload === undefined ? {} : { preload: this.#preload }),
    });
  }

  async #kill(): Promise<void> {
    await this.#server?.kill();
    this.#server = undefined;
    this.kills++;
  }
}
