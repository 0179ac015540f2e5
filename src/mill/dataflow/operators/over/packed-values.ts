/** Rows of an OVER over blocks as they are shown: as they came, with the functions' values from what was measured. */
import { Decimal, divideDecimal } from '../../../../sql/decimal.js';
import type { Value } from '../../../../sql/value.js';
import { selectVector, valueOf, type Vector } from '../../block.js';
import type { HeldBlock } from './held-block.js';
import type { PackedFunction } from './packed-plan.js';

/** See the head of the file. */
export class PackedValues {
  readonly #functions: readonly PackedFunction[];
  /** Digits behind the point, by argument. */
  readonly #scales: readonly number[];
  readonly #width: number;
  readonly #fields: readonly number[];

  /** `width`: of the rows that came; behind them the functions. `fields`: those that are shown, in order. */
  constructor(
    functions: readonly PackedFunction[],
    scales: readonly number[],
    width: number,
    fields: readonly number[] = Array.from({ length: width + functions.length }, (_, field) => field),
  ) {
    this.#functions = functions;
    this.#scales = scales;
    this.#width = width;
    this.#fields = fields;
  }

  /** A row, with its own measures or those of `measures`. */
  row(held: HeldBlock, at: number, measures?: Float64Array): Value[] {
    return this.#fields.map((field) => {
      if (field < this.#width) return valueOf(held.block.vectors[field]!, at);
      const of = this.#functions[field - this.#width]!;
      const measure = (m: number): number => (measures === undefined ? held.measures[m]![at]! : measures[m]!);
      return this.#value(of, measure);
    });
  }

  /** The fields of the first `count` of the rows at `selection`. */
  vectors(held: HeldBlock, selection: Uint32Array, count: number): Vector[] {
    const isWhole = count === held.block.count;
    const measures = isWhole ? held.measures : held.measures.map((values) => picked(values, selection, count));
    return this.#fields.map((field) => {
      if (field >= this.#width) return this.#vector(this.#functions[field - this.#width]!, measures, count);
      const vector = held.block.vectors[field]!;
      return isWhole ? vector : selectVector(vector, selection, count);
    });
  }

  /** Digits behind the point of the units in which a function is measured; null: numbers. */
  #scaleOf({ argument, name, type }: PackedFunction): number | null {
    if (name === 'count' || type !== 'numeric') return null;
    return Math.max(0, this.#scales[argument]!);
  }

  #value(of: PackedFunction, measure: (m: number) => number): Value {
    const number = measure(of.measure);
    if (number !== number) return null;
    const scale = this.#scaleOf(of);
    if (scale === null) return number;
    const value = new Decimal(BigInt(number), scale);
    return of.name === 'avg' ? divideDecimal(value, new Decimal(BigInt(measure(of.count)), 0)) : value;
  }

  #vector(of: PackedFunction, measures: readonly Float64Array[], count: number): Vector {
    if (of.name === 'avg') {
      const value = (i: number): Value => this.#value(of, (m) => measures[m]![i]!);
      return { kind: 'values', values: Array.from({ length: count }, (_, i) => value(i)) };
    }
    const { nulls, numbers } = withoutNaN(measures[of.measure]!, count);
    const scale = this.#scaleOf(of);
    if (scale === null) return { kind: 'numbers', values: numbers, nulls };
    return { kind: 'decimals', units: numbers, scale, nulls };
  }
}

function picked(values: Float64Array, selection: Uint32Array, count: number): Float64Array {
  const some = new Float64Array(count);
  for (let i = 0; i < count; i++) some[i] = values[selection[i]!]!;
  return some;
}

/** NaN is NULL. */
function withoutNaN(values: Float64Array, count: number): { numbers: Float64Array; nulls: Uint8Array | null } {
  let nulls: Uint8Array | null = null;
  let numbers = values;
  for (let i = 0; i < count; i++) {
    if (values[i] === values[i]) continue;
    if (nulls === null) {
      nulls = new Uint8Array(count);
      numbers = values.slice(0, count);
    }
    nulls[i] = 1;
    numbers[i] = 0;
  }
  return { numbers, nulls };
}
