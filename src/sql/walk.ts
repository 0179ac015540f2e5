/** Looks through bound expressions. */
import { functionTable } from './functions/index.js';
import type { Expression } from './plan.js';

/** The expressions directly inside one. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'call':
    case 'and':
    case 'or':
      return expression.args;
    case 'not':
    case 'isNull':
      return [expression.arg];
    case 'case':
      return [...expression.branches.flatMap((branch) => [branch.when, branch.result]), expression.otherwise];
    default:
      return [];
  }
}

/** Positions of the columns that an expression reads, rising. */
export function columnsOf(expression: Expression): number[] {
  const found = new Set<number>();
  visit(expression, (node) => {
    if (node.kind === 'column') found.add(node.index);
  });
  return [...found].sort((a, b) => a - b);
}

/** Calls a function for an expression and all inside it. */
export function visit(expression: Expression, look: (node: Expression) => void): void {
  look(expression);
  for (const child of childrenOf(expression)) visit(child, look);
}

/** Calls whose evaluation is not in the function table; none of them is ever an error. */
export const SPECIAL_CALLS: ReadonlySet<string> = new Set([
  'coalesce',
  'greatest',
  'least',
  'isDistinct',
  'in',
  'array',
]);

/** Whether some row can make the expression an error, so that a kernel must be ready to catch. */
export function canFail(expression: Expression): boolean {
  let fails = false;
  visit(expression, (node) => {
    if (node.kind === 'call' && !SPECIAL_CALLS.has(node.name) && functionTable.definitionOf(node).fails === true)
      fails = true;
  });
  return fails;
}
