import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import { DoubleTotal } from './double-total.js';
import { addBinary, ExactDouble, multiplyBinary, roundBinary } from './exact-double.js';
import type { Binary } from './exact-double.js';

/** `rows * products - left * right`, over `rows * divisor`: how two columns scatter about their means. */
export function scatterOf(
  rows: number,
  products: ExactDouble,
  left: ExactDouble,
  right: ExactDouble,
  divisor: bigint,
): number {
  const count = BigInt(rows);
  const scaled = products.exact();
  const above: Binary = { units: scaled.units * count, exponent: scaled.exponent };
  const crossed = multiplyBinary(left.exact(), right.exact());
  const difference = addBinary(above, { units: -crossed.units, exponent: crossed.exponent });
  return roundBinary(difference, count * divisor);
}

/** The sum and the sum of squares of doubles. */
export class DoubleMoments {
  readonly sum: DoubleTotal;
  readonly #squares: ExactDouble;

  constructor(sum = new DoubleTotal(), squares = new ExactDouble()) {
    this.sum = sum;
    this.#squares = squares;
  }

  add(value: number, sign: 1 | -1): void {
    this.sum.add(value, sign);
    if (Number.isFinite(value)) this.#squares.addProduct(value, value, sign);
  }

  /** Adds all of another. */
  merge(other: DoubleMoments): void {
    this.sum.merge(other.sum);
    this.#squares.merge(other.#squares);
  }

  /** Sum of squared distances from the mean, divided; NaN where a number is not finite. */
  scatter(divisor: bigint): number {
    if (!this.sum.isFinite) return NaN;
    return scatterOf(this.sum.count, this.#squares, this.sum.exact, this.sum.exact, divisor);
  }

  bytes(): number {
    return 32 + this.sum.bytes() + this.#squares.bytes();
  }

  write(writer: ByteWriter): void {
    this.sum.write(writer);
    this.#squares.write(writer);
  }

  static read(reader: ByteReader): DoubleMoments {
    const sum = DoubleTotal.read(reader);
    return new DoubleMoments(sum, ExactDouble.read(reader));
  }
}
