import type { Vector } from '../../block.js';
import type { AggregateInput } from './inputs.js';
import { larger } from '../../../../util/typed-arrays.js';
import type { PackedAggregate } from './packed-aggregate.js';

/** `count(*)` and `count(x)`. */
export class PackedCount implements PackedAggregate {
  #rows = new Float64Array(0);

  resize(capacity: number): void {
    this.#rows = larger(this.#rows, new Float64Array(capacity));
  }

  clear(slot: number): void {
    this.#rows[slot] = 0;
  }

  add({ absent }: AggregateInput, slots: Int32Array, from: number, to: number): void {
    const rows = this.#rows;
    for (let i = from; i < to; i++) {
      const slot = slots[i]!;
      if (slot >= 0 && (absent === null || absent[i] === 0)) rows[slot]!++;
    }
  }

  merge(into: number, from: number): void {
    this.#rows[into]! += this.#rows[from]!;
  }

  copy(from: number, into: number): void {
    this.#rows[into] = this.#rows[from]!;
  }

  isSame(a: number, b: number): boolean {
    return this.#rows[a] === this.#rows[b];
  }

  vector(slots: Int32Array, count: number): Vector {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = this.#rows[slots[i]!]!;
    return { kind: 'numbers', values, nulls: null };
  }

  stateOf(slot: number): unknown {
    return { rows: this.#rows[slot]! };
  }

  load(slot: number, state: unknown): void {
    this.#rows[slot] = (state as { rows: number }).rows;
  }
}
