/**
 * `x < ANY (SELECT …)` and `x < ALL (SELECT …)` as values: one aggregate says how the comparisons with each row come
 * out. A comparison that is NULL leaves open what no other decides.
 */
import type { Node, SelectStmt, SubLink } from 'libpg-query';
import { bindError } from '../context.js';
import { isMany } from './array-subquery.js';
import type { QueryContext } from './query-context.js';

const PLAIN = { limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' } as const;
const NAMES = '_any';

/** The subquery that gives the value. */
export function quantified(context: QueryContext, link: SubLink, select: SelectStmt): SelectStmt {
  const { operName, testexpr } = link;
  if (testexpr === undefined || (link.subLinkType !== 'ANY_SUBLINK' && link.subLinkType !== 'ALL_SUBLINK'))
    throw bindError(context.source, 'SQL_UNSUPPORTED', 'this subquery is not supported', link.location);
  const items = 'RowExpr' in testexpr ? (testexpr.RowExpr.args ?? []) : [testexpr];
  const columns = items.map((_, i): Node => ({ ColumnRef: { fields: [text(NAMES), text(`${NAMES}_${i}`)] } }));
  const name = operName ?? [text('=')];
  const right = columns.length === 1 ? columns[0]! : ({ RowExpr: { args: columns } } as Node);
  const at = link.location === undefined ? {} : { location: link.location };
  const comparison: Node = { A_Expr: { kind: 'AEXPR_OP', name, lexpr: testexpr, rexpr: right, ...at } };
  const isAll = link.subLinkType === 'ALL_SUBLINK';
  const deciding: Node = isAll ? { BoolExpr: { boolop: 'NOT_EXPR', args: [comparison] } } : comparison;
  const open: Node = { NullTest: { arg: comparison as never, nulltesttype: 'IS_NULL' } };
  const args = [when(called('bool_or', [deciding]), truth(!isAll)), when(called('bool_or', [open]), NULL)];
  const value: Node = { CaseExpr: { args, defresult: truth(isAll) } };
  const alias = { aliasname: NAMES, colnames: columns.map((_, i) => text(`${NAMES}_${i}`)) };
  return {
    ...PLAIN,
    targetList: [{ ResTarget: { val: value } }],
    fromClause: [{ RangeSubselect: { subquery: { SelectStmt: select }, alias } }],
  };
}

/**
 * The same of what is an aggregate or a window function of the query around it, which no subquery can read: it compares
 * with the array of all values. Undefined for anything else.
 */
export function comparedWithAll(link: SubLink): Node | undefined {
  const { operName, testexpr } = link;
  if (testexpr === undefined || 'RowExpr' in testexpr || !isMany(testexpr)) return undefined;
  const rexpr: Node = { SubLink: { ...link, subLinkType: 'ARRAY_SUBLINK' } };
  const kind = link.subLinkType === 'ALL_SUBLINK' ? 'AEXPR_OP_ALL' : 'AEXPR_OP_ANY';
  const at = link.location === undefined ? {} : { location: link.location };
  return { A_Expr: { kind, name: operName ?? [text('=')], lexpr: testexpr, rexpr, ...at } };
}

const NULL: Node = { A_Const: { isnull: true } };

function text(sval: string): Node {
  return { String: { sval } };
}

function truth(isTrue: boolean): Node {
  return { A_Const: { boolval: isTrue ? { boolval: true } : {} } };
}

function called(name: string, args: Node[]): Node {
  return { FuncCall: { funcname: [text(name)], args } };
}

function when(expr: Node, result: Node): Node {
  return { CaseWhen: { expr, result } };
}
