/**
 * What every sink must do, run against the real other end.
 *
 * A sink is given over as `SinkUnderTest`: how to make one (as after a restart), how to read what is
 * at the other end, and, where it can be done, how to take the other end away and back. The rules are
 * those of the delivery: order, at least or exactly once under faults and kills, resume,
 * back-pressure, poison rows, siblings.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { DeliveryOptions } from '../../src/config/options.js';
import type { Receipt } from '../../src/deliver/receipt.js';
import { ComeAgain, type Sink, type SinkRequest } from '../../src/deliver/sink.js';
import { systemClock, type Clock } from '../../src/io/clock.js';
import { Bench, deliveryOptions, removeFolders, someRows, until, type Row } from '../deliver/support.js';
import { SeededRandom } from '../sim/random.js';

/** A sink and its other end. */
export interface SinkUnderTest {
  /** A new sink for the same place, as after a restart. */
  make(): Sink;
  /** Ids of the events at the other end, in its order, with repeats. */
  read(): Promise<string[]>;
  /** What the sink promises after faults and kills. */
  readonly guarantee: 'exactly once' | 'at least once';
  /** Whether the other end keeps the order in which rows come. */
  readonly ordered: boolean;
  /** A row among others that the other end refuses, if there is such a thing. */
  readonly poison?: Row;
  /** Takes the other end away, and back. */
  readonly outage?: { away(): Promise<void>; back(): Promise<void> };
  /** Options of the delivery that the sink asks for. */
  readonly options?: Partial<DeliveryOptions>;
  close(): Promise<void>;
}

