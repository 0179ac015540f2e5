/** Sums, averages and extremes of numbers, as columns. */
import { DecimalTotal } from '../../../../sql/aggregates/decimal-total.js';
import { averageOf } from '../../../../sql/aggregates/sums.js';
import { readValue, writeValue } from '../../../../sql/aggregates/values.js';
import { Decimal } from '../../../../sql/decimal.js';
import type { SqlType } from '../../../../sql/plan.js';
import type { ByteReader, ByteWriter } from '../../../../util/bytes.js';
import { UNITS_MAX, type Vector } from '../../block.js';
import type { AggregateInput } from '../packed-sessions/inputs.js';
import type { PackedColumn } from './column.js';
import { grown } from '../../../../util/typed-arrays.js';

/** The one scale of an aggregate's decimals: null until the first came. Integers have 0. */
export interface Scale {
  of: number | null;
}

/** Numbers of a vector as whole units; null where they have another scale, or are none. */
function unitsOf(vector: Vector, type: SqlType, scale: Scale): Float64Array | null {
  if (type !== 'numeric') return vector.kind === 'numbers' ? vector.values : null;
  if (vector.kind !== 'decimals') return null;
  // Where all are NULL, nothing says the scale.
  if (vector.nulls !== null && !vector.nulls.includes(0)) return vector.units;
  scale.of ??= vector.scale;
  return vector.scale === scale.of ? vector.units : null;
}

function nullsWhereEmpty(rows: Float64Array, count: number): Uint8Array | null {
  let nulls: Uint8Array | null = null;
  for (let cell = 0; cell < count; cell++) if (rows[cell] === 0) (nulls ??= new Uint8Array(count))[cell] = 1;
  return nulls;
}

function isExact(units: number): boolean {
  return units <= UNITS_MAX && units >= -UNITS_MAX;
}

/** Whole units, and of how many rows. */
abstract class UnitsColumn {
  protected readonly type: SqlType;
  protected readonly scale: Scale;
  protected units = new Float64Array(0);
  protected rows = new Float64Array(0);

  /** `type`: of the argument. */
  constructor(type: SqlType, scale: Scale) {
    this.type = type;
    this.scale = scale;
  }

  grow(capacity: number): void {
    this.units = grown(this.units, capacity);
    this.rows = grown(this.rows, capacity);
  }

  reset(cell: number): void {
    this.units[cell] = 0;
    this.rows[cell] = 0;
  }

  protected vectorOf(count: number, isDecimal: boolean): Vector {
    const nulls = nullsWhereEmpty(this.rows, count);
    const units = this.units.slice(0, count);
    if (isDecimal) return { kind: 'decimals', units, scale: this.scale.of ?? 0, nulls };
    return { kind: 'numbers', values: units, nulls };
  }
}

/** `sum` and `avg` of integers and numerics. */
export class SumColumn extends UnitsColumn implements PackedColumn {
  readonly isInvertible = true;
  readonly #isAverage: boolean;

  constructor(type: SqlType, isAverage: boolean, scale: Scale) {
    super(type, scale);
    this.#isAverage = isAverage;
  }

  add(cells: Int32Array, from: number, count: number, { absent, vector }: AggregateInput): number {
    const values = unitsOf(vector!, this.type, this.scale);
    if (values === null) return from;
    const { rows, units } = this;
    for (let i = from; i < count; i++) {
      const cell = cells[i]!;
      if (cell < 0 || (absent !== null && absent[i] === 1)) continue;
      const sum = units[cell]! + values[i]!;
      if (!isExact(sum)) return i;
      units[cell] = sum;
      rows[cell]!++;
    }
    return count;
  }

  plus(cell: number, other: PackedColumn, from: number): boolean {
    const { rows, units } = other as SumColumn;
    const sum = this.units[cell]! + units[from]!;
    if (!isExact(sum)) return false;
    this.units[cell] = sum;
    this.rows[cell]! += rows[from]!;
    return true;
  }

