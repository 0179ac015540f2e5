/**
 * What may change in a stream's schema while old batches are read on.
 *
 * Fine:
 * - a column is added, if nullable: old rows read as null;
 * - a column becomes nullable;
 * - `dictionary` ↔ `string`: the same text, another encoding;
 * - `uuid` → `string`: read as the 36 character text;
 * - `json` → `string`: read as the compact JSON text.
 *
 * Everything else is refused: dropping or renaming a column (old rows would lose it), not nullable
 * over rows that hold nulls, number types into each other (an int64 does not fit a double or a
 * decimal exactly), and any change of the tenant, event id or event time (partitions, duplicates
 * and windows were decided by them).
 *
 * The effective schema keeps every old column at its old position, `received_at` included, and puts
 * new ones behind: positions in batches, field ids in Parquet and old files stay valid for ever.
 */
import { MillraceError } from '../util/errors.js';
import type { ColumnDefinition, ColumnType, Schema } from './schema.js';

const WIDENINGS: Partial<Record<ColumnType, readonly ColumnType[]>> = {
  dictionary: ['string'],
  string: ['dictionary'],
  uuid: ['string'],
  json: ['string'],
};

/** Whether rows written as `from` can be read as `to`. */
export function isWidening(from: ColumnType, to: ColumnType): boolean {
  return from === to || (WIDENINGS[from]?.includes(to) ?? false);
}

/**
 * The schema to go on with when a stream of schema `old` is now declared as `declared`: the same
 * object `old` when nothing changed. Throws SCHEMA_INCOMPATIBLE naming the column, what it was,
 * what it is, and the way out.
 */
export function compareSchemas(old: Schema, declared: Schema): Schema {
  checkRoles(old, declared);
  let changed = false;
  const columns: ColumnDefinition[] = old.columns.map((was) => {
    const is = declared.columns.find((column) => column.name === was.name);
    if (is === undefined)
      throw incompatible(was.name, describe(was), 'no longer declared', 'keep it as nullable and stop sending it');
    if (!isWidening(was.type, is.type))
      throw incompatible(was.name, describe(was), describe(is), `add a column of another name and type ${is.type}`);
    if (was.nullable && !is.nullable)
      throw incompatible(was.name, describe(was), describe(is), 'leave it nullable: rows already stored hold nulls');
    const same = was.type === is.type && was.nullable === is.nullable;
    changed ||= !same;
    return same ? was : is;
  });
  for (const is of declared.columns) {
    if (old.columns.some((column) => column.name === is.name)) continue;
    if (!is.nullable)
      throw incompatible(
        is.name,
        'not there',
        describe(is),
        `declare it nullable ('${is.type}?'): rows already stored do not have it`,
      );
    columns.push(is);
    changed = true;
  }
  return changed ? Object.freeze({ columns: Object.freeze(columns), roles: old.roles }) : old;
}

function checkRoles(old: Schema, declared: Schema): void {
  for (const role of ['tenant', 'eventId', 'eventTime'] as const) {
    const was = old.columns[old.roles[role]];
    const is = declared.columns[declared.roles[role]];
    if (was?.name !== is?.name)
      throw incompatible(
        role,
        was?.name ?? 'none',
        is?.name ?? 'none',
        'declare a stream of another name: stored rows were placed by it',
      );
    if (was !== undefined && is !== undefined && was.type !== is.type)
      throw incompatible(was.name, describe(was), describe(is), `leave it ${was.type}: it is the stream's ${role}`);
  }
}

function describe(column: ColumnDefinition): string {
  return `${column.type}${column.nullable ? '?' : ''}`;
}

function incompatible(column: string, was: string, is: string, wayOut: string): MillraceError {
  const message = `column '${column}' was ${was} and is now ${is}; ${wayOut}, or declare a new stream`;
  return new MillraceError('SCHEMA_INCOMPATIBLE', message, { place: column });
}
