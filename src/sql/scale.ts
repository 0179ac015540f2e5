/** How many digits after the point a numeric expression always has, where that is known beforehand. */
import { DECIMAL_SCALE } from '../event/schema.js';
import { parseDecimal } from './decimal.js';
import type { Expression, SqlType, ViewPlan } from './plan.js';

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
      return isWhole(call.arg.type) ? 0 : staticScale(call.arg);
    }
    case 'case':
      return agreed([...expression.branches.map((branch) => branch.result), expression.otherwise], scaleOf);
    case 'call':
      return callScale(expression, scaleOf);
    default:
      return undefined;
  }
}

function isWhole(type: SqlType): boolean {
  return type === 'bigint' || type === 'integer' || type === 'smallint';
}

/** Bits of a 64-bit column's units, its sign apart. */
const COLUMN_BITS = 63;

/**
 * How many bits the units of a numeric expression take at most, at its static scale; undefined when
 * it has none or they have no bound. A sum over rows counts as one of its addends: it is what people
 * expect to fit the column's type.
 */
export function staticBits(expression: Expression, parts?: PlanParts): number | undefined {
  const scale = staticScale(expression, parts);
  return scale === undefined ? undefined : bitsOf(expression, scale, parts);
}

/** Bits of an expression's units at a scale that is at least its own. */
function bitsOf(expression: Expression, scale: number, parts?: PlanParts): number | undefined {
  const own = staticScale(expression, parts) ?? scale;
  const extra = Math.ceil(Math.max(0, scale - own) * Math.log2(10));
  const at = (child: Expression): number | undefined => bitsOf(child, scale, parts);
  switch (expression.kind) {
    case 'column':
      return COLUMN_BITS + extra;
    case 'literal':
      if (expression.value === null) return 0;
      return (parseDecimal(String(expression.value))?.units.toString(2).length ?? COLUMN_BITS) + extra;
    case 'key':
      return parts === undefined ? undefined : bitsOf(parts.keys[expression.index]!.expression, scale);
    case 'aggregate': {
      const arg = parts?.aggregates[expression.index]?.arg;
      return arg === null || arg === undefined
        ? undefined
        : arg.type === 'numeric'
          ? bitsOf(arg, scale)
          : COLUMN_BITS + extra;
    }
    case 'case':
      return largest([...expression.branches.map((branch) => branch.result), expression.otherwise].map(at));
    case 'call':
      break;
    default:
      return undefined;
  }
  const [first, second] = expression.args;
  switch (expression.name) {
    case '+':
    case '-':
      return addBits(largest(expression.args.map(at)), expression.args.length - 1);
    case 'coalesce':
    case 'greatest':
    case 'least':
      return largest(expression.args.map(at));
    case 'abs':
      return at(first!);
    case '*':
      return addBits(staticBits(first!, parts), (staticBits(second!, parts) ?? Infinity) + extra);
    case 'cast':
      if (!isWhole(first!.type)) return undefined;
      return (first!.type === 'bigint' ? COLUMN_BITS : 32) + extra;
    default:
      return undefined;
  }
}

function addBits(bits: number | undefined, more: number): number | undefined {
  return bits === undefined || !Number.isFinite(more) ? undefined : bits + more;
}

function largest(bits: readonly (number | undefined)[]): number | undefined {
  return bits.reduce((most, each) => (most === undefined || each === undefined ? undefined : Math.max(most, each)), 0);
}

/** Most bits that `SumAccumulator` adds exactly over 2^32 rows. */
const SUM_BITS_MAX = 72;

/** The scale at which a numeric argument is summed as integers; undefined when it must be summed as decimals. */
export function sumScale(argument: Expression): number | undefined {
  const bits = staticBits(argument);
  return bits !== undefined && bits <= SUM_BITS_MAX ? staticScale(argument) : undefined;
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
      return isWhole(first!.type) ? 0 : undefined;
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
