/** What the packed aggregates share: numbers for values of one scale, and states for those that are no numbers. */
import type { Aggregator } from '../../../../sql/aggregates/definition.js';
import { Decimal } from '../../../../sql/decimal.js';
import type { SqlType } from '../../../../sql/plan.js';
import type { Value } from '../../../../sql/value.js';
import { UNITS_MAX, type Vector } from '../../block.js';

/** Slots whose states are those of a general aggregate. */
export class Boxes<State> {
  readonly #aggregator: Aggregator<State>;
  readonly #states = new Map<number, State>();

  constructor(aggregator: Aggregator<State>) {
    this.#aggregator = aggregator;
  }

  get(slot: number): State | undefined {
    return this.#states.get(slot);
  }

  set(slot: number, state: State): void {
    this.#states.set(slot, state);
  }

  clear(slot: number): void {
    if (this.#states.size > 0) this.#states.delete(slot);
  }

  copy(from: number, into: number): void {
    const state = this.#aggregator.create();
    this.#aggregator.merge!(state, this.#states.get(from)!);
    this.#states.set(into, state);
  }
}

/** The scale of an aggregate's decimals: that of the first one. Others, and integers beyond doubles, are no numbers. */
export class CommonScale {
  #scale = -1;

  get scale(): number {
    return Math.max(0, this.#scale);
  }

  /** The numbers of a vector; null where they must be looked at one by one. */
  numbersOf(vector: Vector): Float64Array | null {
    if (vector.kind === 'numbers') return vector.values;
    if (vector.kind !== 'decimals') return null;
    if (this.#scale < 0) this.#scale = vector.scale;
    return vector.scale === this.#scale ? vector.units : null;
  }

  /** A value as a number; NaN where it does not fit. */
  numberOf(value: NonNullable<Value>): number {
    if (typeof value === 'number') return value;
    if (!(value instanceof Decimal)) return Number.NaN;
    const units = Number(value.units);
    if (Math.abs(units) > UNITS_MAX) return Number.NaN;
    if (this.#scale < 0) this.#scale = value.scale;
    return value.scale === this.#scale ? units : Number.NaN;
  }

  /** The value of a number. */
  valueOf(number: number, type: SqlType): NonNullable<Value> {
    return type === 'numeric' ? new Decimal(BigInt(number), this.scale) : number;
  }
}

/** Whether two values print alike. */
export function isIdentical(a: Value, b: Value): boolean {
  if (a instanceof Decimal && b instanceof Decimal) return a.units === b.units && a.scale === b.scale;
  return a === b;
}
