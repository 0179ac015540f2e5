import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DELETED, bigintAt, type IntegerStore } from '../../src/summary/row-set.js';
import { revisionOf } from '../../src/summary/row-id.js';
import { readersOf } from '../../src/summary/row-values.js';
import { SEAL_ALL } from '../../src/summary/summary.js';
import type { RowPlace, SealWhen } from '../../src/summary/view-store.js';
import { Driven, MINUTE, Stream, type Change } from './fixture.js';
import { rounds } from '../sim/rounds.js';

const TENANTS = ['a', 'b', 'c'];

const change: fc.Arbitrary<Change> = fc.record({
  tenant: fc.constantFrom(...TENANTS),
  window: fc.integer({ min: 0, max: 6 }),
  campaign: fc.constantFrom(null, '', 'x', 'ü'),
  device: fc.oneof(fc.constantFrom(null, -1, 2 ** 40), { weight: 3, arbitrary: fc.integer({ min: 0, max: 40 }) }),
  impressions: fc.integer({ min: 0, max: 10_000 }),
  deleted: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});

type Step =
  | { kind: 'changes'; changes: Change[] }
  | { kind: 'seal'; all: boolean }
  | { kind: 'settle' }
  | { kind: 'reopen' }
  | { kind: 'flush' }
  | { kind: 'crash'; afterTenants: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .array(change, { minLength: 1, maxLength: 400, size: 'max' })
      .map((changes) => ({ kind: 'changes' as const, changes })),
  },
  { weight: 3, arbitrary: fc.boolean().map((all) => ({ kind: 'seal' as const, all })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'settle' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'flush' as const }) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 0, max: 4 }).map((afterTenants) => ({ kind: 'crash' as const, afterTenants })),
  },
);

/** What a row says, to be compared. */
function shown({ rows, row, id }: RowPlace): string {
  const readers = readersOf(rows.layout);
  const deleted = (rows.marks[row]! & DELETED) !== 0;
  return JSON.stringify([
    revisionOf(id, 2),
    deleted,
    ...readers.slice(0, 5).map((reader) => reader.read(rows, row)),
    deleted ? null : readers[5]!.read(rows, row),
  ]);
}

function expected({ change: one, revision }: { change: Change; revision: number }): string {
  return JSON.stringify([
    revision,
    one.deleted,
    one.tenant,
    new Date(one.window * MINUTE).toISOString(),
    one.campaign,
    one.device,
    one.impressions,
    one.deleted ? null : `${one.impressions}.250000`,
  ]);
}

function check(driven: Driven): void {
  for (const tenant of TENANTS) {
    const newest = [...driven.stream.newest(tenant).values()].sort((a, b) => a.revision - b.revision);
    const { store } = driven.summary;
    for (const [since, limit] of [
      [0, 97],
      [0, 5],
      [newest[Math.floor(newest.length / 2)]?.revision ?? 0, 97],
    ] as const) {
      const found: string[] = [];
      let revision: number = since;
      for (let more = true; more;) {
        const page = store.changesSince(tenant, revision, limit);
        found.push(...page.rows.map(shown));
        if (page.hasMore) expect(page.nextRevision).toBeGreaterThan(revision);
        revision = page.nextRevision;
        more = page.hasMore;
      }
      expect(found).toEqual(newest.filter((one) => one.revision > since).map(expected));
    }
    const rows = store
      .tenantRows(tenant, 2 * MINUTE, 5 * MINUTE)
      .map(shown)
      .sort();
    expect(rows).toEqual(
      newest
        .filter(({ change: one }) => one.window >= 2 && one.window < 5)
        .map(expected)
        .sort(),
    );
    expect(store.newestRevision(tenant)).toBe(newest.at(-1)?.revision ?? 0);
    expect(store.newestWindow(tenant)).toBe(
      newest.length === 0 ? null : Math.max(...newest.map(({ change: one }) => one.window)) * MINUTE,
    );
  }
}

