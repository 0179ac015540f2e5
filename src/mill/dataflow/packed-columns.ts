/**
 * Fields of the rows that an operator keeps, by slot, in the form in which blocks have them.
 *
 * A column takes the form of the first block that it is given: numbers, decimals of one scale, texts under ids of its
 * own, or values. What does not fit in that form makes a new column of it, for good: an integer beyond 2^52 or a
 * decimal of another scale turns it to values, a text of a table turns values to texts.
 *
 * Bounded by the slots of its owner; `bytes` says what texts and values take beside their slots.
 * Recovery: its owner saves the values.
 */
import { Decimal } from '../../sql/decimal.js';
import type { SqlType } from '../../sql/plan.js';
import type { Value } from '../../sql/value.js';
import { valueOf, type DecimalVector, type NumberVector, type TextVector, type Vector } from './block.js';
import { valueCodec } from './rows.js';
import { TextIds } from './text-ids.js';
import { larger } from '../../util/typed-arrays.js';

/** Texts that there must be before the dead ones are looked for. */
const SWEEP_MIN = 4_096;
const NULL_CODE = -1;
/** Of decimals that are all NULL so far. */
const NO_SCALE = -1;

/** Rows of a block and the slots that they go to. */
export interface Placing {
  /** Rows of the block. */
  readonly size: number;
  readonly rows: Int32Array;
  readonly slots: Int32Array;
  /** How many rows are placed. */
  readonly count: number;
}

/** A field of the rows in slots. */
export interface PackedColumn {
  /** What its values take beside their slots, about. */
  readonly bytes: number;
  /** Whether `set` takes a vector of this form. */
  fits(vector: Vector): boolean;
  /** Makes room for slots below `capacity`. */
  reserve(capacity: number): void;
  set(vector: Vector, placing: Placing): void;
  /** The values in some slots; what it answers is the caller's. */
  gather(slots: Uint32Array, count: number): Vector;
  valueOf(slot: number): Value;
  /** Slots were freed; `isTaken`: by slot, 1 where there is a row. `isWhole`: nothing of them may be left. */
  settle(isTaken: Uint8Array, isWhole: boolean): void;
}

/** A column for a first vector. */
export function packedColumn(vector: Vector, type: SqlType, capacity: number): PackedColumn {
  const column = columnOf(vector, type);
  column.reserve(capacity);
  return column;
}

function columnOf({ kind }: Vector, type: SqlType): PackedColumn {
  switch (kind) {
    case 'numbers':
      return new NumberColumn();
    case 'decimals':
      return new DecimalColumn();
    case 'texts':
      return new TextColumn();
    case 'values':
      return new ValueColumn(type);
  }
}

/** The column that holds what a column had, and takes a vector that did not fit in it. */
export function widened(old: PackedColumn, vector: Vector, type: SqlType, isTaken: Uint8Array): PackedColumn {
  const column = vector.kind === 'texts' ? new TextColumn() : new ValueColumn(type);
  column.reserve(isTaken.length);
  for (let slot = 0; slot < isTaken.length; slot++) if (isTaken[slot] === 1) column.put(slot, old.valueOf(slot));
  return column;
}

/** Numbers, and which are NULL. */
class Numbers {
  values = new Float64Array(0);
  nulls: Uint8Array | null = null;

  reserve(capacity: number): void {
    this.values = larger(this.values, new Float64Array(capacity));
    if (this.nulls !== null) this.nulls = larger(this.nulls, new Uint8Array(capacity));
  }

  set(from: Float64Array, nulls: Uint8Array | null, { count, rows, slots }: Placing): void {
    const { values } = this;
    for (let i = 0; i < count; i++) values[slots[i]!] = from[rows[i]!]!;
    if (nulls !== null) this.nulls ??= new Uint8Array(values.length);
    if (this.nulls === null) return;
    for (let i = 0; i < count; i++) this.nulls[slots[i]!] = nulls === null ? 0 : nulls[rows[i]!]!;
  }

  gather(slots: Uint32Array, count: number): { values: Float64Array; nulls: Uint8Array | null } {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = this.values[slots[i]!]!;
    if (this.nulls === null) return { values, nulls: null };
    const nulls = new Uint8Array(count);
    for (let i = 0; i < count; i++) nulls[i] = this.nulls[slots[i]!]!;
    return { values, nulls };
  }

  isNull(slot: number): boolean {
    return this.nulls !== null && this.nulls[slot] === 1;
  }
}

class NumberColumn implements PackedColumn {
  readonly bytes = 0;
  readonly #numbers = new Numbers();

  fits({ kind }: Vector): boolean {
    return kind === 'numbers';
  }

  reserve(capacity: number): void {
    this.#numbers.reserve(capacity);
  }

  set(vector: NumberVector, placing: Placing): void {
    this.#numbers.set(vector.values, vector.nulls, placing);
  }

