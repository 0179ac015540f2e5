/**
 * Chaos harness of deliveries: the real process, a real S3 server, a real OpenSearch, a real
 * PostgreSQL and a folder on a small disk, with a network between them that can be disturbed.
 *
 * A round: send under load while one to three faults come and go, mend everything, resend what was
 * not answered, wait until all is delivered, and compare every sink with what was acknowledged. A
 * folder (data, bucket, index, table) serves `ROUNDS_A_FOLDER` rounds.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startOpenSearch, type OpenSearch } from '../../engines/opensearch.js';
import { startPostgres, type Postgres } from '../../engines/postgres.js';
import { startS3, type S3Server } from '../../engines/s3.js';
import { createRng, type Rng } from '../rng.js';
import { freePort, startServer, type Server } from '../server.js';
import { check } from './check.js';
import { writeConfig } from './config.js';
import type { Control } from './controls.js';
import { pickFault, type Reach } from './faults.js';
import { Producer } from './producer.js';
import { startProxy, type Proxy } from './proxy.js';

const ROUNDS_A_FOLDER = 10;
/** The small disk of the directory sink. */
const DISK_MEGABYTES = 48;

/** What a run found. */
export interface DeliverChaosReport {
  readonly rounds: number;
  readonly passed: number;
  readonly failures: readonly { readonly round: number; readonly seed: number; readonly message: string }[];
  readonly events: number;
  readonly quarantined: number;
  /** How often each fault came. */
  readonly faults: Readonly<Record<string, number>>;
}

/** How to run. */
export interface DeliverChaosInput {
  readonly rounds: number;
  readonly seed: number;
  /** A guard that is taken away. */
  readonly control?: Control;
  readonly stopAtFailure?: boolean;
  readonly say: (line: string) => void;
}

interface World {
  readonly s3: S3Server;
  readonly search: OpenSearch;
  readonly db: Postgres;
  readonly proxies: Readonly<Record<'s3' | 'search' | 'db', Proxy>>;
  close(): Promise<void>;
}

async function openWorld(control: Control | undefined): Promise<World> {
  const s3 = await startS3();
  const db = await startPostgres();
  const search = await startOpenSearch();
  const portOf = (url: string): number => Number(new URL(url).port);
  const change = control?.change;
  const proxies = {
    s3: await startProxy({ target: () => portOf(s3.endpoint) }),
    search: await startProxy({ target: () => portOf(search.url), ...(change === undefined ? {} : { change }) }),
    db: await startProxy({ target: () => portOf(db.url) }),
  };
  return {
    s3,
    search,
    db,
    proxies,
    async close() {
      await Promise.all(Object.values(proxies).map((proxy) => proxy.close()));
      await Promise.all([s3.stop(), db.stop(), search.stop()]);
    },
  };
}

/** Runs the rounds. */
export async function runDeliverChaos(input: DeliverChaosInput): Promise<DeliverChaosReport> {
  const failures: { round: number; seed: number; message: string }[] = [];
  const faults: Record<string, number> = {};
  const totals = { events: 0, quarantined: 0 };
  const world = await openWorld(input.control);
  let round = 0;
  try {
    while (round < input.rounds && !(input.stopAtFailure === true && failures.length > 0)) {
      const seed = input.seed + round;
      const folder = new Folder(seed, world, input.control);
      let failed = false;
      for (let i = 0; i < ROUNDS_A_FOLDER && round < input.rounds && !failed; i++, round++) {
        const names: string[] = [];
        try {
          await folder.round(names);
        } catch (error) {
          failed = true;
          failures.push({ round, seed, message: `${(error as Error).message} (kept in ${folder.path})` });
        }
        for (const name of names) faults[name] = (faults[name] ?? 0) + 1;
        input.say(
          `deliver round ${round + 1}/${input.rounds} [${names.join(', ')}]: ${failed ? failures.at(-1)!.message : 'ok'}`,
        );
      }
      totals.events += folder.events;
      totals.quarantined += folder.quarantined;
      await folder.close(failed);
    }
  } finally {
    await world.close();
  }
  return { rounds: round, passed: round - failures.length, failures, ...totals, faults };
}

