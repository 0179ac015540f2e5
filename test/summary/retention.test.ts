/**
 * Rows that leave by age, against a plain list: whatever is in memory, sealed, swept halfway or read again.
 */
import { existsSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TOMBSTONE_MS } from '../../src/summary/expiry.js';
import { DELETED } from '../../src/summary/row-set.js';
import { revisionOf } from '../../src/summary/row-id.js';
import type { Retention } from '../../src/summary/retention.js';
import { SEAL_ALL } from '../../src/summary/summary.js';
import { Driven, MINUTE, Stream, type Change } from './fixture.js';
import { rounds } from '../sim/rounds.js';

const HOUR = 60 * MINUTE;
const TENANTS = ['a', 'b', 'c', 'ab'];

type Step =
  | { kind: 'changes'; changes: Change[] }
  | { kind: 'seal' | 'settle' | 'reopen' | 'flush' | 'sweep' | 'files' }
  | { kind: 'later'; hours: number }
  | { kind: 'begin'; retention: Retention };

const change: fc.Arbitrary<Change> = fc.record({
  tenant: fc.constantFrom(...TENANTS),
  window: fc.integer({ min: 0, max: 30 }).map((n) => n * 60),
  campaign: fc.constantFrom(null, 'x'),
  device: fc.integer({ min: 0, max: 30 }),
  impressions: fc.integer({ min: 0, max: 10_000 }),
  deleted: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
});

const hours = (max: number) => fc.integer({ min: 1, max }).map((n) => n * HOUR);
const retention: fc.Arbitrary<Retention> = fc.record({
  allMs: fc.option(hours(30)),
  tenantMs: fc.dictionary(fc.constantFrom(...TENANTS), hours(60), { maxKeys: 3 }),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .array(change, { minLength: 1, maxLength: 300, size: 'max' })
      .map((changes): Step => ({ kind: 'changes', changes })),
  },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('seal', 'settle', 'reopen', 'flush', 'files')
      .map((kind): Step => ({ kind: kind as 'seal' })),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'sweep' }) },
  {
    weight: 2,
    arbitrary: fc
      .oneof(fc.integer({ min: 1, max: 12 }), fc.constant(36 * 24))
      .map((n): Step => ({ kind: 'later', hours: n })),
  },
  { weight: 3, arbitrary: retention.map((one): Step => ({ kind: 'begin', retention: one })) },
);

interface Row {
  readonly change: Change;
  readonly revision: number;
  readonly atMs: number;
  readonly refused: boolean;
}

/** All rows that ever came, and from which window on each tenant's are kept. */
class Model {
  readonly rows: Row[] = [];
  readonly cuts = new Map<string, number>();
  readonly stream: Stream;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  append(changes: readonly Change[], nowMs: number): void {
    const revisions = [0, 1].map((partition) => this.stream.end(partition));
    this.stream.append(changes);
    for (const one of changes) {
      const revision = ++revisions[this.stream.partitionOf(one.tenant)]!;
      const refused = one.window * MINUTE < this.cut(one.tenant);
      this.rows.push({ change: one, revision, atMs: nowMs, refused });
    }
  }

  begin({ allMs, tenantMs }: Retention, nowMs: number): void {
    for (const tenant of TENANTS) {
      const ms = Object.hasOwn(tenantMs, tenant) ? tenantMs[tenant]! : allMs;
      const step = (ms ?? 0) < 48 * HOUR ? HOUR : 24 * HOUR;
      const cut = ms === null ? -Infinity : Math.floor((nowMs - ms - MINUTE) / step) * step;
      this.cuts.set(tenant, Math.max(cut, this.cut(tenant)));
    }
  }

  cut(tenant: string): number {
    return this.cuts.get(tenant) ?? -Infinity;
  }

  /** The newest row of each key of a tenant that was taken in. */
  newest(tenant: string): Row[] {
    const newest = new Map<string, Row>();
    for (const row of this.rows)
      if (row.change.tenant === tenant && !row.refused)
        newest.set(JSON.stringify([row.change.window, row.change.campaign, row.change.device]), row);
    return [...newest.values()].sort((a, b) => a.revision - b.revision);
  }
}

const isLive = ({ change: one }: Row): boolean => !one.deleted;

/** Everything that can be read of a tenant is what the model says; answers the tombstones that are purged. */
function check({ summary: { store }, clock }: Driven, model: Model, purged: Map<string, number>): void {
  for (const tenant of TENANTS) {
    const cut = model.cut(tenant);
    expect(store.retainedFrom(tenant) ?? -Infinity).toBe(cut);
    const newest = model.newest(tenant);
    const kept = newest.filter(({ change: one }) => one.window * MINUTE >= cut);
    const changes: { revision: number; deleted: boolean }[] = [];
    for (let revision = 0, more = true; more;) {
      const page = store.changesSince(tenant, revision, 53);
      for (const { id, rows, row } of page.rows)
        changes.push({ revision: revisionOf(id, 2), deleted: (rows.marks[row]! & DELETED) !== 0 });
      revision = page.nextRevision;
      more = page.hasMore;
    }
    const shown = new Set(changes.map(({ revision }) => revision));
    expect(changes).toEqual(
      kept
        .filter((row) => isLive(row) || shown.has(row.revision))
        .map(({ revision, change: { deleted } }) => ({ revision, deleted })),
    );
    expect(store.tenantRows(tenant, -Infinity, Infinity)).toHaveLength(changes.length);
    // What is gone is no younger than it must be, and is told.
    const gone = newest.filter(({ revision, change: one }) => one.window * MINUTE < cut || !shown.has(revision));
    for (const row of gone)
      if (row.change.window * MINUTE >= cut) expect(clock.ms - row.atMs).toBeGreaterThanOrEqual(TOMBSTONE_MS);
    const expected = Math.max(purged.get(tenant) ?? 0, ...gone.map(({ revision }) => revision));
    purged.set(tenant, expected);
    expect(store.expiredRevision(tenant)).toBe(expected);
    expect(store.newestRevision(tenant)).toBe(newest.at(-1)?.revision ?? 0);
    expect(store.newestWindow(tenant)).toBe(
      changes.length === 0
        ? null
        : Math.max(...kept.filter(({ revision }) => shown.has(revision)).map(({ change: one }) => one.window)) * MINUTE,
    );
  }
}

