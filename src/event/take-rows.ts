/** Chosen rows of one column, kind by kind: what `gather` does for a single batch, without closures. */
import type {
  BooleanColumn,
  BytesColumn,
  BytesListColumn,
  Codes,
  Column,
  Deltas,
  DoubleColumn,
  IntegerColumn,
  ListColumn,
  UuidColumn,
} from './columns.js';
import { paddedBits } from './batch/slices.js';

/** The rows at `rows` of a column, in that order. Dictionaries are shared. */
export function takeRows(column: Column, rows: Uint32Array): Column {
  switch (column.kind) {
    case 'uuid':
      return takeUuids(column, rows);
    case 'integer':
      return takeIntegers(column, rows);
    case 'double':
      return takeDoubles(column, rows);
    case 'boolean':
      return takeBooleans(column, rows);
    case 'bytes':
      return takeBytes(column, rows);
    case 'dictionary':
      return { ...column, nulls: takeNulls(column.nulls, rows), codes: takeCodes(column.codes, rows) };
    case 'list':
      return takeList(column, rows);
    case 'bytesList':
      return takeBytesList(column, rows);
  }
}

function takeNulls(nulls: Uint8Array | null, rows: Uint32Array): Uint8Array | null {
  if (nulls === null) return null;
  const taken = new Uint8Array(paddedBits(rows.length));
  let any = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const bit = (nulls[row >> 3]! >> (row & 7)) & 1;
    any |= bit;
    taken[i >> 3]! |= bit << (i & 7);
  }
  return any === 0 ? null : taken;
}

function takeUuids(column: UuidColumn, rows: Uint32Array): UuidColumn {
  const { data } = column;
  const taken = new Uint8Array(rows.length * 16);
  for (let i = 0; i < rows.length; i++)
    for (let from = rows[i]! * 16, to = i * 16, end = to + 16; to < end; from++, to++) taken[to] = data[from]!;
  return { kind: 'uuid', nulls: takeNulls(column.nulls, rows), data: taken };
}

function takeIntegers(column: IntegerColumn, rows: Uint32Array): IntegerColumn {
  const { base, width } = column;
  const nulls = takeNulls(column.nulls, rows);
  if (width === 0) return { ...column, nulls };
  return { kind: 'integer', nulls, base, width, deltas: takeDeltas(column.deltas, width, rows) };
}

function takeDeltas(deltas: Deltas, width: number, rows: Uint32Array): Deltas {
  if (width === 8) {
    const taken = new Uint32Array(rows.length * 2);
    for (let i = 0; i < rows.length; i++) {
      taken[i * 2] = deltas[rows[i]! * 2]!;
      taken[i * 2 + 1] = deltas[rows[i]! * 2 + 1]!;
    }
    return taken;
  }
  const taken = new (width === 1 ? Uint8Array : width === 2 ? Uint16Array : Uint32Array)(rows.length);
  for (let i = 0; i < rows.length; i++) taken[i] = deltas[rows[i]!]!;
  return taken;
}

function takeDoubles(column: DoubleColumn, rows: Uint32Array): DoubleColumn {
  const values = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = column.values[rows[i]!]!;
  return { kind: 'double', nulls: takeNulls(column.nulls, rows), values };
}

function takeBooleans(column: BooleanColumn, rows: Uint32Array): BooleanColumn {
  const values = new Uint8Array(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = column.values[rows[i]!]!;
  return { kind: 'boolean', nulls: takeNulls(column.nulls, rows), values };
}

function takeCodes(codes: Codes, rows: Uint32Array): Codes {
  const taken = codes instanceof Uint32Array ? new Uint32Array(rows.length) : new Uint16Array(rows.length);
  for (let i = 0; i < rows.length; i++) taken[i] = codes[rows[i]!]!;
  return taken;
}

function takeBytes(column: BytesColumn, rows: Uint32Array): BytesColumn {
  return { nulls: takeNulls(column.nulls, rows), ...takeTexts(column, rows) };
}

function takeTexts({ offsets, data }: BytesColumn, rows: Uint32Array): Omit<BytesColumn, 'nulls'> {
  const ends = new Uint32Array(rows.length + 1);
  let end = 0;
  for (let i = 0; i < rows.length; i++) ends[i + 1] = end += offsets[rows[i]! + 1]! - offsets[rows[i]!]!;
  const taken = new Uint8Array(end);
  for (let i = 0; i < rows.length; i++)
    for (let from = offsets[rows[i]!]!, to = ends[i]!, stop = ends[i + 1]!; to < stop; from++, to++)
      taken[to] = data[from]!;
  return { kind: 'bytes', offsets: ends, data: taken };
}

/** Where the items of the chosen rows are, and the offsets that they have among themselves. */
function takeItems(offsets: Uint32Array, rows: Uint32Array): { ends: Uint32Array; items: Uint32Array } {
  const ends = new Uint32Array(rows.length + 1);
  let end = 0;
  for (let i = 0; i < rows.length; i++) ends[i + 1] = end += offsets[rows[i]! + 1]! - offsets[rows[i]!]!;
  const items = new Uint32Array(end);
  for (let i = 0; i < rows.length; i++)
    for (let from = offsets[rows[i]!]!, to = ends[i]!, stop = ends[i + 1]!; to < stop; from++, to++) items[to] = from;
  return { ends, items };
}

function takeList(column: ListColumn, rows: Uint32Array): ListColumn {
  const { ends, items } = takeItems(column.offsets, rows);
  const nulls = takeNulls(column.nulls, rows);
  return { ...column, nulls, offsets: ends, codes: takeCodes(column.codes, items) };
}

function takeBytesList(column: BytesListColumn, rows: Uint32Array): BytesListColumn {
  const { ends, items } = takeItems(column.offsets, rows);
  const texts = { nulls: null, ...takeTexts(column.items, items) };
  return { kind: 'bytesList', nulls: takeNulls(column.nulls, rows), offsets: ends, items: texts };
}
