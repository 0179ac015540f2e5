/**
 * Sums of doubles and of their products, exact: the result does not depend on the order, and what was
 * added can be taken back.
 *
 * The sum is a list of doubles that do not overlap, growing in size (J. R. Shewchuk, "Adaptive Precision
 * Floating-Point Arithmetic", 1997, Grow-Expansion); usually one to three of them, 40 at most. A number near
 * the ends of a double's range would overflow on the way, or its product underflow: it goes to `wide`, an
 * integer in units of 2^-2148, the smallest product there is. Reading rounds once, half to even.
 */
import type { ByteReader, ByteWriter } from '../../util/bytes.js';

/** An exact binary fraction, `units * 2^exponent`. */
export interface Binary {
  readonly units: bigint;
  readonly exponent: number;
}

const WIDE_EXPONENT = -2148;
const LARGE = 2 ** 960;
/** Factors whose product and its rounding error are both far from the ends of the range. */
const FACTOR_MAX = 2 ** 400;
const FACTOR_MIN = 2 ** -400;
const SPLITTER = 2 ** 27 + 1;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** A finite double as an exact fraction. */
export function binaryOf(value: number): Binary {
  double[0] = value;
  const exponentBits = (words[1]! >>> 20) & 0x7ff;
  const fraction = (words[1]! & 0xfffff) * 2 ** 32 + words[0]!;
  const mantissa = exponentBits === 0 ? fraction : fraction + 2 ** 52;
  const units = BigInt(value < 0 ? -mantissa : mantissa);
  return { units, exponent: Math.max(exponentBits, 1) - 1075 };
}

function unitsAt({ units, exponent }: Binary, wanted: number): bigint {
  return units << BigInt(exponent - wanted);
}

/** a + b. */
export function addBinary(a: Binary, b: Binary): Binary {
  const exponent = Math.min(a.exponent, b.exponent);
  return { units: unitsAt(a, exponent) + unitsAt(b, exponent), exponent };
}

/** a * b. */
export function multiplyBinary(a: Binary, b: Binary): Binary {
  return { units: a.units * b.units, exponent: a.exponent + b.exponent };
}

/** The double nearest to `a / divisor`, half to even; an infinity beyond the range. */
export function roundBinary(a: Binary, divisor: bigint = 1n): number {
  if (a.units === 0n) return 0;
  const negative = a.units < 0n !== divisor < 0n;
  const numerator = a.units < 0n ? -a.units : a.units;
  const denominator = divisor < 0n ? -divisor : divisor;
  const size = bitLength(numerator) - bitLength(denominator) + a.exponent;
  // One bit more than a mantissa or exactly one; below the normal range, whole units of the smallest double.
  let exponent = Math.max(size - 53, -1074);
  let rounded = quotient(numerator, denominator, a.exponent - exponent);
  if (rounded >= 1n << 53n) rounded = quotient(numerator, denominator, a.exponent - ++exponent);
  const value = Number(rounded) * 2 ** exponent;
  return negative ? -value : value;
}

/** `numerator * 2^shift / denominator`, rounded half to even. */
function quotient(numerator: bigint, denominator: bigint, shift: number): bigint {
  const above = shift > 0 ? numerator << BigInt(shift) : numerator;
  const below = shift < 0 ? denominator << BigInt(-shift) : denominator;
  const whole = above / below;
  const rest = (above - whole * below) * 2n;
  return rest > below || (rest === below && (whole & 1n) === 1n) ? whole + 1n : whole;
}

function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return hex.length * 4 - (Math.clz32(Number.parseInt(hex[0]!, 16)) - 28);
}

/** An exact sum of finite doubles. */
export class ExactDouble {
  #parts: number[] = [];
  #wide = 0n;

  /** Adds a finite number. */
  add(value: number): void {
    if (Math.abs(value) >= LARGE) this.#wide += unitsAt(binaryOf(value), WIDE_EXPONENT);
    else this.#grow(value);
  }

  /** Adds `a * b`, exactly. `sign` -1 takes it back. */
  addProduct(a: number, b: number, sign: 1 | -1): void {
    if (a === 0 || b === 0) return;
    if (!isMiddling(a) || !isMiddling(b)) {
      const product = unitsAt(multiplyBinary(binaryOf(a), binaryOf(b)), WIDE_EXPONENT);
      this.#wide += sign === 1 ? product : -product;
      return;
    }
    const product = a * b;
    this.#grow(sign * product);
    this.#grow(sign * productError(a, b, product));
  }

  #grow(value: number): void {
    const parts = this.#parts;
    let carried = value;
    let kept = 0;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      const sum = carried + part;
      const of = Math.abs(carried) < Math.abs(part) ? part - sum + carried : carried - sum + part;
      if (of !== 0) parts[kept++] = of;
      carried = sum;
    }
    parts.length = kept;
    if (carried !== 0) parts.push(carried);
  }

  /** Adds all of another. */
  merge(other: ExactDouble): void {
    for (const part of other.#parts) this.#grow(part);
    this.#wide += other.#wide;
  }

  /** The sum as it is. */
  exact(): Binary {
    let sum: Binary = this.#wide === 0n ? { units: 0n, exponent: 0 } : { units: this.#wide, exponent: WIDE_EXPONENT };
    for (const part of this.#parts) sum = addBinary(sum, binaryOf(part));
    return sum;
  }

  /** The nearest double; an infinity beyond the range. */
  value(): number {
    if (this.#wide !== 0n) return roundBinary(this.exact());
    return roundParts(this.#parts);
  }

  bytes(): number {
    return 96 + this.#parts.length * 8 + (this.#wide === 0n ? 0 : 256);
  }

  write(writer: ByteWriter): void {
    writer.unsigned(this.#parts.length);
    for (const part of this.#parts) writer.double(part);
    writer.integer(this.#wide);
  }

  static read(reader: ByteReader): ExactDouble {
    const sum = new ExactDouble();
    sum.#parts = Array.from({ length: reader.unsigned() }, () => reader.double());
    sum.#wide = reader.integer();
    return sum;
  }
}

function isMiddling(value: number): boolean {
  const size = Math.abs(value);
  return size <= FACTOR_MAX && size >= FACTOR_MIN;
}

/** What `product` lacks of `a * b` (T. J. Dekker, 1971). */
function productError(a: number, b: number, product: number): number {
  const aSplit = SPLITTER * a;
  const aHigh = aSplit - (aSplit - a);
  const aLow = a - aHigh;
  const bSplit = SPLITTER * b;
  const bHigh = bSplit - (bSplit - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** The nearest double of parts that do not overlap, smallest first. */
function roundParts(parts: readonly number[]): number {
  let at = parts.length - 1;
  if (at < 0) return 0;
  let high = parts[at]!;
  let low = 0;
  while (at > 0) {
    const part = parts[--at]!;
    const sum = high + part;
    low = part - (sum - high);
    high = sum;
    if (low !== 0) break;
  }
  // Half way: the parts below decide which way it goes.
  if (at > 0 && low !== 0 && low > 0 === parts[at - 1]! > 0) {
    const twice = low * 2;
    const sum = high + twice;
    if (sum - high === twice) high = sum;
  }
  return high;
}
