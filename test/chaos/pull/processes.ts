/**
 * Rounds of real processes: `millrace start`, two `millrace pull`, and a PostgreSQL, over HTTP and TCP, each
 * killed with `kill -9` at random moments and started again at once.
 *
 * The whole time a connection of its own adds up each tenant's table: moves never change the sum. When
 * everything is well again, the table becomes equal to the recount, row for row. A data folder and a schema
 * serve `ROUNDS_A_FOLDER` rounds; then `millrace pull --verify --dry-run` must find nothing.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres, type Postgres } from '../../engines/postgres.js';
import { query } from '../check.js';
import { OPERATOR_KEY } from '../client.js';
import { createRng, type Rng } from '../rng.js';
import { freePort, startServer, type Server } from '../server.js';
import { DEPOSIT, recount, rowName, type Lateness } from './events.js';
import { millionths } from './fold.js';
import { MoveClient } from './process-client.js';
import { ALLOWED_MS, LAG_MS, TENANTS, VIEW, WINDOW_MS, writePullConfig, writeServerConfig } from './process-config.js';

const ROUNDS_A_FOLDER = 5;
/** How long what is left may take to arrive, ms: a bound against hanging for ever. */
const ARRIVE_MS = 90_000;
const LATENESS: Lateness = { windowMs: WINDOW_MS, lagMs: LAG_MS, allowedMs: ALLOWED_MS };

/** What can be killed. */
const KILLED = ['server', 'worker', 'database'] as const;

/** What a run found. */
export interface ProcessReport {
  readonly rounds: number;
  readonly passed: number;
  readonly failures: readonly { readonly seed: number; readonly message: string }[];
  readonly kills: Readonly<Record<(typeof KILLED)[number], number>>;
  readonly events: number;
  /** How often the sums were looked at while rounds were being applied. */
  readonly looks: number;
}

/** Runs the rounds. */
export async function runProcesses(input: {
  readonly rounds: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}): Promise<ProcessReport> {
  const failures: { seed: number; message: string }[] = [];
  const totals = { kills: { server: 0, worker: 0, database: 0 }, events: 0, looks: 0 };
  if (input.rounds === 0) return { rounds: 0, passed: 0, failures, ...totals };
  const database = await startPostgres();
  try {
    for (let round = 0; round < input.rounds;) {
      const seed = input.seed + round;
      const folder = new Folder(seed, database, totals.kills);
      let failed = false;
      const size = Math.min(ROUNDS_A_FOLDER, input.rounds - round);
      for (let i = 0; i < size && !failed; i++, round++) {
        const problem = await folder.round(i === size - 1).then(
          () => null,
          (error: unknown) => error as Error,
        );
        failed = problem !== null;
        if (problem !== null) failures.push({ seed, message: `${problem.message} (kept in ${folder.path})` });
        input.say(`processes: round ${round + 1} of ${input.rounds}: ${problem?.message ?? 'ok'}`);
      }
      totals.events += folder.events;
      totals.looks += folder.looks;
      await folder.close(failed);
    }
  } finally {
    await database.stop();
  }
  return { rounds: input.rounds, passed: input.rounds - failures.length, failures, ...totals };
}

