import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Breaker, FAILURES_MAX } from '../../src/deliver/breaker.js';
import { Courier, type CutOutcome } from '../../src/deliver/courier.js';
import { ROW } from '../../src/deliver/receipt.js';
import { ComeAgain, Refused, type SinkRequest } from '../../src/deliver/sink.js';
import type { Receipt } from '../../src/deliver/receipt.js';
import { SeededRandom } from '../sim/random.js';
import { SimClock } from '../sim/clock.js';
import { cutRows, someRows } from './support.js';
import { RecordingSink } from './recording-sink.js';

const PLACE = { delivery: 'out', stream: 'events', range: 'events/0:0-40', receivedAt: 0, replay: null };
const NEVER = new AbortController().signal;

let clock: SimClock;
let breaker: Breaker;
beforeEach(() => {
  clock = new SimClock();
  breaker = new Breaker(clock);
});

interface Setting {
  readonly rows?: number;
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number | null;
  readonly failures?: unknown[];
}

function bring(sink: RecordingSink, { rows = 40, signal = NEVER, deadlineMs = null, failures = [] }: Setting = {}) {
  const retry = { minMs: 1_000, maxMs: 120_000, deadlineMs };
  const onFailure = (error: unknown): void => void failures.push(error);
  const random = new SeededRandom(1);
  const courier = new Courier({ sink, breaker, retry, clock, random, onFailure, onRetry() {} });
  return courier.bring(cutRows(someRows(rows)), PLACE, signal);
}

/** Lets time pass, in steps, until `done` holds; what is ready runs in between. */
async function pass(done: () => boolean, stepMs = 50, mostMs = 10 * 3_600_000): Promise<void> {
  for (let waited = 0; !done(); waited += stepMs) {
    if (waited > mostMs) throw new Error('it did not happen');
    for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (!done()) clock.advance(stepMs);
  }
}

async function outcomeOf(brought: Promise<CutOutcome>, stepMs?: number): Promise<CutOutcome> {
  let outcome: CutOutcome | null = null;
  void brought.then((result) => (outcome = result));
  await pass(() => outcome !== null, stepMs);
  return outcome!;
}

/** Fails the next requests with these errors; `hang` ends when it is aborted. */
function failing(sink: RecordingSink, ...errors: readonly Error[]): void {
  const left = [...errors];
  sink.before = () => {
    const error = left.shift();
    if (error !== undefined) throw error;
  };
}

const away = (): ComeAgain => new ComeAgain('away', null);

describe('the breaker', () => {
  test('goes on after a trial that was aborted', async () => {
    const sink = new RecordingSink();
    let isUp = false;
    sink.before = async () => {
      if (isUp) return;
      if (breaker.state !== 'trying') throw away();
      await new Promise((_, reject) => ending.signal.addEventListener('abort', () => reject(new Error('aborted'))));
    };
    const ending = new AbortController();
    const first = bring(sink, { signal: ending.signal }).catch((error: unknown) => error);
    await pass(() => breaker.state === 'trying');
    ending.abort();
    expect(await first).toBeInstanceOf(Error);
    isUp = true;
    expect((await outcomeOf(bring(sink))).receipt.count(ROW.taken)).toBe(40);
    expect(breaker.state).toBe('closed');
  });

  test('lets one request at a time try, and none before the pause of the last one is over', async () => {
    const sink = new RecordingSink({ requestsMax: 4, rowsMax: 10 });
    const backMs = 600_000;
    const tries: { readonly atMs: number; readonly state: string; readonly underWay: number }[] = [];
    sink.before = async () => {
      tries.push({ atMs: clock.monotonic(), state: breaker.state, underWay: sink.underWay });
      // Each attempt takes a while, as one that times out.
      await new Promise<void>((resolve) => void clock.after(500, resolve));
      if (clock.monotonic() < backMs) throw away();
    };
    await outcomeOf(bring(sink));
    const trials = tries.filter(({ state }) => state === 'trying');
    expect(trials.length).toBeGreaterThan(5);
    const opened = tries.indexOf(trials[0]!);
    expect(opened).toBeGreaterThanOrEqual(FAILURES_MAX);
    expect(trials.every(({ underWay }) => underWay === 1)).toBe(true);
    for (let i = 1; i < trials.length; i++)
      expect(trials[i]!.atMs - trials[i - 1]!.atMs).toBeGreaterThanOrEqual(500 + 750);
    expect(sink.ids()).toHaveLength(40);
  });

  test('an old failure does not let in a second trial', async () => {
    const old = await breaker.enter(NEVER);
    for (let i = 0; i < FAILURES_MAX; i++) breaker.failed(await breaker.enter(NEVER), 0);
    const trial = await breaker.enter(NEVER);
    expect(breaker.state).toBe('trying');
    breaker.failed(old, 0);
    let entered = 0;
    void breaker.enter(NEVER).then(() => entered++);
    for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([breaker.state, entered]).toEqual(['trying', 0]);
    breaker.succeeded(trial);
    await new Promise((resolve) => setImmediate(resolve));
    expect([breaker.state, entered]).toEqual(['closed', 1]);
  });

  test('who waits leaves when it is aborted', async () => {
    for (let i = 0; i < FAILURES_MAX; i++) breaker.failed(await breaker.enter(NEVER), 0);
    await breaker.enter(NEVER);
    const ending = new AbortController();
    const waiting = breaker.enter(ending.signal);
    ending.abort();
    await waiting;
    expect(breaker.state).toBe('trying');
  });
});

