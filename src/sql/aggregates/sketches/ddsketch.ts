/**
 * DDSketch: quantiles to within a relative error, mergeable and removable (C. Masson, J. E. Rim, H. K. Lee,
 * "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019, section 2).
 *
 * A positive x is counted in bucket ceil(log x / log g), g = (1 + e) / (1 - e); a bucket answers the value
 * that is within e of all of it. Negative numbers have buckets of their own; zero, NaN and the infinities a
 * count each. The state is counts alone: it does not depend on the order, and what was added can be taken back.
 * That is why no buckets are put together when they get many.
 *
 * Limits: a bucket for each different power of g that came, at 1 % about 36,000 a sign for all doubles there
 * are, and about 115 for each power of ten.
 *
 * As bytes: u8 version (1) · double e · counts of zeros, -Infinity, Infinity, NaN · for each sign, negative
 * first: buckets, then for each in rising order its distance from the one before (zigzag) and its count.
 * Numbers are LEB128. The same state gives the same bytes.
 */
import { ByteReader, ByteWriter } from '../../../util/bytes.js';
import { evaluationError } from '../../value.js';

const VERSION = 1;
/** The relative error unless another is asked for. */
export const RELATIVE_ERROR = 0.01;
const ERROR_MIN = 0.001;
const ERROR_MAX = 0.5;
/** About what an entry of a map takes. */
const BUCKET_BYTES = 40;

type Buckets = Map<number, number>;

/** What is said of bytes that are none. */
export const NOT_PERCENTILE_SKETCH = 'these bytes are no sketch of approx_percentile_sketch';

/** A checked relative error. Throws a plain Error. */
export function relativeErrorOf(value: number): number {
  if (!(value >= ERROR_MIN && value <= ERROR_MAX))
    throw new Error(`the relative error is from ${ERROR_MIN} to ${ERROR_MAX}, not ${value}`);
  return value;
}

/** How many values lie in each bucket. */
export class DDSketch {
  readonly relativeError: number;
  readonly #logBase: number;
  readonly #positive: Buckets = new Map();
  readonly #negative: Buckets = new Map();
  #zeros = 0;
  #negativeInfinite = 0;
  #infinite = 0;
  #nans = 0;
  /** How many values there are. */
  count = 0;

  constructor(relativeError = RELATIVE_ERROR) {
    this.relativeError = relativeError;
    this.#logBase = Math.log1p((2 * relativeError) / (1 - relativeError));
  }

  /** Adds a value `times` times; a negative number takes it back. */
  add(value: number, times: number): void {
    this.count += times;
    if (value > 0) {
      if (value === Infinity) this.#infinite += times;
      else change(this.#positive, this.#bucketOf(value), times);
    } else if (value < 0) {
      if (value === -Infinity) this.#negativeInfinite += times;
      else change(this.#negative, this.#bucketOf(-value), times);
    } else if (value === 0) this.#zeros += times;
    else this.#nans += times;
  }

  #bucketOf(size: number): number {
    return Math.ceil(Math.log(size) / this.#logBase);
  }

  /** The size that is within the relative error of all of a bucket. */
  #sizeOf(bucket: number): number {
    return Math.min(Number.MAX_VALUE, Math.exp(bucket * this.#logBase + Math.log1p(-this.relativeError)));
  }

  /** Adds all of another. Throws SQL_RUNTIME where the relative errors differ. */
  merge(other: DDSketch): void {
    if (other.relativeError !== this.relativeError)
      throw evaluationError(
        `sketches of relative errors ${this.relativeError} and ${other.relativeError} can't be merged`,
      );
    for (const [bucket, times] of other.#positive) change(this.#positive, bucket, times);
    for (const [bucket, times] of other.#negative) change(this.#negative, bucket, times);
    this.#zeros += other.#zeros;
    this.#negativeInfinite += other.#negativeInfinite;
    this.#infinite += other.#infinite;
    this.#nans += other.#nans;
    this.count += other.count;
  }

  /** The value that a fraction (0 to 1) of the others lie below; null of none. NaN is the largest, as in SQL. */
  quantile(fraction: number): number | null {
    if (this.count === 0) return null;
    let before = Math.floor(fraction * (this.count - 1)) - this.#negativeInfinite;
    if (before < 0) return -Infinity;
    for (const [bucket, times] of rising(this.#negative).reverse()) {
      before -= times;
      if (before < 0) return -this.#sizeOf(bucket);
    }
    before -= this.#zeros;
    if (before < 0) return 0;
    for (const [bucket, times] of rising(this.#positive)) {
      before -= times;
      if (before < 0) return this.#sizeOf(bucket);
    }
    return before < this.#infinite ? Infinity : NaN;
  }

  /** About how many bytes it takes in memory. */
  bytes(): number {
    return 160 + (this.#positive.size + this.#negative.size) * BUCKET_BYTES;
  }

  write(writer: ByteWriter): void {
    writer.byte(VERSION);
    writer.double(this.relativeError);
    for (const times of [this.#zeros, this.#negativeInfinite, this.#infinite, this.#nans]) writer.unsigned(times);
    for (const buckets of [this.#negative, this.#positive]) {
      writer.unsigned(buckets.size);
      let last = 0;
      for (const [bucket, times] of rising(buckets)) {
        writer.integer(bucket - last);
        writer.unsigned(times);
        last = bucket;
      }
    }
  }

  /** Reads what `write` wrote. Throws a RangeError where that is cut short, SQL_RUNTIME where it is none. */
  static read(reader: ByteReader): DDSketch {
    if (reader.byte() !== VERSION) throw evaluationError(NOT_PERCENTILE_SKETCH);
    const relativeError = reader.double();
    if (!(relativeError >= ERROR_MIN && relativeError <= ERROR_MAX)) throw evaluationError(NOT_PERCENTILE_SKETCH);
    const sketch = new DDSketch(relativeError);
    sketch.#zeros = reader.unsigned();
    sketch.#negativeInfinite = reader.unsigned();
    sketch.#infinite = reader.unsigned();
    sketch.#nans = reader.unsigned();
    sketch.count = sketch.#zeros + sketch.#negativeInfinite + sketch.#infinite + sketch.#nans;
    for (const buckets of [sketch.#negative, sketch.#positive]) {
      let bucket = 0;
      for (let left = reader.unsigned(); left > 0; left--) {
        bucket += Number(reader.integer());
        const times = reader.unsigned();
        buckets.set(bucket, times);
        sketch.count += times;
      }
    }
    return sketch;
  }

  /** As a value, `bytea`. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const writer = new ByteWriter();
    this.write(writer);
    return writer.copy();
  }

  /** The sketch of a value that `toBytes` gave. Throws SQL_RUNTIME of any other. */
  static ofBytes(bytes: Uint8Array): DDSketch {
    const reader = new ByteReader(bytes);
    try {
      const sketch = DDSketch.read(reader);
      if (reader.position === reader.end) return sketch;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    throw evaluationError(NOT_PERCENTILE_SKETCH);
  }
}

function change(buckets: Buckets, bucket: number, times: number): void {
  const held = (buckets.get(bucket) ?? 0) + times;
  if (held === 0) buckets.delete(bucket);
  else buckets.set(bucket, held);
}

function rising(buckets: Buckets): [number, number][] {
  return [...buckets].sort((a, b) => a[0] - b[0]);
}
