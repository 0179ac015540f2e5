import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import { addBig, addSum, addWide, sameSum, SUM_UNIT, spill, sumOf, unitsOf } from '../exact-sum.js';
import { Decimal, addDecimal, compareDecimal, divideDecimal } from '../../../sql/decimal.js';
import { int64Of } from '../../../sql/value.js';
import type { Value } from '../../../sql/value.js';
import { grownFloats, shadowFor } from './accumulator.js';
import type { Cells } from '../cells.js';
import type { Accumulator, UnitSource } from './accumulator.js';

/** Cells of an exact sum; its high part is the first. */
const CELLS = 3;
const LOW = 1;
const COUNT = 2;

/** What a sum is read as: `sum` in its SQL type, or divided by the count. */
export type SumResult = 'bigint' | 'numeric' | 'average';

/** `sum` and `avg` of integers and decimals of one scale: exact in any order. Cells: high, low, count. */
export class SumAccumulator implements Accumulator, UnitSource {
  static readonly CELLS = 3;
  readonly groupBytes = 24;
  readonly #cells: Cells;
  readonly #at: number;
  readonly #scale: number;
  readonly #result: SumResult;
  #shadow = new Float64Array(0);

  constructor(cells: Cells, at: number, scale: number, result: SumResult) {
    this.#cells = cells;
    this.#at = at;
    this.#scale = scale;
    this.#result = result;
  }

