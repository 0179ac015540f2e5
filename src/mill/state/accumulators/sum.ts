import type { ByteReader, ByteWriter } from '../bytes.js';
import { addBig, addWide, sameSum, SUM_UNIT, spill, sumOf, unitsOf } from '../exact-sum.js';
import { Decimal, addDecimal, compareDecimal, divideDecimal } from '../../sql/decimal.js';
import { intOf } from '../../sql/value.js';
import type { Value } from '../../sql/value.js';
import { grownFloats, shadowFor } from './accumulator.js';
import type { Accumulator } from './accumulator.js';

/** What a sum is read as: `sum` in its SQL type, or divided by the count. */
export type SumResult = 'bigint' | 'numeric' | 'average';

/** `sum` and `avg` of integers and of decimal columns (scale 6): exact in any order. */
export class SumAccumulator implements Accumulator {
  readonly groupBytes = 24;
  high: Float64Array;
  low: Float64Array;
  /** How many values that are not null. */
  counts: Float64Array;
  readonly #scale: number;
  readonly #result: SumResult;
  #shadowHigh = new Float64Array(0);
  #shadowLow = new Float64Array(0);
  #shadowCounts = new Float64Array(0);

  constructor(capacity: number, scale: number, result: SumResult) {
    this.high = new Float64Array(capacity);
    this.low = new Float64Array(capacity);
    this.counts = new Float64Array(capacity);
    this.#scale = scale;
    this.#result = result;
  }

  grow(capacity: number): void {
    this.high = grownFloats(this.high, capacity);
    this.low = grownFloats(this.low, capacity);
    this.counts = grownFloats(this.counts, capacity);
  }

  /** Adds a signed 64-bit integer given as two words. */
  addWords(group: number, highWord: number, lowWord: number): void {
    this.counts[group]!++;
    addWide(this.high, this.low, group, highWord, lowWord);
  }

  addValue(group: number, value: Value): void {
    this.counts[group]!++;
    if (typeof value === 'number' && Math.abs(value) < SUM_UNIT) {
      const total = this.low[group]! + value;
      this.low[group] = total >= SUM_UNIT || total <= -SUM_UNIT ? spill(this.high, group, total) : total;
    } else {
      addBig(this.high, this.low, group, value instanceof Decimal ? value.units : BigInt(value as number | bigint));
    }
  }

  value(group: number): Value {
    if (this.counts[group] === 0) return null;
    const sum = sumOf(this.high[group]!, this.low[group]!);
    if (this.#result === 'bigint') return intOf(sum);
    const decimal = new Decimal(sum, this.#scale);
    return this.#result === 'numeric' ? decimal : divideDecimal(decimal, new Decimal(BigInt(this.counts[group]!), 0));
  }

  /** Whether the value is the sum itself. */
  get isSum(): boolean {
    return this.#result !== 'average';
  }

  /** The sum in units of the last digit, or null: for columns that hold such units. */
  units(group: number): number | bigint | null {
    return this.counts[group] === 0 ? null : unitsOf(this.high[group]!, this.low[group]!);
  }

  extraBytes(): number {
    return 0;
  }

  save(group: number, slot: number): void {
    this.#shadowHigh = shadowFor(this.#shadowHigh, slot);
    this.#shadowLow = shadowFor(this.#shadowLow, slot);
    this.#shadowCounts = shadowFor(this.#shadowCounts, slot);
    this.#shadowHigh[slot] = this.high[group]!;
    this.#shadowLow[slot] = this.low[group]!;
    this.#shadowCounts[slot] = this.counts[group]!;
  }

  same(group: number, slot: number): boolean {
    const before = this.#shadowCounts[slot]!;
    const now = this.counts[group]!;
    // The count shows only in an average, and in whether there is a sum at all.
    if (this.#result === 'average' ? before !== now : (before === 0) !== (now === 0)) return false;
    return sameSum(this.#shadowHigh[slot]!, this.#shadowLow[slot]!, this.high[group]!, this.low[group]!);
  }

  writePartial(group: number, writer: ByteWriter): void {
    writer.unsigned(this.counts[group]!);
    writer.integer(unitsOf(this.high[group]!, this.low[group]!));
  }

  readPartial(group: number, reader: ByteReader): void {
    this.counts[group] = reader.unsigned();
    addBig(this.high, this.low, group, reader.integer());
  }

  write(groups: number, writer: ByteWriter): void {
    for (const array of [this.high, this.low, this.counts]) writer.array(array, groups);
  }

  read(_groups: number, reader: ByteReader): void {
    for (const array of [this.high, this.low, this.counts]) reader.array(array);
  }
}

/** `sum` and `avg` of doubles, added in the order of the rows. */
export class DoubleSumAccumulator implements Accumulator {
  readonly groupBytes = 16;
  sums: Float64Array;
  counts: Float64Array;
  readonly #average: boolean;
  #shadowSums = new Float64Array(0);
  #shadowCounts = new Float64Array(0);

  constructor(capacity: number, average: boolean) {
    this.sums = new Float64Array(capacity);
    this.counts = new Float64Array(capacity);
    this.#average = average;
  }

  grow(capacity: number): void {
    this.sums = grownFloats(this.sums, capacity);
    this.counts = grownFloats(this.counts, capacity);
  }

  addValue(group: number, value: Value): void {
    this.counts[group]!++;
    this.sums[group]! += value as number;
  }

  value(group: number): Value {
    const count = this.counts[group]!;
    if (count === 0) return null;
    return this.#average ? this.sums[group]! / count : this.sums[group]!;
  }

  extraBytes(): number {
    return 0;
  }

  save(group: number, slot: number): void {
    this.#shadowSums = shadowFor(this.#shadowSums, slot);
    this.#shadowCounts = shadowFor(this.#shadowCounts, slot);
    this.#shadowSums[slot] = this.sums[group]!;
    this.#shadowCounts[slot] = this.counts[group]!;
  }

  same(group: number, slot: number): boolean {
    const before = this.#shadowCounts[slot]!;
    const now = this.counts[group]!;
    if (this.#average ? before !== now : (before === 0) !== (now === 0)) return false;
    return Object.is(this.#shadowSums[slot], this.sums[group]);
  }

  writePartial(group: number, writer: ByteWriter): void {
    writer.unsigned(this.counts[group]!);
    writer.double(this.sums[group]!);
  }

  readPartial(group: number, reader: ByteReader): void {
    this.counts[group] = reader.unsigned();
    this.sums[group] = reader.double();
  }

  write(groups: number, writer: ByteWriter): void {
    for (const array of [this.sums, this.counts]) writer.array(array, groups);
  }

  read(_groups: number, reader: ByteReader): void {
    for (const array of [this.sums, this.counts]) reader.array(array);
  }
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
    if (this.#average && this.#shadowCounts[slot] !== this.#counts[group]) return false;
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
