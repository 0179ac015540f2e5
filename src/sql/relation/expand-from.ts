/** Functions that make several rows of one in FROM: `FROM t, unnest(t.list) AS x`, alone or behind JOIN. */
import type { FuncCall, JoinExpr, Node, RangeFunction } from 'libpg-query';
import { bindCondition } from '../bind.js';
import { bindError } from '../context.js';
import { locationOf } from '../tree.js';
import { callName } from './aggregates.js';
import { conjuncts } from './columns.js';
import { expandOf } from './expand.js';
import { bindExpansions, isExpansion } from './expansions.js';
import type { Expansion } from './expansions.js';
import type { From } from './from.js';
import { scopeContext } from './scope-context.js';
import type { QueryContext } from './query-context.js';
import { scopeOf } from './scope.js';

/** The calls of a function in FROM, several in `ROWS FROM`; undefined where it is no call. */
export function callsOf(item: RangeFunction): FuncCall[] | undefined {
  const calls = (item.functions ?? []).map((list) => {
    const [first] = 'List' in list ? (list.List.items ?? []) : [];
    return first !== undefined && 'FuncCall' in first ? first.FuncCall : undefined;
  });
  return calls.includes(undefined) ? undefined : (calls as FuncCall[]);
}

/** Whether an item of FROM makes several rows of each before it. */
export function isExpansionItem(item: Node): item is Extract<Node, { RangeFunction: unknown }> {
  if (!('RangeFunction' in item)) return false;
  const calls = callsOf(item.RangeFunction) ?? [];
  return calls.length > 0 && calls.every((call) => isExpansion(callName(call)));
}

/** Rows of FROM, each made several by what its columns say. `outer`: those that make none stay. */
export function expandedBy(context: QueryContext, from: From, item: RangeFunction, outer = false): From {
  const calls = callsOf(item);
  if (calls === undefined || calls.some((call) => !isExpansion(callName(call))) || item.coldeflist !== undefined)
    throw bindError(
      context.source,
      'SQL_UNSUPPORTED',
      'this function in FROM is not supported',
      locationOf({ RangeFunction: item }),
      'ROWS FROM takes functions that make rows, without a list of column definitions.',
    );
  const binder = { ...scopeContext(context, from.scope), clause: 'SELECT' as const };
  const expansions = calls.flatMap((call) => bindExpansions(binder, call));
  const relation = expandOf(from.relation, expansions, { ordinality: item.ordinality === true, outer });
  const width = from.relation.fields.length;
  const { alias } = item;
  const given = (alias?.colnames ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : ''));
  const own = relation.fields.slice(width).map((field, i) => {
    const call = expansions[i];
    const isAlone = expansions.length === 1 && call?.isNamed === false;
    return { ...field, name: given[i] ?? (isAlone ? (alias?.aliasname ?? call.label) : field.name) };
  });
  const name = alias?.aliasname ?? shownName(expansions);
  const columns = scopeOf(name, own).columns.map((column) => ({ ...column, index: column.index + width }));
  const fields = [...from.relation.fields, ...own];
  const [first] = columns;
  // The item's name alone is its only value, where no column has it.
  const isTaken = expansions.length > 1 || [...from.scope.columns, ...columns].some((column) => column.name === name);
  const whole = isTaken ? [] : [{ ...first!, relation: null, name, isUnlisted: true }];
  return {
    relation: { ...relation, fields },
    scope: { fields, columns: [...from.scope.columns, ...columns, ...whole] },
  };
}

function shownName([first]: readonly Expansion[]): string {
  return first!.name.split('.')[0]!;
}

/** `t JOIN unnest(t.list) AS x ON …`. A LEFT JOIN keeps rows that make none, and has ON true. */
export function joinedExpansion(context: QueryContext, node: JoinExpr, left: From): From | undefined {
  const right = node.rarg!;
  if (!isExpansionItem(right)) return undefined;
  const isLeft = node.jointype === 'JOIN_LEFT';
  const refuse = (what: string, instead: string): Error =>
    bindError(context.source, 'SQL_UNSUPPORTED', what, locationOf(right), instead);
  if ((node.jointype ?? 'JOIN_INNER') !== 'JOIN_INNER' && !isLeft)
    throw refuse(
      'RIGHT and FULL JOIN with a function of the rows before it: not supported',
      'Write LEFT JOIN … ON true.',
    );
  if (node.isNatural === true || node.usingClause !== undefined)
    throw refuse('USING with a function of the rows before it: not supported', 'Write the condition in ON or WHERE.');
  const from = expandedBy(context, left, right.RangeFunction, isLeft);
  const condition =
    node.quals === undefined ? null : bindCondition(scopeContext(context, from.scope), node.quals, 'JOIN/ON');
  if (conjuncts(condition).length === 0) return from;
  if (isLeft)
    throw refuse(
      'LEFT JOIN with a function of the rows before it takes ON true alone',
      'Write the condition into the function, or join a subquery that has it.',
    );
  return {
    ...from,
    relation: { kind: 'filter', fields: from.relation.fields, input: from.relation, condition: condition! },
  };
}
