import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import { Decimal } from '../../../sql/decimal.js';
import { compareOf } from '../../../sql/functions/compare.js';
import { functionTable } from '../../../sql/functions/index.js';
import type { EvaluateValues } from '../../../sql/functions/registry.js';
import { isArray } from '../../../sql/types.js';
import { compareDouble, intOf } from '../../../sql/value.js';
import type { Interval, Value } from '../../../sql/value.js';
import type { SqlType } from '../../../sql/plan.js';
import type { Cells } from '../cells.js';
import { grownFloats, shadowFor } from './accumulator.js';
import type { Accumulator, UnitSource } from './accumulator.js';

/** Which end, and its sign: a value replaces when `(value - held) * sign < 0`. */
export type Extreme = 'min' | 'max';

/**
 * `min` and `max` of numbers: integers, times, doubles, and decimal columns as millionths.
 *
 * Cells: how many times a value was taken (0: there is none), and the value. An integer beyond 2^53
 * is the nearest double and, in `rests`, what is left over, so pairs compare in order; `rests` stays
 * null until such a value comes.
 */
export class NumberExtremeAccumulator implements Accumulator, UnitSource {
  static readonly CELLS = 2;
  readonly groupBytes = 16;
  readonly #cells: Cells;
  readonly #at: number;
  readonly #sign: 1 | -1;
  readonly #type: SqlType;
  #rests: Float64Array | null = null;
  #shadow = new Float64Array(0);

  constructor(cells: Cells, at: number, end: Extreme, type: SqlType) {
    this.#cells = cells;
    this.#at = at;
    this.#sign = end === 'min' ? 1 : -1;
    this.#type = type;
  }

