import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { SqlType } from '../plan.js';
import type { Value } from '../value.js';
import { exactKey, readValue, totalOrder, valueBytes, writeValue } from './values.js';

/** A value, and how many rows have it. */
export interface Counted {
  readonly value: NonNullable<Value>;
  count: number;
}

/** Bytes of an entry beside its value and its key. */
const ENTRY_BYTES = 96;

/**
 * How many rows have each value, in an order that is made when it is asked for: new values are sorted into
 * the old ones, so that asking often costs little. Exact, and what was added can be taken back; takes room for
 * every different value.
 */
export class Multiset {
  readonly #type: SqlType;
  readonly #entries = new Map<string, Counted>();
  /** In order, but for those in `#added`, and with those whose count has become 0. */
  #sorted: Counted[] = [];
  #added: Counted[] = [];
  #hasGone = false;
  #bytes = 0;
  /** Rows. */
  size = 0;

  constructor(type: SqlType) {
    this.#type = type;
  }

  /** Adds `count` rows with a value that is not NULL; a negative count takes them back. */
  add(value: Value, count: number): void {
    const key = exactKey(value!);
    let entry = this.#entries.get(key);
    this.size += count;
    if (entry === undefined) {
      entry = { value: value!, count: 0 };
      this.#entries.set(key, entry);
      this.#added.push(entry);
      this.#bytes += ENTRY_BYTES + key.length + valueBytes(value);
    }
    entry.count += count;
    if (entry.count !== 0) return;
    this.#entries.delete(key);
    this.#bytes -= ENTRY_BYTES + key.length + valueBytes(value);
    this.#hasGone = true;
  }

  /** Adds all of another. */
  merge(other: Multiset): void {
    for (const { value, count } of other.#entries.values()) this.add(value, count);
  }

  /** Different values with their counts, in rising order without ties. */
  sorted(): readonly Counted[] {
    if (this.#added.length === 0 && !this.#hasGone) return this.#sorted;
    const compare = totalOrder(this.#type);
    const added = this.#added.filter(({ count }) => count !== 0).sort((a, b) => compare(a.value, b.value));
    const kept = this.#hasGone ? this.#sorted.filter(({ count }) => count !== 0) : this.#sorted;
    this.#sorted = kept.length === 0 ? added : merged(kept, added, compare);
    this.#added = [];
    this.#hasGone = false;
    return this.#sorted;
  }

  /** The smallest value, or NULL. */
  first(): Value {
    return this.sorted()[0]?.value ?? null;
  }

  /** The largest value, or NULL. */
  last(): Value {
    return this.sorted().at(-1)?.value ?? null;
  }

  /** The value of row `index` in rising order, from 0. */
  at(index: number): Value {
    let before = 0;
    for (const { value, count } of this.sorted()) {
      before += count;
      if (before > index) return value;
    }
    return null;
  }

  bytes(): number {
    return 160 + this.#bytes;
  }

  write(writer: ByteWriter): void {
    writer.unsigned(this.#entries.size);
    for (const { value, count } of this.#entries.values()) {
      writeValue(value, this.#type, writer);
      writer.unsigned(count);
    }
  }

  static read(type: SqlType, reader: ByteReader): Multiset {
    const multiset = new Multiset(type);
    const entries = reader.unsigned();
    for (let i = 0; i < entries; i++) multiset.add(readValue(type, reader), reader.unsigned());
    return multiset;
  }
}

/** Two lists in order as one. */
function merged(
  left: readonly Counted[],
  right: readonly Counted[],
  compare: (a: NonNullable<Value>, b: NonNullable<Value>) => number,
): Counted[] {
  const all: Counted[] = [];
  let at = 0;
  for (const entry of right) {
    while (at < left.length && compare(left[at]!.value, entry.value) < 0) all.push(left[at++]!);
    all.push(entry);
  }
  while (at < left.length) all.push(left[at++]!);
  return all;
}
