/** FROM: relations, windows over them, functions, joins. */
import type { Node, RangeFunction, RangeVar } from 'libpg-query';
import { bindError } from '../context.js';
import type { Expression } from '../plan.js';
import { locationOf } from '../tree.js';
import { callName } from './aggregates.js';
import { callsOf, expandedBy, isExpansionItem } from './expand-from.js';
import { isExpansion } from './expansions.js';
import { inner } from './query-context.js';
import type { QueryContext } from './query-context.js';
import { joinOf } from './join-of.js';
import { beginning, planJoin } from './join.js';
import { hasLateral, isLateral, planLateral, planLateralJoin } from './lateral.js';
import { aliased, namedRelation } from './named.js';
import type { Relation } from './relation.js';
import { joined, scopeOf } from './scope.js';
import type { Scope } from './scope.js';
import { planSequence } from './sequence.js';
import { planWindow, WINDOWS } from './windows.js';

/** What FROM comes to. */
export interface From {
  readonly relation: Relation;
  readonly scope: Scope;
}

/** One row without fields: a SELECT without FROM. */
export const ONE_ROW: Relation = { kind: 'values', fields: [], rows: [[]] };

const NO_COLUMNS: From = { relation: ONE_ROW, scope: { columns: [], fields: [] } };

/** Plans the items of FROM, which are joined with each other. */
export function planFrom(context: QueryContext, items: readonly Node[]): From {
  let from: From | null = null;
  for (const item of items) {
    if (from !== null && isExpansionItem(item)) from = expandedBy(context, from, item.RangeFunction);
    else if (from !== null && isLateral(item)) {
      const { condition, inPlace, item: next } = planLateral(context, from, item.RangeSubselect);
      from = inPlace ? next : crossed(from, next, condition, beginning(item));
    } else if (from !== null && 'JoinExpr' in item && hasLateral(item)) {
      const { condition, item: next } = planLateralJoin(context, from, item, planItem);
      from = crossed(from, next, condition, beginning(item));
    } else {
      const next = planItem(context, item);
      from = from === null ? next : crossed(from, next, null, beginning(item));
    }
  }
  return from ?? NO_COLUMNS;
}

/** Every row of one side with every row of the other, or those that meet; other conditions come later, from WHERE. */
function crossed(left: From, right: From, condition: Expression | null, location?: number): From {
  const scope = joined(left.scope, right.scope);
  return {
    scope,
    relation: {
      ...joinOf(left.relation, right.relation, 'inner', condition),
      ...(location === undefined ? {} : { location }),
    },
  };
}

/** Plans one item of FROM. */
export function planItem(context: QueryContext, item: Node): From {
  if ('RangeVar' in item) return planRelation(context, item.RangeVar);
  if ('JoinExpr' in item) return planJoin(context, item.JoinExpr, planItem);
  if ('RangeSubselect' in item) {
    const { subquery, alias } = item.RangeSubselect;
    if (subquery === undefined || !('SelectStmt' in subquery)) throw unsupported(context, item);
    const relation = context.plan(inner(context, {}, undefined), subquery.SelectStmt);
    return { relation, scope: aliased(context, relation.fields, alias, alias?.aliasname ?? '') };
  }
  if ('RangeFunction' in item) return planFunction(context, item.RangeFunction);
  throw unsupported(context, item);
}

function unsupported(context: QueryContext, item: Node): Error {
  return bindError(
    context.source,
    'SQL_UNSUPPORTED',
    'this item of FROM is not supported',
    locationOf(item),
    'Write a stream, a table, a view, a window over one of them, or a subquery.',
  );
}

const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(['pg_catalog', 'rw_catalog', 'information_schema']);

/** A stream, a table, a view or a query of WITH, by name. */
export function planRelation(context: QueryContext, variable: RangeVar): From {
  const name = variable.relname ?? '';
  if (SYSTEM_SCHEMAS.has(variable.schemaname ?? ''))
    throw bindError(
      context.source,
      'SQL_UNKNOWN_RELATION',
      `relation "${variable.schemaname!}.${name}" does not exist`,
      variable.location,
      'There are no system tables: SHOW TABLES, SHOW VIEWS, DESCRIBE name and EXPLAIN view say what there is.',
    );
  // A name with its schema is never one of WITH.
  const within = variable.schemaname === undefined ? context : { ...context, named: new Map() };
  const relation = namedRelation(within, name, variable.location);
  return { relation, scope: aliased(context, relation.fields, variable.alias, name) };
}

function planFunction(context: QueryContext, item: RangeFunction): From {
  const [call] = callsOf(item) ?? [];
  if (call === undefined) throw unsupported(context, { RangeFunction: item });
  const name = callName(call);
  if (isExpansion(name)) return expandedBy(context, NO_COLUMNS, item);
  if (name === 'sequence') {
    const relation = planSequence(context, call);
    return { relation, scope: aliased(context, relation.fields, item.alias, name) };
  }
  if (!Object.hasOwn(WINDOWS, name))
    throw bindError(
      context.source,
      'SQL_UNKNOWN_FUNCTION',
      `function ${name} does not exist in FROM`,
      call.location,
      `There are: ${Object.keys(WINDOWS)
        .map((each) => each.toUpperCase())
        .join(', ')}, SEQUENCE, unnest, generate_series, json_array_elements, regexp_matches and the like.`,
    );
  const { relation, qualifier } = planWindow(context, call, name);
  const scope = aliased(context, relation.fields, item.alias, qualifier ?? name);
  if (item.alias !== undefined || qualifier === null) return { relation, scope };
  // Without an alias both the relation's name and the function's stand for it.
  const again = scopeOf(name, relation.fields).columns.map((column) => ({ ...column, isHidden: true }));
  return { relation, scope: { ...scope, columns: [...scope.columns, ...again] } };
}
