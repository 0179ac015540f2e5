/** The columns that every changes stream has, and what SQL types are stored as there. */
import type { ColumnType } from '../event/schema.js';
import type { ViewColumnType } from '../event/view.js';
import { DAY_MS } from './calendar.js';
import { functionTable } from './functions/index.js';
import type { EvaluateValues } from './functions/registry.js';
import type { SqlType } from './plan.js';
import { isArray } from './types.js';
import type { Value } from './value.js';

/** Columns that every changes stream begins with. */
export const FIXED = {
  tenant: 'dictionary',
  window_start: 'timestamp',
  window_end: 'timestamp',
  op: 'dictionary',
  state: 'dictionary',
  reason: 'dictionary?',
  txn: 'int64',
} as const;

/** Their positions. */
export const TENANT = 0;
export const WINDOW_START = 1;
export const WINDOW_END = 2;
export const OPERATION = 3;
export const STATE = 4;
export const REASON = 5;
export const TXN = 6;
export const FIXED_COUNT = Object.keys(FIXED).length;

/** How a value of a type is stored. Numeric of any scale: as text. */
export function storedType(type: SqlType, key: boolean): ColumnType {
  switch (type) {
    case 'boolean':
      return 'boolean';
    case 'smallint':
    case 'integer':
    case 'bigint':
      return 'int64';
    case 'real':
    case 'double precision':
      return 'double';
    case 'timestamptz':
    case 'timestamp':
    case 'date':
      return 'timestamp';
    case 'uuid':
      return 'uuid';
    case 'json':
    case 'jsonb':
      return 'json';
    case 'bytea':
      return 'bytes';
    case 'numeric':
      return 'string';
    default:
      return key ? 'dictionary' : 'string';
  }
}

/** The type a query sees. Arrays, times of day and intervals are shown as their texts. */
export function viewType(type: SqlType): ViewColumnType {
  if (isArray(type)) return 'text';
  switch (type) {
    case 'smallint':
    case 'integer':
      return 'bigint';
    case 'real':
      return 'double precision';
    case 'jsonb':
      return 'json';
    case 'time':
    case 'interval':
      return 'text';
    default:
      return type;
  }
}

/**
 * A value of a type as its column's builder takes it (`columnBuilder` of `storedType`): a date is the time of
 * its midnight, in ms; arrays, times of day and intervals are texts.
 */
export function storedValue(type: SqlType): (value: Value) => Value {
  if (type === 'date') return (value) => (value === null ? null : (value as number) * DAY_MS);
  if (!isArray(type) && type !== 'time' && type !== 'interval') return (value) => value;
  const print = functionTable.castOf(type, 'text')!.evaluate as EvaluateValues;
  return (value) => (value === null ? null : print(value));
}
