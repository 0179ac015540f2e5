import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { Int } from '../value.js';

/** A sum of integers, exact in any order: a double while it is exact, and a bigint for what overflows it. */
export class IntegerTotal {
  #small = 0;
  #big = 0n;

  add(value: Int): void {
    if (typeof value === 'bigint') this.#big += value;
    else {
      const total = this.#small + value;
      if (Number.isSafeInteger(total)) this.#small = total;
      else {
        this.#big += BigInt(this.#small);
        this.#small = value;
      }
    }
  }

  subtract(value: Int): void {
    this.add(-value);
  }

  /** Adds all of another. */
  merge(other: IntegerTotal): void {
    this.add(other.#small);
    this.#big += other.#big;
  }

  value(): bigint {
    return this.#big + BigInt(this.#small);
  }

  write(writer: ByteWriter): void {
    writer.integer(this.value());
  }

  static read(reader: ByteReader): IntegerTotal {
    const total = new IntegerTotal();
    total.#big = reader.integer();
    return total;
  }
}
