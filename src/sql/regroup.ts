/** Rewrites an expression over source rows into one over keys and aggregates. */
import { bindError } from './context.js';
import type { BindContext } from './context.js';
import type { Expression } from './plan.js';

/** Whether two bound expressions are the same, literal values included. */
export function sameExpression(a: Expression, b: Expression): boolean {
  return textOf(a) === textOf(b);
}

function textOf(expression: Expression): string {
  return JSON.stringify(expression, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

/**
 * Replaces every key's expression by a reference to the key.
 *
 * @throws PostgreSQL's error for a column that is neither grouped nor aggregated.
 */
export function regroup(
  context: BindContext,
  expression: Expression,
  keys: readonly { readonly expression: Expression }[],
): Expression {
  const text = textOf(expression);
  const index = keys.findIndex((key) => textOf(key.expression) === text);
  if (index >= 0 && expression.kind !== 'literal') return { kind: 'key', index, type: expression.type };
  const inside = (child: Expression): Expression => regroup(context, child, keys);
  switch (expression.kind) {
    case 'column': {
      const name = `${context.qualifiers[0]!}.${expression.name}`;
      throw bindError(
        context,
        'SQL_TYPE',
        `column "${name}" must appear in the GROUP BY clause or be used in an aggregate function`,
        context.positions.get(expression),
        `Add ${expression.name} to GROUP BY, or write max(${expression.name}).`,
      );
    }
    case 'call':
    case 'and':
    case 'or':
      return { ...expression, args: expression.args.map(inside) };
    case 'not':
    case 'isNull':
      return { ...expression, arg: inside(expression.arg) };
    case 'case':
      return {
        ...expression,
        branches: expression.branches.map(({ when, result }) => ({ when: inside(when), result: inside(result) })),
        otherwise: inside(expression.otherwise),
      };
    default:
      return expression;
  }
}
