/** `min`, `max` and `any_value` of what numbers hold. */
import type { Aggregator } from '../../../../sql/aggregates/definition.js';
import type { SqlType } from '../../../../sql/plan.js';
import type { Value } from '../../../../sql/value.js';
import { valueOf, type Vector } from '../../block.js';
import type { AggregateInput } from './inputs.js';
import { Boxes, CommonScale, isIdentical } from './numbers.js';
import type { PackedAggregate } from './packed-aggregate.js';
import { larger } from '../../../../util/typed-arrays.js';

/** What a slot of `PackedExtreme` has: nothing, a number, a box. */
const [EMPTY, NUMBER, BOX] = [0, 1, 2];

/** The state of the general `min` and `max`. */
export interface Held {
  value: Value;
}

/** See the head of the file. */
export class PackedExtreme implements PackedAggregate {
  readonly #aggregator: Aggregator<Held>;
  readonly #boxes: Boxes<Held>;
  readonly #type: SqlType;
  /** 1: the smallest; -1: the largest. */
  readonly #sign: 1 | -1;
  readonly #scale = new CommonScale();
  #values = new Float64Array(0);
  #has = new Uint8Array(0);

  constructor(aggregator: Aggregator<Held>, type: SqlType, sign: 1 | -1) {
    this.#aggregator = aggregator;
    this.#boxes = new Boxes(aggregator);
    this.#type = type;
    this.#sign = sign;
  }

  resize(capacity: number): void {
    this.#values = larger(this.#values, new Float64Array(capacity));
    this.#has = larger(this.#has, new Uint8Array(capacity));
  }

  clear(slot: number): void {
    this.#has[slot] = EMPTY;
    this.#boxes.clear(slot);
  }

  add({ absent, vector }: AggregateInput, slots: Int32Array, from: number, to: number): void {
    const numbers = this.#scale.numbersOf(vector!);
    const has = this.#has;
    for (let i = from; i < to; i++) {
      const slot = slots[i]!;
      if (slot < 0 || (absent !== null && absent[i] === 1)) continue;
      if (numbers === null || has[slot] === BOX) this.#addValue(slot, valueOf(vector!, i)!);
      else this.#take(slot, numbers[i]!);
    }
  }

  #take(slot: number, number: number): void {
    if (this.#has[slot] === NUMBER && (number - this.#values[slot]!) * this.#sign >= 0) return;
    this.#has[slot] = NUMBER;
    this.#values[slot] = number;
  }

  #addValue(slot: number, value: NonNullable<Value>): void {
    const number = this.#has[slot] === BOX ? Number.NaN : this.#scale.numberOf(value);
    if (number === number) this.#take(slot, number);
    else this.#aggregator.add(this.#boxed(slot), [value]);
  }

  #boxed(slot: number): Held {
    const state = this.stateOf(slot);
    this.#boxes.set(slot, state);
    this.#has[slot] = BOX;
    return state;
  }

  merge(into: number, from: number): void {
    if (this.#has[from] === EMPTY) return;
    if (this.#has[into] !== BOX && this.#has[from] === NUMBER) this.#take(into, this.#values[from]!);
    else this.#aggregator.merge!(this.#boxed(into), this.stateOf(from));
  }

  copy(from: number, into: number): void {
    this.#has[into] = this.#has[from]!;
    this.#values[into] = this.#values[from]!;
    if (this.#has[from] === BOX) this.#boxes.copy(from, into);
  }

  isSame(a: number, b: number): boolean {
    return isIdentical(this.stateOf(a).value, this.stateOf(b).value);
  }

  vector(slots: Int32Array, count: number): Vector {
    const values = new Float64Array(count);
    let nulls: Uint8Array | null = null;
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      const has = this.#has[slot]!;
      if (has === BOX)
        return { kind: 'values', values: Array.from({ length: count }, (_, at) => this.stateOf(slots[at]!).value) };
      if (has === NUMBER) values[i] = this.#values[slot]!;
      else (nulls ??= new Uint8Array(count))[i] = 1;
    }
    if (this.#type !== 'numeric') return { kind: 'numbers', values, nulls };
    return { kind: 'decimals', units: values, scale: this.#scale.scale, nulls };
  }

  stateOf(slot: number): Held {
    const boxed = this.#boxes.get(slot);
    if (boxed !== undefined) return boxed;
    return { value: this.#has[slot] === EMPTY ? null : this.#scale.valueOf(this.#values[slot]!, this.#type) };
  }

  load(slot: number, state: unknown): void {
    const { value } = state as Held;
    if (value === null) return;
    const number = this.#scale.numberOf(value);
    this.#has[slot] = number === number ? NUMBER : BOX;
    if (number === number) this.#values[slot] = number;
    else this.#boxes.set(slot, state as Held);
  }
}
