import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import { evaluationError } from '../value.js';
import { ExactDouble } from './exact-double.js';

/** `value`, which finite numbers made; PostgreSQL's error where it is not finite. */
export function finite(value: number): number {
  if (!Number.isFinite(value)) throw evaluationError('value out of range: overflow');
  return value;
}

/** A sum of any doubles: the finite ones exactly, NaN and infinities counted. */
export class DoubleTotal {
  count = 0;
  #nans = 0;
  #infinite = 0;
  #negativeInfinite = 0;
  #negativeZeros = 0;
  #finite = new ExactDouble();

  add(value: number, sign: 1 | -1): void {
    this.count += sign;
    if (Number.isFinite(value)) {
      if (Object.is(value, -0)) this.#negativeZeros += sign;
      else this.#finite.add(sign * value);
    } else if (Number.isNaN(value)) this.#nans += sign;
    else if (value > 0) this.#infinite += sign;
    else this.#negativeInfinite += sign;
  }

  /** Adds all of another. */
  merge(other: DoubleTotal): void {
    this.count += other.count;
    this.#nans += other.#nans;
    this.#infinite += other.#infinite;
    this.#negativeInfinite += other.#negativeInfinite;
    this.#negativeZeros += other.#negativeZeros;
    this.#finite.merge(other.#finite);
  }

  /** Whether every number so far is finite. */
  get isFinite(): boolean {
    return this.#nans + this.#infinite + this.#negativeInfinite === 0;
  }

  /** The sum of the finite numbers. */
  get exact(): ExactDouble {
    return this.#finite;
  }

  /** The sum. Throws 'value out of range: overflow' where finite numbers give more than a double holds. */
  value(): number {
    if (this.#nans > 0 || (this.#infinite > 0 && this.#negativeInfinite > 0)) return NaN;
    if (this.#infinite > 0) return Infinity;
    if (this.#negativeInfinite > 0) return -Infinity;
    // Only negative zeros add up to a negative zero.
    if (this.count > 0 && this.#negativeZeros === this.count) return -0;
    return finite(this.#finite.value());
  }

  bytes(): number {
    return 64 + this.#finite.bytes();
  }

  write(writer: ByteWriter): void {
    for (const count of [this.count, this.#nans, this.#infinite, this.#negativeInfinite, this.#negativeZeros])
      writer.unsigned(count);
    this.#finite.write(writer);
  }

  static read(reader: ByteReader): DoubleTotal {
    const total = new DoubleTotal();
    total.count = reader.unsigned();
    total.#nans = reader.unsigned();
    total.#infinite = reader.unsigned();
    total.#negativeInfinite = reader.unsigned();
    total.#negativeZeros = reader.unsigned();
    total.#finite = ExactDouble.read(reader);
    return total;
  }
}
