import type { Expression } from '../../sql/plan.js';

/** Calls `visit` with an expression and everything in it. */
export function walk(expression: Expression, visit: (expression: Expression) => void): void {
  visit(expression);
  switch (expression.kind) {
    case 'call':
    case 'and':
    case 'or':
      for (const arg of expression.args) walk(arg, visit);
      break;
    case 'not':
    case 'isNull':
      walk(expression.arg, visit);
      break;
    case 'case':
      for (const branch of expression.branches) {
        walk(branch.when, visit);
        walk(branch.result, visit);
      }
      walk(expression.otherwise, visit);
      break;
  }
}

/** The source columns that an expression reads. */
export function columnsOf(expression: Expression): Set<number> {
  const columns = new Set<number>();
  walk(expression, (part) => {
    if (part.kind === 'column') columns.add(part.index);
  });
  return columns;
}

/** Whether an expression reads the window's bounds. */
export function usesBounds(expression: Expression): boolean {
  let found = false;
  walk(expression, (part) => {
    if (part.kind === 'windowStart' || part.kind === 'windowEnd') found = true;
  });
  return found;
}
