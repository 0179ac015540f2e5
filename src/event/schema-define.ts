import { MillraceError } from '../util/errors.js';
import type { Columns, TypedSchema } from './event-type.js';
import { RECEIVED_AT, type ColumnDefinition, type ColumnType, type Schema } from './schema.js';

/** Every column type, in the order that people read them. */
export const COLUMN_TYPES: readonly ColumnType[] = [
  'uuid',
  'string',
  'dictionary',
  'list',
  'bytes',
  'int64',
  'double',
  'decimal',
  'timestamp',
  'boolean',
  'json',
];

/** Most columns one schema may have, `received_at` included. */
export const COLUMNS_MAX = 512;

/** A column as people write it: `'uuid'`, `'decimal?'` (nullable), or spelled out. */
export type ColumnInput = ColumnType | `${ColumnType}?` | { readonly type: ColumnType; readonly nullable?: boolean };

/** What `defineSchema` takes. */
export interface SchemaInput<C extends Columns = Columns> {
  /** Columns by name, in order. `received_at` is added and must not be listed. */
  readonly columns: C;
  /** The column that names the tenant: `dictionary`, not nullable. */
  readonly tenant?: string;
  /** The column by which a resend counts once: `uuid` or `string`, not nullable. */
  readonly eventId?: string;
  /** The column that says when it happened: `timestamp`, not nullable. */
  readonly eventTime?: string;
}

/** Names that the lake and the log use themselves. */
const RESERVED = new Set([RECEIVED_AT, '_partition', '_offset']);

/**
 * A frozen schema from a readable description; appends `received_at`. Its type knows the columns, so
 * that the events of a function (`defineTransform`) have a type.
 * Throws SCHEMA_INVALID naming the column, what is wrong and what was expected.
 */
export function defineSchema<const C extends Columns>(input: SchemaInput<C>): TypedSchema<C> {
  const columns: ColumnDefinition[] = [];
  for (const [name, column] of Object.entries(input.columns)) {
    checkName(name);
    columns.push(Object.freeze({ name, ...parseColumn(name, column) }));
  }
  if (columns.length === 0) throw invalid('columns', 'a schema needs at least one column');
  if (columns.length >= COLUMNS_MAX)
    throw invalid('columns', `${columns.length} columns; at most ${COLUMNS_MAX - 1} are possible`);
  columns.push(Object.freeze({ name: RECEIVED_AT, type: 'timestamp', nullable: false }));
  return Object.freeze({
    columns: Object.freeze(columns),
    roles: Object.freeze({
      tenant: role(columns, 'tenant', input.tenant, ['dictionary']),
      eventId: role(columns, 'eventId', input.eventId, ['uuid', 'string']),
      eventTime: role(columns, 'eventTime', input.eventTime, ['timestamp']),
      receivedAt: columns.length - 1,
    }),
  });
}

/** The position of a column by name, or -1. */
export function columnIndex(schema: Schema, name: string): number {
  return schema.columns.findIndex((column) => column.name === name);
}

function checkName(name: string): void {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name))
    throw invalid(
      `columns.${name}`,
      `'${name}' is not a column name; expected lower case letters, digits and _, at most 63, not starting with a digit`,
    );
  if (RESERVED.has(name)) throw invalid(`columns.${name}`, `'${name}' is added by Millrace; expected another name`);
}

function parseColumn(name: string, input: ColumnInput): { type: ColumnType; nullable: boolean } {
  const text = typeof input === 'string' ? input : String(input.type);
  const optional = typeof input === 'string' && text.endsWith('?');
  const type = (optional ? text.slice(0, -1) : text) as ColumnType;
  if (!COLUMN_TYPES.includes(type))
    throw invalid(
      `columns.${name}`,
      `'${text}' is not a column type; expected one of ${COLUMN_TYPES.join(', ')}, with a ? when nullable`,
    );
  return { type, nullable: optional || (typeof input !== 'string' && input.nullable === true) };
}

function role(
  columns: readonly ColumnDefinition[],
  role: string,
  name: string | undefined,
  types: readonly ColumnType[],
): number {
  if (name === undefined) return -1;
  const index = columns.findIndex((column) => column.name === name);
  const column = columns[index];
  if (column === undefined) throw invalid(role, `${role} names '${name}', which is not a column`);
  if (!types.includes(column.type) || column.nullable) {
    const found = `${column.type}${column.nullable ? '?' : ''}`;
    throw invalid(role, `${role} names '${name}', which is ${found}; expected ${types.join(' or ')}, not nullable`);
  }
  return index;
}

function invalid(place: string, message: string): MillraceError {
  return new MillraceError('SCHEMA_INVALID', message, { place });
}