class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'millrace-chaos-deliver-'));
  readonly #world: World;
  readonly #rng: Rng;
  readonly #producer: Producer;
  readonly #control: Control | undefined;
  readonly #bucket: string;
  readonly #index: string;
  readonly #sinkFolder: string;
  readonly #small: boolean;
  #made = false;
  #server: Server | undefined;
  #url = 'http://127.0.0.1:9';
  events = 0;
  quarantined = 0;

  constructor(seed: number, world: World, control: Control | undefined) {
    this.#world = world;
    this.#control = control;
    this.#rng = createRng(seed);
    this.#producer = new Producer(this.#rng, `s${seed}`);
    this.#bucket = `chaos-${seed}`;
    this.#index = `chaos-${seed}`;
    this.#sinkFolder = join(this.path, 'sink');
    mkdirSync(join(this.path, 'data'), { recursive: true });
    mkdirSync(this.#sinkFolder);
    this.#small = mountSmallDisk(this.#sinkFolder);
  }

  async round(names: string[]): Promise<void> {
    if (!this.#made) await this.#make();
    if (this.#server === undefined) await this.#start();
    const stop = new AbortController();
    const sending = this.#producer.run(() => this.#url, stop.signal);
    sending.catch(() => undefined);
    const reach = this.#reach();
    for (let times = 1 + this.#rng.below(3); times > 0; times--) {
      await sleep(50 + this.#rng.below(400));
      const fault = pickFault(this.#rng, this.#control?.faults);
      names.push(fault.name);
      await fault.run(reach);
    }
    await sleep(this.#rng.below(200));
    stop.abort();
    await sending;
    await this.#producer.settle(this.#url);
    const found = await check(this.#look(), this.#producer.acknowledged);
    this.events = found.events;
    this.quarantined = found.quarantined;
  }

  async close(keep: boolean): Promise<void> {
    await this.#server?.kill();
    if (this.#small) execFileSync('umount', ['-l', this.#sinkFolder]);
    if (!keep) rmSync(this.path, { recursive: true, force: true });
  }

  #reach(): Reach {
    const { s3, search, db, proxies } = this.#world;
    return {
      rng: this.#rng,
      engines: { s3, search, db },
      proxies,
      folder: { path: this.#sinkFolder, small: this.#small },
      server: { kill: () => this.#server!.kill(), start: () => this.#start() },
      serverPid: () => this.#server?.pid,
    };
  }

  async #make(): Promise<void> {
    const { s3, db, proxies } = this.#world;
    await s3.makeBucket(this.#bucket);
    const database = new URL(db.url);
    database.port = String(proxies.db.port);
    writeConfig(join(this.path, 'millrace.config.json'), {
      s3: { ...s3, port: proxies.s3.port, bucket: this.#bucket },
      folder: this.#sinkFolder,
      search: { port: proxies.search.port, index: this.#index },
      db: { url: database.href, table: this.#index },
    });
    this.#made = true;
  }

  #look() {
    const { s3, search, db } = this.#world;
    return {
      url: this.#url,
      s3,
      bucket: this.#bucket,
      folder: this.#sinkFolder,
      searchUrl: search.url,
      index: this.#index,
      databaseUrl: db.url,
      table: this.#index,
    };
  }

  async #start(): Promise<void> {
    this.#server = startServer({
      config: join(this.path, 'millrace.config.json'),
      data: join(this.path, 'data'),
      port: await freePort(),
      output: join(this.path, 'output.log'),
      ...(this.#control?.preload === undefined ? {} : { preload: this.#control.preload }),
    });
    if (!(await this.#server.ready(60_000))) throw new Error('the server did not start');
    this.#url = this.#server.url;
  }
}

/** A disk that can be filled: needs root; elsewhere the folder is an ordinary one and is never full. */
function mountSmallDisk(folder: string): boolean {
  if (process.getuid?.() !== 0) return false;
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MEGABYTES}m`, 'tmpfs', folder]);
  return true;
}
