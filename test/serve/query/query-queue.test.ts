/** Whose query runs next, on a clock that moves only when told to. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  HEAVY_MS,
  QueryQueue,
  TURNS,
  type QueryClass,
  type QueueLimits,
} from '../../../src/serve/query/query-queue.js';
import type { MillraceError } from '../../../src/util/errors.js';
import { SimClock } from '../../sim/clock.js';

const LIMITS: QueueLimits = { runningMax: 4, tenantRunningMax: 2, heavyMax: 1, waitingMax: 64, tenantWaitingMax: 16 };

interface Asked {
  readonly tenant: string | null;
  readonly kind: QueryClass;
  readonly ending: AbortController;
  readonly askedAt: number;
  startedAt: number | null;
  leave: (() => void) | null;
  error: MillraceError | null;
}

/** A queue, and all that asked, in their order. */
function rig(limits: Partial<QueueLimits> = {}) {
  const clock = new SimClock();
  const queue = new QueryQueue({ ...LIMITS, ...limits }, clock);
  const all: Asked[] = [];
  // Promises settle between the steps of a test.
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const ask = (tenant: string | null, kind: QueryClass = tenant === null ? 'interactive' : 'adhoc'): Asked => {
    const ending = new AbortController();
    const asked: Asked = {
      tenant,
      kind,
      ending,
      askedAt: clock.monotonic(),
      startedAt: null,
      leave: null,
      error: null,
    };
    all.push(asked);
    queue.enter(tenant, kind, ending.signal).then(
      (leave) => {
        asked.startedAt = clock.monotonic();
        asked.leave = leave;
      },
      (error: unknown) => {
        asked.error = error as MillraceError;
      },
    );
    return asked;
  };
  const done = new Set<Asked>();
  const finish = (asked: Asked): void => {
    done.add(asked);
    asked.leave!();
  };
  const running = () => all.filter((asked) => asked.leave !== null && !done.has(asked));
  const waiting = () => all.filter((asked) => asked.leave === null && asked.error === null);
  return { clock, queue, ask, settle, finish, running, waiting };
}

