/** The schema of a result's Parquet file. Numbers are those of parquet.thrift. */
import { PHYSICAL, REPETITION } from '../../format/parquet/format.js';
import type { ThriftWriter } from '../../format/parquet/thrift.js';
import { itemType } from './vectors.js';
import type { Type } from './types.js';

/** Digits of every numeric of the engine. */
const DIGITS = 38;
/** A physical type that events don't have. */
const INT32 = 1;

type Element = (writer: ThriftWriter) => void;
const none = (): void => undefined;

/** The physical type of a column without a list around it. */
export function physicalOf({ name }: Type): number {
  switch (name) {
    case 'boolean':
      return PHYSICAL.boolean;
    case 'integer':
    case 'date':
      return INT32;
    case 'bigint':
    case 'timestamptz':
    case 'timestamp':
    case 'time':
      return PHYSICAL.int64;
    case 'double precision':
      return PHYSICAL.double;
    case 'numeric':
      return PHYSICAL.fixed;
    default:
      return PHYSICAL.byteArray;
  }
}

/** A column's elements of the schema; a list has three. */
export function elementsOf(name: string, type: Type): Element[] {
  const items = itemType(type);
  if (items === null) return [leaf(name, type)];
  return [
    (writer) =>
      writer
        .i32(3, REPETITION.optional)
        .binary(4, name)
        .i32(5, 1)
        .i32(6, 3)
        .struct(10, (logical) => logical.struct(3, none)),
    (writer) => writer.i32(3, REPETITION.repeated).binary(4, 'list').i32(5, 1),
    leaf('element', items),
  ];
}

function leaf(name: string, type: Type): Element {
  return (writer) => {
    writer.i32(1, physicalOf(type));
    if (type.name === 'numeric') writer.i32(2, 16);
    writer.i32(3, REPETITION.optional).binary(4, name);
    writeMeaning(writer, type);
  };
}

/** Converted type (6, with scale 7 and precision 8) for old readers, and logical type (10). */
function writeMeaning(writer: ThriftWriter, type: Type): void {
  const micros = (utc: boolean) => (time: ThriftWriter) => time.bool(1, utc).struct(2, (unit) => unit.struct(2, none));
  switch (type.name) {
    case 'boolean':
    case 'integer':
    case 'bigint':
    case 'double precision':
    case 'bytea':
      return;
    case 'numeric':
      writer.i32(6, 5).i32(7, type.scale).i32(8, DIGITS);
      writer.struct(10, (logical) => logical.struct(5, (decimal) => decimal.i32(1, type.scale).i32(2, DIGITS)));
      return;
    case 'date':
      writer.i32(6, 6).struct(10, (logical) => logical.struct(6, none));
      return;
    case 'time':
      writer.struct(10, (logical) => logical.struct(7, micros(false)));
      return;
    case 'timestamptz':
      writer.i32(6, 10).struct(10, (logical) => logical.struct(8, micros(true)));
      return;
    case 'timestamp':
      writer.struct(10, (logical) => logical.struct(8, micros(false)));
      return;
    case 'json':
      writer.i32(6, 19).struct(10, (logical) => logical.struct(12, none));
      return;
    default:
      writer.i32(6, 0).struct(10, (logical) => logical.struct(1, none));
  }
}

/** The names, each once: what is there already gets a number. */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let n = 2; taken.has(unique); n++) unique = `${name}_${n}`;
    taken.add(unique);
    return unique;
  });
}
