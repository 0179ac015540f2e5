/** Partials as the objects that their aggregate keeps: for all that does not fit in numbers. */
import type { Aggregator } from '../../../../sql/aggregates/definition.js';
import type { Value } from '../../../../sql/value.js';
import type { ByteReader, ByteWriter } from '../../../../util/bytes.js';
import { valueOf, type Vector } from '../../block.js';
import type { Accumulator } from '../accumulators.js';
import type { AggregateInput } from '../packed-sessions/inputs.js';
import type { PackedColumn } from './column.js';

/** See the head of the file. The aggregate can merge. */
export class GeneralColumn implements PackedColumn {
  readonly isInvertible = false;
  readonly #aggregator: Aggregator<unknown>;
  #states: unknown[] = [];

  constructor({ aggregator }: Accumulator) {
    this.#aggregator = aggregator;
  }

  grow(capacity: number): void {
    for (let cell = this.#states.length; cell < capacity; cell++) this.#states.push(null);
  }

  /** An empty cell has no state. */
  reset(cell: number): void {
    this.#states[cell] = null;
  }

  #stateOf(cell: number): unknown {
    return (this.#states[cell] ??= this.#aggregator.create());
  }

  add(cells: Int32Array, from: number, count: number, { absent, vector }: AggregateInput): number {
    const args: Value[] = vector === null ? [] : [null];
    for (let i = from; i < count; i++) {
      const cell = cells[i]!;
      if (cell < 0 || (absent !== null && absent[i] === 1)) continue;
      if (vector !== null) args[0] = valueOf(vector, i);
      this.#aggregator.add(this.#stateOf(cell), args);
    }
    return count;
  }

  plus(cell: number, other: PackedColumn, from: number): boolean {
    const state = (other as GeneralColumn).#states[from];
    if (state !== null) this.#aggregator.merge!(this.#stateOf(cell), state);
    return true;
  }

  minus(): void {
    throw new Error('states of objects are merged, never taken apart');
  }

  vector(count: number, failed: (cell: number, error: unknown) => void): Vector {
    const values = new Array<Value>(count);
    for (let cell = 0; cell < count; cell++) {
      values[cell] = null;
      try {
        values[cell] = this.#aggregator.value(this.#stateOf(cell));
      } catch (error) {
        failed(cell, error);
      }
    }
    return { kind: 'values', values };
  }

  write(cell: number, writer: ByteWriter): void {
    this.#aggregator.write(this.#stateOf(cell), writer);
  }

  read(cell: number, reader: ByteReader): boolean {
    this.#states[cell] = this.#aggregator.read(reader);
    return true;
  }
}
