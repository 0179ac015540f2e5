/**
 * Results in Arrow's IPC stream format: a schema, then a record batch for each chunk of the engine.
 *
 * integer is int32, bigint int64, numeric decimal128 of its scale, timestamptz a timestamp in microseconds in UTC,
 * timestamp one without a zone, date date32, time time64, lists lists; json, uuid and interval are texts.
 */
import type { DuckDBDataChunk } from '@duckdb/node-api';
import {
  batchType,
  binary,
  bool,
  Column,
  dateDay,
  decimal128,
  field,
  float64,
  int32,
  int64,
  list,
  Table,
  tableToIPC,
  timeMicrosecond,
  timestamp,
  TimeUnit,
  utf8,
  Endianness,
  Version,
  type Batch,
  type DataType,
} from '@uwdata/flechette';
import type { ResultSink } from './results.js';
import type { BoundOutput } from './tree.js';
import type { Type } from './types.js';
import { bytesOf, itemType, vectorOf, type Vector } from './vectors.js';

/** Digits of every numeric of the engine. */
const DIGITS = 38;

/** Writes one result. */
export class ArrowResult implements ResultSink {
  length = 0;
  readonly #outputs: readonly BoundOutput[];
  readonly #types: readonly DataType[];
  readonly #batches: Batch<unknown>[][];

  constructor(outputs: readonly BoundOutput[]) {
    this.#outputs = outputs;
    this.#types = outputs.map(({ type }) => arrowType(type));
    this.#batches = outputs.map(() => []);
  }

  add(chunk: DuckDBDataChunk, rows: number): void {
    for (const [index, { type }] of this.#outputs.entries()) {
      const vector = vectorOf(chunk.getColumnValues(index).slice(0, rows), type);
      this.length += bytesOf(vector);
      this.#batches[index]!.push(arrowBatch(vector, this.#types[index]!));
    }
  }

  finish(): Uint8Array<ArrayBuffer> {
    const fields = this.#outputs.map(({ name }, index) => field(name, this.#types[index]!));
    const schema = { version: Version.V5, endianness: Endianness.Little, fields, metadata: null };
    const columns = this.#batches.map((batches, index) => new Column(batches, this.#types[index]!));
    return new Uint8Array(tableToIPC(new Table(schema, columns), { format: 'stream' })!);
  }
}

function arrowType(type: Type): DataType {
  const items = itemType(type);
  if (items !== null) return list(field('item', arrowType(items)));
  switch (type.name) {
    case 'boolean':
      return bool();
    case 'integer':
      return int32();
    case 'bigint':
      return int64();
    case 'numeric':
      return decimal128(DIGITS, type.scale);
    case 'double precision':
      return float64();
    case 'timestamptz':
      return timestamp(TimeUnit.MICROSECOND, 'UTC');
    case 'timestamp':
      return timestamp(TimeUnit.MICROSECOND);
    case 'date':
      return dateDay();
    case 'time':
      return timeMicrosecond();
    case 'bytea':
      return binary();
    default:
      return utf8();
  }
}

function arrowBatch({ rows, nulls, valid, values }: Vector, type: DataType): Batch<unknown> {
  const BatchOf = batchType(type, {});
  const common = { length: rows, nullCount: nulls, type, validity: valid };
  switch (values.kind) {
    case 'bits':
      return new BatchOf({ ...common, values: values.bits });
    case 'int128':
      return new BatchOf({ ...common, values: values.words });
    case 'bytes':
      return new BatchOf({ ...common, offsets: values.offsets, values: values.data });
    case 'list': {
      const { children } = type as unknown as { children: readonly { type: DataType }[] };
      return new BatchOf({
        ...common,
        offsets: values.offsets,
        children: [arrowBatch(values.items, children[0]!.type)],
      });
    }
    default:
      return new BatchOf({ ...common, values: values.numbers });
  }
}
