/** Finds an aggregate whose input is a window, so that one operator can do the work of both. */
import type { Expression } from '../../../sql/plan.js';
import { keyOf, replaceColumns } from '../../../sql/relation/columns.js';
import type { Aggregate, AggregateSpec, Relation, Windowed } from '../../../sql/relation/relation.js';
import { columnsOf } from '../../../sql/walk.js';

/** Where a key of the aggregate comes from: a bound of the window, or a position among `parts`. */
export type KeyOrigin = 'start' | 'end' | number;

/** An aggregate over a window, with everything but the bounds over the window's input. */
export interface WindowAggregate {
  readonly window: Windowed;
  /** Rows of the window's input for which one is not true are left out. */
  readonly conditions: readonly Expression[];
  /** The keys that are no bounds. */
  readonly parts: readonly Expression[];
  readonly origins: readonly KeyOrigin[];
  readonly aggregates: readonly AggregateSpec[];
}

/** An aggregate as one over a window; null where a bound is used for more than a key. */
export function aggregateOverWindow(relation: Aggregate): WindowAggregate | null {
  if (relation.windowEnd === null || relation.sets !== null) return null;
  let input: Relation = relation.input;
  let keys = relation.keys;
  let aggregates = relation.aggregates;
  let conditions: Expression[] = [];
  for (; input.kind === 'filter' || input.kind === 'project'; input = input.input) {
    if (input.kind === 'filter') {
      conditions = [input.condition, ...conditions];
      continue;
    }
    const { expressions } = input;
    const below = (expression: Expression): Expression =>
      replaceColumns(expression, ({ index }) => expressions[index]!);
    keys = keys.map(below);
    conditions = conditions.map(below);
    aggregates = aggregates.map((spec) => specBelow(spec, below));
  }
  if (input.kind !== 'window') return null;
  const width = input.input.fields.length;
  const usesBounds = (expression: Expression): boolean => columnsOf(expression).some((column) => column >= width);
  const parts: Expression[] = [];
  const origins = keys.map((key): KeyOrigin => {
    if (key.kind === 'column' && key.index === width) return 'start';
    if (key.kind === 'column' && key.index === width + 1) return 'end';
    return parts.push(key) - 1;
  });
  if (!origins.includes('end')) return null;
  if ([...parts, ...conditions, ...aggregates.flatMap(expressionsOf)].some(usesBounds)) return null;
  return { window: input, conditions, parts, origins, aggregates };
}

function specBelow(spec: AggregateSpec, below: (expression: Expression) => Expression): AggregateSpec {
  return {
    ...spec,
    args: spec.args.map(below),
    filter: spec.filter === null ? null : below(spec.filter),
    order: spec.order.map((item) => ({ ...item, expression: below(item.expression) })),
  };
}

function expressionsOf({ args, filter, order }: AggregateSpec): Expression[] {
  return [...args, ...(filter === null ? [] : [filter]), ...order.map(({ expression }) => expression)];
}

/** Whether two lists have the same expressions, in any order. */
export function sameExpressions(a: readonly Expression[], b: readonly Expression[]): boolean {
  const texts = (list: readonly Expression[]): Set<string> => new Set(list.map(textOf));
  const [left, right] = [texts(a), texts(b)];
  return left.size === right.size && [...left].every((text) => right.has(text));
}

/** A text that is the same for expressions that read the same fields in the same way. */
function textOf(expression: Expression): string {
  return keyOf(replaceColumns(expression, (column) => ({ ...column, name: '', nullable: true })));
}
