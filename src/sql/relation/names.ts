/** Names that columns get where none is written: PostgreSQL's `FigureColname`. */
import type { StarNode } from '../statements/spellings.js';
import type { Node } from 'libpg-query';

const NONE = '?column?';

/** The name of an expression's column. */
export function derivedName(node: Node): string {
  if ('ColumnRef' in node) return lastName(node.ColumnRef.fields);
  if ('FuncCall' in node) return lastName(node.FuncCall.funcname);
  if ('TypeCast' in node) {
    const inside = derivedName(node.TypeCast.arg!);
    return inside !== NONE ? inside : lastName(node.TypeCast.typeName?.names);
  }
  if ('CaseExpr' in node) {
    const inside = node.CaseExpr.defresult === undefined ? NONE : derivedName(node.CaseExpr.defresult);
    return inside === NONE ? 'case' : inside;
  }
  if ('CoalesceExpr' in node) return 'coalesce';
  if ('MinMaxExpr' in node) return node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest';
  if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') return 'nullif';
  if ('A_ArrayExpr' in node) return 'array';
  if ('RowExpr' in node) return 'row';
  if ('GroupingFunc' in node) return 'grouping';
  if ('SubLink' in node) return subqueryName(node.SubLink);
  if ('A_Indirection' in node && node.A_Indirection.arg !== undefined) return derivedName(node.A_Indirection.arg);
  return NONE;
}

function lastName(nodes: readonly Node[] | undefined): string {
  const last = nodes?.findLast((node) => 'String' in node);
  return last !== undefined && 'String' in last ? (last.String.sval ?? NONE) : NONE;
}

/** Whether `* EXCEPT (…)` leaves a column out. */
export function isExcepted(fields: readonly Node[], name: string): boolean {
  return fields.some((field) => 'A_Star' in field && (field.A_Star as StarNode).except?.includes(name) === true);
}

function subqueryName(link: Extract<Node, { SubLink: unknown }>['SubLink']): string {
  if (link.subLinkType === 'EXISTS_SUBLINK') return 'exists';
  const select = link.subselect;
  const [target] = select !== undefined && 'SelectStmt' in select ? (select.SelectStmt.targetList ?? []) : [];
  if (link.subLinkType !== 'EXPR_SUBLINK' || target === undefined || !('ResTarget' in target)) return NONE;
  return target.ResTarget.name ?? (target.ResTarget.val === undefined ? NONE : derivedName(target.ResTarget.val));
}
