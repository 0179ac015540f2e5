/**
 * Which columns of a view's changes stream the summary stores, and as what.
 *
 * Tenant, window start, revision, operation, state and reason have places of their own in every
 * row. Everything else is a **stored column**, of one of
 * three kinds: `integer` (64 bits: int64, decimal, timestamp, boolean), `double`, and `text` (a
 * code into a pool: texts, uuids and bytes).
 */
import { MillraceError } from '../util/errors.js';
import type { ColumnType } from '../event/schema.js';
import type { ViewDescription } from '../event/view.js';

/** How a stored column is held. */
export type StoredKind = 'integer' | 'double' | 'text';

/** One stored column. */
export interface StoredColumn {
  readonly name: string;
  readonly kind: StoredKind;
  readonly type: ColumnType;
  /** Position in the changes stream's schema. */
  readonly column: number;
  /** Whether it is part of the key. */
  readonly key: boolean;
}

/** What the summary keeps of a view's rows. */
export interface RowLayout {
  readonly view: ViewDescription;
  readonly columns: readonly StoredColumn[];
  /** Positions in `columns` that with tenant and window start identify a row. */
  readonly keys: readonly number[];
}

/** Where every changes stream has what every row has. See `event/view.ts`. */
export const TENANT = 0;
export const WINDOW_START = 1;
export const OPERATION = 3;
export const STATE = 4;
export const REASON = 5;
export const TXN = 6;

const KINDS: Record<ColumnType, StoredKind | null> = {
  uuid: 'text',
  string: 'text',
  dictionary: 'text',
  list: null,
  bytes: 'text',
  int64: 'integer',
  double: 'double',
  decimal: 'integer',
  timestamp: 'integer',
  boolean: 'integer',
  json: 'text',
};

/** The layout of a view's rows. Throws SCHEMA_INVALID on a column that no view can have. */
export function layoutOf(view: ViewDescription): RowLayout {
  const apart = new Set([TENANT, WINDOW_START, OPERATION, STATE, REASON, view.schema.roles.receivedAt]);
  const keys = new Set(view.keyColumns);
  const columns: StoredColumn[] = [];
  view.schema.columns.forEach(({ name, type }, column) => {
    if (apart.has(column)) return;
    const kind = KINDS[type];
    if (kind === null)
      throw new MillraceError(
        'SCHEMA_INVALID',
        `view ${view.name}: column ${name} is a list, which a view cannot store`,
      );
    columns.push({ name, kind, type, column, key: keys.has(column) });
  });
  return { view, columns, keys: columns.flatMap((column, index) => (column.key ? [index] : [])) };
}