  gather(slots: Uint32Array, count: number): NumberVector {
    return { kind: 'numbers', ...this.#numbers.gather(slots, count) };
  }

  valueOf(slot: number): Value {
    return this.#numbers.isNull(slot) ? null : this.#numbers.values[slot]!;
  }

  settle(): void {}
}

class DecimalColumn implements PackedColumn {
  readonly bytes = 0;
  readonly #numbers = new Numbers();
  #scale = NO_SCALE;

  fits(vector: Vector): boolean {
    if (vector.kind !== 'decimals') return false;
    return vector.scale === this.#scale || this.#scale === NO_SCALE || isAllNull(vector);
  }

  reserve(capacity: number): void {
    this.#numbers.reserve(capacity);
  }

  set(vector: DecimalVector, placing: Placing): void {
    if (this.#scale !== vector.scale && !isAllNull(vector)) this.#scale = vector.scale;
    this.#numbers.set(vector.units, vector.nulls, placing);
  }

  gather(slots: Uint32Array, count: number): DecimalVector {
    const { nulls, values } = this.#numbers.gather(slots, count);
    return { kind: 'decimals', units: values, scale: Math.max(0, this.#scale), nulls };
  }

  valueOf(slot: number): Value {
    if (this.#numbers.isNull(slot)) return null;
    return new Decimal(BigInt(this.#numbers.values[slot]!), this.#scale);
  }

  settle(): void {}
}

class TextColumn implements PackedColumn {
  #codes = new Int32Array(0);
  readonly #texts = new TextIds();
  #ids = new Int32Array(0);
  #sweepAt = SWEEP_MIN;

  get bytes(): number {
    return this.#texts.bytes;
  }

  fits({ kind }: Vector): boolean {
    return kind === 'texts' || kind === 'values';
  }

  reserve(capacity: number): void {
    this.#codes = larger(this.#codes, new Int32Array(capacity));
  }

  put(slot: number, value: Value): void {
    this.#codes[slot] = value === null ? NULL_CODE : this.#texts.idOf(value as string);
  }

  set(vector: Vector, { count, rows, size, slots }: Placing): void {
    if (vector.kind !== 'texts') {
      for (let i = 0; i < count; i++) this.put(slots[i]!, valueOf(vector, rows[i]!));
      return;
    }
    if (this.#ids.length < size) this.#ids = new Int32Array(size);
    this.#texts.idsOf(vector, size, this.#ids);
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      this.#codes[slots[i]!] = vector.codes[row]! < 0 ? NULL_CODE : this.#ids[row]!;
    }
  }

  gather(slots: Uint32Array, count: number): TextVector {
    const codes = new Int32Array(count);
    for (let i = 0; i < count; i++) codes[i] = this.#codes[slots[i]!]!;
    return { kind: 'texts', codes, texts: this.#texts.table };
  }

  valueOf(slot: number): Value {
    const code = this.#codes[slot]!;
    return code === NULL_CODE ? null : this.#texts.textOf(code);
  }

  settle(isTaken: Uint8Array, isWhole: boolean): void {
    if (!isWhole && this.#texts.used <= this.#sweepAt) return;
    const alive = new Uint8Array(this.#texts.size);
    for (let slot = 0; slot < isTaken.length; slot++) {
      const code = this.#codes[slot]!;
      if (isTaken[slot] === 1 && code !== NULL_CODE) alive[code] = 1;
    }
    this.#texts.sweep((id) => alive[id] === 1);
    this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#texts.used);
  }
}

/** Values as they are. */
export class ValueColumn implements PackedColumn {
  bytes = 0;
  readonly #values: Value[] = [];
  readonly #bytesOf: (value: Value) => number;
  readonly #isText: boolean;

  constructor(type: SqlType) {
    this.#bytesOf = valueCodec(type).bytes;
    this.#isText = type === 'text' || type === 'uuid' || type === 'json' || type === 'jsonb';
  }

  /** Texts of a table are texts from then on. */
  fits({ kind }: Vector): boolean {
    return !(this.#isText && kind === 'texts');
  }

  reserve(capacity: number): void {
    while (this.#values.length < capacity) this.#values.push(null);
  }

  put(slot: number, value: Value): void {
    this.bytes += this.#bytesOf(value) - this.#bytesOf(this.#values[slot]!);
    this.#values[slot] = value;
  }

  set(vector: Vector, { count, rows, slots }: Placing): void {
    for (let i = 0; i < count; i++) this.put(slots[i]!, valueOf(vector, rows[i]!));
  }

  gather(slots: Uint32Array, count: number): Vector {
    const values = new Array<Value>(count);
    for (let i = 0; i < count; i++) values[i] = this.#values[slots[i]!]!;
    return { kind: 'values', values };
  }

  valueOf(slot: number): Value {
    return this.#values[slot]!;
  }

  /** A slot's value is not needed any more. */
  free(slot: number): void {
    this.put(slot, null);
  }

  settle(): void {}
}

function isAllNull({ nulls }: DecimalVector): boolean {
  return nulls !== null && nulls.every((isNull) => isNull === 1);
}
