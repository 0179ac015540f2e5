/** A stream of the configuration, as the statement that makes it in a session, and its rows. */
import type { Schema } from '../../event/schema.js';
import { COLUMN_TYPES } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { MillraceError } from '../../util/errors.js';
import type { GivenRow } from './diff.js';
import { valueOf } from './values.js';

/** A stream that events can be given to. */
export interface TestStream {
  readonly name: string;
  readonly schema: Schema;
  readonly clock: 'arrival' | 'event';
}

/** `CREATE SOURCE …` of a stream. */
export function streamSql({ name, schema, clock }: TestStream): string {
  const columns = schema.columns.map((column) => {
    const type = column.type === 'decimal' ? 'numeric(18, 6)' : COLUMN_TYPES[column.type];
    return `${quoted(column.name)} ${type}${column.nullable ? '' : ' NOT NULL'}`;
  });
  const { eventTime, tenant } = schema.roles;
  const options = [`clock = '${clock}'`];
  if (eventTime >= 0) options.push(`event_time = '${schema.columns[eventTime]!.name}'`);
  if (tenant >= 0) options.push(`tenant = '${schema.columns[tenant]!.name}'`);
  return `CREATE SOURCE ${quoted(name)} (${columns.join(', ')}) WITH (${options.join(', ')})`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * A row of a stream. An event id, `received_at` and the event time that a row leaves out are filled in: the `sequence`-th
 * id, and the clock.
 *
 * @throws EVENT_FIELD_UNKNOWN, EVENT_FIELD_MISSING, SQL_RUNTIME.
 */
export function streamRow({ name, schema }: TestStream, given: GivenRow, clockMs: number, sequence: number): Value[] {
  const { columns, roles } = schema;
  if (Array.isArray(given) && given.length !== columns.length)
    throw new MillraceError('SQL_TYPE', `${name}: expected ${columns.length} values, not ${given.length}`);
  if (!Array.isArray(given))
    for (const key of Object.keys(given))
      if (!columns.some((column) => column.name === key))
        throw new MillraceError(
          'EVENT_FIELD_UNKNOWN',
          `${name} has no column "${key}"; there are: ${columns.map((column) => column.name).join(', ')}`,
        );
  return columns.map((column, i) => {
    const written: unknown = Array.isArray(given) ? given[i] : (given as Record<string, unknown>)[column.name];
    const type = COLUMN_TYPES[column.type];
    if (written !== undefined && written !== null) return valueOf(type, written);
    if (written === undefined && (i === roles.receivedAt || i === roles.eventTime)) return clockMs;
    if (written === undefined && i === roles.eventId) return eventId(sequence);
    if (!column.nullable)
      throw new MillraceError('EVENT_FIELD_MISSING', `${name}: a row needs "${column.name}", which may not be null`);
    return null;
  });
}

function eventId(sequence: number): string {
  return `00000000-0000-7000-8000-${String(sequence).padStart(12, '0')}`;
}
