import type { AggregateCall, Expression } from './plan.js';

/** Whether an expression is the sketch of an `approxCountDistinct`: only there is it of type bytea. */
export function isSketch(expression: Expression, aggregates: readonly AggregateCall[]): boolean {
  return (
    expression.kind === 'aggregate' &&
    expression.type === 'bytea' &&
    aggregates[expression.index]!.name === 'approxCountDistinct'
  );
}