  #index(group: number): number {
    return group * this.#cells.stride + this.#at;
  }

  grow(capacity: number): void {
    if (this.#rests !== null) this.#rests = grownFloats(this.#rests, capacity);
  }

  #seen(group: number): boolean {
    return this.#cells.data[this.#index(group)] !== 0;
  }

  #near(group: number): number {
    return this.#cells.data[this.#index(group) + 1]!;
  }

  #rest(group: number): number {
    return this.#rests === null ? 0 : this.#rests[group]!;
  }

  #replace(group: number, value: number, rest: number): void {
    const index = this.#index(group);
    this.#cells.data[index] = 1;
    this.#cells.data[index + 1] = value;
    if (rest !== 0) this.#rests ??= new Float64Array(this.#cells.data.length / this.#cells.stride);
    if (this.#rests !== null) this.#rests[group] = rest;
  }

  /** Takes a signed 64-bit integer given as two words. */
  addWords(group: number, highWord: number, lowWord: number): void {
    this.#addInteger(group, (BigInt(highWord) << 32n) | BigInt(lowWord));
  }

  addValue(group: number, value: Value): void {
    if (value instanceof Decimal) this.#addInteger(group, value.units);
    else if (typeof value === 'bigint') this.#addInteger(group, value);
    else if (!this.#seen(group) || compareDouble(value as number, this.#near(group)) * this.#sign < 0) {
      this.#replace(group, value as number, 0);
    }
  }

  #addInteger(group: number, value: bigint): void {
    const near = Number(value);
    const rest = Number(value - BigInt(near));
    const held = this.#near(group);
    const order = near === held ? rest - this.#rest(group) : near - held;
    if (this.#seen(group) && order * this.#sign >= 0) return;
    this.#replace(group, near, rest);
  }

  #integer(group: number): bigint {
    return BigInt(this.#near(group)) + BigInt(this.#rest(group));
  }

  value(group: number): Value {
    if (!this.#seen(group)) return null;
    if (this.#type === 'numeric') return new Decimal(this.#integer(group), 6);
    return this.#type === 'bigint' ? intOf(this.#integer(group)) : this.#near(group);
  }

  /** The value in units of the last digit, or null: for columns that hold such units. */
  units(group: number): number | bigint | null {
    if (!this.#seen(group)) return null;
    return this.#rest(group) === 0 ? this.#near(group) : this.#integer(group);
  }

  extraBytes(): number {
    return 0;
  }

  save(group: number, slot: number): void {
    const to = slot * 3;
    this.#shadow = shadowFor(this.#shadow, to + 2);
    this.#shadow[to] = this.#seen(group) ? 1 : 0;
    this.#shadow[to + 1] = this.#near(group);
    this.#shadow[to + 2] = this.#rest(group);
  }

  same(group: number, slot: number): boolean {
    const at = slot * 3;
    if (this.#shadow[at] !== (this.#seen(group) ? 1 : 0)) return false;
    return Object.is(this.#shadow[at + 1], this.#near(group)) && this.#shadow[at + 2] === this.#rest(group);
  }

  merge(group: number, other: NumberExtremeAccumulator, from: number): void {
    if (!other.#seen(from)) return;
    if (this.#rests === null && other.#rests === null) this.addValue(group, other.#near(from));
    else this.#addInteger(group, other.#integer(from));
  }

  writePartial(group: number, writer: ByteWriter): void {
    const rest = this.#rest(group);
    const seen = this.#seen(group);
    writer.byte(!seen ? 0 : rest === 0 ? 1 : 2);
    if (seen) writer.double(this.#near(group));
    if (rest !== 0) writer.double(rest);
  }

  readPartial(group: number, reader: ByteReader): void {
    const kind = reader.byte();
    if (kind === 0) return;
    const near = reader.double();
    this.#replace(group, near, kind === 2 ? reader.double() : 0);
  }

  write(groups: number, writer: ByteWriter): void {
    writer.byte(this.#rests === null ? 0 : 1);
    if (this.#rests !== null) writer.array(this.#rests, groups);
  }

  read(_groups: number, reader: ByteReader): void {
    if (reader.byte() === 0) return;
    this.#rests = new Float64Array(this.#cells.data.length / this.#cells.stride);
    reader.array(this.#rests);
  }
}

/** `min` and `max` of everything else: text, numeric expressions, uuid, interval, bytea. */
export class ValueExtremeAccumulator implements Accumulator {
  readonly groupBytes = 32;
  readonly #values: (Value | undefined)[] = [];
  readonly #sign: 1 | -1;
  readonly #type: SqlType;
  readonly #compare: (a: Value, b: Value) => number;
  readonly #shadow: (Value | undefined)[] = [];

  constructor(end: Extreme, type: SqlType) {
    this.#sign = end === 'min' ? 1 : -1;
    this.#type = type;
    this.#compare = compareOf(type);
  }

  grow(): void {}

  addValue(group: number, value: Value): void {
    const held = this.#values[group];
    if (held === undefined || this.#compare(value, held) * this.#sign < 0) this.#values[group] = value;
  }

  value(group: number): Value {
    return this.#values[group] ?? null;
  }

  extraBytes(group: number): number {
    const held = this.#values[group];
    return typeof held === 'string' || held instanceof Uint8Array ? held.length : 0;
  }

  save(group: number, slot: number): void {
    this.#shadow[slot] = this.#values[group];
  }

  same(group: number, slot: number): boolean {
    return this.#shadow[slot] === this.#values[group];
  }

  writePartial(group: number, writer: ByteWriter): void {
    const held = this.#values[group];
    writer.byte(held === undefined ? 0 : 1);
    if (held !== undefined && held !== null) writeValue(held, this.#type, writer);
  }

  readPartial(group: number, reader: ByteReader): void {
    if (reader.byte() === 1) this.#values[group] = readValue(this.#type, reader);
  }

  write(groups: number, writer: ByteWriter): void {
    for (let group = 0; group < groups; group++) this.writePartial(group, writer);
  }

  read(groups: number, reader: ByteReader): void {
    for (let group = 0; group < groups; group++) this.readPartial(group, reader);
  }
}

function writeValue(value: NonNullable<Value>, type: SqlType, writer: ByteWriter): void {
  if (value instanceof Decimal) {
    writer.unsigned(value.scale);
    writer.integer(value.units);
  } else if (value instanceof Uint8Array) writer.block(value);
  else if (typeof value === 'string') writer.text(value);
  else if (typeof value === 'bigint') writer.integer(value);
  else if (typeof value === 'boolean') writer.byte(Number(value));
  else if (typeof value === 'number') writer.double(value);
  else if (type === 'interval') for (const part of intervalParts(value as Interval)) writer.double(part);
  else writer.text((functionTable.castOf(type, 'text')!.evaluate as EvaluateValues)(value) as string);
}

function intervalParts(value: Interval): number[] {
  return [value.months, value.days, value.ms];
}

function readValue(type: SqlType, reader: ByteReader): Value {
  switch (type) {
    case 'numeric': {
      const scale = reader.unsigned();
      return new Decimal(reader.integer(), scale);
    }
    case 'bytea':
      return reader.block().slice();
    case 'text':
    case 'uuid':
    case 'jsonb':
      return reader.text();
    case 'boolean':
      return reader.byte() === 1;
    case 'interval':
      return { months: reader.double(), days: reader.double(), ms: reader.double() };
    default:
      if (isArray(type)) return (functionTable.castOf('text', type)!.evaluate as EvaluateValues)(reader.text());
      return reader.double();
  }
}
