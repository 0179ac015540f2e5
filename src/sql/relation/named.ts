/** Relations by name, and fields under other names. */
import type { Alias } from 'libpg-query';
import { bindError } from '../context.js';
import { columnOf } from './columns.js';
import { inner } from './query-context.js';
import type { QueryContext } from './query-context.js';
import type { Field, Relation, Scan } from './relation.js';
import { scopeOf } from './scope.js';
import type { Scope } from './scope.js';

/** The scope of fields under an alias: `t (a, b)`. */
export function aliased(
  context: QueryContext,
  fields: readonly Field[],
  alias: Alias | undefined,
  name: string,
): Scope {
  const names = (alias?.colnames ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : ''));
  const seen = fields.filter((field) => field.hidden !== true).length;
  if (names.length > seen)
    throw bindError(
      context.source,
      'SQL_TYPE',
      `table "${alias?.aliasname ?? name}" has ${seen} columns available but ${names.length} columns specified`,
      undefined,
    );
  return scopeOf(alias?.aliasname ?? name, fields, names);
}

/** The relation of a name. */
export function namedRelation(context: QueryContext, name: string, location: number | undefined): Relation {
  const named = context.named.get(name);
  if (named !== undefined) return named;
  const entry = context.catalog.get(name);
  if (entry === undefined) {
    const all = [...context.named.keys(), ...context.catalog.keys()];
    throw bindError(
      context.source,
      'SQL_UNKNOWN_RELATION',
      `relation "${name}" does not exist`,
      location,
      `There are: ${all.join(', ') || 'none'}.`,
    );
  }
  if (entry.query !== undefined) {
    const { select, columnNames, ...source } = entry.query;
    const relation = context.plan(inner(context, { source, named: new Map(), outer: [] }, location), select);
    return renamed(relation, columnNames);
  }
  const scan: Scan = {
    kind: 'scan',
    fields: entry.fields,
    source: entry.source ?? entry.name,
    columns: entry.columns ?? entry.fields.map((_, index) => index),
    key: entry.key,
    time: entry.time,
    late: false,
  };
  return scan;
}

/** A relation whose fields have other names. */
export function renamed(relation: Relation, names: readonly string[]): Relation {
  if (names.every((name, index) => relation.fields[index]?.name === name)) return relation;
  const fields = relation.fields.map((field, index) => ({ ...field, name: names[index] ?? field.name }));
  return {
    kind: 'project',
    fields,
    input: relation,
    expressions: relation.fields.map((_, index) => columnOf(relation.fields, index)),
  };
}
