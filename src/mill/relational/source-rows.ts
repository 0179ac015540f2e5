/** Rows of a stream's batches as a dataflow takes them: only the columns that the query reads. */
import { isNull } from '../../event/columns.js';
import type { Column } from '../../event/columns.js';
import { numberAt } from '../../event/integers.js';
import { columnIndex } from '../../event/schema-define.js';
import type { ColumnType, Schema } from '../../event/schema.js';
import type { LogBatch } from '../../log/log.js';
import { DELETED } from '../../sql/declared.js';
import type { Field, Relation, Scan } from '../../sql/relation/relation.js';
import { inputsOf, mapInputs } from '../../sql/relation/walk-relation.js';
import { valueAt } from '../../sql/row-value.js';
import { COLUMN_TYPES } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';

/** The columns of one source that a query reads, rising. */
export interface NarrowSource {
  readonly source: string;
  readonly columns: readonly number[];
  /** The fields of those. */
  readonly fields: readonly Field[];
  /** Where a table's rows say that they are taken away, among `columns`; -1 for none. */
  readonly deleted: number;
  /** Whether its rows replace each other by a key. */
  readonly isTable: boolean;
}

/** A relation over narrow rows, and what each source's rows have. */
export interface NarrowRelation {
  readonly relation: Relation;
  readonly sources: ReadonlyMap<string, NarrowSource>;
}

/** Makes a relation read rows that have no more columns than it needs. */
export function narrowSources(relation: Relation, schemaOf: (source: string) => Schema): NarrowRelation {
  const wanted = new Map<string, Set<number>>();
  const tables = new Set<string>();
  const look = (each: Relation): void => {
    if (each.kind === 'scan') {
      const columns = wanted.get(each.source) ?? new Set<number>();
      for (const column of each.columns) columns.add(column);
      if (each.key !== null) tables.add(each.source);
      const deleted = each.key === null ? -1 : columnIndex(schemaOf(each.source), DELETED);
      if (deleted >= 0) columns.add(deleted);
      wanted.set(each.source, columns);
    }
    inputsOf(each).forEach(look);
  };
  look(relation);
  const sources = new Map<string, NarrowSource>();
  for (const [source, set] of wanted) {
    const columns = [...set].sort((a, b) => a - b);
    const schema = schemaOf(source);
    const fields = columns.map((index): Field => {
      const { name, nullable, type } = schema.columns[index]!;
      return { name, type: COLUMN_TYPES[type], nullable };
    });
    const deleted = columns.indexOf(columnIndex(schema, DELETED));
    sources.set(source, { source, columns, fields, deleted, isTable: tables.has(source) });
  }
  const rename = (each: Relation): Relation => {
    if (each.kind !== 'scan') return mapInputs(each, rename);
    const { columns } = sources.get(each.source)!;
    return { ...each, columns: each.columns.map((column) => columns.indexOf(column)) } satisfies Scan;
  };
  return { relation: rename(relation), sources };
}

type Reader = (row: number) => Value;

/** Reads a column's values; the frequent kinds without a look at each value's type. */
function readerOf(column: Column, type: ColumnType): Reader {
  const { nulls } = column;
  if (column.kind === 'dictionary') {
    const { codes, dictionary } = column;
    if (nulls === null) return (row) => dictionary.stringOf(codes[row]!);
    return (row) => (isNull(nulls, row) ? null : dictionary.stringOf(codes[row]!));
  }
  if (column.kind === 'double' && nulls === null) {
    const { values } = column;
    return (row) => values[row]!;
  }
  if (column.kind === 'integer' && type === 'timestamp')
    return (row) => (nulls !== null && isNull(nulls, row) ? null : numberAt(column, row));
  return (row) => valueAt(column, type, row);
}

/** Rows of a batch, in its order. */
export function rowsOf(source: NarrowSource, { batch, rows }: LogBatch): Value[][] {
  const width = source.columns.length;
  const out = new Array<Value[]>(rows);
  for (let row = 0; row < rows; row++) out[row] = new Array<Value>(width);
  source.columns.forEach((index, at) => {
    const read = readerOf(batch.column(index), batch.schema.columns[index]!.type);
    for (let row = 0; row < rows; row++) out[row]![at] = read(row);
  });
  return out;
}

/** The tables that are looked up at the moment in which a row comes. */
export function lookedUp(relation: Relation): ReadonlySet<string> {
  const found = new Set<string>();
  const look = (each: Relation, isInside: boolean): void => {
    if (each.kind === 'scan' && isInside) found.add(each.source);
    if (each.kind === 'join' && each.mode.kind === 'lookup') {
      look(each.left, isInside);
      look(each.right, true);
    } else for (const input of inputsOf(each)) look(input, isInside);
  };
  look(relation, false);
  return found;
}

/** The weight of each row: -1 where a table's row is taken away; null where none is. */
export function weightsOf({ deleted }: NarrowSource, rows: readonly (readonly Value[])[]): number[] | null {
  if (deleted < 0 || !rows.some((row) => row[deleted] === true)) return null;
  return rows.map((row) => (row[deleted] === true ? -1 : 1));
}
