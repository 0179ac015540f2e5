/** Rows and values as bytes, for state tables: a byte that says NULL, then the value by its type. */
import { Decimal } from '../../sql/decimal.js';
import type { SqlType } from '../../sql/plan.js';
import type { Field } from '../../sql/relation/relation.js';
import { intOf } from '../../sql/value.js';
import type { Int, Interval, Value } from '../../sql/value.js';
import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { Row } from './operator.js';
import type { StateCodec } from './state-table.js';

/** Bytes that a JavaScript array, and a boxed value, take beside what they hold. */
const ARRAY_BYTES = 48;
const VALUE_BYTES = 8;
const OBJECT_BYTES = 40;
/** A number in a row that is no small whole one. */
const NUMBER_BYTES = 16;

/** Largest integer that `ByteWriter.integer` takes as a number. */
const NUMBER_MAX = 2 ** 51;

/** How non-null values of a type are written; `bytes`: about what one takes in memory, beside its slot. */
interface TypeCodec {
  write(value: NonNullable<Value>, writer: ByteWriter): void;
  read(reader: ByteReader): Value;
  bytes(value: NonNullable<Value>): number;
}

const none = (): number => 0;

const doubles: TypeCodec = {
  write: (value, writer) => writer.double(value as number),
  read: (reader) => reader.double(),
  bytes: () => NUMBER_BYTES,
};

const integers: TypeCodec = {
  write: (value, writer) => writeInteger(value as Int, writer),
  read: (reader) => intOf(reader.integer()),
  bytes: (value) =>
    typeof value === 'bigint' ? OBJECT_BYTES : (value as number) === ((value as number) | 0) ? 0 : NUMBER_BYTES,
};

const texts: TypeCodec = {
  write: (value, writer) => writer.text(value as string),
  read: (reader) => reader.text(),
  bytes: (value) => 24 + (value as string).length,
};

const TYPE_CODECS: Readonly<Record<string, TypeCodec>> = {
  boolean: {
    write: (value, writer) => writer.byte(value === true ? 1 : 0),
    read: (reader) => reader.byte() === 1,
    bytes: none,
  },
  smallint: integers,
  integer: integers,
  bigint: integers,
  date: doubles,
  time: doubles,
  real: doubles,
  'double precision': doubles,
  timestamptz: doubles,
  timestamp: doubles,
  numeric: {
    write: (value, writer) => {
      const { units, scale } = value as Decimal;
      writer.unsigned(scale);
      writer.integer(units);
    },
    read: (reader) => {
      const scale = reader.unsigned();
      return new Decimal(reader.integer(), scale);
    },
    bytes: () => OBJECT_BYTES + 24,
  },
  interval: {
    write: (value, writer) => {
      const { months, days, ms } = value as Interval;
      writer.double(months);
      writer.double(days);
      writer.double(ms);
    },
    read: (reader) => ({ months: reader.double(), days: reader.double(), ms: reader.double() }),
    bytes: () => OBJECT_BYTES,
  },
  bytea: {
    write: (value, writer) => writer.block(value as Uint8Array),
    read: (reader) => reader.block().slice(),
    bytes: (value) => 96 + (value as Uint8Array).length,
  },
  text: texts,
  uuid: texts,
  json: texts,
  jsonb: texts,
};

function writeInteger(value: Int, writer: ByteWriter): void {
  writer.integer(typeof value === 'number' && Math.abs(value) >= NUMBER_MAX ? BigInt(value) : value);
}

/** How a value of a type is written, NULL included. */
export function valueCodec(type: SqlType): StateCodec<Value> {
  const codec = type.endsWith('[]') ? arrayCodec(type.slice(0, -2) as SqlType) : TYPE_CODECS[type]!;
  return {
    write: (value, writer) => {
      writer.byte(value === null ? 0 : 1);
      if (value !== null) codec.write(value, writer);
    },
    read: (reader) => (reader.byte() === 0 ? null : codec.read(reader)),
    bytes: (value) => VALUE_BYTES + (value === null ? 0 : codec.bytes(value)),
  };
}

function arrayCodec(type: SqlType): TypeCodec {
  const item = valueCodec(type);
  return {
    write: (value, writer) => {
      const values = value as readonly Value[];
      writer.unsigned(values.length);
      for (const one of values) item.write(one, writer);
    },
    read: (reader) => Array.from({ length: reader.unsigned() }, () => item.read(reader)) as unknown as Value,
    bytes: (value) => (value as readonly Value[]).reduce((sum: number, one) => sum + item.bytes(one), ARRAY_BYTES),
  };
}

/** How a row of these fields is written. */
export function rowCodec(fields: readonly Pick<Field, 'type'>[]): StateCodec<Row> {
  const codecs = fields.map(({ type }) => valueCodec(type));
  return {
    write: (row, writer) => {
      for (let i = 0; i < codecs.length; i++) codecs[i]!.write(row[i]!, writer);
    },
    read: (reader) => codecs.map((codec) => codec.read(reader)),
    bytes: (row) => {
      let sum = ARRAY_BYTES;
      for (let i = 0; i < codecs.length; i++) sum += codecs[i]!.bytes(row[i]!);
      return sum;
    },
  };
}
