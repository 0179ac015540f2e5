/**
 * Batches of several inputs in the order of their stamps.
 *
 * Purpose. A row that is looked up in a table meets the table as it was when the row came. That must be the
 * same whenever the inputs are read again, however they take turns: so all batches go in the order of their
 * stamps, tables first where stamps are equal.
 *
 * A batch is given out when no input can still have one before it: an input that is read to its end is bound
 * by the arrival clock.
 *
 * Limits: `WAITING_ROWS_MAX` rows wait, or as many as come while another input is read to its end.
 */
import type { ArrivalClock, LogBatch } from '../../log/log.js';
import { place } from '../offsets.js';

/** Rows that may wait for their turn. */
export const WAITING_ROWS_MAX = 262_144;

interface Input {
  readonly rank: number;
  readonly stream: string;
  readonly partition: number;
  readonly waiting: LogBatch[];
  /** Batches still to come are stamped at or after this, ms. */
  bound: number;
  /** Whether it was read to its end when it was last asked. */
  isRead: boolean;
}

/** Puts batches in order. */
export class StampOrder {
  /** Rows that wait. */
  rows = 0;
  readonly #inputs = new Map<string, Input>();

  /** `streams`: name and partitions, tables first. */
  constructor(streams: readonly { readonly name: string; readonly partitions: number }[]) {
    for (const { name, partitions } of streams)
      for (let partition = 0; partition < partitions; partition++)
        this.#inputs.set(place({ stream: name, partition }), {
          rank: this.#inputs.size,
          stream: name,
          partition,
          waiting: [],
          bound: -Infinity,
          isRead: false,
        });
  }

  add(batch: LogBatch): void {
    const input = this.#inputs.get(place(batch))!;
    input.waiting.push(batch);
    input.bound = Math.max(input.bound, batch.receivedAt);
    input.isRead = false;
    this.rows += batch.rows;
  }

  /** What the log says of a stream, `offsets` being the next row to be read of each partition. */
  tick(stream: string, clock: ArrivalClock, offsets: readonly number[]): void {
    for (const input of this.#inputs.values())
      if (input.stream === stream && (offsets[input.partition] ?? 0) >= (clock.ends[input.partition] ?? 0)) {
        input.bound = Math.max(input.bound, clock.clockMs);
        input.isRead = true;
      }
  }

  /**
   * Whether it takes more: few rows wait, or they wait for an input that is not read to its end. Were that one not
   * read either, nothing would ever have its turn.
   */
  get isReady(): boolean {
    if (this.rows < WAITING_ROWS_MAX) return true;
    for (const { isRead, waiting } of this.#inputs.values()) if (waiting.length === 0 && !isRead) return true;
    return false;
  }

  /** The next batch, when it is known to be. */
  next(): LogBatch | undefined {
    const first = this.#first();
    if (first === undefined) return undefined;
    const stamp = first.waiting[0]!.receivedAt;
    for (const input of this.#inputs.values()) if (input.waiting.length === 0 && input.bound <= stamp) return undefined;
    return this.#take(first);
  }

  /** The next batch of those that wait, whatever may still come: at the end of a replay, all that belong to it are here. */
  nextOfAll(): LogBatch | undefined {
    const first = this.#first();
    return first === undefined ? undefined : this.#take(first);
  }

  #first(): Input | undefined {
    let first: Input | undefined;
    for (const input of this.#inputs.values()) {
      const stamp = input.waiting[0]?.receivedAt;
      if (stamp === undefined) continue;
      const least = first?.waiting[0]?.receivedAt ?? Infinity;
      if (stamp < least || (stamp === least && input.rank < first!.rank)) first = input;
    }
    return first;
  }

  #take(input: Input): LogBatch {
    const batch = input.waiting.shift()!;
    this.rows -= batch.rows;
    return batch;
  }
}
