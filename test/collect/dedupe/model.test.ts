import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchFromRows } from '../../../src/event/rows.js';
import { realDisk } from '../../../src/io/disk-real.js';
import { systemRandom } from '../../../src/io/random.js';
import { Dedupe } from '../../../src/collect/dedupe/dedupe.js';
import type { Claim } from '../../../src/collect/dedupe/claim.js';
import { ModelLog, TEXT_SCHEMA, UUID_SCHEMA } from './model-log.js';

const HOUR_MS = 3_600_000;
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-dedupe-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const idText = (stream: string, id: number) =>
  stream === 'texts' ? `id-${'x'.repeat(id % 7)}${id}` : `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`;

type Step =
  | {
      readonly kind: 'batch';
      readonly stream: 'events' | 'texts';
      readonly rows: readonly (readonly [id: number, tenant: number])[];
    }
  | { readonly kind: 'settle'; readonly which: number; readonly ok: boolean }
  | { readonly kind: 'hours'; readonly hours: number }
  | { readonly kind: 'restart'; readonly clean: boolean }
  | { readonly kind: 'idle' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      stream: fc.constantFrom('events' as const, 'texts' as const),
      rows: fc.array(fc.tuple(fc.nat(120), fc.nat(2)), { minLength: 1, maxLength: 30 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('settle' as const), which: fc.nat(5), ok: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hours' as const), hours: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), clean: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('idle' as const) }) },
);

/** The model: a set of durable ids, a map of pending ones, both by plain strings. */
class World {
  now = 1_700_000_000_000;
  readonly log = new ModelLog(() => this.now);
  readonly durable = new Set<string>();
  readonly pending = new Map<string, number>();
  open: { number: number; claim: Claim; keys: string[]; write: () => void }[] = [];
  /** Claims with duplicates that wait, and on which numbers. */
  waiting: { numbers: Set<number>; outcome: Promise<string> }[] = [];
  failed = new Set<number>();
  troubles: unknown[] = [];
  dedupe!: Dedupe;
  #number = 0;

  async start(): Promise<void> {
    const clock = { now: () => this.now, monotonic: () => 0, after: () => () => undefined };
    this.dedupe = await Dedupe.open({
      disk: realDisk,
      folder,
      clock,
      random: systemRandom,
      log: this.log,
      streams: ['events', 'texts'],
      memtableIds: 20,
      onTrouble: (error) => this.troubles.push(error),
    });
  }

  batch({ stream, rows }: Extract<Step, { kind: 'batch' }>): void {
    const schema = stream === 'events' ? UUID_SCHEMA : TEXT_SCHEMA;
    const batch = batchFromRows(
      schema,
      rows.map(([id, tenant]) => ({ event_id: idText(stream, id), tenant: `t${tenant}` })),
    );
    const keys = rows.map(([id, tenant]) => `${stream} ${tenant} ${id}`);
    const fresh = keys.map((key, row) => !this.durable.has(key) && !this.pending.has(key) && keys.indexOf(key) === row);
    const claim = this.dedupe.claim(stream, batch);
    const expected = fresh.flatMap((isFresh, row) => (isFresh ? [row] : []));
    expect(claim.freshRows === null ? keys.map((_, row) => row) : [...claim.freshRows]).toEqual(expected);
    expect([claim.fresh, claim.duplicates]).toEqual([expected.length, rows.length - expected.length]);
    const numbers = new Set(keys.flatMap((key) => (this.pending.has(key) ? [this.pending.get(key)!] : [])));
    this.waiting.push({
      numbers,
      outcome: claim.waits().then(
        () => 'ok',
        () => 'failed',
      ),
    });
    if (expected.length === 0) return;
    const number = ++this.#number;
    const mine = expected.map((row) => keys[row]!);
    for (const key of mine) this.pending.set(key, number);
    this.open.push({
      number,
      claim,
      keys: mine,
      write: () => claim.commit(this.log.write(stream, batch, claim.freshRows)),
    });
  }

  /** Commits settle in order, as the log's do; failures may come at any time. */
  settle(which: number, ok: boolean): void {
    const index = ok ? 0 : which % Math.max(1, this.open.length);
    const [one] = this.open.splice(index, 1);
    if (one === undefined) return;
    if (ok) one.write();
    else {
      one.claim.abort(new Error('the disk failed'));
      this.failed.add(one.number);
    }
    for (const key of one.keys) {
      this.pending.delete(key);
      if (ok) this.durable.add(key);
    }
  }

  async restart(clean: boolean): Promise<void> {
    if (clean) while (this.open.length > 0) this.settle(0, true);
    await this.dedupe.idle();
    if (clean) await this.dedupe.close();
    // Without `clean` nothing is closed: what was pending is gone, as after kill -9.
    this.open = [];
    this.pending.clear();
    await this.start();
  }
}

describe('the memory of ids against a set', () => {
  test('finds exactly the duplicates, across flushes, merges, failures and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        rmSync(folder, { recursive: true, force: true });
        const world = new World();
        await world.start();
        for (const one of steps) {
          if (one.kind === 'batch') {
            // Claims beyond the bound are refused; the model settles instead, as the log would.
            if (world.open.length > 3) while (world.open.length > 0) world.settle(0, true);
            await world.dedupe.idle();
            world.batch(one);
          } else if (one.kind === 'settle') world.settle(one.which, one.ok);
          else if (one.kind === 'hours') world.now += one.hours * HOUR_MS;
          else if (one.kind === 'restart') await world.restart(one.clean);
          else await world.dedupe.idle();
          if (world.now - 1_700_000_000_000 > 20 * HOUR_MS) break;
        }
        while (world.open.length > 0) world.settle(0, true);
        await world.dedupe.close();
        expect(world.troubles).toEqual([]);
      }),
      { numRuns: 150 },
    );
  }, 120_000);

  test('a duplicate of a pending id follows the fate of that commit', async () => {
    const world = new World();
    await world.start();
    world.batch({ kind: 'batch', stream: 'events', rows: [[1, 0]] });
    world.batch({
      kind: 'batch',
      stream: 'events',
      rows: [
        [1, 0],
        [2, 0],
      ],
    });
    world.batch({ kind: 'batch', stream: 'events', rows: [[2, 0]] });
    world.settle(0, false);
    world.settle(0, true);
    expect(await Promise.all(world.waiting.map((one) => one.outcome))).toEqual(['ok', 'failed', 'ok']);
    // Id 1 was never written, so it is new again; id 2 was.
    world.batch({
      kind: 'batch',
      stream: 'events',
      rows: [
        [1, 0],
        [2, 0],
      ],
    });
    world.settle(0, true);
    await world.dedupe.close();
  });
});
