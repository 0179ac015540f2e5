/**
 * Where NULLs stand in an ORDER BY that does not say: DuckDB's and DataFusion's variables for it. PostgreSQL has them
 * last, and first when descending.
 */
import type { Statement } from '../../sql/statements/statement.js';

/** The names of the variable. */
const NAMES: readonly string[] = ['default_null_order', 'null_order', 'datafusion.sql_parser.default_null_ordering'];

/** Whether NULLs come first: ascending, and descending. */
type NullsFirst = readonly [ascending: boolean, descending: boolean];

const ORDERS: Readonly<Record<string, NullsFirst>> = {
  nulls_first: [true, true],
  first: [true, true],
  nulls_last: [false, false],
  last: [false, false],
  nulls_min: [true, false],
  nulls_first_on_asc_last_on_desc: [true, false],
  sqlite: [true, false],
  mysql: [true, false],
  nulls_max: [false, true],
  nulls_last_on_asc_first_on_desc: [false, true],
  postgres: [false, true],
};

/** Whether a variable says where NULLs stand. */
export function isNullOrder(name: string): boolean {
  return NAMES.includes(name);
}

/** Whether a value of such a variable is known; an empty one is the default. */
export function isKnownOrder(value: string): boolean {
  return value === '' || Object.hasOwn(ORDERS, keyOf(value));
}

function keyOf(value: string): string {
  return value.trim().toLowerCase().replaceAll(' ', '_');
}

/** Says in each ORDER BY of a statement where NULLs stand, as a session's variables have it. */
export function orderNulls(statement: Statement, variables: ReadonlyMap<string, string>): void {
  const value = NAMES.map((name) => variables.get(name)).findLast((each) => each !== undefined);
  const order = value === undefined ? undefined : ORDERS[keyOf(value)];
  if (order !== undefined) visit(statement, order);
}

interface SortBy {
  sortby_dir?: string;
  sortby_nulls?: string;
}

function visit(node: unknown, order: NullsFirst): void {
  if (typeof node !== 'object' || node === null) return;
  if ('SortBy' in node) {
    const sort = node.SortBy as SortBy;
    const isFirst = order[sort.sortby_dir === 'SORTBY_DESC' ? 1 : 0];
    if ((sort.sortby_nulls ?? 'SORTBY_NULLS_DEFAULT') === 'SORTBY_NULLS_DEFAULT')
      sort.sortby_nulls = isFirst ? 'SORTBY_NULLS_FIRST' : 'SORTBY_NULLS_LAST';
  }
  for (const child of Object.values(node)) visit(child, order);
}
