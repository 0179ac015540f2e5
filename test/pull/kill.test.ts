/** The command as a child process, killed at random moments; for each kind of database. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectedRows, inOrder, type TargetUnderTest } from '../conformance/pull/bench.js';
import { startPostgres } from '../engines/postgres.js';
import { SeededRandom } from '../sim/random.js';
import { ModelFeed, traffic } from './model-feed.js';
import { parquetUnderTest } from './parquet/support.js';
import { underTest } from './postgres/support.js';
import { sqliteUnderTest } from './sqlite/support.js';

const SEED = 20261129;
const KILLS = 12;
const KEYS = 300;

const opened: TargetUnderTest[] = [];
const keep = <T extends TargetUnderTest>(under: T): T => (opened.push(under), under);

/** Each kind, and the address that the command takes. */
const KINDS: Readonly<Record<string, () => Promise<TargetUnderTest & { readonly address: string }>>> = {
  async postgres() {
    const engine = await startPostgres();
    return keep({ ...underTest(engine), address: engine.url });
  },
  async sqlite() {
    return keep(sqliteUnderTest());
  },
  async parquet() {
    return keep(parquetUnderTest());
  },
};

let feed: ModelFeed;
let url = '';
beforeEach(async () => {
  feed = new ModelFeed();
  url = await feed.listen();
});
afterEach(() => feed.close());
afterAll(async () => {
  for (const under of opened) await under.close();
});

function start(address: string, args: readonly string[]) {
  const options = [
    'pull',
    '--from',
    url,
    '--tenant',
    'acme',
    '--view',
    'traffic',
    '--into',
    address,
    '--json',
    ...args,
  ];
  const child = spawn(process.execPath, ['dist/cli/main.js', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  let error = '';
  child.stderr.on('data', (bytes: Buffer) => (error += bytes.toString()));
  child.stdout.resume();
  const ended = new Promise<{ readonly code: number | null; readonly error: string }>((done) =>
    child.on('close', (code) => done({ code, error })),
  );
  return { child, ended };
}

describe.each(Object.entries(KINDS))('%s', (_, make) => {
  test(`kill -9 of the worker, ${KILLS} times: the sum is whole at every moment, and the end exact (seed ${SEED})`, async () => {
    const random = new SeededRandom(SEED);
    const under = await make();
    const clicks = Array.from({ length: KEYS }, () => 10);
    const total = KEYS * 10;
    feed.change('acme', ...clicks.map((amount, n) => traffic(n, `c${n}`, amount)));
    const sums = new Set<number>();
    const look = async (): Promise<void> => {
      sums.add((await under.rows('traffic')).reduce((sum, row) => sum + Number(row['clicks']), 0));
    };
    for (let kill = 0; kill < KILLS; kill++) {
      const { child, ended } = start(under.address, ['--limit', String(5 + random.below(60))]);
      const until = Date.now() + 700 + random.below(900);
      while (Date.now() < until) {
        for (let n = 0; n < 10; n++) {
          const [a, b] = [random.below(KEYS), random.below(KEYS)];
          const amount = random.below(clicks[a]! + 1);
          clicks[a]! -= amount;
          clicks[b]! += amount;
          feed.change('acme', ...[...new Set([a, b])].map((key) => traffic(key, `c${key}`, clicks[key]!)));
        }
        if (random.chance(0.02)) feed.expiredBelow = feed.rev('acme');
        await look();
        await sleep(20);
      }
      child.kill('SIGKILL');
      await ended;
      await look();
    }
    const last = await start(under.address, ['--once']).ended;
    expect(last).toEqual({ code: 0, error: '' });
    await look();
    sums.delete(0);
    expect([...sums]).toEqual([total]);
    expect(inOrder(await under.rows('traffic'))).toEqual(expectedRows(feed, 'acme'));
  }, 120_000);
});