/** Runs the suite. `open` makes an other end that is empty. */
export function sinkConformance(name: string, open: () => Promise<SinkUnderTest>, seed = 20261129): void {
  let bench: Bench;
  let place: SinkUnderTest;
  const start = async (rest: { readonly partitions?: number; readonly clock?: Clock } = {}): Promise<void> => {
    place = await open();
    bench = await new Bench(rest).open();
  };
  const options = (rest: Partial<DeliveryOptions> = {}): DeliveryOptions =>
    deliveryOptions({ ...place.options, ...rest });

  /** All ids are there; once each where the sink says so. */
  const expectAll = async (ids: readonly string[]): Promise<void> => {
    const found = await place.read();
    if (place.guarantee === 'exactly once') expect(found.toSorted()).toEqual([...ids].toSorted());
    else expect([...new Set(found)].toSorted()).toEqual([...ids].toSorted());
  };

  describe(`sink ${name} (seed ${seed})`, () => {
    afterEach(async () => {
      await bench.close();
      await place.close();
      removeFolders();
    });

    test('opens, brings every row, closes, and goes on in the same place', async () => {
      await start({ partitions: 2 });
      await bench.append(someRows(50));
      await bench.start(place.make(), options());
      await bench.drained();
      await bench.restart();
      await bench.append(someRows(20, 'f'));
      await bench.start(place.make(), options());
      await bench.drained();
      await expectAll(idsOf([...someRows(50), ...someRows(20, 'f')]));
      expect(bench.edges()).toMatchObject({ read: 70, ok: 70 });
    });

    test('a stream without a row leaves nothing', async () => {
      await start();
      await bench.start(place.make(), options());
      await bench.drained();
      expect(await place.read()).toEqual([]);
    });

    test('keeps the order of a partition', async () => {
      await start();
      if (!place.ordered) return;
      const { stage } = await bench.start(place.make(), options({ requestsMax: 1, bufferRowsMax: 30 }));
      for (let n = 0; n < 12; n++) await bench.append(someRows(10, 'e', n * 10));
      await bench.drained();
      expect(await place.read()).toEqual(Array.from({ length: 120 }, (_, n) => `e-${n}`));
      expect(stage.status().totals.cuts).toBeGreaterThan(1);
    });

    test('faults before and after each request lose nothing', async () => {
      await start({ partitions: 2 });
      const random = new SeededRandom(seed);
      const sink = faulty(place.make(), () => random.chance(0.3));
      await bench.start(sink, options({ bufferRowsMax: 40 }));
      for (let n = 0; n < 10; n++) await bench.append(someRows(37, 'e', n * 37));
      await bench.drained();
      await expectAll(Array.from({ length: 370 }, (_, n) => `e-${n}`));
      expect(bench.edges()).toMatchObject({ read: 370, ok: 370 });
    });

    test('ends at any moment are resumed', async () => {
      await start({ partitions: 2 });
      const random = new SeededRandom(seed + 1);
      for (let round = 0; round < 8; round++) {
        await bench.append(someRows(60, 'e', round * 60));
        await bench.start(
          faulty(place.make(), () => random.chance(0.2)),
          options({ bufferRowsMax: 25 }),
        );
        await new Promise((resolve) => setTimeout(resolve, random.below(60)));
        await bench.restart();
      }
      await bench.start(place.make(), options());
      await bench.drained();
      await expectAll(Array.from({ length: 480 }, (_, n) => `e-${n}`));
      expect(bench.edges()).toMatchObject({ read: 480, ok: 480 });
    });

    test('a row that is refused goes to the quarantine, the others arrive', async () => {
      await start();
      if (place.poison === undefined) return;
      const rows = someRows(30);
      await bench.append([...rows.slice(0, 11), place.poison, ...rows.slice(11)]);
      await bench.start(place.make(), options());
      await bench.drained();
      await expectAll(idsOf(rows));
      expect(bench.rows('quarantine').map((row) => [row['event_id'], row['stage'], row['reader']])).toEqual([
        [place.poison.id, 'deliver', 'out'],
      ]);
    });

    test('while it is away nothing piles up, and then everything arrives', async () => {
      await start();
      if (place.outage === undefined) return;
      await bench.append(someRows(5, 'first'));
      const { stage, loop } = await bench.start(place.make(), options({ bufferRowsMax: 50 }));
      await bench.drained();
      await place.outage.away();
      for (let n = 0; n < 20; n++) await bench.append(someRows(50, 'e', n * 50));
      await until('failures', () => stage.status().failures > 0);
      expect(loop.status().rowsRead).toBeLessThanOrEqual(255);
      await place.outage.back();
      await bench.drained();
      await expectAll([...idsOf(someRows(5, 'first')), ...Array.from({ length: 1000 }, (_, n) => `e-${n}`)]);
      expect(stage.status()).toMatchObject({ pendingRows: 0, breaker: 'closed' });
    });

    test('away for an hour, it is tried less and less often, and loses nothing', async () => {
      const clock = new HurryingClock();
      await start({ clock });
      const inner = place.make();
      const backAt = clock.now() + 3_600_000;
      let attempts = 0;
      const sink: Sink = {
        ...bound(inner),
        async send(request, receipt, signal) {
          attempts += 1;
          if (clock.now() < backAt) throw new ComeAgain('away', null);
          await inner.send(request, receipt, signal);
        },
      };
      await bench.append(someRows(40));
      await bench.start(sink, options({ retry: { minMs: 1_000, maxMs: 120_000, deadlineMs: null } }));
      await bench.drained();
      await expectAll(idsOf(someRows(40)));
      expect(attempts).toBeLessThan(200);
    });

    test('a slow one holds up no other', async () => {
      await start();
      const inner = place.make();
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      const slow: Sink = {
        ...bound(inner),
        async send(request, receipt, signal) {
          await held;
          await inner.send(request, receipt, signal);
        },
      };
      const others: string[] = [];
      const other: Sink = {
        requestsMax: 1,
        async open() {},
        requests: (rows) => [rows],
        async send({ rows }, receipt) {
          for (let row = 0; row < rows.count; row++) others.push(rows.eventId(row)!);
          receipt.takeAll();
        },
        async close() {},
      };
      await bench.start(slow, options());
      await bench.start(other, options({ name: 'other' }));
      await bench.append(someRows(200));
      await until('the other', () => others.length === 200);
      release();
      await bench.drained();
      await expectAll(idsOf(someRows(200)));
    });
  });
}

function idsOf(rows: readonly Row[]): string[] {
  return rows.map(({ id }) => id);
}

/** A sink whose methods keep their object. */
function bound(sink: Sink): Sink {
  return {
    requestsMax: sink.requestsMax,
    open: (signal) => sink.open(signal),
    requests: (rows) => sink.requests(rows),
    send: (request, receipt, signal) => sink.send(request, receipt, signal),
    close: () => sink.close(),
  };
}

/** A sink that fails before its request goes out, or after it has arrived. */
function faulty(sink: Sink, fails: () => boolean): Sink {
  return {
    ...bound(sink),
    async send(request: SinkRequest, receipt: Receipt, signal: AbortSignal) {
      if (fails()) throw new Error('failed before');
      await sink.send(request, receipt, signal);
      if (!fails()) return;
      // The answer is lost: nobody can know that the rows are there.
      receipt.marks.fill(0);
      receipt.refusals.clear();
      throw new Error('failed after');
    },
  };
}

/** A clock for which every pause is over at once: time is what was waited for. */
class HurryingClock implements Clock {
  #time = Date.now();

  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(delayMs: number, run: () => void): () => void {
    return systemClock.after(Math.min(delayMs, 1), () => {
      this.#time += delayMs;
      run();
    });
  }
}