describe('the deadline', () => {
  test('is not of the wall clock, which may be set', async () => {
    const sink = new RecordingSink();
    failing(sink, away(), away());
    const brought = bring(sink, { deadlineMs: 60_000 });
    clock.setNow(clock.now() + 86_400_000);
    expect((await outcomeOf(brought)).receipt.count(ROW.taken)).toBe(40);
    sink.before = () => {
      throw away();
    };
    const late = bring(sink, { deadlineMs: 60_000 });
    clock.setNow(clock.now() - 86_400_000);
    const before = clock.monotonic();
    expect((await outcomeOf(late)).receipt.count(ROW.refused)).toBe(40);
    expect(clock.monotonic() - before).toBeLessThan(62_000);
  });

  test.each([
    ['the back-off', null],
    ['the other end', 3_600_000],
  ])('gets a last attempt, however long the pause that %s asks for', async (_who, afterMs) => {
    const sink = new RecordingSink();
    const atMs: number[] = [];
    sink.before = () => {
      atMs.push(clock.monotonic());
      if (clock.monotonic() < 200_000) throw new ComeAgain('later', afterMs);
    };
    const { receipt } = await outcomeOf(bring(sink, { deadlineMs: 200_000 }), 1_000);
    expect(receipt.count(ROW.taken)).toBe(40);
    expect(atMs.at(-1)).toBe(200_000);
  });

  test('of nothing means one attempt', async () => {
    const sink = new RecordingSink();
    failing(sink, away());
    const { receipt, attempts } = await outcomeOf(bring(sink, { deadlineMs: 0 }));
    expect(receipt.count(ROW.refused)).toBe(40);
    expect(receipt.refusals.get(7)).toEqual({ code: 'DELIVERY_GAVE_UP', message: 'away' });
    expect(attempts.get(7)).toBe(1);
  });
});

describe('what a sink says of its rows', () => {
  const some = (test: (row: number) => boolean, act: (receipt: Receipt, row: number) => void) => {
    return ({ rows }: SinkRequest, receipt: Receipt): void => {
      for (let row = 0; row < rows.count; row++) if (test(row)) act(receipt, row);
    };
  };

  test.each([true, false])('holds, also when it then refuses the request (divisible: %s)', async (divisible) => {
    const sink = new RecordingSink();
    let isFirst = true;
    sink.before = (request, receipt) => {
      if (!isFirst) return;
      isFirst = false;
      some(
        (row) => row < 10,
        (one, row) => one.take(row),
      )(request, receipt);
      some(
        (row) => row === 20,
        (one, row) => one.refuse(row, 'DELIVERY_REFUSED', 'this one'),
      )(request, receipt);
      throw new Refused('the others', { divisible });
    };
    const { receipt } = await outcomeOf(bring(sink));
    expect(receipt.count(ROW.unknown) + receipt.count(ROW.again)).toBe(0);
    expect(receipt.refusals.get(20)!.message).toBe('this one');
    expect(receipt.count(ROW.refused)).toBe(divisible ? 1 : 30);
    // Nothing that was taken goes out again.
    expect(sink.ids().toSorted()).toEqual(
      divisible
        ? someRows(40)
            .map(({ id }) => id)
            .filter((id, row) => row >= 10 && id !== 'e-20')
            .toSorted()
        : [],
    );
  });

  test('what is left of a request is another request, the same after a restart', async () => {
    const sent = async (): Promise<{ readonly id: string; readonly isRest: boolean; readonly rows: number }[]> => {
      const sink = new RecordingSink();
      const requests: { id: string; isRest: boolean; rows: number }[] = [];
      sink.before = (request, receipt) => {
        requests.push({ id: request.id, isRest: request.isRest, rows: request.rows.count });
        if (requests.length < 3)
          some(
            (row) => row % 2 === 0,
            (one, row) => one.again(row),
          )(request, receipt);
        if (requests.length === 3) throw away();
      };
      const { receipt } = await outcomeOf(bring(sink));
      expect(receipt.count(ROW.taken)).toBe(40);
      return requests;
    };
    const requests = await sent();
    expect(requests.map(({ isRest, rows }) => [isRest, rows])).toEqual([
      [false, 40],
      [true, 20],
      [true, 10],
      [true, 10],
    ]);
    expect(new Set(requests.map(({ id }) => id)).size).toBe(3);
    expect(requests[2]!.id).toBe(requests[3]!.id);
    expect(await sent()).toEqual(requests);
  });

  test('is told to people: why rows are sent again', async () => {
    const sink = new RecordingSink();
    const failures: unknown[] = [];
    sink.before = some(
      (row) => row === 3,
      (receipt, row) => receipt.again(row, 'queue full'),
    );
    const { receipt } = await outcomeOf(bring(sink, { deadlineMs: 0, failures }));
    expect(failures.map(String)).toEqual(['Error: queue full']);
    expect(receipt.refusals.get(3)).toEqual({ code: 'DELIVERY_GAVE_UP', message: 'queue full' });
  });

  test('and whatever it throws is a failure', async () => {
    const sink = new RecordingSink();
    const failures: unknown[] = [];
    let isFirst = true;
    sink.before = async () => {
      if (!isFirst) return;
      isFirst = false;
      // What a careless library may do.
      await Promise.reject<undefined>();
    };
    const { receipt } = await outcomeOf(bring(sink, { failures }));
    expect(receipt.count(ROW.taken)).toBe(40);
    expect(failures).toHaveLength(1);
  });
});

