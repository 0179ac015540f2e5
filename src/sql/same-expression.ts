import type { Expression } from './plan.js';

/** Whether two bound expressions are the same, literal values included. */
export function sameExpression(a: Expression, b: Expression): boolean {
  return textOf(a) === textOf(b);
}

function textOf(expression: Expression): string {
  return JSON.stringify(expression, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}
