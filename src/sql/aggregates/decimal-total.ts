import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import { Decimal, powerOfTen } from '../decimal.js';

/**
 * A sum of decimals of any scale. Its display scale is the largest among the rows that it holds, as
 * PostgreSQL's: how many rows have each scale is counted, so that it falls again when they are taken back.
 * Nearly always they have one and the same, which needs no map.
 */
export class DecimalTotal {
  #units = 0n;
  #scale = 0;
  /** The scale of some rows, and how many; of no rows any. */
  #commonScale = 0;
  #commonRows = 0;
  /** Rows of each other scale; null: there are none. */
  #others: Map<number, number> | null = null;

  /** The total of `rows` decimals of one scale. */
  static of(units: bigint, scale: number, rows: number): DecimalTotal {
    const total = new DecimalTotal();
    total.#addUnits(units, scale);
    total.#count(scale, rows);
    return total;
  }

  /** The scale that all rows have; null where they have several, or there are none. */
  onlyScale(): number | null {
    return this.#commonRows > 0 && this.#others === null ? this.#commonScale : null;
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
    for (const [scale, count] of other.#rowsByScale()) this.#count(scale, count);
    this.#addUnits(other.#units, other.#scale);
  }

  #count(scale: number, change: number): void {
    if (change === 0) return;
    if (this.#commonRows === 0 && this.#others === null) this.#commonScale = scale;
    if (scale === this.#commonScale) this.#commonRows += change;
    else this.#countOther(scale, change);
  }

  #countOther(scale: number, change: number): void {
    const others = (this.#others ??= new Map());
    const count = (others.get(scale) ?? 0) + change;
    if (count !== 0) others.set(scale, count);
    else if (others.delete(scale) && others.size === 0) this.#others = null;
  }

  /** Scales that there are rows of, and how many. */
  #rowsByScale(): (readonly [scale: number, rows: number])[] {
    const common = this.#commonRows === 0 ? [] : [[this.#commonScale, this.#commonRows] as const];
    return [...common, ...(this.#others ?? [])];
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
    let scale = this.#commonRows === 0 ? 0 : this.#commonScale;
    if (this.#others !== null) scale = Math.max(scale, ...this.#others.keys());
    // Rows of a larger scale are all gone, and with them all digits beyond this one.
    const units = scale < this.#scale ? this.#units / powerOfTen(this.#scale - scale) : this.#units;
    return new Decimal(units, scale);
  }

  bytes(): number {
    const others = this.#others === null ? 0 : 200 + this.#others.size * 32;
    return 64 + others + bigintBytes(this.#units);
  }

  write(writer: ByteWriter): void {
    const scales = this.#rowsByScale();
    writer.unsigned(this.#scale);
    writer.integer(this.#units);
    writer.unsigned(scales.length);
    for (const [scale, count] of scales) {
      writer.unsigned(scale);
      writer.unsigned(count);
    }
  }

  static read(reader: ByteReader): DecimalTotal {
    const total = new DecimalTotal();
    total.#scale = reader.unsigned();
    total.#units = reader.integer();
    for (let left = reader.unsigned(); left > 0; left--) {
      const scale = reader.unsigned();
      total.#count(scale, reader.unsigned());
    }
    return total;
  }
}

const WORD_MAX = 2n ** 64n;

/** About what V8 takes for a bigint; most have one word. */
function bigintBytes(value: bigint): number {
  return value < WORD_MAX && value > -WORD_MAX ? 24 : 24 + value.toString(16).length / 2;
}
