/** Batches of several inputs in the order of their stamps, whatever the order in which they are read. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LogBatch } from '../../../src/log/log.js';
import { StampOrder, WAITING_ROWS_MAX } from '../../../src/mill/relational/stamp-order.js';

const STREAMS = [
  { name: 'dimension', partitions: 1 },
  { name: 'events', partitions: 2 },
] as const;
const INPUTS = STREAMS.flatMap(({ name, partitions }) =>
  Array.from({ length: partitions }, (_, partition) => ({ stream: name as string, partition })),
);

function batch(input: number, receivedAt: number, baseOffset: number, rows = 1): LogBatch {
  return { ...INPUTS[input]!, baseOffset, rows, receivedAt } as LogBatch;
}

function take(order: StampOrder): LogBatch[] {
  const taken: LogBatch[] = [];
  for (let next = order.next(); next !== undefined; next = order.next()) taken.push(next);
  return taken;
}

/** Says that an input is read to its end, and the clock. */
function tick(order: StampOrder, input: number, clockMs: number): void {
  const { partition, stream } = INPUTS[input]!;
  const ends = INPUTS.filter((each) => each.stream === stream).map((_, i) => (i === partition ? 1 : 2));
  order.tick(
    stream,
    { clockMs, ends },
    ends.map((end, i) => (i === partition ? end : 0)),
  );
}

describe('batches take turns', () => {
  test('by their stamps, tables first, whatever was read when', () => {
    const stamps = fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 6 }).map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(fc.tuple(stamps, stamps, stamps), fc.array(fc.nat(2), { maxLength: 40 }), (inputs, turns) => {
        const order = new StampOrder(STREAMS);
        const read = [0, 0, 0];
        const taken: LogBatch[] = [];
        for (const input of [...turns, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]) {
          const stamp = inputs[input]![read[input]!];
          if (stamp === undefined) tick(order, input, 9);
          else order.add(batch(input, stamp, read[input]!++));
          taken.push(...take(order));
        }
        for (const input of [0, 1, 2]) tick(order, input, 9);
        taken.push(...take(order));
        const wanted = inputs
          .flatMap((all, input) => all.map((stamp, at) => ({ stamp, input, at })))
          .sort((a, b) => a.stamp - b.stamp || a.input - b.input || a.at - b.at);
        const rank = ({ partition, stream }: LogBatch): number =>
          INPUTS.findIndex((each) => each.stream === stream && each.partition === partition);
        expect(taken.map((each) => ({ stamp: each.receivedAt, input: rank(each), at: each.baseOffset }))).toEqual(
          wanted,
        );
        expect(order.rows).toBe(0);
      }),
    );
  });

  test('goes on reading while what waits waits for what is not read yet', () => {
    const order = new StampOrder(STREAMS);
    order.add(batch(1, 5, 0, WAITING_ROWS_MAX));
    tick(order, 2, 9);
    expect(take(order)).toEqual([]);
    // The table is behind: were it not read, the events would wait for ever.
    expect(order.isReady).toBe(true);
    tick(order, 0, 5);
    expect(take(order)).toEqual([]);
    expect(order.isReady).toBe(false);
    tick(order, 0, 6);
    expect(take(order)).toHaveLength(1);
    expect(order.isReady).toBe(true);
  });
});
