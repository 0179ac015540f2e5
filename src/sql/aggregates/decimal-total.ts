import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import { Decimal, powerOfTen } from '../decimal.js';

/**
 * A sum of decimals of any scale. Its display scale is the largest among the rows that it holds, as
 * PostgreSQL's: how many rows have each scale is counted, so that it falls again when they are taken back.
 */
export class DecimalTotal {
  #units = 0n;
  #scale = 0;
  readonly #scales = new Map<number, number>();

  /** The total of `rows` decimals of one scale. */
  static of(units: bigint, scale: number, rows: number): DecimalTotal {
    const total = new DecimalTotal();
    total.#addUnits(units, scale);
    if (rows > 0) total.#scales.set(scale, rows);
    return total;
  }

  /** The scale that all rows have; null where they have several, or there are none. */
  onlyScale(): number | null {
    return this.#scales.size === 1 ? [...this.#scales.keys()][0]! : null;
  }

  add(value: Decimal): void {
    this.#count(value.scale, 1);
    this.#addUnits(value.units, value.scale);
  }

  subtract(value: Decimal): void {
    this.#count(value.scale, -1);
    this.#addUnits(-value.units, value.scale);
  }

  /** Adds all of another. */
  merge(other: DecimalTotal): void {
    for (const [scale, count] of other.#scales) this.#count(scale, count);
    this.#addUnits(other.#units, other.#scale);
  }

  #count(scale: number, change: number): void {
    const count = (this.#scales.get(scale) ?? 0) + change;
    if (count === 0) this.#scales.delete(scale);
    else this.#scales.set(scale, count);
  }

  #addUnits(units: bigint, scale: number): void {
    if (scale === this.#scale) this.#units += units;
    else if (scale < this.#scale) this.#units += units * powerOfTen(this.#scale - scale);
    else {
      this.#units = this.#units * powerOfTen(scale - this.#scale) + units;
      this.#scale = scale;
    }
  }

  value(): Decimal {
    const scale = Math.max(0, ...this.#scales.keys());
    // Rows of a larger scale are all gone, and with them all digits beyond this one.
    const units = scale < this.#scale ? this.#units / powerOfTen(this.#scale - scale) : this.#units;
    return new Decimal(units, scale);
  }

  bytes(): number {
    return 64 + this.#scales.size * 32 + this.#units.toString(16).length / 2;
  }

  write(writer: ByteWriter): void {
    writer.unsigned(this.#scale);
    writer.integer(this.#units);
    writer.unsigned(this.#scales.size);
    for (const [scale, count] of this.#scales) {
      writer.unsigned(scale);
      writer.unsigned(count);
    }
  }

  static read(reader: ByteReader): DecimalTotal {
    const total = new DecimalTotal();
    total.#scale = reader.unsigned();
    total.#units = reader.integer();
    const scales = reader.unsigned();
    for (let i = 0; i < scales; i++) {
      const scale = reader.unsigned();
      total.#scales.set(scale, reader.unsigned());
    }
    return total;
  }
}