  #index(group: number): number {
    return group * this.#cells.stride + this.#at;
  }

  grow(): void {}

  /** Adds a signed 64-bit integer given as two words. */
  addWords(group: number, highWord: number, lowWord: number): void {
    const index = this.#index(group);
    this.#cells.data[index + COUNT]!++;
    addWide(this.#cells.data, index, highWord, lowWord);
  }

  addValue(group: number, value: Value): void {
    const { data } = this.#cells;
    const index = this.#index(group);
    data[index + COUNT]!++;
    if (typeof value === 'number' && Math.abs(value) < SUM_UNIT) {
      const total = data[index + LOW]! + value;
      data[index + LOW] = total >= SUM_UNIT || total <= -SUM_UNIT ? spill(data, index, total) : total;
    } else {
      addBig(data, index, value instanceof Decimal ? value.units : BigInt(value as number | bigint));
    }
  }

  #count(group: number): number {
    return this.#cells.data[this.#index(group) + COUNT]!;
  }

  value(group: number): Value {
    const count = this.#count(group);
    if (count === 0) return null;
    const index = this.#index(group);
    const sum = sumOf(this.#cells.data[index]!, this.#cells.data[index + LOW]!);
    if (this.#result === 'bigint') return int64Of(sum);
    const decimal = new Decimal(sum, this.#scale);
    return this.#result === 'numeric' ? decimal : divideDecimal(decimal, new Decimal(BigInt(count), 0));
  }

  /** Whether the value is the sum itself. */
  get isSum(): boolean {
    return this.#result !== 'average';
  }

  /** The sum in units of the last digit, or null: for columns that hold such units. */
  units(group: number): number | bigint | null {
    return this.#count(group) === 0 ? null : this.#units(group);
  }

  #units(group: number): number | bigint {
    const index = this.#index(group);
    return unitsOf(this.#cells.data[index]!, this.#cells.data[index + LOW]!);
  }

  extraBytes(): number {
    return 0;
  }

  save(group: number, slot: number): void {
    const to = slot * CELLS;
    this.#shadow = shadowFor(this.#shadow, to + COUNT);
    const index = this.#index(group);
    for (let cell = 0; cell < CELLS; cell++) this.#shadow[to + cell] = this.#cells.data[index + cell]!;
  }

  same(group: number, slot: number): boolean {
    const at = slot * CELLS;
    const index = this.#index(group);
    const { data } = this.#cells;
    if (!this.#sameCount(this.#shadow[at + COUNT]!, data[index + COUNT]!)) return false;
    return sameSum(this.#shadow[at]!, this.#shadow[at + LOW]!, data[index]!, data[index + LOW]!);
  }

  /** An average depends on the count, a sum only on whether there is a value. */
  #sameCount(before: number, now: number): boolean {
    return this.isSum ? before > 0 === now > 0 : before === now;
  }

  merge(group: number, other: SumAccumulator, from: number): void {
    const index = this.#index(group);
    const at = other.#index(from);
    const { data } = other.#cells;
    addSum(this.#cells.data, index, data[at]!, data[at + LOW]!);
    this.#cells.data[index + COUNT]! += data[at + COUNT]!;
  }

  writePartial(group: number, writer: ByteWriter): void {
    writer.unsigned(this.#count(group));
    writer.integer(this.#units(group));
  }

  readPartial(group: number, reader: ByteReader): void {
    const index = this.#index(group);
    this.#cells.data[index + COUNT] = reader.unsigned();
    addBig(this.#cells.data, index, reader.integer());
  }

  write(): void {}

  read(): void {}
}

/** `sum` and `avg` of doubles, added in the order of the rows. Cells: sum, count. */
export class DoubleSumAccumulator implements Accumulator {
  static readonly CELLS = 2;
  readonly groupBytes = 16;
  readonly #cells: Cells;
  readonly #at: number;
  readonly #average: boolean;
  #shadow = new Float64Array(0);

  constructor(cells: Cells, at: number, average: boolean) {
    this.#cells = cells;
    this.#at = at;
    this.#average = average;
  }

  #index(group: number): number {
    return group * this.#cells.stride + this.#at;
  }

  grow(): void {}

  addValue(group: number, value: Value): void {
    const index = this.#index(group);
    this.#cells.data[index]! += value as number;
    this.#cells.data[index + 1]!++;
  }

  value(group: number): Value {
    const index = this.#index(group);
    const sum = this.#cells.data[index]!;
    const count = this.#cells.data[index + 1]!;
    if (count === 0) return null;
    return this.#average ? sum / count : sum;
  }

  extraBytes(): number {
    return 0;
  }

  save(group: number, slot: number): void {
    this.#shadow = shadowFor(this.#shadow, slot * 2 + 1);
    const index = this.#index(group);
    this.#shadow[slot * 2] = this.#cells.data[index]!;
    this.#shadow[slot * 2 + 1] = this.#cells.data[index + 1]!;
  }

  same(group: number, slot: number): boolean {
    const index = this.#index(group);
    if (this.#shadow[slot * 2 + 1] !== this.#cells.data[index + 1]) return false;
    return Object.is(this.#shadow[slot * 2], this.#cells.data[index]);
  }

  writePartial(group: number, writer: ByteWriter): void {
    const index = this.#index(group);
    writer.unsigned(this.#cells.data[index + 1]!);
    writer.double(this.#cells.data[index]!);
  }

  readPartial(group: number, reader: ByteReader): void {
    const index = this.#index(group);
    this.#cells.data[index + 1] = reader.unsigned();
    this.#cells.data[index] = reader.double();
  }

  write(): void {}

  read(): void {}
}

/** `sum` and `avg` of numeric expressions, whose scale differs from row to row. */
export class DecimalSumAccumulator implements Accumulator {
  readonly groupBytes = 64;
  readonly #sums: (Decimal | undefined)[] = [];
  #counts: Float64Array;
  readonly #average: boolean;
  readonly #shadow: (Decimal | undefined)[] = [];
  #shadowCounts = new Float64Array(0);

  constructor(capacity: number, average: boolean) {
    this.#counts = new Float64Array(capacity);
    this.#average = average;
  }

  grow(capacity: number): void {
    this.#counts = grownFloats(this.#counts, capacity);
  }

  addValue(group: number, value: Value): void {
    const sum = this.#sums[group];
    this.#counts[group]!++;
    this.#sums[group] = sum === undefined ? (value as Decimal) : addDecimal(sum, value as Decimal);
  }

  value(group: number): Value {
    const sum = this.#sums[group];
    if (sum === undefined) return null;
    return this.#average ? divideDecimal(sum, new Decimal(BigInt(this.#counts[group]!), 0)) : sum;
  }

  extraBytes(): number {
    return 0;
  }

  save(group: number, slot: number): void {
    this.#shadowCounts = shadowFor(this.#shadowCounts, slot);
    this.#shadowCounts[slot] = this.#counts[group]!;
    this.#shadow[slot] = this.#sums[group];
  }

  same(group: number, slot: number): boolean {
    const before = this.#shadow[slot];
    const now = this.#sums[group];
    if (before === undefined || now === undefined) return before === now;
    if (this.#shadowCounts[slot] !== this.#counts[group]) return false;
    return before.scale === now.scale && compareDecimal(before, now) === 0;
  }

  writePartial(group: number, writer: ByteWriter): void {
    const sum = this.#sums[group];
    writer.unsigned(this.#counts[group]!);
    if (sum === undefined) return;
    writer.unsigned(sum.scale);
    writer.integer(sum.units);
  }

  readPartial(group: number, reader: ByteReader): void {
    const count = reader.unsigned();
    this.#counts[group] = count;
    if (count === 0) return;
    const scale = reader.unsigned();
    this.#sums[group] = new Decimal(reader.integer(), scale);
  }

  write(groups: number, writer: ByteWriter): void {
    for (let group = 0; group < groups; group++) this.writePartial(group, writer);
  }

  read(groups: number, reader: ByteReader): void {
    for (let group = 0; group < groups; group++) this.readPartial(group, reader);
  }
}
