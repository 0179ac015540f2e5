/**
 * Thrift's compact protocol, as far as Parquet needs it.
 *
 * A struct is a sequence of fields: one byte (distance from the last field id in the high half,
 * type in the low half), then the value; a zero byte ends it. Integers are zigzag varints, strings
 * a varint length and bytes, a list one byte (size in the high half, or 15 and a varint; element
 * type in the low half) and its elements. A boolean field is its type: 1 true, 2 false.
 */

const TYPE = { true: 1, false: 2, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;

const encoder = new TextEncoder();

/** Writes one struct, fields in rising order of id. */
export class ThriftWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;
  readonly #last: number[] = [0];

  i32(id: number, value: number): this {
    this.#field(id, TYPE.i32);
    return this.#zigzag(BigInt(value));
  }

  i64(id: number, value: number | bigint): this {
    this.#field(id, TYPE.i64);
    return this.#zigzag(BigInt(value));
  }

  bool(id: number, value: boolean): this {
    this.#field(id, value ? TYPE.true : TYPE.false);
    return this;
  }

  binary(id: number, value: Uint8Array | string): this {
    this.#field(id, TYPE.binary);
    return this.#raw(value);
  }

  /** A nested struct, written by `fields`. */
  struct(id: number, fields: (writer: this) => void): this {
    this.#field(id, TYPE.struct);
    return this.#nested(fields);
  }

  structs<T>(id: number, items: readonly T[], fields: (writer: this, item: T) => void): this {
    this.#list(id, TYPE.struct, items.length);
    for (const item of items) this.#nested((writer) => fields(writer, item));
    return this;
  }

  i32s(id: number, items: readonly number[]): this {
    this.#list(id, TYPE.i32, items.length);
    for (const item of items) this.#zigzag(BigInt(item));
    return this;
  }

  strings(id: number, items: readonly string[]): this {
    this.#list(id, TYPE.binary, items.length);
    for (const item of items) this.#raw(item);
    return this;
  }

  /** Ends the outermost struct and answers its bytes. */
  end(): Uint8Array {
    this.#byte(0);
    return this.#bytes.slice(0, this.#length);
  }

  #nested(fields: (writer: this) => void): this {
    this.#last.push(0);
    fields(this);
    this.#last.pop();
    this.#byte(0);
    return this;
  }

  #field(id: number, type: number): void {
    const last = this.#last.length - 1;
    const distance = id - this.#last[last]!;
    if (distance < 1 || distance > 15) throw new RangeError(`field ${id} after ${this.#last[last]}`);
    this.#last[last] = id;
    this.#byte((distance << 4) | type);
  }

  #list(id: number, type: number, size: number): void {
    this.#field(id, TYPE.list);
    this.#byte((Math.min(size, 15) << 4) | type);
    if (size >= 15) this.#varint(BigInt(size));
  }

  #raw(value: Uint8Array | string): this {
    const bytes = typeof value === 'string' ? encoder.encode(value) : value;
    this.#varint(BigInt(bytes.length));
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  #zigzag(value: bigint): this {
    this.#varint(value >= 0n ? value * 2n : -value * 2n - 1n);
    return this;
  }

  #varint(value: bigint): void {
    let rest = value;
    for (; rest > 127n; rest >>= 7n) this.#byte(Number(rest & 127n) | 128);
    this.#byte(Number(rest));
  }

  #byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#length + bytes, this.#bytes.length * 2));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** A value as read: structs are maps by field id. */
export type ThriftValue = number | bigint | boolean | Uint8Array | ThriftValue[] | ThriftStruct;

/** A struct as read: value by field id. */
export type ThriftStruct = Map<number, ThriftValue>;

/** Reads one struct at `start`; answers it and where it ends. */
export function readThrift(bytes: Uint8Array, start = 0): { value: ThriftStruct; end: number } {
  const reader = new ThriftReader(bytes, start);
  return { value: reader.struct(), end: reader.position };
}

class ThriftReader {
  readonly #bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.position = position;
  }

  struct(): ThriftStruct {
    const fields: ThriftStruct = new Map();
    let id = 0;
    for (;;) {
      const head = this.#byte();
      if (head === 0) return fields;
      const type = head & 15;
      id = head >> 4 === 0 ? Number(this.#zigzag()) : id + (head >> 4);
      fields.set(id, type === TYPE.true || type === TYPE.false ? type === TYPE.true : this.#value(type));
    }
  }

  #value(type: number): ThriftValue {
    switch (type) {
      case TYPE.true:
      case TYPE.false:
        return this.#byte() === 1;
      case 3:
        return (this.#byte() << 24) >> 24;
      case 4:
      case TYPE.i32:
        return Number(this.#zigzag());
      case TYPE.i64:
        return this.#zigzag();
      case 7:
        this.position += 8;
        return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.position - 8).getFloat64(0, true);
      case TYPE.binary: {
        const length = Number(this.#varint());
        this.position += length;
        return this.#bytes.subarray(this.position - length, this.position);
      }
      case TYPE.list: {
        const head = this.#byte();
        const size = head >> 4 === 15 ? Number(this.#varint()) : head >> 4;
        return Array.from({ length: size }, () => this.#value(head & 15));
      }
      case TYPE.struct:
        return this.struct();
      default:
        throw new RangeError(`thrift type ${type} at ${this.position}`);
    }
  }

  #zigzag(): bigint {
    const value = this.#varint();
    return (value & 1n) === 0n ? value >> 1n : -(value >> 1n) - 1n;
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

  #byte(): number {
    if (this.position >= this.#bytes.length) throw new RangeError('the thrift struct ends too early');
    return this.#bytes[this.position++]!;
  }
}
