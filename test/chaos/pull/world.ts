/** A server, its clients, workers and their database, and what must be true of them at every moment. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ERRORS, MillraceError } from '../../../src/util/errors.js';
import { keyHash } from '../../../src/event/feed.js';
import type { SummaryOptions } from '../../../src/summary/summary.js';
import { verify } from '../../../src/pull/verify.js';
import { SimClock } from '../../sim/clock.js';
import { SeededRandom } from '../../sim/random.js';
import type { Databases, Seen } from './database.js';
import {
  DEPOSIT,
  Generator,
  recount,
  rowName,
  TENANT,
  viewSql,
  WINDOW_MS,
  type Family,
  type SentEvent,
} from './events.js';
import { Fold, millionths } from './fold.js';
import { SimServer, type ServerGuards } from './sim-server.js';
import { SimWorker, type WorkerGuards } from './sim-worker.js';
import type { FlushCut } from './stage-steps.js';

/** Guards that a control takes away. */
export interface Guards extends ServerGuards, WorkerGuards {
  /** The feed gives differences to what the cursor has, and the worker adds them. */
  readonly deltas?: boolean;
  /** Every page is taken as a whole round. */
  readonly pagesApart?: boolean;
}

/** What a world is like. */
export interface WorldInput {
  readonly seed: number;
  readonly family: Family;
  readonly databases: Databases;
  readonly partitions: number;
  readonly workers: number;
  /** Rows of a page. */
  readonly limit: number;
  readonly snapshotEveryMs: number;
  readonly summary: Partial<SummaryOptions>;
  readonly guards?: Guards;
}

/** Midday, so that days are no matter. */
const START_MS = Date.UTC(2026, 0, 31, 12);
/** Every window is closed after this, and no lateness is left. */
const END_MS = 2 * 3_600_000;
/** How often the clock is moved at the end, most. */
const TRIES_MAX = 50;
/** Rows of a page when only the end matters. */
const LAST_LIMIT = 50;

/** Everything of one round. */
export class World {
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly generator: Generator;
  readonly server: SimServer;
  readonly workers: SimWorker[];
  readonly fold = new Fold();
  /** Rounds that were applied and compared. */
  rounds = 0;
  /** What was wrong in the midst of a turn; the worker takes it for an error of its database. */
  violation: Error | null = null;
  readonly #input: WorldInput;
  readonly #folder: string;
  readonly #schema: string;
  /** By id: everything that was ever handed to the server. */
  readonly #sent = new Map<string, SentEvent>();
  /** Requests without an answer. */
  readonly #unanswered: (readonly SentEvent[])[] = [];
  readonly #answered: (readonly SentEvent[])[] = [];
  /** Revisions that cursors stand for. */
  readonly #cursors = new Map<string, number>();