describe('rows at fault', () => {
  /** What of 40 rows arrives where the rows of `poison` are refused, and `named` says which one the other end names. */
  const found = async (poison: ReadonlySet<string>, named: (at: number, count: number) => number | null) => {
    const sink = new RecordingSink();
    const rowsOf = new Map<string, string>();
    let sends = 0;
    let rowsSent = 0;
    sink.before = ({ id, rows }) => {
      const ids = Array.from({ length: rows.count }, (_, row) => rows.eventId(row)!);
      sends += 1;
      rowsSent += rows.count;
      rowsOf.set(id, ids.join());
      const at = ids.findIndex((one) => poison.has(one));
      if (at >= 0) throw new Refused('not this', { divisible: true, row: named(at, rows.count) });
    };
    const { receipt } = await outcomeOf(bring(sink));
    expect([...receipt.refusals.keys()].map((row) => `e-${row}`).toSorted()).toEqual([...poison].toSorted());
    const rest = someRows(40).filter(({ id }) => !poison.has(id));
    expect(sink.ids()).toEqual(rest.map(({ id }) => id));
    return { sends, rowsSent, rowsOf };
  };
  const poisons = fc.uniqueArray(fc.nat(39)).map((rows) => new Set(rows.map((row) => `e-${row}`)));
  const names: fc.Arbitrary<(at: number, count: number) => number | null> = fc.oneof(
    fc.constant(() => null),
    fc.constant((at: number) => at),
    fc.integer({ min: -2, max: 45 }).map((row) => () => row),
    fc.nat().map((seed) => (at: number, count: number) => (seed + at) % count),
  );

  test('are found and no others, whatever row the other end names', async () => {
    await fc.assert(fc.asyncProperty(poisons, names, async (poison, named) => void (await found(poison, named))));
  });

  test('are found at once where the other end names them: two refusals a row', async () => {
    await fc.assert(
      fc.asyncProperty(poisons, async (poison) => {
        const { sends, rowsSent } = await found(poison, (at) => at);
        expect(sends).toBeLessThanOrEqual(4 * poison.size + 1);
        // No more than halves all the way down: many rows at fault are not one walk over the rest each.
        expect(rowsSent).toBeLessThanOrEqual(40 * (2 + Math.ceil(Math.log2(40))));
      }),
    );
    expect((await found(new Set(['e-17']), (at) => at)).sends).toBe(5);
    expect((await found(new Set(['e-17']), () => null)).sends).toBe(11);
  });

  test('one id is always the same rows, whatever is named', async () => {
    await fc.assert(
      fc.asyncProperty(poisons, names, names, async (poison, one, other) => {
        const { rowsOf: first } = await found(poison, one);
        const { rowsOf: second } = await found(poison, other);
        for (const [id, rows] of first) expect(second.get(id) ?? rows).toBe(rows);
      }),
    );
  });

  test('what is left of a request that took some of its rows goes out in halves: the named row is another there', async () => {
    const sink = new RecordingSink();
    const sizes: number[] = [];
    sink.before = ({ rows }, receipt) => {
      sizes.push(rows.count);
      if (sizes.length > 1) return;
      receipt.takeAll(0, 20);
      throw new Refused('some', { divisible: true, row: 3 });
    };
    const { receipt } = await outcomeOf(bring(sink));
    expect(receipt.count(ROW.taken)).toBe(40);
    expect(sizes).toEqual([40, 10, 10]);
  });
});
