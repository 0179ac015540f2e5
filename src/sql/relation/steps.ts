/** Steps of a SELECT that are relations of their own. */
import type { Node } from 'libpg-query';
import { bindError } from '../context.js';
import type { BindContext } from '../context.js';
import type { Expression } from '../plan.js';
import { sameExpression } from '../same-expression.js';
import { columnOf, keyOf } from './columns.js';
import type { BoundOver } from './over.js';
import type { Field, OrderItem, Relation } from './relation.js';
import { inSessions } from './session-frame.js';

/** A SELECT before LIMIT: `width` fields are shown, what lies behind is there for ORDER BY. */
export interface Body {
  readonly relation: Relation;
  readonly width: number;
  readonly order: readonly OrderItem[];
}

/** Adds a field for each window function; those that share partition and order share a pass. */
export function addOver(
  input: Relation,
  functions: readonly BoundOver[],
): { relation: Relation; positions: readonly number[] } {
  const passes = new Map<string, number[]>();
  for (const [index, { order, partition, sessionGapMs }] of functions.entries()) {
    const pass = keyOf([partition, order, sessionGapMs]);
    passes.set(pass, [...(passes.get(pass) ?? []), index]);
  }
  const positions: number[] = [];
  let relation = input;
  for (const indexes of passes.values()) {
    const first = functions[indexes[0]!]!;
    const added = indexes.map((index): Field => {
      const { name, type } = functions[index]!.spec;
      return { name, type, nullable: !['row_number', 'rank', 'dense_rank', 'count'].includes(name) };
    });
    const { order, partition, sessionGapMs } = first;
    const within =
      sessionGapMs === undefined ? { relation, partition } : inSessions(relation, partition, order, sessionGapMs);
    indexes.forEach((index, i) => {
      positions[index] = within.relation.fields.length + i;
    });
    relation = {
      kind: 'over',
      fields: [...within.relation.fields, ...added],
      input: within.relation,
      partition: within.partition,
      order,
      functions: indexes.map((index) => functions[index]!.spec),
    };
  }
  return { relation, positions };
}

/** `DISTINCT ON (…)`: the first row of each, in the order given. The last `on` fields are what is distinct. */
export function distinctOn(
  context: BindContext,
  relation: Relation,
  width: number,
  order: readonly OrderItem[],
  on: number,
): Body {
  if (relation.kind !== 'project') throw new Error('DISTINCT ON comes behind the SELECT list');
  const { fields, expressions } = relation;
  const first = fields.length - on;
  const keys = fields.slice(first).map((_, i) => columnOf(fields, first + i));
  const isKey = (item: OrderItem): boolean =>
    item.expression.kind === 'column' &&
    expressions
      .slice(first)
      .some((key) => sameExpression(key, expressions[(item.expression as { index: number }).index]!));
  const leading = order.findIndex((item) => !isKey(item));
  const isIncomplete = leading >= 0 && leading < new Set(keys.map(keyOf)).size && leading < on;
  // What is distinct is the same within a partition: said once more, it orders nothing.
  const rest = leading < 0 ? [] : order.slice(leading).filter((item) => !isKey(item));
  if (isIncomplete)
    throw bindError(
      context,
      'SQL_TYPE',
      'SELECT DISTINCT ON expressions must match initial ORDER BY expressions',
      undefined,
      'Order by the same expressions first.',
    );
  return {
    relation: {
      kind: 'top',
      fields,
      input: relation,
      partition: keys,
      order: rest,
      ranking: 'row_number',
      offset: 0,
      limit: 1,
      windowEnd: null,
      numbered: false,
    },
    width,
    order,
  };
}

/** Whether an expression may be NULL, as far as its kind tells. */
export function isNullable(expression: Expression): boolean {
  if (expression.kind === 'column') return expression.nullable;
  if (expression.kind === 'literal') return expression.value === null;
  return expression.kind !== 'isNull';
}

/** A relation's rows as keys and a value. */
export function projected(input: Relation, expressions: readonly Expression[]): Relation {
  const fields = expressions.map((each, i): Field => ({ name: `_key_${i}`, type: each.type, nullable: true }));
  return { kind: 'project', fields, input, expressions };
}

/** `DISTINCT`: each row once. `all`: what is selected, then what is ordered by. */
export function distinctRows(
  context: BindContext,
  relation: Relation,
  width: number,
  order: readonly OrderItem[],
  all: readonly Expression[],
): Body {
  const shown = order.map((item, i) => {
    const at = all.slice(0, width).findIndex((each) => sameExpression(each, all[width + i]!));
    if (at < 0)
      throw bindError(
        context,
        'SQL_TYPE',
        'for SELECT DISTINCT, ORDER BY expressions must appear in select list',
        undefined,
      );
    return { ...item, expression: columnOf(relation.fields, at) };
  });
  const input = narrowed(relation, width);
  const keys = input.fields.map((_, i) => columnOf(input.fields, i));
  return {
    relation: {
      kind: 'aggregate',
      fields: input.fields,
      input,
      keys,
      sets: null,
      aggregates: [],
      always: false,
      windowEnd: null,
    },
    width,
    order: shown,
  };
}

/** The parts of a condition's tree that AND joins. */
export function andParts(node: Node): Node[] {
  if (!('BoolExpr' in node) || node.BoolExpr.boolop !== 'AND_EXPR') return [node];
  return (node.BoolExpr.args ?? []).flatMap(andParts);
}

/** The first fields of a relation. */
export function narrowed(relation: Relation, width: number): Relation {
  if (relation.fields.length === width) return relation;
  const fields = relation.fields.slice(0, width);
  return { kind: 'project', fields, input: relation, expressions: fields.map((_, i) => columnOf(relation.fields, i)) };
}