describe('the queue', () => {
  it('gives tenants that always wait the same time, whatever their queries cost', async () => {
    const costs = fc.array(fc.integer({ min: 1, max: HEAVY_MS }), { minLength: 4, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        costs,
        fc.array(fc.nat(HEAVY_MS - 1), { minLength: 60, maxLength: 200 }),
        async (bases, noise) => {
          const { clock, ask, settle, finish, running } = rig({ runningMax: 1 });
          const tenants = bases.map((_, index) => `t${index}`);
          const used = new Map(tenants.map((tenant) => [tenant, 0]));
          for (const tenant of tenants) for (let i = 0; i < 2; i++) ask(tenant);
          await settle();
          for (const extra of noise) {
            const [one] = running();
            const index = tenants.indexOf(one!.tenant!);
            const cost = Math.min(HEAVY_MS - 1, Math.ceil((bases[index]! + extra) / 2));
            clock.advance(cost);
            used.set(one!.tenant!, used.get(one!.tenant!)! + cost);
            ask(one!.tenant);
            finish(one!);
            await settle();
            const times = [...used.values()];
            expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(2 * HEAVY_MS);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('never lets a light query wait for heavy ones', async () => {
    const { clock, queue, ask, settle, finish, running, waiting } = rig();
    const heavy = ['a', 'b', 'c'];
    // At first nobody knows them, and they take what places there are.
    for (const tenant of heavy) for (let i = 0; i < 8; i++) ask(tenant);
    for (let round = 0; round < 200; round++) {
      await settle();
      const light = ask(`light${round % 5}`);
      await settle();
      if (round > 60) expect(light.startedAt).toBe(clock.monotonic());
      clock.advance(100);
      for (const one of running())
        if (!heavy.includes(one.tenant!)) finish(one);
        else if (clock.monotonic() - one.startedAt! >= 1_500) {
          ask(one.tenant);
          finish(one);
        }
      await settle();
      if (round > 60) expect(queue.load.heavy).toBe(LIMITS.heavyMax);
    }
    expect(new Set(waiting().map(({ tenant }) => tenant))).toEqual(new Set(heavy));
  });

  it('takes nobody for heavy who is slow because all are, or was slow once', async () => {
    const { clock, ask, settle, finish } = rig();
    const run = async (tenant: string, ms: number) => {
      const one = ask(tenant);
      await settle();
      clock.advance(ms);
      finish(one);
    };
    for (let round = 0; round < 4; round++) for (const tenant of ['a', 'b', 'c']) await run(tenant, HEAVY_MS + 100);
    await run('a', 20 * HEAVY_MS);
    for (let round = 0; round < 4; round++) await run('heavy', 20 * HEAVY_MS);
    const [heavy, again] = [ask('heavy'), ask('heavy')];
    const light = ['a', 'b', 'c'].map((tenant) => ask(tenant));
    await settle();
    expect([heavy!.startedAt !== null, again!.startedAt]).toEqual([true, null]);
    expect(light.map(({ startedAt }) => startedAt)).toEqual([clock.monotonic(), clock.monotonic(), clock.monotonic()]);
  });

  it('lets heavy tenants take turns', async () => {
    const { clock, ask, settle, finish, running } = rig();
    const turns = new Map<string, number>();
    for (const tenant of ['a', 'b', 'c']) for (let i = 0; i < 3; i++) ask(tenant);
    for (let round = 0; round < 60; round++) {
      await settle();
      clock.advance(1_000);
      for (const one of running()) {
        if (round >= 6) turns.set(one.tenant!, (turns.get(one.tenant!) ?? 0) + 1);
        ask(one.tenant);
        finish(one);
      }
    }
    const counts = [...turns.values()];
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
  });

  it('puts dashboards first, and starves nobody', async () => {
    const { ask, settle, finish, running } = rig({ runningMax: 1, tenantWaitingMax: 100, waitingMax: 200 });
    ask('z');
    await settle();
    for (let i = 0; i < 40; i++) ask('a', 'interactive');
    for (let i = 0; i < 10; i++) ask('b', 'adhoc');
    const order: QueryClass[] = [];
    for (let i = 0; i < 45; i++) {
      finish(running()[0]!);
      await settle();
      order.push(running()[0]!.kind);
    }
    expect(order.slice(0, 2 * (TURNS + 1))).toEqual(
      [0, 1].flatMap(() => [...Array.from({ length: TURNS }, () => 'interactive'), 'adhoc']),
    );
  });

  it('says whose bound was reached', async () => {
    const { ask, settle } = rig({ tenantWaitingMax: 3, waitingMax: 5 });
    const mine = Array.from({ length: 6 }, () => ask('a'));
    await settle();
    expect(mine.map(({ leave, error }) => (leave === null ? error?.code : 'runs'))).toEqual([
      'runs',
      'runs',
      undefined,
      undefined,
      undefined,
      'QUERY_BUSY',
    ]);
    expect(mine[5]!.error!.message).toContain('of this tenant');
    const others = Array.from({ length: 6 }, () => ask('b'));
    await settle();
    // Three of `a` and two of `b` wait; one more of `b` is in nobody's place but its own tenant's.
    expect(others.map(({ error }) => error?.code)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      'QUERY_BUSY',
      'QUERY_BUSY',
    ]);
    expect(others[5]!.error!.message).toContain('of all tenants');
    // A tenant that has nothing waiting takes the place of the newest of who has most.
    const third = ask('c');
    await settle();
    expect([third.error, mine[4]!.error?.code]).toEqual([null, 'QUERY_BUSY']);
  });

  it('forgets who gives up while waiting', async () => {
    const { queue, ask, settle, finish } = rig({ runningMax: 1 });
    const [first, second, third] = [ask('a'), ask('a'), ask('b')];
    await settle();
    second!.ending.abort(new Error('enough'));
    await settle();
    expect([second!.error?.message, queue.load]).toEqual(['enough', { running: 1, heavy: 0, waiting: 1 }]);
    finish(first!);
    await settle();
    expect(third!.leave).not.toBeNull();
    // Giving up later, or giving a place back twice, changes nothing.
    third!.ending.abort(new Error('late'));
    finish(third!);
    third!.leave!();
    expect(queue.load).toEqual({ running: 0, heavy: 0, waiting: 0 });
  });

  it('keeps its bounds, and nothing waits that could run', async () => {
    const tenant = fc.constantFrom(null, 'a', 'b', 'c', 'd');
    const step = fc.oneof(
      fc.record({ do: fc.constant('ask' as const), tenant, kind: fc.constantFrom('interactive', 'adhoc') }),
      fc.record({ do: fc.constant('finish' as const), which: fc.nat() }),
      fc.record({ do: fc.constant('abort' as const), which: fc.nat() }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(2 * HEAVY_MS) }),
    );
    const limits = { runningMax: 3, tenantRunningMax: 2, heavyMax: 1, waitingMax: 8, tenantWaitingMax: 4 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const { clock, queue, ask, settle, finish, running, waiting } = rig(limits);
        const flowOf = (one: Asked) => `${one.kind} ${one.tenant}`;
        // The model of what a flow costs: the quarter of its latest eight, or heavy at once while nothing is known.
        const quarter = (values: readonly number[]) => values.toSorted((x, y) => x - y)[values.length >> 2]!;
        const flows = new Map<string, { costs: number[]; cost: number }>();
        let heavyMs = HEAVY_MS;
        const thresholds = new Map<Asked, number>();
        const isHeavy = (one: Asked) => (flows.get(flowOf(one))?.cost ?? 0) > heavyMs;
        const note = () => {
          for (const one of running()) {
            const flow = flows.get(flowOf(one)) ?? { costs: [], cost: 20 };
            flows.set(flowOf(one), flow);
            if (!thresholds.has(one)) thresholds.set(one, heavyMs);
            const past = clock.monotonic() - one.startedAt! >= thresholds.get(one)!;
            if (past && flow.costs.length === 0) flow.cost = thresholds.get(one)! + 1;
          }
        };
        for (const one of steps) {
          if (one.do === 'ask') ask(one.tenant, one.kind as QueryClass);
          else if (one.do === 'wait') clock.advance(one.ms);
          else {
            const from = one.do === 'finish' ? running() : waiting();
            const chosen = from[one.which % Math.max(1, from.length)];
            if (chosen === undefined) continue;
            if (one.do === 'abort') chosen.ending.abort(new Error('enough'));
            else {
              const flow = flows.get(flowOf(chosen))!;
              flow.costs = [...flow.costs, clock.monotonic() - chosen.startedAt!].slice(-8);
              flow.cost = quarter(flow.costs);
              const known = [...flows.values()].filter(({ costs }) => costs.length > 0);
              heavyMs = Math.max(HEAVY_MS, 4 * quarter(known.map(({ cost }) => cost)));
              finish(chosen);
            }
          }
          await settle();
          note();
          const now = running();
          const of = (list: readonly Asked[], name: string | null) =>
            list.filter((other) => other.tenant === name).length;
          expect(queue.load).toMatchObject({ running: now.length, waiting: waiting().length });
          expect(now.length).toBeLessThanOrEqual(limits.runningMax);
          expect(waiting().length).toBeLessThanOrEqual(limits.waitingMax);
          for (const name of ['a', 'b', 'c', 'd']) {
            expect(of(now, name)).toBeLessThanOrEqual(limits.tenantRunningMax);
            expect(of(waiting(), name)).toBeLessThanOrEqual(limits.tenantWaitingMax);
          }
          if (now.length < limits.runningMax)
            for (const other of waiting())
              expect(
                (other.tenant !== null && of(now, other.tenant) >= limits.tenantRunningMax) ||
                  (isHeavy(other) && queue.load.heavy >= limits.heavyMax),
              ).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});
