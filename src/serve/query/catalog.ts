/**
 * The closed catalog: the only relations that a query can name.
 *
 * A relation says which columns exist and which of them is the tenant. A relation without a tenant
 * column (a view over all tenants, an operator's stream) exists for operators only.
 */
import { DECIMAL_SCALE, type ColumnType, type Schema } from '../../event/schema.js';
import { definitionName, keyOf } from '../../event/served.js';
import { DELETED } from '../../sql/declared.js';
import type { ViewColumn, ViewDescription } from '../../event/view.js';
import { numericOf, SCALE_MAX, typeOf, type Type, type TypeName } from './types.js';

/** One column of a relation. */
export interface RelationColumn {
  /** As a query names it. */
  readonly name: string;
  readonly type: Type;
  /** As the files name it. */
  readonly source: string;
  /** The DuckDB type in the files differs from `type` and must be cast. */
  readonly cast: boolean;
  /** Left out of `*`. */
  readonly hidden: boolean;
}

/** A relation that a query can name. */
export interface Relation {
  readonly name: string;
  readonly kind: 'view' | 'stream';
  /** What the engine looks it up by: the stream's name, or the key of the view's definition. */
  readonly subject: string;
  readonly columns: readonly RelationColumn[];
  /** The tenant's column in the files; null when rows belong to no single tenant. */
  readonly tenantSource: string | null;
  /** Of a table: how its rows of now are found among all that came. */
  readonly current?: CurrentRows;
}

/** Which of a table's rows count: the newest of each key, where it is no deletion. All are names in the files. */
export interface CurrentRows {
  readonly key: readonly string[];
  /** What orders the rows of a key, oldest first. */
  readonly order: readonly string[];
  /** Says whether a row takes its key away; null: none does. */
  readonly deleted: string | null;
}

/** A table that SQL declares, as queries see it. */
export interface ServedTable {
  readonly name: string;
  /** The stream that has its rows. */
  readonly stream: string;
  /** Its columns, in their order, and its PRIMARY KEY: names of the stream's columns. */
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

/** All relations, by name. */
export type Catalog = ReadonlyMap<string, Relation>;

const STREAM_TYPES: Record<ColumnType, Type> = {
  uuid: typeOf('uuid'),
  string: typeOf('text'),
  dictionary: typeOf('text'),
  list: typeOf('text[]'),
  bytes: typeOf('bytea'),
  int64: typeOf('bigint'),
  double: typeOf('double precision'),
  decimal: numericOf(DECIMAL_SCALE),
  timestamp: typeOf('timestamptz'),
  boolean: typeOf('boolean'),
  json: typeOf('json'),
};

/** The relation of a stream. */
export function streamRelation(name: string, schema: Schema): Relation {
  const columns = schema.columns.map((column) => ({
    name: column.name,
    type: STREAM_TYPES[column.type],
    source: column.name,
    cast: column.type === 'json',
    hidden: false,
  }));
  const places = ['_partition', '_offset'].map((place) => ({
    name: place,
    type: typeOf('bigint'),
    source: place,
    cast: false,
    hidden: true,
  }));
  const { tenant } = schema.roles;
  return {
    name,
    kind: 'stream',
    subject: name,
    columns: [...columns, ...places],
    tenantSource: tenant < 0 ? null : schema.columns[tenant]!.name,
  };
}

/** The relation of a table: its rows as they are now. */
export function tableRelation(table: ServedTable, schema: Schema): Relation {
  const all = streamRelation(table.stream, schema);
  const named = table.columns.map((name) => all.columns.find((column) => column.name === name)!);
  const others = all.columns.filter((column) => !named.includes(column));
  const { receivedAt } = schema.roles;
  return {
    ...all,
    name: table.name,
    columns: [...named, ...others.map((column) => ({ ...column, hidden: true }))],
    current: {
      key: table.key,
      order: [schema.columns[receivedAt]!.name, '_partition', '_offset'],
      deleted: schema.columns.some(({ name }) => name === DELETED) ? DELETED : null,
    },
  };
}

/** Names in a view's files of what is not a column of its changes stream. */
export const VIEW_FILE = { tenant: 'tenant', windowStart: 'window_start', id: 'id', state: 'state' } as const;

/** The name in a view's files of a column of its changes stream. */
export function viewFileColumn(column: number): string {
  if (column === 0) return VIEW_FILE.tenant;
  return column === 1 ? VIEW_FILE.windowStart : `c${column}`;
}

/** The relation of a view; `name`: what queries call it. */
export function viewRelation(view: ViewDescription, name = view.name): Relation {
  const columns = view.columns.map((column) => ({
    name: column.name,
    type: viewType(column),
    source: viewFileColumn(column.column),
    cast: isStoredOtherwise(column, view.schema.columns[column.column]!.type),
    hidden: false,
  }));
  const extra = [
    { name: '_state', type: typeOf('text'), source: VIEW_FILE.state, cast: false, hidden: true },
    { name: '_window_start', type: typeOf('timestamptz'), source: VIEW_FILE.windowStart, cast: false, hidden: true },
  ];
  return {
    name,
    kind: 'view',
    subject: keyOf(view),
    columns: [...columns, ...extra],
    tenantSource: view.global ? null : VIEW_FILE.tenant,
  };
}

/** Whether the files hold another type: texts for json and most numerics, timestamptz for time without a zone. */
function isStoredOtherwise({ type }: ViewColumn, stored: ColumnType): boolean {
  if (type === 'numeric') return stored !== 'decimal';
  return type === 'json' || type === 'timestamp' || type === 'date';
}

/**
 * The catalog of streams, tables and views; a view comes before a stream of the same name, a table before its stream,
 * which is `table.<name>` then. `definitions`: can be named by
 * `definitionName` as well, which stays while the view's name goes over to another definition.
 */
export function catalogOf(
  streams: readonly { readonly name: string; readonly schema: Schema }[],
  views: readonly ViewDescription[],
  definitions: readonly ViewDescription[] = [],
  tables: readonly ServedTable[] = [],
): Catalog {
  const schemas = new Map(streams.map(({ name, schema }) => [name, schema]));
  const there = tables.flatMap((table) => {
    const schema = schemas.get(table.stream);
    return schema === undefined ? [] : [{ table, schema }];
  });
  const relations = [
    ...streams.map(({ name, schema }) => streamRelation(name, schema)),
    ...there.flatMap(({ table, schema }) => [
      { ...streamRelation(`table.${table.name}`, schema), subject: table.stream },
      tableRelation(table, schema),
    ]),
    ...views.map(({ name, stream, schema }) => ({ ...streamRelation(`view.${name}`, schema), subject: stream })),
    ...definitions.map((view) => viewRelation(view, definitionName(view))),
    ...views.map((view) => viewRelation(view)),
  ];
  return new Map(relations.map((relation) => [relation.name, relation]));
}

function viewType(column: ViewColumn): Type {
  // A numeric whose rows differ in scale is stored as text; here it gets one scale.
  if (column.type === 'numeric') return numericOf(column.scale ?? SCALE_MAX);
  return typeOf(column.type satisfies TypeName);
}
