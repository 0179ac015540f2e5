/** How many digits after the point a numeric expression always has, where that is known beforehand. */
import { DECIMAL_SCALE } from '../../event/schema.js';
import { parseDecimal } from './decimal.js';
import type { Expression, ViewPlan } from './plan.js';

/** Keys and aggregates that an expression over a view's results refers to. */
export type PlanParts = Pick<ViewPlan, 'keys' | 'aggregates'>;

/**
 * The scale that every value of a numeric expression has, or undefined when rows differ.
 * `parts` resolves `key` and `aggregate` nodes.
 */
export function staticScale(expression: Expression, parts?: PlanParts): number | undefined {
  const scaleOf = (child: Expression): number | undefined => staticScale(child, parts);
  switch (expression.kind) {
    case 'column':
      return DECIMAL_SCALE;
    case 'literal':
      return expression.value === null ? undefined : parseDecimal(String(expression.value))?.scale;
    case 'key':
      return parts === undefined ? undefined : staticScale(parts.keys[expression.index]!.expression);
    case 'aggregate': {
      const call = parts?.aggregates[expression.index];
      if (call === undefined || call.name === 'avg' || call.arg === null) return undefined;
      return call.arg.type === 'bigint' || call.arg.type === 'integer' ? 0 : staticScale(call.arg);
    }
    case 'case':
      return agreed([...expression.branches.map((branch) => branch.result), expression.otherwise], scaleOf);
    case 'call':
      return callScale(expression, scaleOf);
    default:
      return undefined;
  }
}

/** The one scale of several results; NULL literals have any. */
function agreed(
  results: readonly Expression[],
  scaleOf: (child: Expression) => number | undefined,
): number | undefined {
  const scales = new Set(results.filter((each) => each.kind !== 'literal' || each.value !== null).map(scaleOf));
  return scales.size === 1 ? [...scales][0] : undefined;
}

function callScale(
  call: Extract<Expression, { kind: 'call' }>,
  scaleOf: (child: Expression) => number | undefined,
): number | undefined {
  const [first, second, third] = call.args;
  switch (call.name) {
    case '+':
    case '-':
    case '%':
    case 'mod': {
      const a = scaleOf(first!);
      if (second === undefined) return a;
      const b = scaleOf(second);
      return a === undefined || b === undefined ? undefined : Math.max(a, b);
    }
    case '*': {
      const a = scaleOf(first!);
      const b = scaleOf(second!);
      return a === undefined || b === undefined ? undefined : a + b;
    }
    case 'abs':
      return scaleOf(first!);
    case 'cast':
      return first!.type === 'integer' || first!.type === 'bigint' ? 0 : undefined;
    case 'numeric':
      return literalNumber(third);
    case 'round':
    case 'trunc':
      return second === undefined ? 0 : literalNumber(second);
    case 'floor':
    case 'ceil':
    case 'ceiling':
    case 'sign':
      return 0;
    case 'coalesce':
    case 'greatest':
    case 'least':
      return agreed(call.args, scaleOf);
    default:
      return undefined;
  }
}

function literalNumber(expression: Expression | undefined): number | undefined {
  const isNumber = expression?.kind === 'literal' && typeof expression.value === 'number';
  return isNumber ? Math.max(0, expression.value as number) : undefined;
}
