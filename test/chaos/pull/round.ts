/**
 * One random round: a scheduler moves clients, mill, summary and workers one step at a time, in any order,
 * and kills any of them between any two steps. Everything is seeded: a failing round runs again.
 */
import { SeededRandom } from '../../sim/random.js';
import type { Databases } from './database.js';
import { World, type Guards, type WorldInput } from './world.js';

/** What a round came to. */
export interface RoundReport {
  readonly kills: Readonly<Record<'server' | 'worker' | 'database' | 'answer', number>>;
  /** Rounds of the protocol that were applied and compared. */
  readonly applied: number;
}

/** What happens, and how often. */
interface Happening {
  readonly weight: number;
  run(world: World, report: Counts): Promise<void>;
}

type Counts = { server: number; worker: number; database: number; answer: number };

/** Runs the round of a seed. Throws what is wrong. */
export async function runRound(seed: number, databases: Databases, guards?: Guards): Promise<RoundReport> {
  const world = await World.open({ ...likeness(seed), seed, databases, ...(guards === undefined ? {} : { guards }) });
  const kills: Counts = { server: 0, worker: 0, database: 0, answer: 0 };
  try {
    const { random, generator, clock } = world;
    await world.send(generator.deposit(clock.now()));
    for (let steps = 40 + random.below(120); steps > 0; steps--) {
      await happen(world, kills);
      if (world.violation !== null) throw world.violation;
    }
    await world.finish();
    return { kills, applied: world.rounds };
  } catch (error) {
    throw world.violation ?? error;
  } finally {
    await world.close();
  }
}

/** What kind of world a seed makes. */
function likeness(seed: number): Omit<WorldInput, 'seed' | 'databases'> {
  const random = new SeededRandom(seed ^ 0x2545f491);
  const pick = <T>(...items: T[]): T => items[random.below(items.length)]!;
  const seals = random.chance(0.5) ? { quietMs: 0, sealRowsMin: 1, sealAgeMs: 0, reopenedMs: 0 } : {};
  return {
    family: pick('counts', 'moves'),
    partitions: pick(1, 2),
    workers: pick(1, 2, 2),
    limit: pick(1, 2, 3, 7, 40),
    snapshotEveryMs: pick(0, 5_000, 1e9),
    summary: seals,
  };
}

async function happen(world: World, counts: Counts): Promise<void> {
  const { random, server } = world;
  if (!server.isUp && random.chance(0.3)) return server.start();
  const possible = [...WORKERS, ...(server.isUp ? SERVER : [])];
  let left = random.below(possible.reduce((sum, { weight }) => sum + weight, 0));
  for (const one of possible) if ((left -= one.weight) < 0) return one.run(world, counts);
}

/** What the server and its clients do. */
const SERVER: readonly Happening[] = [
  {
    weight: 12,
    async run(world, counts) {
      const { random, generator, clock } = world;
      const cut = random.chance(0.04) ? (random.chance(0.3) ? 'before the append' : 'before the answer') : undefined;
      if (cut !== undefined) counts.server += 1;
      await world.send(generator.request(clock.now()), cut);
    },
  },
  { weight: 5, run: (world) => world.resend() },
  { weight: 6, run: async ({ server, random }) => void (await server.millRead(1 + random.below(4))) },
  {
    weight: 10,
    async run({ server, random }) {
      await server.millRead(1 + random.below(8));
      await server.millFlush();
    },
  },
  // One batch at a time: a commit may be several.
  { weight: 14, run: async ({ server, random }) => void (await server.summaryRead(1 + random.below(3))) },
  { weight: 3, run: ({ server }) => server.summaryFlush() },
  { weight: 1, run: ({ server }) => server.settle() },
  {
    weight: 6,
    async run(world) {
      world.pass([1, 900, 5_000, 20_000, 70_000, 400_000][world.random.below(6)]!);
    },
  },
  {
    weight: 2,
    async run(world, counts) {
      const { random, server } = world;
      // Between two steps, or in the middle of a commit of the mill.
      if (random.chance(0.6)) await server.millFlush(random.chance(0.5) ? 'before the append' : 'before the answer');
      counts.server += 1;
      await world.kill();
    },
  },
];

/** What the workers do, and what happens to them. */
const WORKERS: readonly Happening[] = [
  { weight: 60, run: (world) => stepWorker(world, world.random.below(world.workers.length)) },
  {
    weight: 8,
    async run(world) {
      // Some way at once, or rounds of many pages would never end.
      const index = world.random.below(world.workers.length);
      for (let steps = 10 + world.random.below(60); steps > 0; steps--) await stepWorker(world, index);
    },
  },
  {
    weight: 2,
    async run(world, counts) {
      counts.worker += 1;
      world.replaceWorker(world.random.below(world.workers.length));
    },
  },
  {
    weight: 2,
    async run(world, counts) {
      const worker = world.workers[world.random.below(world.workers.length)]!;
      if (await world.endSession(worker)) counts.database += 1;
    },
  },
  {
    weight: 2,
    async run({ workers, random }, counts) {
      const worker = workers[random.below(workers.length)]!;
      const name = worker.gate?.name;
      if (name !== 'ask' && name !== 'answer' && name !== 'committed') return;
      counts.answer += 1;
      const error = new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } });
      await worker.step(name === 'committed' ? new Error('Connection terminated unexpectedly') : error);
    },
  },
];

async function stepWorker({ workers }: World, index: number): Promise<void> {
  const worker = workers[index]!;
  const other = workers.find((one) => one !== worker && one.isInTransaction);
  // It would wait for the other's transaction, as any database makes it.
  if (other !== undefined && worker.gate !== null && WRITES.test(worker.gate.name)) return;
  await worker.step();
  if (worker.isIdle && worker.result instanceof Error && !isExpected(worker.result)) throw worker.result;
}

const WRITES = /^(BEGIN|INSERT|UPDATE|DELETE|CREATE|ALTER|COPY|WITH|ANALYZE|SELECT pg_advisory)/;

/** What kills lead to, and nothing else. */
function isExpected(error: Error): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === 'PULL_SERVER_UNREACHABLE' || code === 'PULL_DATABASE_UNAVAILABLE';
}
