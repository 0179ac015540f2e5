/** `sum` and `avg` of integers and decimals. */
import type { Aggregator } from '../../../../sql/aggregates/definition.js';
import type { Decimal } from '../../../../sql/decimal.js';
import type { SqlType } from '../../../../sql/plan.js';
import { intOf, type Value } from '../../../../sql/value.js';
import { UNITS_MAX, valueOf, type Vector } from '../../block.js';
import type { AggregateInput } from './inputs.js';
import { Boxes, CommonScale, isIdentical } from './numbers.js';
import type { PackedAggregate } from './packed-aggregate.js';
import { larger } from '../../../../util/typed-arrays.js';

/** The state of the general `sum` and `avg`. */
export interface CountedTotal {
  rows: number;
  readonly total: { value(): bigint | Decimal };
}

/** Numbers by slot, integers as they are and decimals as units; NaN: the slot has a box. */
export class PackedTotal implements PackedAggregate {
  readonly #aggregator: Aggregator<CountedTotal>;
  readonly #boxes: Boxes<CountedTotal>;
  readonly #type: SqlType;
  readonly #isAverage: boolean;
  readonly #scale = new CommonScale();
  #rows = new Float64Array(0);
  #sums = new Float64Array(0);

  constructor(aggregator: Aggregator<CountedTotal>, type: SqlType, isAverage: boolean) {
    this.#aggregator = aggregator;
    this.#boxes = new Boxes(aggregator);
    this.#type = type;
    this.#isAverage = isAverage;
  }

  resize(capacity: number): void {
    this.#rows = larger(this.#rows, new Float64Array(capacity));
    this.#sums = larger(this.#sums, new Float64Array(capacity));
  }

  clear(slot: number): void {
    this.#rows[slot] = 0;
    this.#sums[slot] = 0;
    this.#boxes.clear(slot);
  }

  add({ absent, vector }: AggregateInput, slots: Int32Array, from: number, to: number): void {
    const numbers = this.#scale.numbersOf(vector!);
    const rows = this.#rows;
    const sums = this.#sums;
    for (let i = from; i < to; i++) {
      const slot = slots[i]!;
      if (slot < 0 || (absent !== null && absent[i] === 1)) continue;
      const sum = numbers === null ? Number.NaN : sums[slot]! + numbers[i]!;
      if (!(sum <= UNITS_MAX && sum >= -UNITS_MAX)) this.#addValue(slot, valueOf(vector!, i)!);
      else {
        sums[slot] = sum;
        rows[slot]!++;
      }
    }
  }

  #addValue(slot: number, value: NonNullable<Value>): void {
    const sum = this.#sums[slot]! + this.#scale.numberOf(value);
    if (sum <= UNITS_MAX && sum >= -UNITS_MAX) {
      this.#sums[slot] = sum;
      this.#rows[slot]!++;
    } else this.#aggregator.add(this.#boxed(slot), [value]);
  }

  #boxed(slot: number): CountedTotal {
    const state = this.stateOf(slot);
    this.#boxes.set(slot, state);
    this.#sums[slot] = Number.NaN;
    return state;
  }

  merge(into: number, from: number): void {
    const sum = this.#sums[into]! + this.#sums[from]!;
    if (sum <= UNITS_MAX && sum >= -UNITS_MAX) {
      this.#sums[into] = sum;
      this.#rows[into]! += this.#rows[from]!;
    } else this.#aggregator.merge!(this.#boxed(into), this.stateOf(from));
  }

  copy(from: number, into: number): void {
    this.#rows[into] = this.#rows[from]!;
    this.#sums[into] = this.#sums[from]!;
    if (Number.isNaN(this.#sums[from]!)) this.#boxes.copy(from, into);
  }

  isSame(a: number, b: number): boolean {
    if (this.#sums[a] === this.#sums[b] && this.#rows[a] === this.#rows[b]) return true;
    const isPlain = !this.#isAverage && !Number.isNaN(this.#sums[a]! + this.#sums[b]!);
    if (isPlain) return this.#sums[a] === this.#sums[b] && this.#rows[a]! > 0 === this.#rows[b]! > 0;
    const { value } = this.#aggregator;
    return isIdentical(value(this.stateOf(a)), value(this.stateOf(b)));
  }

  vector(slots: Int32Array, count: number): Vector {
    const sums = new Float64Array(count);
    let nulls: Uint8Array | null = null;
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      const sum = this.#sums[slot]!;
      if (this.#isAverage || sum !== sum) return this.#values(slots, count);
      sums[i] = sum;
      if (this.#rows[slot] === 0) (nulls ??= new Uint8Array(count))[i] = 1;
    }
    if (this.#type === 'smallint' || this.#type === 'integer') return { kind: 'numbers', values: sums, nulls };
    return { kind: 'decimals', units: sums, scale: this.#scale.scale, nulls };
  }

  #values(slots: Int32Array, count: number): Vector {
    const values = Array.from({ length: count }, (_, i) => this.#aggregator.value(this.stateOf(slots[i]!)));
    return { kind: 'values', values };
  }

  stateOf(slot: number): CountedTotal {
    const boxed = this.#boxes.get(slot);
    if (boxed !== undefined) return boxed;
    const state = this.#aggregator.create();
    if (this.#rows[slot]! === 0) return state;
    this.#aggregator.add(state, [this.#scale.valueOf(this.#sums[slot]!, this.#type)]);
    state.rows = this.#rows[slot]!;
    return state;
  }

  load(slot: number, state: unknown): void {
    const { rows, total } = state as CountedTotal;
    const value = total.value();
    const sum = rows === 0 ? 0 : this.#scale.numberOf(typeof value === 'bigint' ? intOf(value) : value);
    this.#sums[slot] = Math.abs(sum) <= UNITS_MAX ? sum : Number.NaN;
    this.#rows[slot] = rows;
    if (Number.isNaN(this.#sums[slot])) this.#boxes.set(slot, state as CountedTotal);
  }
}
