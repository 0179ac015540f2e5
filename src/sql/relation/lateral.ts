/** LATERAL subqueries: items of FROM that read those before them. */
import type { JoinExpr, Node, RangeSubselect } from 'libpg-query';
import { bindError } from '../context.js';
import type { Expression } from '../plan.js';
import { locationOf } from '../tree.js';
import { allOf, columnOf, isReference, OUTER, replaceColumns } from './columns.js';
import { dependent, meets, ofEachRow } from './dependent.js';
import { isExpansionItem } from './expand-from.js';
import type { From } from './from.js';
import { aliased } from './named.js';
import { readsOuter } from './outer-fields.js';
import { inner } from './query-context.js';
import type { QueryContext } from './query-context.js';
import type { Relation } from './relation.js';
import { joined } from './scope.js';
import type { Scope } from './scope.js';

/** An item of FROM, and how its rows meet those before it. */
export interface Lateral {
  /** Its own fields; `inPlace`: behind those of the items before it, whose rows it makes others of. */
  readonly item: From;
  readonly inPlace: boolean;
  /** Over the fields before it and its own; null where it reads none of them. */
  readonly condition: Expression | null;
}

/** Whether an item of FROM is a LATERAL subquery. */
export function isLateral(item: Node): item is { RangeSubselect: RangeSubselect } {
  return 'RangeSubselect' in item && item.RangeSubselect.lateral === true;
}

/** Plans a LATERAL subquery behind the items `before`; `join`, where it is the right side of one. */
export function planLateral(context: QueryContext, before: From, item: RangeSubselect, join?: JoinExpr): Lateral {
  const { alias, subquery } = item;
  if (subquery === undefined || !('SelectStmt' in subquery)) throw new Error('a subquery is a SELECT');
  const location = locationOf(subquery.SelectStmt.targetList?.[0]);
  const relation = context.plan(
    inner(context, { outer: [before.scope, ...context.outer] }, location),
    subquery.SelectStmt,
  );
  const scope = aliased(context, relation.fields, alias, alias?.aliasname ?? '');
  if (!readsOuter(relation)) return { item: { relation, scope }, inPlace: false, condition: null };
  const kind = join?.jointype ?? 'JOIN_INNER';
  if (kind !== 'JOIN_INNER' && kind !== 'JOIN_LEFT')
    throw bindError(
      context.source,
      'SQL_TYPE',
      'the combining JOIN type must be INNER or LEFT for a LATERAL reference',
      location,
    );
  if (isOfEachRow(relation) && (kind === 'JOIN_INNER' ? isOn(join) : hasItsRow(relation) && isOnTrue(join)))
    return { item: besides(before, relation, scope), inPlace: true, condition: null };
  return meeting(context, before, { relation, scope }, location);
}

/** Whether a join of FROM has a LATERAL subquery or a function, which may read the items before the join too. */
export function hasLateral(item: Node): boolean {
  if ('JoinExpr' in item) return hasLateral(item.JoinExpr.larg!) || hasLateral(item.JoinExpr.rarg!);
  return isLateral(item) || isExpansionItem(item);
}

/** A join of FROM that may read the items before it. */
export function planLateralJoin(
  context: QueryContext,
  before: From,
  item: Node,
  planItem: (context: QueryContext, item: Node) => From,
): Lateral {
  const own = planItem(inner(context, { outer: [before.scope, ...context.outer] }, undefined), item);
  return readsOuter(own.relation)
    ? meeting(context, before, own, undefined)
    : { item: own, inPlace: false, condition: null };
}

/** An item that reads those before it, and the condition by which it meets them. */
function meeting(context: QueryContext, before: From, item: From, location: number | undefined): Lateral {
  const { outer, relation } = dependent(context.source, item.relation, before.relation, location);
  const width = before.relation.fields.length;
  const parts = meets(relation, outer, before.relation).map((part) =>
    replaceColumns(part, (column) =>
      isReference(column, OUTER)
        ? { ...column, index: column.index - OUTER }
        : { ...column, index: column.index + width },
    ),
  );
  const own = { relation, scope: { ...item.scope, fields: relation.fields } };
  return { item: own, inPlace: false, condition: allOf(parts) };
}

/** Whether rows meet by a condition, if by anything. */
function isOn(join: JoinExpr | undefined): boolean {
  return join?.isNatural !== true && join?.usingClause === undefined;
}

function isOnTrue(join: JoinExpr | undefined): boolean {
  const quals = join?.quals;
  return isOn(join) && quals !== undefined && 'A_Const' in quals && quals.A_Const.boolval?.boolval === true;
}

/** Whether a relation reads no rows but those around it: computed columns, written rows, functions. */
function isOfEachRow(relation: Relation): boolean {
  switch (relation.kind) {
    case 'values':
      return true;
    case 'project':
    case 'filter':
    case 'expand':
      return isOfEachRow(relation.input);
    case 'union':
      return relation.inputs.every(isOfEachRow);
    default:
      return false;
  }
}

/** Whether a relation of each row has a row at least. */
function hasItsRow(relation: Relation): boolean {
  if (relation.kind === 'values') return relation.rows.length > 0;
  return relation.kind === 'project' && hasItsRow(relation.input);
}

/** The rows before an item, with what it makes of each behind them: nothing is joined. */
function besides(before: From, relation: Relation, scope: Scope): From {
  const around = before.relation;
  const width = relation.fields.length;
  const whole = ofEachRow(relation, around);
  const fields = [...around.fields, ...relation.fields];
  const at = (field: number): number => (field < around.fields.length ? width + field : field - around.fields.length);
  const expressions = fields.map((_, i) => columnOf(whole.fields, at(i)));
  return { relation: { kind: 'project', fields, input: whole, expressions }, scope: joined(before.scope, scope) };
}
