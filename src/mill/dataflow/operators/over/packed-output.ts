/**
 * What an OVER over blocks passes on to other operators.
 *
 * A row that is final when it is passed on goes in a block, unless it has a peer: no two such rows share partition and
 * time. All others go as rows: they may be taken back.
 */
import { BlockDeltas } from '../../block.js';
import type { DataflowContext, Output } from '../../operator.js';
import { RowOutput } from '../row-output.js';
import type { HeldBlock } from './held-block.js';
import { NONE, PASSED, WAITING, type PackedRows } from './packed-rows.js';
import type { PackedValues } from './packed-values.js';

/** See the head of the file. */
export class PackedOutput {
  readonly #target: Output;
  readonly #out: RowOutput;
  readonly #rows: PackedRows;
  readonly #values: PackedValues;
  readonly #distinct: readonly number[] | null;
  readonly #isFinalOnly: boolean;
  readonly #lagMs: number;
  /** Blocks some of whose rows wait to be passed on. */
  #waiting: HeldBlock[] = [];

  /** `distinct`: the fields of partition and time; null: not all of them are fields. */
  constructor(
    target: Output,
    rows: PackedRows,
    values: PackedValues,
    { isFinalOnly, lagMs }: DataflowContext,
    distinct: readonly number[] | null,
  ) {
    this.#target = target;
    this.#out = new RowOutput(target);
    this.#rows = rows;
    this.#values = values;
    this.#distinct = distinct;
    this.#isFinalOnly = isFinalOnly;
    this.#lagMs = lagMs;
  }

  /** A block with rows that wait. */
  add(held: HeldBlock): void {
    this.#waiting.push(held);
  }

  /** No row waits any more. */
  clear(): void {
    this.#waiting = [];
  }

  /**
   * Passes on all rows that are due at `now`, and those of `changed` anew, by slot with what was measured of them
   * before. Rows before the horizon are final.
   */
  pass(changed: Map<number, Float64Array>, now: number, horizonMs: number): void {
    const { at, blocks, held } = this.#rows;
    for (const [slot, before] of changed) {
      const of = blocks[held[slot]!]!;
      const stamp = of.stampOf(at[slot]!);
      this.#out.emit(this.#values.row(of, at[slot]!, before), -1, stamp);
      this.#out.emit(this.#values.row(of, at[slot]!), 1, stamp);
    }
    changed.clear();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const of of waiting) {
      if (this.#isDue(of.waitingFrom, now)) this.#passBlock(of, now, horizonMs);
      if (of.waiting > 0) this.#waiting.push(of);
    }
    this.#out.send();
  }

  /** Whether a row of that time is passed on: where final rows are published alone, once it has closed. */
  #isDue(time: number, now: number): boolean {
    return !this.#isFinalOnly || time + this.#lagMs < now;
  }

  #passBlock(of: HeldBlock, now: number, horizonMs: number): void {
    const { states, times } = this.#rows;
    const selection = new Uint32Array(of.waiting);
    let count = 0;
    of.waitingFrom = Number.POSITIVE_INFINITY;
    for (let at = 0; at < of.slots.length; at++) {
      const slot = of.slots[at]!;
      if (slot === NONE || states[slot] !== WAITING) continue;
      const time = times[slot]!;
      if (!this.#isDue(time, now)) {
        if (time < of.waitingFrom) of.waitingFrom = time;
        continue;
      }
      states[slot] = PASSED;
      of.waiting--;
      if (time < horizonMs && this.#rows.peers[slot] === 0) selection[count++] = at;
      else this.#out.emit(this.#values.row(of, at), 1, of.stampOf(at));
    }
    if (count === 0) return;
    const { stamps } = of;
    const own = typeof stamps === 'number' ? stamps : Array.from(selection.subarray(0, count), (at) => stamps[at]!);
    const vectors = this.#values.vectors(of, selection, count);
    this.#target(new BlockDeltas({ count, vectors, distinct: this.#distinct }, own));
  }

  /** Notes which rows of a block had been passed on at `now`. */
  restore(of: HeldBlock, now: number): void {
    const { states, times } = this.#rows;
    for (const slot of of.slots) {
      if (slot === NONE) continue;
      if (this.#isDue(times[slot]!, now)) {
        states[slot] = PASSED;
        of.waiting--;
      } else if (times[slot]! < of.waitingFrom) of.waitingFrom = times[slot]!;
    }
    if (of.waiting > 0) this.#waiting.push(of);
  }
}