class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'millrace-chaos-pull-'));
  readonly #rng: Rng;
  readonly #schema: string;
  readonly #database: Postgres;
  readonly #kills: Record<(typeof KILLED)[number], number>;
  readonly #workers: (ChildProcess | null)[] = [null, null];
  #port = 0;
  #server: Server | null = null;
  #client: MoveClient | null = null;
  looks = 0;

  constructor(seed: number, database: Postgres, kills: Record<(typeof KILLED)[number], number>) {
    this.#rng = createRng(seed);
    this.#schema = `s${seed}`;
    this.#database = database;
    this.#kills = kills;
    mkdirSync(join(this.path, 'data'), { recursive: true });
  }

  get events(): number {
    return this.#client?.acknowledged.size ?? 0;
  }

  get #url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async round(isLast: boolean): Promise<void> {
    if (this.#client === null) await this.#open();
    const stop = new AbortController();
    const sending = this.#client!.run(stop.signal);
    const watching = this.#watch(stop.signal);
    for (const one of [sending, watching]) one.catch(() => undefined);
    try {
      for (let kills = 2 + this.#rng.below(4); kills > 0; kills--) {
        await sleep(50 + this.#rng.below(700));
        await this.#kill(KILLED[this.#rng.below(KILLED.length)]!);
      }
      await sleep(300);
    } finally {
      stop.abort();
    }
    await sending;
    await watching;
    await this.#client!.settle();
    await this.#arrives();
    if (isLast) await this.#verify();
  }

  async close(keep: boolean): Promise<void> {
    for (const worker of this.#workers) await ended(worker, 'SIGKILL');
    await this.#server?.kill();
    await this.#ask((client) => client.query(`DROP SCHEMA IF EXISTS ${this.#schema} CASCADE`)).catch(() => undefined);
    if (!keep) rmSync(this.path, { recursive: true, force: true });
  }

  async #open(): Promise<void> {
    this.#port = await freePort();
    writeServerConfig(join(this.path, 'millrace.config.json'));
    await this.#ask((client) => client.query(`CREATE SCHEMA ${this.#schema}`));
    await this.#start();
    this.#client = new MoveClient(this.#rng, this.#url);
    await this.#client.deposit();
    const limit = 2 + this.#rng.below(20);
    writePullConfig(join(this.path, 'pull.json'), this.#url, this.#database.url, this.#schema, limit);
    this.#workers.forEach((_, index) => this.#work(index));
  }

  async #start(): Promise<void> {
    this.#server = startServer({
      config: join(this.path, 'millrace.config.json'),
      data: join(this.path, 'data'),
      port: this.#port,
      output: join(this.path, 'server.log'),
    });
    if (!(await this.#server.ready(60_000))) throw new Error('the server did not start');
  }

  /** One pulls all tenants from a file, the other one of them, two rows a page. */
  #work(index: number): void {
    const one = ['--from', this.#url, '--tenant', TENANTS[0], '--view', VIEW, '--into', this.#database.url];
    const args =
      index === 0 ? ['--config', join(this.path, 'pull.json')] : [...one, '--schema', this.#schema, '--limit', '2'];
    this.#workers[index] = this.#run(args, `worker-${index}.log`);
  }

  #run(args: readonly string[], log: string): ChildProcess {
    const output = openSync(join(this.path, log), 'a');
    const env = { ...process.env, MILLRACE_KEY: OPERATOR_KEY };
    const child = spawn(process.execPath, ['dist/cli/main.js', 'pull', ...args], {
      stdio: ['ignore', output, output],
      env,
    });
    closeSync(output);
    return child;
  }

  async #kill(what: (typeof KILLED)[number]): Promise<void> {
    this.#kills[what] += 1;
    if (what === 'server') {
      await this.#server!.kill();
      await this.#start();
    } else if (what === 'database') {
      await this.#database.kill();
      await this.#database.restart();
    } else {
      const index = this.#rng.below(this.#workers.length);
      await ended(this.#workers[index]!, 'SIGKILL');
      this.#work(index);
    }
  }

  async #ask<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: this.#database.url });
    // What is under way fails, and is asked again.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Adds up what anybody sees, again and again. */
  async #watch(signal: AbortSignal): Promise<void> {
    const sums = `SELECT _tenant AS tenant, sum(amount)::text AS sum FROM ${this.#schema}.${VIEW} GROUP BY 1`;
    while (!signal.aborted) {
      const look = this.#ask(async (client) => {
        while (!signal.aborted) {
          const { rows } = await client.query<{ tenant: string; sum: string }>(sums);
          this.looks += 1;
          for (const { tenant, sum } of rows)
            if (millionths(sum) !== BigInt(DEPOSIT))
              throw new Wrong(`the sum of ${tenant} is ${sum}; moves never change it`);
          await sleep(15);
        }
      });
      await look.catch((error: unknown) => {
        // Until it is made, and while the database is away.
        if (error instanceof Wrong) throw error;
      });
      await sleep(15);
    }
  }

  /** Waits until the table is what the recount says. */
  async #arrives(): Promise<void> {
    const stored = await query(this.#url, 'SELECT id, extract(epoch FROM received_at) * 1000 AS received FROM events');
    const received = new Map(stored.rows.map(([id, at]) => [String(id), Math.round(Number(at))]));
    if (received.size !== stored.rows.length) throw new Error('an event is in the stream twice');
    const { acknowledged } = this.#client!;
    for (const id of acknowledged.keys()) if (!received.has(id)) throw new Error(`acknowledged event ${id} is lost`);
    const expected = new Map(
      TENANTS.flatMap((tenant) =>
        [...recount('moves', tenant, acknowledged.values(), received, LATENESS)].map(
          ([name, { n, amount, users }]): [string, string] => [`${tenant}/${name}`, `${n} ${amount} ${users}`],
        ),
      ),
    );
    let difference = 'nothing was read';
    for (const until = Date.now() + ARRIVE_MS; Date.now() < until; await sleep(50)) {
      difference = await this.#rows().then(
        (rows) => differenceOf(rows, expected),
        (error: unknown) => String(error),
      );
      if (difference === '') return;
    }
    throw new Error(`after ${ARRIVE_MS} ms ${difference}`);
  }

  async #rows(): Promise<Map<string, string>> {
    const { rows } = await this.#ask((client) =>
      client.query<Record<'tenant' | 'start' | 'campaign' | 'n' | 'amount' | 'users', string>>(
        `SELECT _tenant AS tenant, (extract(epoch FROM window_start) * 1000)::bigint::text AS start, campaign, n::text,
                amount::text, users::text FROM ${this.#schema}.${VIEW}`,
      ),
    );
    return new Map(
      rows.map(({ tenant, start, campaign, n, amount, users }) => [
        `${tenant}/${rowName(Number(start), campaign)}`,
        `${n} ${millionths(amount)} ${users}`,
      ]),
    );
  }

  async #verify(): Promise<void> {
    const child = this.#run(['--config', join(this.path, 'pull.json'), '--verify', '--dry-run'], 'verify.log');
    const code = await ended(child);
    if (code !== 0) throw new Error(`millrace pull --verify ended with ${code}: see verify.log`);
  }
}

/** What must never be. */
class Wrong extends Error {}

function differenceOf(found: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>): string {
  for (const [name, text] of expected)
    if (found.get(name) !== text) return `${name} is ${found.get(name) ?? 'missing'}; the recount says ${text}`;
  for (const [name, text] of found) if (!expected.has(name)) return `${name} ${text} is there, and no event says so`;
  return '';
}

async function ended(child: ChildProcess | null, signal?: NodeJS.Signals): Promise<number | null> {
  if (child === null) return null;
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = once(child, 'exit');
  if (signal !== undefined) child.kill(signal);
  await exit;
  return child.exitCode;
}
