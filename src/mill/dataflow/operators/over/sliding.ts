/**
 * An aggregate over rows [start, end) that move on.
 *
 * Three ways, by what the aggregate can do: rows are taken back as they leave; or, where states merge, two
 * stacks (each row is added twice, whatever the frame's size: Tangwongsan, Hirzel, Schneider, "Low-latency
 * sliding-window aggregation in worst-case constant time", 2017, section 2); or all rows of the frame are
 * added again when one leaves. A start that never moves needs none of that: rows only come.
 */
import type { Aggregator } from '../../../../sql/aggregates/definition.js';
import { ByteReader, ByteWriter } from '../../../../util/bytes.js';
import type { Value } from '../../../../sql/value.js';
import type { Row } from '../../operator.js';

/** An aggregate and what it takes of a row. */
export interface FrameAggregate {
  readonly aggregator: Aggregator<unknown>;
  /** The arguments, valid until the next call; null where the row does not count. */
  readonly argsOf: (row: Row) => readonly Value[] | null;
}

/** An independent copy of a state. */
export function copyOf(aggregator: Aggregator<unknown>, state: unknown): unknown {
  if (aggregator.merge !== undefined) {
    const copy = aggregator.create();
    aggregator.merge(copy, state);
    return copy;
  }
  const writer = new ByteWriter();
  aggregator.write(state, writer);
  return aggregator.read(new ByteReader(writer.copy()));
}

/** One aggregate's frame in one partition. */
export class Sliding {
  start = 0;
  end = 0;
  readonly #aggregate: FrameAggregate;
  #state: unknown;
  /** States of [j, middle) for each j, that of `start` last; used by two stacks. */
  #front: unknown[] = [];

  constructor(aggregate: FrameAggregate) {
    this.#aggregate = aggregate;
    this.#state = aggregate.aggregator.create();
  }

  /** Begins anew at a position; `base`: what rows before it that are gone add up to. */
  reset(position: number, base: unknown): void {
    const { aggregator } = this.#aggregate;
    this.start = position;
    this.end = position;
    this.#front = [];
    this.#state = base === undefined ? aggregator.create() : copyOf(aggregator, base);
  }

  /** Entries before the first `count` are gone. */
  shift(count: number): void {
    this.start = Math.max(0, this.start - count);
    this.end -= count;
  }

  /** Moves to [start, end); neither end goes back. An end before the start is an empty frame. */
  move(rows: readonly Row[], start: number, end: number): void {
    if (start >= this.end) {
      if (start > this.start) this.reset(start, undefined);
    } else if (start > this.start) this.#evict(rows, start);
    while (this.end < end) this.#add(this.#state, rows[this.end++]!);
  }

  #add(state: unknown, row: Row): void {
    const args = this.#aggregate.argsOf(row);
    if (args !== null) this.#aggregate.aggregator.add(state, args);
  }

  #evict(rows: readonly Row[], start: number): void {
    const { aggregator, argsOf } = this.#aggregate;
    if (aggregator.remove !== undefined) {
      while (this.start < start) {
        const args = argsOf(rows[this.start++]!);
        if (args !== null) aggregator.remove(this.#state, args);
      }
    } else if (aggregator.merge === undefined) {
      const { end } = this;
      this.reset(start, undefined);
      while (this.end < end) this.#add(this.#state, rows[this.end++]!);
    } else {
      while (this.start < start) {
        if (this.#front.length === 0) this.#turn(rows, aggregator.merge);
        this.#front.pop();
        this.start++;
      }
    }
  }

  /** Turns the back stack over: a state for each suffix. */
  #turn(rows: readonly Row[], merge: NonNullable<Aggregator<unknown>['merge']>): void {
    const { aggregator } = this.#aggregate;
    let suffix: unknown = aggregator.create();
    for (let i = this.end - 1; i >= this.start; i--) {
      const state = aggregator.create();
      merge(state, suffix);
      this.#add(state, rows[i]!);
      this.#front.push(state);
      suffix = state;
    }
    this.#state = aggregator.create();
  }

  value(): Value {
    const { aggregator } = this.#aggregate;
    const front = this.#front.at(-1);
    if (front === undefined) return aggregator.value(this.#state);
    const whole = aggregator.create();
    aggregator.merge!(whole, front);
    aggregator.merge!(whole, this.#state);
    return aggregator.value(whole);
  }
}
