/** The columns that names in a query can mean. */
import type { MillraceError } from '../../util/errors.js';
import { bindError } from '../context.js';
import { editDistance } from '../near.js';
import type { Expression } from '../plan.js';
import type { QuerySource } from './catalog.js';
import { columnOf, LEVEL, LEVELS, OUTER, reference } from './columns.js';
import type { Field } from './relation.js';

/** One column in sight. */
export interface ScopeColumn {
  /** The relation's alias; null for a column of `JOIN … USING`, which belongs to both sides. */
  readonly relation: string | null;
  readonly name: string;
  /** Position in the relation that FROM comes to. */
  readonly index: number;
  /** Found only with its relation's name: the other side's column of USING. */
  readonly isHidden?: boolean;
  /** Found by its name, and not shown by `*`. */
  readonly isUnlisted?: boolean;
}

/** Columns in sight, in the order of `SELECT *`. */
export interface Scope {
  readonly columns: readonly ScopeColumn[];
  readonly fields: readonly Field[];
}

/** A scope of one relation. */
export function scopeOf(relation: string, fields: readonly Field[], names: readonly string[] = []): Scope {
  return {
    fields,
    columns: fields.flatMap((field, index) =>
      field.hidden === true ? [] : [{ relation, name: names[index] ?? field.name, index }],
    ),
  };
}

/** Two scopes side by side. */
export function joined(left: Scope, right: Scope): Scope {
  const by = left.fields.length;
  return {
    fields: [...left.fields, ...right.fields],
    columns: [...left.columns, ...right.columns.map((column) => ({ ...column, index: column.index + by }))],
  };
}

/** The column that names mean; undefined when there is none. Throws where there are several. */
export function lookUp(
  scope: Scope,
  names: readonly string[],
  source: QuerySource,
  location: number | undefined,
): Expression | undefined {
  const name = names.at(-1)!;
  const relation = names.at(-2);
  const found = scope.columns.filter(
    (column) =>
      column.name === name && (relation === undefined ? column.isHidden !== true : column.relation === relation),
  );
  if (found.length > 1)
    throw bindError(
      source,
      'SQL_TYPE',
      `column reference "${name}" is ambiguous`,
      location,
      `Write ${found.map((column) => `${column.relation ?? ''}.${name}`).join(' or ')}.`,
    );
  return found.length === 0 ? undefined : columnOf(scope.fields, found[0]!.index);
}

/** The column of the queries around a subquery, the nearest first, that names mean; undefined when there is none. */
export function lookAround(
  scopes: readonly Scope[],
  names: readonly string[],
  source: QuerySource,
  location: number | undefined,
): Expression | undefined {
  for (const [level, scope] of scopes.slice(0, LEVELS).entries()) {
    const found = lookUp(scope, names, source, location);
    if (found?.kind === 'column') return reference(OUTER + level * LEVEL, found.index, found.name, found.type);
  }
  return undefined;
}

/** The error of a name that means nothing here. */
export function unknownColumn(
  scope: Scope,
  names: readonly string[],
  source: QuerySource,
  location: number | undefined,
): MillraceError {
  const name = names.at(-1)!;
  const relation = names.at(-2);
  const relations = [...new Set(scope.columns.map((column) => column.relation))].filter((each) => each !== null);
  if (relation !== undefined && !relations.includes(relation)) {
    return bindError(
      source,
      'SQL_UNKNOWN_RELATION',
      `missing FROM-clause entry for table "${relation}"`,
      location,
      relations.length === 0 ? 'This query has no FROM.' : `The columns here are of ${relations.join(', ')}.`,
    );
  }
  const all = [...new Set(scope.columns.map((column) => column.name))];
  const near = all.find(
    (column) =>
      column.toLowerCase() === name.toLowerCase() || column.endsWith(`_${name}`) || editDistance(column, name) <= 2,
  );
  const shown = all.length === 0 ? 'There is no column here.' : `There are: ${all.join(', ')}.`;
  return bindError(
    source,
    'SQL_UNKNOWN_COLUMN',
    `column "${names.join('.')}" does not exist`,
    location,
    near === undefined ? shown : `Perhaps you meant "${near}". ${shown}`,
  );
}

/** A column with its relation's name, for messages. */
export function nameIn(scope: Scope, index: number): string {
  const column = scope.columns.find((each) => each.index === index && each.isHidden !== true);
  const name = column?.name ?? scope.fields[index]?.name ?? '';
  return column?.relation === null || column?.relation === undefined ? name : `${column.relation}.${name}`;
}
