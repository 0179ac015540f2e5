import type { ByteReader, ByteWriter } from '../bytes.js';
import { Decimal, compareDecimal } from '../../sql/decimal.js';
import { compareBytes, compareDouble, compareInterval, compareText, intOf } from '../../sql/value.js';
import type { Interval, Value } from '../../sql/value.js';
import type { SqlType } from '../../sql/plan.js';
import { grownBytes, grownFloats, shadowFor } from './accumulator.js';
import type { Accumulator } from './accumulator.js';

/** Which end, and its sign: a value replaces when `(value - held) * sign < 0`. */
export type Extreme = 'min' | 'max';

/**
 * `min` and `max` of numbers: integers, times, doubles, and decimal columns as millionths.
 *
 * A value is `values + rests`. An integer beyond 2^53 is the nearest double and what is left over,
 * so pairs compare in order; `rests` stays null until such a value comes.
 */
export class NumberExtremeAccumulator implements Accumulator {
  readonly groupBytes = 9;
  values: Float64Array;
  /** 1 where a group has a value. */
  seen: Uint8Array;
  #rests: Float64Array | null = null;
  readonly #sign: 1 | -1;
  readonly #type: SqlType;
  #shadow = new Float64Array(0);
  #shadowRests = new Float64Array(0);
  #shadowSeen = new Float64Array(0);

  constructor(capacity: number, end: Extreme, type: SqlType) {
    this.values = new Float64Array(capacity);
    this.seen = new Uint8Array(capacity);
    this.#sign = end === 'min' ? 1 : -1;
    this.#type = type;
  }

  grow(capacity: number): void {
    this.values = grownFloats(this.values, capacity);
    this.seen = grownBytes(this.seen, capacity);
    if (this.#rests !== null) this.#rests = grownFloats(this.#rests, capacity);
  }

  /** Replaces a group's value: the kernel has compared. */
  replace(group: number, value: number): void {
    this.seen[group] = 1;
    this.values[group] = value;
    if (this.#rests !== null) this.#rests[group] = 0;
  }

  /** Takes a signed 64-bit integer given as two words. */
  addWords(group: number, highWord: number, lowWord: number): void {
    this.#addInteger(group, (BigInt(highWord) << 32n) | BigInt(lowWord));
  }

  addValue(group: number, value: Value): void {
    if (value instanceof Decimal) this.#addInteger(group, value.units);
    else if (typeof value === 'bigint') this.#addInteger(group, value);
    else if (this.seen[group] === 0 || compareDouble(value as number, this.values[group]!) * this.#sign < 0) {
      this.replace(group, value as number);
    }
  }

  #addInteger(group: number, value: bigint): void {
    const near = Number(value);
    const rest = Number(value - BigInt(near));
    const held = this.values[group]!;
    const heldRest = this.#rests === null ? 0 : this.#rests[group]!;
    const order = near === held ? rest - heldRest : near - held;
    if (this.seen[group] === 1 && order * this.#sign >= 0) return;
    this.replace(group, near);
    if (rest !== 0) (this.#rests ??= new Float64Array(this.values.length))[group] = rest;
  }

  #integer(group: number): bigint {
    return BigInt(this.values[group]!) + BigInt(this.#rests === null ? 0 : this.#rests[group]!);
  }

  value(group: number): Value {
    if (this.seen[group] === 0) return null;
    if (this.#type === 'numeric') return new Decimal(this.#integer(group), 6);
    return this.#type === 'bigint' ? intOf(this.#integer(group)) : this.values[group]!;
  }

  /** The value in units of the last digit, or null: for columns that hold such units. */
  units(group: number): number | bigint | null {
    if (this.seen[group] === 0) return null;
    return this.#rests === null ? this.values[group]! : this.#integer(group);
  }

  extraBytes(): number {
    return 0;
  }

  save(group: number, slot: number): void {
    this.#shadow = shadowFor(this.#shadow, slot);
    this.#shadowRests = shadowFor(this.#shadowRests, slot);
    this.#shadowSeen = shadowFor(this.#shadowSeen, slot);
    this.#shadow[slot] = this.values[group]!;
    this.#shadowRests[slot] = this.#rests === null ? 0 : this.#rests[group]!;
    this.#shadowSeen[slot] = this.seen[group]!;
  }

  same(group: number, slot: number): boolean {
    const rest = this.#rests === null ? 0 : this.#rests[group]!;
    return (
      this.#shadowSeen[slot] === this.seen[group] &&
      Object.is(this.#shadow[slot], this.values[group]) &&
      this.#shadowRests[slot] === rest
    );
  }

  writePartial(group: number, writer: ByteWriter): void {
    const rest = this.#rests === null ? 0 : this.#rests[group]!;
    writer.byte(this.seen[group] === 0 ? 0 : rest === 0 ? 1 : 2);
    if (this.seen[group] === 1) writer.double(this.values[group]!);
    if (rest !== 0) writer.double(rest);
  }

  readPartial(group: number, reader: ByteReader): void {
    const kind = reader.byte();
    if (kind === 0) return;
    this.replace(group, reader.double());
    if (kind === 2) (this.#rests ??= new Float64Array(this.values.length))[group] = reader.double();
  }

  write(groups: number, writer: ByteWriter): void {
    for (let group = 0; group < groups; group++) this.writePartial(group, writer);
  }

  read(groups: number, reader: ByteReader): void {
    for (let group = 0; group < groups; group++) this.readPartial(group, reader);
  }
}

const COMPARE: Partial<Record<SqlType, (a: never, b: never) => number>> = {
  text: compareText,
  uuid: compareText,
  numeric: compareDecimal,
  interval: compareInterval,
  bytea: compareBytes,
  boolean: (a: boolean, b: boolean) => Number(a) - Number(b),
};

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
    this.#compare = (COMPARE[type] ?? compareDouble) as (a: Value, b: Value) => number;
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
  else throw new TypeError(`no partial for ${type}`);
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
      return reader.text();
    case 'boolean':
      return reader.byte() === 1;
    case 'interval':
      return { months: reader.double(), days: reader.double(), ms: reader.double() };
    default:
      return reader.double();
  }
}
