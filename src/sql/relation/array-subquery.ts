/** `ARRAY(SELECT …)`: what its subquery gives, gathered by an aggregate. */
import type { Node, SelectStmt, SubLink } from 'libpg-query';
import { isAggregateName } from '../aggregates/index.js';
import { bindError } from '../context.js';
import { callName } from './aggregates.js';
import { isExpansion } from './expansions.js';
import type { QueryContext } from './query-context.js';

/** The one aggregate over the subquery's rows, in its order. `isGroupless`: it has nothing but FROM, WHERE and ORDER BY. */
export function gathered(context: QueryContext, link: SubLink, select: SelectStmt, isGroupless: boolean): SelectStmt {
  const { sortClause, ...unsorted } = select;
  const [target, ...others] = select.targetList ?? [];
  const value = target !== undefined && 'ResTarget' in target && others.length === 0 ? target.ResTarget.val : undefined;
  if (value !== undefined && isGroupless && !isMany(value) && !(select.targetList ?? []).some(isMany)) {
    const name = 'ResTarget' in target! ? target.ResTarget.name : undefined;
    const order = (sortClause ?? []).map((item) => ordered(item, name, value));
    return { ...unsorted, targetList: [arrayOf(value, order)] };
  }
  if (sortClause !== undefined)
    throw bindError(
      context.source,
      'SQL_UNSUPPORTED',
      'ARRAY over a subquery that groups, limits or unites, and is ordered: not supported',
      link.location,
      'Write (SELECT array_agg(x ORDER BY y) FROM (SELECT …) s).',
    );
  const column: Node = { ColumnRef: { fields: [{ String: { sval: '_item' } }] } };
  const alias = { aliasname: '_items', colnames: [{ String: { sval: '_item' } }] };
  return {
    limitOption: 'LIMIT_OPTION_DEFAULT',
    op: 'SETOP_NONE',
    targetList: [arrayOf(column, [])],
    fromClause: [{ RangeSubselect: { subquery: { SelectStmt: select }, alias } }],
  };
}

function arrayOf(value: Node, order: Node[]): Node {
  const call = { funcname: [{ String: { sval: 'array_agg' } }], args: [value] };
  return { ResTarget: { val: { FuncCall: order.length === 0 ? call : { ...call, agg_order: order } } } };
}

/** An item of ORDER BY; a position and the name of what is selected stand for that. */
function ordered(item: Node, name: string | undefined, value: Node): Node {
  if (!('SortBy' in item)) return item;
  const { node } = item.SortBy;
  if (node === undefined) return item;
  const isPosition = 'A_Const' in node && node.A_Const.ival !== undefined;
  const fields = 'ColumnRef' in node ? (node.ColumnRef.fields ?? []) : [];
  const [field] = fields;
  const isName = fields.length === 1 && field !== undefined && 'String' in field && field.String.sval === name;
  return isPosition || (isName && name !== undefined) ? { SortBy: { ...item.SortBy, node: value } } : item;
}

/** Whether a value is an aggregate's, a window's or of several rows, or stands for several columns. */
export function isMany(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if ('A_Star' in value) return true;
  if ('FuncCall' in value) {
    const call = (value as Extract<Node, { FuncCall: unknown }>).FuncCall;
    if (call.over !== undefined || isAggregateName(callName(call)) || isExpansion(callName(call))) return true;
  }
  return !('SubLink' in value) && Object.values(value).some(isMany);
}
