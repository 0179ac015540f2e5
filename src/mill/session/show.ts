/** SHOW and DESCRIBE. */
import { bindError } from '../../sql/context.js';
import { functionTable } from '../../sql/functions/index.js';
import type { Field } from '../../sql/relation/relation.js';
import type { Describe, Show } from '../../sql/statements/statement.js';
import { typeName } from '../../sql/types.js';
import { kindOf } from './catalog.js';
import type { Entry, SessionCatalog } from './catalog.js';
import { LATE_FIELDS, LATE_NAME } from './late-rows.js';
import { listing } from './result.js';
import type { Result } from './result.js';

/** The columns of a thing. */
export function fieldsOf(entry: Entry): readonly Field[] {
  return entry.kind === 'table' || entry.kind === 'view' ? entry.fields : entry.standing.fields;
}

/** SHOW …. `settings`: what SET has set. Throws SQL_*. */
export function show(statement: Show, catalog: SessionCatalog, settings: ReadonlyMap<string, string>): Result {
  const { what } = statement;
  if ('create' in what) {
    const entry = catalog.require(statement, what.create, what.location);
    return listing(['name', 'create_sql'], [[entry.name, entry.statement.sql]], 'SHOW CREATE');
  }
  if ('setting' in what) {
    const value = what.setting === 'timezone' ? 'UTC' : settings.get(what.setting);
    if (value === undefined)
      throw bindError(
        statement,
        'SQL_UNSUPPORTED',
        `nothing is set by the name ${what.setting}`,
        statement.location,
        'There are SHOW TABLES, SOURCES, STREAMS, VIEWS, MATERIALIZED VIEWS, SINKS, FUNCTIONS, and what SET has set.',
      );
    return listing([what.setting], [[value]], 'SHOW');
  }
  if (what.list === 'function') {
    const names = new Set(
      functionTable.all().flatMap(({ name }) => (/^[a-z]\w*$/.test(name) && name !== 'cast' ? [name] : [])),
    );
    return listing(
      ['name'],
      [...names].toSorted().map((name) => [name]),
      'SHOW FUNCTIONS',
    );
  }
  const { list } = what;
  const isListed = (entry: Entry): boolean => {
    if (list === 'stream') return entry.kind === 'table' && (entry.key === null || entry.statement.appendOnly);
    return kindOf(entry) === list;
  };
  const names = catalog
    .all()
    .filter(isListed)
    .map(({ name }) => [name]);
  return listing(['name'], names, `SHOW ${list.toUpperCase()}S`);
}

/** DESCRIBE name. Throws SQL_UNKNOWN_RELATION. */
export function describe(statement: Describe, catalog: SessionCatalog): Result {
  const { name, nameLocation } = statement;
  const entry = name === LATE_NAME ? undefined : catalog.require(statement, name, nameLocation);
  const fields = entry === undefined ? LATE_FIELDS : fieldsOf(entry);
  const key = entry?.kind === 'table' ? (entry.key ?? []) : [];
  const rows = fields.map((field, i) => [
    field.name,
    typeName(field.type),
    field.nullable ? 'true' : 'false',
    key.includes(i) ? 'primary key' : null,
  ]);
  return listing(['name', 'type', 'nullable', 'key'], rows, 'DESCRIBE');
}