async function act(driven: Driven, model: Model, one: Step): Promise<void> {
  const { store, closed } = driven.summary;
  switch (one.kind) {
    case 'changes':
      model.append(one.changes, driven.clock.ms);
      return driven.catchUp(37);
    case 'later':
      driven.clock.ms += one.hours * HOUR;
      return;
    case 'begin':
      driven.retention = one.retention;
      model.begin(one.retention, driven.clock.ms);
      return closed.expiry.begin(one.retention, driven.clock.ms, [...store.positions]);
    case 'sweep':
      return closed.expiry.sweep(0);
    case 'files':
      return closed.expireFiles();
    case 'seal': {
      const tables = store.beginSealing(SEAL_ALL);
      if (tables.length > 0) await closed.seal(tables, () => store.endSealing());
      return;
    }
    case 'settle':
      driven.summary.retain(driven.retention ?? { allMs: null, tenantMs: {} });
      model.begin(driven.retention ?? { allMs: null, tenantMs: {} }, driven.clock.ms);
      return driven.summary.settle();
    case 'flush':
      await closed.advance(store.closedOffsets());
      return;
    case 'reopen':
      await driven.close();
      await driven.open();
      return driven.catchUp(101);
  }
}

async function run(steps: readonly Step[]): Promise<void> {
  const driven = new Driven(new Stream(), { quietMs: 1e15, reopenedMs: 1e15, openRowsMax: 1e9 });
  driven.clock.ms = 20 * HOUR;
  const model = new Model(driven.stream);
  const purged = new Map<string, number>();
  try {
    await driven.open();
    for (const one of steps) {
      await act(driven, model, one);
      check(driven, model, purged);
    }
  } finally {
    await driven.close();
    driven.remove();
  }
}

function changeAt(tenant: string, hour: number, device: number, deleted = false): Change {
  return { tenant, window: hour * 60, campaign: null, device, impressions: device, deleted };
}

describe('retention', () => {
  it('leaves what a plain list leaves, and tells the newest revision that is gone', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 20 }), run), {
      numRuns: Number(process.env['MILLRACE_FUZZ_RUNS'] ?? rounds(20, 40)),
      endOnFailure: true,
    });
  }, 120_000);

  it('gives the disk back, of blocks and files', async () => {
    const driven = new Driven(new Stream());
    driven.clock.ms = 10 * HOUR;
    driven.retention = { allMs: 5 * HOUR, tenantMs: { b: 100 * HOUR } };
    try {
      await driven.open();
      for (const hour of [1, 2, 9])
        driven.stream.append(
          Array.from({ length: 500 }, (_, device) => changeAt(device % 5 === 0 ? 'b' : 'a', hour, device)),
        );
      await driven.catchUp();
      await driven.summary.settle();
      const { closed, store } = driven.summary;
      expect(closed.rows).toBe(100 + 100 + 500);
      driven.clock.ms += 6 * HOUR;
      driven.summary.retain({ allMs: 5 * HOUR, tenantMs: {} });
      await driven.summary.settle();
      expect(closed.rows).toBe(0);
      expect(readdirSync(closed.runs.folder)).toEqual([]);
      expect(store.tenantRows('a', -Infinity, Infinity)).toEqual([]);
      expect(store.expiredRevision('a')).toBe(store.newestRevision('a'));
      expect(existsSync(closed.runs.folder)).toBe(true);
    } finally {
      await driven.close();
      driven.remove();
    }
  });

  it('purges tombstones after 35 days and not before', async () => {
    const driven = new Driven(new Stream());
    try {
      await driven.open();
      driven.stream.append([changeAt('a', 1, 1), changeAt('a', 1, 2), changeAt('a', 1, 1, true)]);
      await driven.catchUp();
      await driven.summary.settle();
      const { store } = driven.summary;
      const later = async (ms: number): Promise<void> => {
        driven.clock.ms += ms;
        await driven.summary.settle();
      };
      await later(TOMBSTONE_MS - 2 * HOUR);
      await later(HOUR);
      expect(store.changesSince('a', 0, 10).rows).toHaveLength(2);
      expect(store.expiredRevision('a')).toBe(0);
      await later(2 * HOUR);
      expect(store.changesSince('a', 0, 10).rows).toHaveLength(1);
      expect(store.expiredRevision('a')).toBe(3);
    } finally {
      await driven.close();
      driven.remove();
    }
  });

  it('turns away and counts what comes for a window that has left', async () => {
    const driven = new Driven(new Stream());
    driven.clock.ms = 10 * HOUR;
    driven.retention = { allMs: 5 * HOUR, tenantMs: {} };
    try {
      await driven.open();
      driven.stream.append([changeAt('a', 9, 1)]);
      await driven.catchUp();
      await driven.summary.settle();
      driven.stream.append([changeAt('a', 1, 1), changeAt('a', 9, 2)]);
      await driven.catchUp();
      const { store } = driven.summary;
      expect(store.arrivals.refusedRows).toBe(1);
      expect(store.tenantRows('a', -Infinity, Infinity)).toHaveLength(2);
      expect(store.expiredRevision('a')).toBe(0);
    } finally {
      await driven.close();
      driven.remove();
    }
  });
});