  private constructor(input: WorldInput, clock: SimClock, server: SimServer, folder: string) {
    this.#input = input;
    this.clock = clock;
    this.server = server;
    this.#folder = folder;
    this.#schema = `s${input.seed}`;
    this.random = new SeededRandom(input.seed);
    this.generator = new Generator(this.random, input.family);
    this.workers = Array.from({ length: input.workers }, () => this.#worker());
  }

  /** Makes one, with the server up. */
  static async open(input: WorldInput): Promise<World> {
    const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    const folder = mkdtempSync(join(base, 'millrace-chaos-pull-'));
    const clock = new SimClock(START_MS);
    const server = await SimServer.create({
      folder,
      clock,
      random: new SeededRandom(input.seed ^ 0x5bd1e995),
      sql: viewSql(input.family),
      partitions: input.partitions,
      snapshotEveryMs: input.snapshotEveryMs,
      summary: input.summary,
      ...(input.guards === undefined ? {} : { guards: input.guards }),
    });
    const world = new World(input, clock, server, folder);
    await input.databases.make(world.#schema);
    await server.start();
    return world;
  }

  #worker(limit: number = this.#input.limit): SimWorker {
    const { databases, guards = {} } = this.#input;
    return new SimWorker({
      databases,
      database: this.#schema,
      limit,
      answer: (url, init) => this.#answer(url, init),
      mayWait: () => this.server.isUp && !this.server.answersAtOnce,
      onCommit: () =>
        this.look().catch((error: unknown) => {
          this.violation ??= error as Error;
          throw error;
        }),
      guards,
    });
  }

  /** A client sends a request; `cut`: the server is killed meanwhile, and no answer comes. */
  async send(events: readonly SentEvent[], cut?: FlushCut): Promise<void> {
    for (const event of events) this.#sent.set(event.id, event);
    await this.server.send(events, cut);
    if (cut === undefined) this.#answered.push(events);
    else {
      this.#unanswered.push(events);
      await this.kill();
    }
  }

  /** A client sends again what had no answer, else something that had one. */
  async resend(): Promise<void> {
    const events = this.#unanswered.pop() ?? this.#answered[this.random.below(this.#answered.length)];
    if (events !== undefined) await this.send(events);
  }

  /** Time passes. */
  pass(ms: number): void {
    this.clock.setNow(this.clock.now() + ms);
    // Timers of the process go by the other clock.
    this.clock.advance(600);
  }

  /** The server is killed. */
  async kill(): Promise<void> {
    await this.server.kill();
    await turn();
  }

  /** A worker is killed, and another one takes its place. */
  replaceWorker(index: number): void {
    this.workers[index]!.kill();
    this.workers[index] = this.#worker();
  }

  /** A worker's session at the database is ended from outside; says whether it had one. */
  endSession(worker: SimWorker): Promise<boolean> {
    return worker.endSession((pid) => this.#input.databases.terminate(pid));
  }

  /** Mill and summary have everything, and what they did is compared. */
  async catchUp(): Promise<void> {
    await this.server.catchUp();
    this.#note();
    await turn();
  }

  /** Compares what anybody can see in the table with what it must be. */
  async look(): Promise<void> {
    const seen = await this.#input.databases.look(this.#schema);
    if (seen === null) return;
    this.#note();
    this.#compare(seen);
    this.rounds += 1;
  }

  /** What the log has now, anybody may have been given. */
  #note(): void {
    const { server, fold } = this;
    if (server.isUp) fold.take(TENANT, server.rows(server.view.stream, fold.offsets));
  }

  #compare({ rev, rows, completeThrough, tombstones }: Seen): void {
    if (rev === null) {
      if (rows.size > 0) throw new Error(`the table has ${rows.size} rows before its first load`);
      return;
    }
    const expected = this.fold.at(rev);
    let sum = 0n;
    for (const [name, { text, amount, windowEnd, state }] of rows) {
      const wanted = expected.get(name);
      if (wanted?.text !== text)
        throw new Error(`at revision ${rev} the table says ${name} ${text}; it must be ${wanted?.text ?? 'missing'}`);
      if (state === 'open' && completeThrough !== null && windowEnd <= completeThrough)
        throw new Error(`${name} is open, and all windows up to ${completeThrough} are said to be complete`);
      sum += millionths(amount);
    }
    const names = new Map([...expected].map(([name]) => [nameKey(name), name]));
    for (const [name, { isDelete, text }] of expected)
      if (!isDelete && !rows.has(name)) throw new Error(`at revision ${rev} the table lacks ${name} ${text}`);
    for (const { key, rev: deletedAt } of tombstones)
      if (!this.fold.isTombstone(names.get(key) ?? '', deletedAt))
        throw new Error(`a tombstone of revision ${deletedAt} is of no key that was deleted there`);
    if (this.#input.family === 'moves' && sum !== 0n && sum !== BigInt(DEPOSIT))
      throw new Error(`at revision ${rev} the sum is ${sum}, and moves never change it from ${DEPOSIT}`);
  }

  /** Everything becomes well, all is applied, and the table is compared with the recount, row for row. */
  async finish(): Promise<void> {
    for (const worker of this.workers) worker.kill();
    this.workers.splice(0, this.workers.length, this.#worker(LAST_LIMIT));
    if (!this.server.isUp) await this.server.start();
    while (this.#unanswered.length > 0) await this.resend();
    // A commit that is under way, of a snapshot or of the clock itself, holds the arrival clock: it is asked again.
    for (let tries = 0; tries < 2 || (tries < TRIES_MAX && this.server.openWindows > 0); tries++) {
      this.pass(tries === 0 ? END_MS : 1);
      await this.catchUp();
    }
    if (this.server.openWindows > 0) throw new Error(`${this.server.openWindows} windows are still open`);
    const [worker] = this.workers;
    await worker!.catchUp();
    const seen = await this.#input.databases.look(this.#schema);
    if (seen === null) throw new Error('there is no table');
    this.#compare(seen);
    if (seen.rev! < this.fold.newest) throw new Error(`the table is at ${seen.rev}, the server at ${this.fold.newest}`);
    this.#recount(seen);
    await this.#digest(worker!);
    if (this.violation !== null) throw this.violation;
  }

  #recount({ rows }: Seen): void {
    const received = new Map(this.server.rows('events').map((row) => [String(row['id']), Number(row['received_at'])]));
    for (const id of this.#sent.keys()) if (!received.has(id)) throw new Error(`event ${id} is lost`);
    const expected = recount(this.#input.family, TENANT, this.#sent.values(), received);
    for (const [name, { n, amount, users, state }] of rows) {
      const wanted = expected.get(name);
      const text = `${n} ${millionths(amount)} ${users}`;
      if (wanted === undefined) throw new Error(`the table has ${name}: ${text}, and no event says so`);
      if (text !== `${wanted.n} ${wanted.amount} ${wanted.users}`)
        throw new Error(`${name}: the table says ${text}, the recount ${wanted.n} ${wanted.amount} ${wanted.users}`);
      if (state === 'open') throw new Error(`${name} is still open`);
    }
    for (const name of expected.keys()) if (!rows.has(name)) throw new Error(`the table lacks ${name}`);
  }

  /** What `millrace pull --verify` says. */
  async #digest(worker: SimWorker): Promise<void> {
    let isOver = false;
    const verified = verify({ client: worker.client, puller: worker.puller, repairs: false }).finally(
      () => (isOver = true),
    );
    verified.catch(() => undefined);
    while (!isOver) {
      worker.gate?.open();
      await turn();
    }
    const { differences, moving } = await verified;
    if (differences.length + moving.length > 0)
      throw new Error(`the digests differ: ${JSON.stringify({ differences, moving })}`);
  }

  async close(): Promise<void> {
    for (const worker of this.workers) worker.kill();
    if (this.server.isUp) await this.server.kill();
    await this.#input.databases.drop(this.#schema);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The feed over HTTP, without the network. */
  async #answer(text: string, init: RequestInit): Promise<Response> {
    if (!this.server.isUp) throw new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } });
    const { pathname, searchParams } = new URL(text);
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as Record<string, string>) : {};
    const asked = { ...Object.fromEntries(searchParams), ...body };
    try {
      const answer = await Promise.race([
        this.#page(pathname.split('/').slice(6).join('/'), asked),
        this.server.killed,
      ]);
      return new Response(answer, { headers: { 'content-type': 'application/json' } });
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      const { code, message, details } = error;
      return Response.json({ error: { code, message, ...details } }, { status: ERRORS[code].status });
    }
  }

  async #page(path: string, asked: Readonly<Record<string, string>>): Promise<string> {
    const { feed, view } = this.server;
    const subject = { view, tenant: TENANT };
    const time = (name: string): number | null => (asked[name] === undefined ? null : Date.parse(asked[name]));
    const range = { from: time('from'), to: time('to') };
    if (path === '') return JSON.stringify(await feed.view(subject));
    if (path === 'digest') return JSON.stringify(await feed.digest({ ...subject, ...range }));
    if (path === 'ack') return '{}';
    const request = { ...subject, ...range, cursor: asked['cursor'] ?? null, limit: Number(asked['limit'] ?? 1_000) };
    const kind = path === 'changes' ? null : path === 'snapshot' ? 'snapshot' : 'replay';
    const page = kind === null ? await feed.changes(request) : await feed.rows(request, kind);
    // Before a kill: what is in the page was durable when it was read.
    this.#note();
    const answer = Buffer.concat(page.parts().map((part) => Buffer.from(part))).toString();
    if (kind === null) return this.#broken(answer, request.cursor);
    const listed = JSON.parse(answer) as ChangesText;
    this.#cursors.set(listed.next_cursor, listed.stable_rev);
    return answer;
  }

  /** What a control makes of a page of changes. */
  #broken(answer: string, cursor: string | null): string {
    const { deltas, pagesApart } = this.#input.guards ?? {};
    const page = JSON.parse(answer) as ChangesText;
    this.#cursors.set(page.next_cursor, page.has_more ? (page.changes.at(-1)?.rev ?? 0) : page.stable_rev);
    if (deltas !== true && pagesApart !== true) return answer;
    const had = this.fold.at((cursor === null ? undefined : this.#cursors.get(cursor)) ?? 0);
    const changes = page.changes.map((row) => {
      const before = had.get(rowName(Date.parse(row.key.window_start), row.key.campaign));
      if (deltas !== true || before === undefined || before.isDelete || row.op === 'delete') return row;
      return { ...row, values: { ...row.values, n: Number(row.values['n']) - before.n } };
    });
    return JSON.stringify({ ...page, changes, has_more: pagesApart === true ? false : page.has_more });
  }
}

interface ChangesText {
  readonly next_cursor: string;
  readonly has_more: boolean;
  readonly stable_rev: number;
  readonly changes: readonly {
    readonly rev: number;
    readonly op: string;
    readonly key: { readonly window_start: string; readonly campaign: string };
    readonly values: Readonly<Record<string, unknown>>;
  }[];
}

/** The hash of a row's key, as the protocol says. */
function nameKey(name: string): string {
  const [start, campaign] = name.split('/') as [string, string];
  const iso = (ms: number): string => new Date(ms).toISOString();
  return keyHash(TENANT, [iso(Number(start)), iso(Number(start) + WINDOW_MS), campaign]).toString('hex');
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
