/**
 * The values of expressions over the rows of a cut, as numbers: a small one a distinct value, for groups,
 * or one that sorts as the value does.
 *
 * A row for which an expression can't be evaluated has failed; it is in no group.
 */
import { setImmediate } from 'node:timers/promises';
import type { Dictionary } from '../../event/dictionary.js';
import { Decimal, decimalToDouble } from '../../sql/decimal.js';
import type { RowExpression } from '../../sql/expression.js';
import type { SqlType } from '../../sql/plan.js';
import { isArray } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { CutRows } from '../rows.js';

/** Rows for which an expression failed, with why. */
export type FailedRows = Map<number, Error>;

/** Each row's value as a number. */
export interface RowIds {
  /** By row; positions in `values`. */
  readonly ids: Uint32Array;
  /** In the order in which they come. */
  readonly values: readonly Value[];
}

const UNKNOWN = -1;
const FAILED = -2;

/** Numbers the distinct values of an expression that answers scalars. */
export async function idsOf(rows: CutRows, expression: RowExpression, failed: FailedRows): Promise<RowIds> {
  const ids = new Uint32Array(rows.count);
  const values: Value[] = [];
  const byValue = new Map<Value, number>();
  const idOf = (value: Value): number => {
    let id = byValue.get(value);
    if (id === undefined) {
      byValue.set(value, (id = values.length));
      values.push(value);
    }
    return id;
  };
  const tables = new Map<Dictionary, Int32Array>();
  let first = 0;
  for (const { batch, rows: chosen } of rows.slices) {
    const valueAt = expression.over(batch);
    const count = chosen?.length ?? batch.rows;
    const only = expression.columns.length === 1 ? batch.column(expression.columns[0]!) : null;
    // One look at a table a row, where the value is that of a dictionary's entry.
    const codes = only?.kind === 'dictionary' && only.nulls === null ? only : null;
    const known = codes === null ? null : tableOf(tables, codes.dictionary);
    for (let i = 0; i < count; i++) {
      const row = chosen === null ? i : chosen[i]!;
      let id = known === null ? UNKNOWN : known[codes!.codes[row]!]!;
      if (id < 0) {
        id = idOrFailure(valueAt, row, first + i, idOf, failed);
        if (known !== null) known[codes!.codes[row]!] = id;
      }
      ids[first + i] = Math.max(id, 0);
    }
    first += count;
    await setImmediate();
  }
  return { ids, values };
}

/** Ids by code; a dictionary may have grown since its last batch. */
function tableOf(tables: Map<Dictionary, Int32Array>, dictionary: Dictionary): Int32Array {
  const known = tables.get(dictionary);
  if (known !== undefined && known.length >= dictionary.size) return known;
  const table = new Int32Array(dictionary.size).fill(UNKNOWN);
  if (known !== undefined) table.set(known);
  tables.set(dictionary, table);
  return table;
}

function idOrFailure(
  valueAt: (row: number) => Value,
  row: number,
  number: number,
  idOf: (value: Value) => number,
  failed: FailedRows,
): number {
  try {
    return idOf(valueAt(row));
  } catch (error) {
    failed.set(number, error as Error);
    return FAILED;
  }
}

/** Numbers that sort as values do, missing ones last; values that are equal have the same. */
export interface SortKey {
  /** By row. */
  readonly keys: Float64Array;
  /** Keys are 0 to below this, or null where they are values themselves. */
  readonly distinct: number | null;
}

/** Types whose values sort as their texts do. */
const TEXTS: ReadonlySet<SqlType> = new Set(['text', 'uuid', 'json', 'jsonb']);
/** Types beside arrays whose values have no order of use. */
const UNSORTABLE: ReadonlySet<SqlType> = new Set(['interval', 'bytea']);

/** Whether rows can be sorted by an expression. */
export function isSortable({ type }: RowExpression): boolean {
  return !UNSORTABLE.has(type) && !isArray(type);
}

/** Sorts by an expression that is sortable. */
export async function sortKeyOf(rows: CutRows, expression: RowExpression, failed: FailedRows): Promise<SortKey> {
  const keys = new Float64Array(rows.count);
  if (TEXTS.has(expression.type)) {
    const { ids, values } = await idsOf(rows, expression, failed);
    const ranks = ranksOf(values as (string | null)[]);
    for (let row = 0; row < rows.count; row++) keys[row] = ranks[ids[row]!]!;
    return { keys, distinct: values.length };
  }
  let first = 0;
  for (const { batch, rows: chosen } of rows.slices) {
    const valueAt = expression.over(batch);
    const count = chosen?.length ?? batch.rows;
    for (let i = 0; i < count; i++) {
      try {
        keys[first + i] = asNumber(valueAt(chosen === null ? i : chosen[i]!));
      } catch (error) {
        failed.set(first + i, error as Error);
      }
    }
    first += count;
    await setImmediate();
  }
  return { keys, distinct: null };
}

/** Of each text, where it stands when they are sorted by their bytes, as Parquet's bounds are. */
function ranksOf(values: readonly (string | null)[]): Float64Array {
  const bytes = values.map((value) => (value === null ? null : Buffer.from(value)));
  const order = Array.from(values.keys()).sort((a, b) => {
    const [left, right] = [bytes[a]!, bytes[b]!];
    if (left === null || right === null) return left === right ? 0 : left === null ? 1 : -1;
    return Buffer.compare(left, right);
  });
  const ranks = new Float64Array(values.length);
  order.forEach((value, rank) => (ranks[value] = rank));
  return ranks;
}

/** A sorting number; what a double can't tell apart sorts as equal. */
function asNumber(value: Value): number {
  if (value === null) return Infinity;
  if (typeof value === 'number') return Number.isNaN(value) ? Number.MAX_VALUE : value;
  if (value instanceof Decimal) return decimalToDouble(value);
  return Number(value as boolean | bigint);
}
