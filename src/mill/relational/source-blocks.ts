/** Rows of a stream's batches as a block: the columns that the query reads, without an object a row. */
import { isNull, type BytesColumn, type Column, type IntegerColumn } from '../../event/columns.js';
import { numbersInto } from '../../event/integers.js';
import type { ColumnType } from '../../event/schema.js';
import type { LogBatch } from '../../log/log.js';
import { DECIMAL_SCALE } from '../../event/schema.js';
import { valueAt } from '../../sql/row-value.js';
import { BlockDeltas, UNITS_MAX, type Block, type TextTable, type Vector } from '../dataflow/block.js';
import type { Deltas } from '../dataflow/operator.js';
import { rowsOf, weightsOf, type NarrowSource } from './source-rows.js';

const decoder = new TextDecoder();

/** The rows of a batch, in its order, as a dataflow takes them: a table's, which replace each other, one by one. */
export function deltasOf(source: NarrowSource, batch: LogBatch, stamps: Deltas['stamps']): Deltas {
  if (!source.isTable) return new BlockDeltas(blockOf(source, batch), stamps);
  const rows = rowsOf(source, batch);
  return { rows, stamps, weights: weightsOf(source, rows) };
}

/** The rows of a batch, in its order. */
export function blockOf(source: NarrowSource, { batch, rows }: LogBatch): Block {
  const vectors = source.columns.map((index) => vectorOf(batch.column(index), batch.schema.columns[index]!.type, rows));
  return { count: rows, vectors, distinct: null };
}

function vectorOf(column: Column, type: ColumnType, rows: number): Vector {
  if (column.kind === 'dictionary' && type === 'dictionary')
    return { kind: 'texts', codes: codesOf(column.codes, column.nulls, rows), texts: column.dictionary as TextTable };
  if (column.kind === 'double')
    return { kind: 'numbers', values: column.values.slice(0, rows), nulls: bytesOf(column.nulls, rows) };
  if (column.kind === 'integer') {
    const numbers = new Float64Array(rows);
    numbersInto(column, null, rows, numbers);
    const nulls = bytesOf(column.nulls, rows);
    if (type === 'timestamp') return { kind: 'numbers', values: numbers, nulls };
    if (isExact(column, numbers)) {
      if (type === 'decimal') return { kind: 'decimals', units: numbers, scale: DECIMAL_SCALE, nulls };
      return { kind: 'numbers', values: numbers, nulls };
    }
  }
  if (column.kind === 'bytes' && type !== 'bytes')
    return { kind: 'texts', codes: rowCodes(column.nulls, rows), texts: new RowTexts(column, rows) };
  return { kind: 'values', values: Array.from({ length: rows }, (_, row) => valueAt(column, type, row)) };
}

/** A batch's texts, each under its row: made when somebody asks for them, for most are long and few are read. */
class RowTexts implements TextTable {
  readonly size: number;
  readonly #data: Uint8Array;
  readonly #offsets: Uint32Array;
  readonly #texts: (string | undefined)[];

  constructor({ data, offsets }: BytesColumn, rows: number) {
    this.size = rows;
    // The batch's bytes are the log's, and may be gone when a block is not.
    this.#data = data.slice(0, offsets[rows]);
    this.#offsets = offsets.slice(0, rows + 1);
    this.#texts = new Array<string | undefined>(rows);
  }

  stringOf(row: number): string {
    return (this.#texts[row] ??= decoder.decode(this.#data.subarray(this.#offsets[row], this.#offsets[row + 1])));
  }
}

function rowCodes(nulls: Uint8Array | null, rows: number): Int32Array {
  const codes = new Int32Array(rows);
  for (let row = 0; row < rows; row++) codes[row] = isNull(nulls, row) ? -1 : row;
  return codes;
}

/** Whether numbers hold the column's integers, with room for a sum of two. */
function isExact({ base, width }: IntegerColumn, numbers: Float64Array): boolean {
  const isSmall = base < BigInt(UNITS_MAX / 2) && base > -BigInt(UNITS_MAX / 2);
  if (width !== 8) return isSmall;
  for (let i = 0; i < numbers.length; i++) if (!(Math.abs(numbers[i]!) <= UNITS_MAX)) return false;
  return true;
}

/** A bitmap as a byte a row. */
function bytesOf(nulls: Uint8Array | null, rows: number): Uint8Array | null {
  if (nulls === null) return null;
  const bytes = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) bytes[row] = (nulls[row >> 3]! >> (row & 7)) & 1;
  return bytes;
}

function codesOf(codes: ArrayLike<number>, nulls: Uint8Array | null, rows: number): Int32Array {
  const all = new Int32Array(rows);
  if (nulls === null) for (let row = 0; row < rows; row++) all[row] = codes[row]!;
  else for (let row = 0; row < rows; row++) all[row] = (nulls[row >> 3]! & (1 << (row & 7))) === 0 ? codes[row]! : -1;
  return all;
}