  minus(cell: number, other: PackedColumn, from: number): void {
    const { rows, units } = other as SumColumn;
    this.units[cell]! -= units[from]!;
    this.rows[cell]! -= rows[from]!;
  }

  vector(count: number): Vector {
    const { rows, scale, type, units } = this;
    if (!this.#isAverage) return this.vectorOf(count, type === 'numeric' || type === 'bigint');
    const average = (cell: number): Decimal | null =>
      rows[cell] === 0 ? null : averageOf(new Decimal(BigInt(units[cell]!), scale.of ?? 0), rows[cell]!);
    return { kind: 'values', values: Array.from({ length: count }, (_, cell) => average(cell)) };
  }

  write(cell: number, writer: ByteWriter): void {
    const rows = this.rows[cell]!;
    const units = BigInt(this.units[cell]!);
    writer.unsigned(rows);
    if (this.type === 'numeric') DecimalTotal.of(units, rows === 0 ? 0 : this.scale.of!, rows).write(writer);
    else writer.integer(units);
  }

  read(cell: number, reader: ByteReader): boolean {
    this.rows[cell] = reader.unsigned();
    this.units[cell] = 0;
    if (this.type !== 'numeric') this.units[cell] = Number(reader.integer());
    else {
      const total = DecimalTotal.read(reader);
      if (this.rows[cell] === 0) return true;
      const scale = total.onlyScale();
      this.scale.of ??= scale;
      if (scale === null || scale !== this.scale.of) return false;
      this.units[cell] = Number(total.value().units);
    }
    return isExact(this.units[cell]);
  }
}

/** `min` and `max` of integers, numerics and times. */
export class ExtremeColumn extends UnitsColumn implements PackedColumn {
  readonly isInvertible = false;
  /** 1: the smallest, -1: the largest. */
  readonly #sign: 1 | -1;

  constructor(type: SqlType, sign: 1 | -1, scale: Scale) {
    super(type, scale);
    this.#sign = sign;
  }

  add(cells: Int32Array, from: number, count: number, { absent, vector }: AggregateInput): number {
    const values = unitsOf(vector!, this.type, this.scale);
    if (values === null) return from;
    for (let i = from; i < count; i++) {
      const cell = cells[i]!;
      if (cell < 0 || (absent !== null && absent[i] === 1)) continue;
      if (!Number.isSafeInteger(values[i]!)) return i;
      this.#take(cell, values[i]!);
    }
    return count;
  }

  #take(cell: number, value: number): void {
    const { rows, units } = this;
    if (rows[cell] === 0 || (value - units[cell]!) * this.#sign < 0) units[cell] = value;
    rows[cell] = 1;
  }

  plus(cell: number, other: PackedColumn, from: number): boolean {
    const { rows, units } = other as ExtremeColumn;
    if (rows[from]! > 0) this.#take(cell, units[from]!);
    return true;
  }

  minus(): void {
    throw new Error('an extreme does not know what was next to it');
  }

  vector(count: number): Vector {
    return this.vectorOf(count, this.type === 'numeric');
  }

  write(cell: number, writer: ByteWriter): void {
    const { rows, scale, type } = this;
    const units = this.units[cell]!;
    const value = type === 'numeric' ? new Decimal(BigInt(units), scale.of ?? 0) : units;
    writeValue(rows[cell] === 0 ? null : value, type, writer);
  }

  read(cell: number, reader: ByteReader): boolean {
    const value = readValue(this.type, reader);
    this.reset(cell);
    if (value === null) return true;
    this.rows[cell] = 1;
    if (value instanceof Decimal) {
      this.scale.of ??= value.scale;
      this.units[cell] = Number(value.units);
      return value.scale === this.scale.of && isExact(this.units[cell]);
    }
    if (typeof value !== 'number') return false;
    this.units[cell] = value;
    return Number.isSafeInteger(value);
  }
}