/** The revision of each key: of all rows, or of those on disk. */
function revisions({ summary, stream }: Driven, onDisk: boolean): Map<string, number> {
  const found = new Map<string, number>();
  const { store, closed } = summary;
  for (const tenant of TENANTS)
    for (const place of onDisk ? closed.between(tenant, -1, 1e9) : store.tenantRows(tenant, -1, 1e9)) {
      const [, , ...values] = JSON.parse(shown(place)) as unknown[];
      found.set(JSON.stringify(values.slice(0, 4)), revisionOf(place.id, stream.partitions));
    }
  return found;
}

/** What was closed is never older after a restart, not even while the log is read again. */
function neverBack(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): void {
  for (const [key, revision] of before) expect(now.get(key)).toBeGreaterThanOrEqual(revision);
}

/** The least recently changed, until half of the rows are gone. */
const HALF: SealWhen = {
  quietBeforeMs: -Infinity,
  madeBeforeMs: -Infinity,
  reopenedBeforeMs: -Infinity,
  rowsMin: Infinity,
  short: true,
};

/** Begins to seal and stops after some tenants: what they wrote is on disk and counted nowhere. */
async function crash(driven: Driven, afterTenants: number): Promise<void> {
  const { store, closed } = driven.summary;
  const tables = store.beginSealing(SEAL_ALL);
  if (tables.length === 0) return;
  let left = afterTenants;
  for (const table of tables) {
    const codes = [...table.tenantCodes()];
    table.tenantCodes = () =>
      (function* () {
        for (const code of codes) {
          if (left-- <= 0) throw new Error('crash');
          yield code;
        }
        throw new Error('crash');
      })();
  }
  await expect(closed.seal(tables, () => undefined)).rejects.toThrow('crash');
}

async function run(steps: readonly Step[]): Promise<void> {
  const stream = new Stream();
  const driven = new Driven(stream, { quietMs: 1e9, reopenedMs: 1e9 });
  try {
    await driven.open();
    for (const one of steps) {
      if (one.kind === 'changes') {
        stream.append(one.changes);
        await driven.catchUp(17);
      } else if (one.kind === 'seal') {
        const { store, closed } = driven.summary;
        const tables = store.beginSealing(one.all ? SEAL_ALL : HALF);
        if (tables.length > 0) {
          const sealing = closed.seal(tables, () => store.endSealing());
          check(driven);
          await sealing;
        }
      } else if (one.kind === 'settle') await driven.summary.settle();
      else if (one.kind === 'flush') await driven.flush();
      else {
        if (one.kind === 'crash') await crash(driven, one.afterTenants);
        const before = revisions(driven, true);
        await driven.close();
        await driven.open();
        await driven.catchUp(400, () => {
          if (driven.summary.store.isCurrent) neverBack(before, revisions(driven, false));
        });
        expect(driven.summary.store.isCurrent).toBe(true);
      }
      check(driven);
    }
  } finally {
    await driven.close();
    driven.remove();
  }
}

describe('a summary', () => {
  it('answers as a map of newest rows does, whatever is in memory, on disk or read again', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), run), {
      numRuns: Number(process.env['MILLRACE_FUZZ_RUNS'] ?? rounds(15, 30)),
      endOnFailure: true,
    });
  }, 120_000);

  it('goes on behind closed rows that have all been replaced', async () => {
    const stream = new Stream();
    const driven = new Driven(stream, { quietMs: 1e9, reopenedMs: 1e9 });
    const all = (impressions: number): Change[] =>
      Array.from({ length: 10 }, (_, device) => ({
        tenant: 'a',
        window: 1,
        campaign: null,
        device,
        impressions,
        deleted: false,
      }));
    await driven.open();
    stream.append(all(1));
    await driven.catchUp();
    await driven.summary.settle();
    stream.append(all(2));
    await driven.catchUp();
    check(driven);
    await driven.close();
    driven.remove();
  });

  it('keeps 64-bit integers', () => {
    const store: IntegerStore = {
      kind: 'integer',
      words: Int32Array.of(-1, 0x7fffffff, 0, -0x80000000),
      nulls: new Uint8Array(2),
    };
    expect([bigintAt(store, 0), bigintAt(store, 1)]).toEqual([2n ** 63n - 1n, -(2n ** 63n)]);
  });
});
