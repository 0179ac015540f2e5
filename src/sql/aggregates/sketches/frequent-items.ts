/**
 * The most frequent values, in bounded room: space-saving (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient
 * computation of frequent and top-k elements in data streams", 2005) in its mergeable form (P. Agarwal et al.,
 * "Mergeable summaries", PODS 2012, section 3: the counters of Misra and Gries, to which space-saving is
 * isomorphic).
 *
 * Values are counted exactly until there are twice `counters` different ones. Then the count of the
 * `counters + 1`st is taken from all, those that have none left are dropped, and what was taken is added to
 * `error`. A value's count is what is left plus `error`: never below the truth, and beyond it by at most
 * rows / counters. Each value with more rows than that is there.
 *
 * While no value was dropped (`error` 0) nothing depends on the order of rows. From then on it can: which
 * rare values are held, and counts within the error.
 *
 * As bytes: u8 version (1) · type · counters · error · values, then for each in the order of its text: text,
 * count. Texts are a length and UTF-8, numbers LEB128.
 */
import { ByteReader, ByteWriter } from '../../../util/bytes.js';
import { canonicalText, valueOfText } from '../../canonical.js';
import type { SqlType } from '../../plan.js';
import { SQL_TYPES } from '../../types.js';
import { compareText, evaluationError } from '../../value.js';
import type { Value } from '../../value.js';
import { jsonOf } from '../json-text.js';
import { totalOrder } from '../values.js';

const VERSION = 1;
const COUNTERS_MIN = 256;
const COUNTERS_A_PLACE = 8;
/** Most places that can be asked for. */
export const PLACES_MAX = 1000;
const ENTRY_BYTES = 80;

/** What is said of bytes that are none. */
export const NOT_TOP_SKETCH = 'these bytes are no sketch of approx_top_k_sketch';

/** How many counters are kept for the first `places` values. Throws a plain Error beyond the limit. */
export function countersFor(places: number): number {
  if (!Number.isInteger(places) || places < 1 || places > PLACES_MAX)
    throw new Error(`approx_top_k gives 1 to ${PLACES_MAX} values, not ${places}`);
  return Math.max(COUNTERS_MIN, places * COUNTERS_A_PLACE);
}

/** A frequent value: how many rows have it, at most. */
export interface Frequent {
  readonly value: Value;
  readonly count: number;
}

/** Counts of the most frequent values of a type. */
export class FrequentItems {
  readonly type: SqlType;
  readonly counters: number;
  #error = 0;
  #counts = new Map<string, number>();
  #textLength = 0;

  constructor(type: SqlType, counters: number) {
    this.type = type;
    this.counters = counters;
  }

  /** Adds a row's value, not NULL. */
  add(value: Value): void {
    this.#raise(canonicalText(value!, this.type), 1);
    if (this.#counts.size > this.counters * 2) this.#reduce();
  }

  #raise(key: string, count: number): void {
    const held = this.#counts.get(key);
    if (held === undefined) this.#textLength += key.length;
    this.#counts.set(key, (held ?? 0) + count);
  }

  /** Leaves at most `counters` values. */
  #reduce(): void {
    const sizes = Float64Array.from(this.#counts.values()).sort();
    const taken = sizes[sizes.length - this.counters - 1]!;
    this.#error += taken;
    const left = new Map<string, number>();
    this.#textLength = 0;
    for (const [key, count] of this.#counts) {
      if (count <= taken) continue;
      left.set(key, count - taken);
      this.#textLength += key.length;
    }
    this.#counts = left;
  }

  /** Adds all of another. Throws SQL_RUNTIME where types or counters differ. */
  merge(other: FrequentItems): void {
    if (other.type !== this.type || other.counters !== this.counters)
      throw evaluationError("sketches of different types or numbers of values can't be merged");
    this.#error += other.#error;
    for (const [key, count] of other.#counts) this.#raise(key, count);
    if (this.#counts.size > this.counters * 2) this.#reduce();
  }

  /** The `places` most frequent values; equally frequent ones in SQL's order. */
  top(places: number): Frequent[] {
    const compare = totalOrder(this.type);
    return [...this.#counts]
      .map(([key, count]) => ({ value: valueOfText(key, this.type)!, count: count + this.#error }))
      .sort((a, b) => b.count - a.count || compare(a.value, b.value))
      .slice(0, places);
  }

  /** How much a count may be too high. */
  get error(): number {
    return this.#error;
  }

  /** About how many bytes it takes in memory. */
  bytes(): number {
    return 128 + this.#counts.size * ENTRY_BYTES + this.#textLength * 2;
  }

  write(writer: ByteWriter): void {
    writer.byte(VERSION);
    writer.text(this.type);
    writer.unsigned(this.counters);
    writer.unsigned(this.#error);
    writer.unsigned(this.#counts.size);
    for (const [key, count] of [...this.#counts].sort((a, b) => compareText(a[0], b[0]))) {
      writer.text(key);
      writer.unsigned(count);
    }
  }

  /** Reads what `write` wrote. Throws a RangeError where that is cut short, SQL_RUNTIME where it is none. */
  static read(reader: ByteReader): FrequentItems {
    if (reader.byte() !== VERSION) throw evaluationError(NOT_TOP_SKETCH);
    const name = reader.text();
    const type = SQL_TYPES.find((each) => each === name);
    const counters = reader.unsigned();
    if (type === undefined || counters < COUNTERS_MIN || counters > PLACES_MAX * COUNTERS_A_PLACE)
      throw evaluationError(NOT_TOP_SKETCH);
    const items = new FrequentItems(type, counters);
    items.#error = reader.unsigned();
    for (let left = reader.unsigned(); left > 0; left--) items.#raise(reader.text(), reader.unsigned());
    return items;
  }

  /** As a value, `bytea`. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const writer = new ByteWriter();
    this.write(writer);
    return writer.copy();
  }

  /** The sketch of a value that `toBytes` gave. Throws SQL_RUNTIME of any other. */
  static ofBytes(bytes: Uint8Array): FrequentItems {
    const reader = new ByteReader(bytes);
    try {
      const items = FrequentItems.read(reader);
      if (reader.position === reader.end) return items;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    throw evaluationError(NOT_TOP_SKETCH);
  }
}

/** `[{"value":…,"count":…},…]`, the most frequent first. */
export function topJson(items: FrequentItems, places: number): string {
  const write = jsonOf(items.type);
  return `[${items
    .top(places)
    .map(({ value, count }) => `{"value":${write(value)},"count":${count}}`)
    .join(',')}]`;
}
