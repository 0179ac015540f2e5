/**
 * A tracking request as the JSON of one event, so that pixels, clicks and postbacks go through the
 * same decoder, with the same checks and messages, as everything else.
 */
import type { ColumnType, Schema } from '../../event/schema.js';

/** Plain values by column name; undefined ones are left out. */
export type EventFields = Record<string, unknown>;

/** Most parameters of a query that are read; each at most `VALUE_MAX` characters. */
const PARAMETERS_MAX = 100;
const VALUE_MAX = 8192;

/** Columns that a visitor's query must not set. */
const OWN = new Set(['received_at', 'labels']);

/** Turns fields into events of one schema. */
export class EventJson {
  readonly #types = new Map<string, ColumnType>();
  readonly #reserved = new Set<string>();
  readonly #hasProps: boolean;

  constructor(schema: Schema) {
    for (const column of schema.columns) this.#types.set(column.name, column.type);
    const { tenant } = schema.roles;
    if (tenant >= 0) this.#reserved.add(schema.columns[tenant]!.name);
    this.#hasProps = this.#types.get('props') === 'json';
  }

  /** Fields from a query: those that are columns by their type, the others in `props`. */
  fromQuery(query: URLSearchParams, without: ReadonlySet<string>): { fields: EventFields; props: EventFields } {
    const fields: EventFields = {};
    const props: EventFields = {};
    let left = PARAMETERS_MAX;
    for (const [name, value] of query) {
      if (left-- === 0) break;
      if (without.has(name) || OWN.has(name) || this.#reserved.has(name) || value === '') continue;
      const type = this.#types.get(name);
      if (type === undefined || name === 'props') props[name.slice(0, 128)] = value.slice(0, VALUE_MAX);
      else fields[name] = typed(type, value.slice(0, VALUE_MAX));
    }
    return { fields, props };
  }

  /** The event's bytes; what the schema has no column for is left out. */
  encode(fields: EventFields, props: EventFields): Buffer {
    const event: EventFields = {};
    for (const [name, value] of Object.entries(fields))
      if (value !== undefined && this.#types.has(name)) event[name] = value;
    if (this.#hasProps && Object.keys(props).length > 0) event['props'] = props;
    return Buffer.from(JSON.stringify(event));
  }
}

/** A parameter's text as JSON knows its type. What does not fit stays text, and the decoder says so. */
function typed(type: ColumnType, value: string): unknown {
  if (type === 'list') return value.split(',');
  if (type === 'boolean')
    return value === '1' || value === 'true' ? true : value === '0' || value === 'false' ? false : value;
  if (type === 'double' || type === 'timestamp') return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  return value;
}
