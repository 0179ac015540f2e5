/**
 * Prints an expression as JavaScript over columns, for the mill's kernels.
 *
 * The kernel loops over rows; a `KernelScope` says how to read a column of the row at hand. What
 * comes back is statements to run first (`prelude`) and two expressions: whether the result is
 * NULL, and its value where it is not (a NULL's value is anything, never to be looked at).
 *
 * Values have the shapes of `value.ts`, but for one: where a numeric's scale is known beforehand
 * (`scale` is set) its value is a *canonical integer* of units, `1.50` with scale 2 is 150: a
 * number while it is safe, else a bigint of any size. Without `scale` a numeric is a `Decimal`.
 * Columns of `decimal` have scale 6. `bigint` is a canonical integer; timestamps and dates are
 * always numbers; text is a string.
 *
 * AND, OR, CASE and coalesce run only what they must, as labelled blocks. Functions that are not
 * printed are bound as values and called: the same functions that `evaluate.ts` calls.
 */
import { Decimal, parseDecimal, powerOfTen } from './decimal.js';
import { dictionaryFunctionOf } from './dictionary-function.js';
import type { DictionaryFunction } from './dictionary-function.js';
import { evaluatorOf, literalValue, specialEvaluator } from './evaluate.js';
import { IDENTICAL } from './functions/compare.js';
import { functionTable } from './functions/index.js';
import type { Expression, SqlType } from './plan.js';
import { staticScale } from './scale.js';
import { addWide, intOf, multiplyWide, subtractWide } from './value.js';
import type { Int } from './value.js';
import { SPECIAL_CALLS } from './walk.js';
import type { Schema } from '../event/schema.js';

/** JavaScript that yields a value. */
export interface Snippet {
  /** Statements to run first; may declare names made by `fresh`. */
  readonly prelude?: string;
  readonly value: string;
  /** A boolean expression; the text `false` when it is never NULL. */
  readonly isNull: string;
}

/** A printed expression. */
export interface Generated extends Required<Snippet> {
  readonly type: SqlType;
  /** For numeric: the value is an integer of units at this scale; undefined: it is a `Decimal`. */
  readonly scale: number | undefined;
}

/** What a kernel offers to the expressions in it. */
export interface KernelScope {
  /** What `lookup` goes by. */
  readonly schema?: Schema;
  /** Reads a column of the current row, in the shape of its type (decimal: units at scale 6, see `decimals`). */
  column(index: number): Snippet;
  /** True where numeric columns are read as `Decimal`. */
  readonly decimals?: boolean;
  /** Looks a function of a dictionary column up by code; null to have it evaluated by row. */
  lookup?(fn: DictionaryFunction): Snippet | null;
  /** JavaScript for the row's window bounds, ms. */
  readonly windowStart: string;
  readonly windowEnd: string;
  /** A name that no other snippet uses. */
  fresh(prefix: string): string;
  /** Hands a value to the kernel; answers the name it has there. */
  bind(value: unknown, hint: string): string;
}

type Call = Extract<Expression, { kind: 'call' }>;

/** Prints an expression over source columns. */
export function generate(expression: Expression, scope: KernelScope): Generated {
  const looked = lookUp(expression, scope);
  if (looked !== undefined) return looked;
  switch (expression.kind) {
    case 'column': {
      const { prelude = '', value, isNull } = scope.column(expression.index);
      const scale = expression.type === 'numeric' && scope.decimals !== true ? 6 : undefined;
      return done(expression.type, value, isNull, prelude, scale);
    }
    case 'literal':
      return generateLiteral(expression, scope);
    case 'windowStart':
      return done('timestamptz', scope.windowStart);
    case 'windowEnd':
      return done('timestamptz', scope.windowEnd);
    case 'not': {
      const arg = generate(expression.arg, scope);
      return { ...arg, value: `!${paren(arg.value)}` };
    }
    case 'isNull': {
      const arg = generate(expression.arg, scope);
      return done('boolean', expression.negated ? `!${paren(arg.isNull)}` : paren(arg.isNull), 'false', arg.prelude);
    }
    case 'and':
    case 'or':
      return generateLogic(
        expression.args.map((arg) => generate(arg, scope)),
        expression.kind === 'or',
        scope,
      );
    case 'case':
      return generateCase(expression, scope);
    case 'call':
      return generateCall(expression, scope);
    default:
      throw new Error(`a kernel over rows cannot read ${expression.kind}`);
  }
}

/** As `generate`, with every numeric as a `Decimal`: all values as `value.ts` says. */
export function generateValue(expression: Expression, scope: KernelScope): Generated {
  return asDecimal(generate(expression, scope), scope);
}

function done(type: SqlType, value: string, isNull = 'false', prelude = '', scale?: number): Generated {
  return { type, value, isNull, prelude, scale };
}

function paren(text: string): string {
  return /^[\w$.]+$/.test(text) ? text : `(${text})`;
}

function lookUp(expression: Expression, scope: KernelScope): Generated | undefined {
  if (scope.lookup === undefined || scope.schema === undefined) return undefined;
  const fn = dictionaryFunctionOf(expression, scope.schema);
  const snippet = fn === null ? null : scope.lookup(fn);
  return snippet === null ? undefined : done(expression.type, snippet.value, snippet.isNull, snippet.prelude);
}

function generateLiteral(expression: Extract<Expression, { kind: 'literal' }>, scope: KernelScope): Generated {
  const { value, type } = expression;
  if (value === null) return done(type, 'null', 'true');
  if (type === 'numeric') {
    const decimal = parseDecimal(String(value))!;
    return done(type, integerText(intOf(decimal.units)), 'false', '', decimal.scale);
  }
  if (typeof value === 'number' || typeof value === 'bigint') return done(type, integerText(value));
  if (typeof value === 'boolean' || typeof value === 'string') return done(type, JSON.stringify(value));
  return done(type, scope.bind(literalValue(value, type), 'constant'));
}

function integerText(value: Int): string {
  if (typeof value === 'bigint') return `${value < 0n ? `(${value}n)` : `${value}n`}`;
  const text = Object.is(value, -0) ? '-0' : String(value);
  return text.startsWith('-') ? `(${text})` : text;
}

/** Or of conditions, where each may be the text `false`. */
function anyOf(conditions: readonly string[]): string {
  const real = [...new Set(conditions)].filter((condition) => condition !== 'false');
  return real.length === 0 ? 'false' : real.map(paren).join(' || ');
}

function generateLogic(args: readonly Generated[], decides: boolean, scope: KernelScope): Generated {
  if (args.every((arg) => arg.isNull === 'false' && arg.prelude === '')) {
    return done('boolean', args.map((arg) => paren(arg.value)).join(decides ? ' || ' : ' && '));
  }
  const value = scope.fresh('v');
  const unknown = scope.fresh('n');
  const label = scope.fresh('L');
  const steps = args.map((arg) => {
    const hit = `if (${decides ? '' : '!'}${paren(arg.value)}) { ${value} = ${decides}; ${unknown} = false; break ${label}; }`;
    return `${arg.prelude}${arg.isNull === 'false' ? hit : `if (${arg.isNull}) ${unknown} = true; else ${hit}`}\n`;
  });
  const prelude = `let ${value} = ${!decides}, ${unknown} = false;\n${label}: {\n${steps.join('')}}\n`;
  return done('boolean', value, args.every((arg) => arg.isNull === 'false') ? 'false' : unknown, prelude);
}

/** The results of several branches in one shape: units at a common scale, or decimals. */
function sameShape(
  results: readonly Generated[],
  scope: KernelScope,
): { results: Generated[]; scale: number | undefined } {
  const real = results.filter((result) => result.isNull !== 'true');
  const scales = new Set(real.map((result) => result.scale));
  if (real[0]?.type !== 'numeric' || (scales.size === 1 && real[0].scale !== undefined))
    return { results: [...results], scale: real[0]?.scale };
  return {
    results: results.map((result) => (result.isNull === 'true' ? result : asDecimal(result, scope))),
    scale: undefined,
  };
}

function generateCase(expression: Extract<Expression, { kind: 'case' }>, scope: KernelScope): Generated {
  const whens = expression.branches.map((branch) => generate(branch.when, scope));
  const all = [...expression.branches.map((branch) => branch.result), expression.otherwise];
  const { results, scale } = sameShape(
    all.map((result) => generate(result, scope)),
    scope,
  );
  const value = scope.fresh('v');
  const unknown = scope.fresh('n');
  const label = scope.fresh('L');
  const set = (result: Generated): string =>
    `${result.prelude}${value} = ${result.value}; ${unknown} = ${result.isNull};`;
  const steps = whens.map((when, i) => {
    const test = when.isNull === 'false' ? when.value : `!${paren(when.isNull)} && ${paren(when.value)}`;
    return `${when.prelude}if (${test}) { ${set(results[i]!)} break ${label}; }\n`;
  });
  const prelude = `let ${value}, ${unknown} = false;\n${label}: {\n${steps.join('')}${set(results.at(-1)!)}\n}\n`;
  return done(
    expression.type,
    value,
    results.every((result) => result.isNull === 'false') ? 'false' : unknown,
    prelude,
    scale,
  );
}

function generateCoalesce(call: Call, scope: KernelScope): Generated {
  const { results, scale } = sameShape(
    call.args.map((arg) => generate(arg, scope)),
    scope,
  );
  const value = scope.fresh('v');
  const unknown = scope.fresh('n');
  const label = scope.fresh('L');
  const steps = results.map((arg) => {
    const take = `${value} = ${arg.value}; ${unknown} = false; break ${label};`;
    return `${arg.prelude}${arg.isNull === 'false' ? take : `if (!${paren(arg.isNull)}) { ${take} }`}\n`;
  });
  const never = results.some((arg) => arg.isNull === 'false');
  const last = results.findIndex((arg) => arg.isNull === 'false');
  const kept = never ? steps.slice(0, last + 1) : steps;
  return done(
    call.type,
    value,
    never ? 'false' : unknown,
    `let ${value}, ${unknown} = true;\n${label}: {\n${kept.join('')}}\n`,
    scale,
  );
}

function generateCall(call: Call, scope: KernelScope): Generated {
  if (call.name === 'coalesce') return generateCoalesce(call, scope);
  if (call.name === 'in') {
    const listed = generateIn(call, scope);
    if (listed !== undefined) return listed;
  }
  const args = call.args.map((arg) => generate(arg, scope));
  const scaled =
    call.args.some((arg) => arg.type === 'numeric') || call.type === 'numeric'
      ? generateScaled(call, args, scope)
      : undefined;
  if (scaled !== undefined) return scaled;
  const plain = args.map((arg) => (arg.type === 'numeric' ? asDecimal(arg, scope) : arg));
  const prelude = plain.map((arg) => arg.prelude).join('');
  const unknown = anyOf(plain.map((arg) => arg.isNull));
  if (SPECIAL_CALLS.has(call.name))
    return callWithNulls(call, plain, scope.bind(specialEvaluator(call), call.name), scope);
  const definition = functionTable.definitionOf(call);
  if (definition.inline !== undefined && definition.fails !== true) {
    return done(call.type, definition.inline(plain.map((arg) => paren(arg.value))), unknown, prelude);
  }
  const fn = scope.bind(evaluatorOf(call), 'f');
  if (definition.nulls === true) return callWithNulls(call, plain, fn, scope);
  return guarded(call.type, `${fn}(${plain.map((arg) => arg.value).join(', ')})`, unknown, prelude, scope);
}

/** A call that runs only where no argument is NULL, and whose result may be. */
function guarded(
  type: SqlType,
  text: string,
  unknown: string,
  prelude: string,
  scope: KernelScope,
  scale?: number,
): Generated {
  const value = scope.fresh('v');
  if (unknown === 'false')
    return done(type, value, `${value} === null`, `${prelude}const ${value} = ${text};\n`, scale);
  return done(type, value, `${value} === null`, `${prelude}const ${value} = ${unknown} ? null : ${text};\n`, scale);
}

function callWithNulls(call: Call, args: readonly Generated[], fn: string, scope: KernelScope): Generated {
  const value = scope.fresh('v');
  const list = args.map((arg) => (arg.isNull === 'false' ? arg.value : `${paren(arg.isNull)} ? null : ${arg.value}`));
  const prelude = `${args.map((arg) => arg.prelude).join('')}const ${value} = ${fn}(${list.join(', ')});\n`;
  return done(call.type, value, call.name === 'isDistinct' ? 'false' : `${value} === null`, prelude);
}

/** IN over literals whose equality is `===`: a set. */
function generateIn(call: Call, scope: KernelScope): Generated | undefined {
  const [subject, ...list] = call.args as [Expression, ...Expression[]];
  const literals = list.flatMap((item) => (item.kind === 'literal' ? [item] : []));
  const identical = IDENTICAL.has(subject.type) && subject.type !== 'boolean';
  if (literals.length !== list.length || !identical) return undefined;
  const arg = generate(subject, scope);
  const set = scope.bind(new Set(literals.map((item) => item.value).filter((value) => value !== null)), 'set');
  const test = `${set}.has(${arg.value})`;
  const hasNull = literals.some((item) => item.value === null);
  return done('boolean', test, hasNull ? anyOf([arg.isNull, `!${test}`]) : arg.isNull, arg.prelude);
}

/** A numeric as a `Decimal`. */
function asDecimal(arg: Generated, scope: KernelScope): Generated {
  if (arg.scale === undefined) return arg;
  const make = scope.bind(decimalFromUnits, 'decimal');
  return {
    ...arg,
    value:
      arg.isNull === 'false'
        ? `${make}(${arg.value}, ${arg.scale})`
        : `(${arg.isNull} ? null : ${make}(${arg.value}, ${arg.scale}))`,
    scale: undefined,
  };
}

function decimalFromUnits(units: Int, scale: number): Decimal {
  return new Decimal(BigInt(units), scale);
}

/** Units at a larger scale. */
function rescaled(arg: Generated, scale: number, scope: KernelScope): string {
  if (arg.scale === scale) return arg.value;
  const factor = intOf(powerOfTen(scale - arg.scale!));
  if (/^\(?-?\d+n?\)?$/.test(arg.value))
    return integerText(intOf(BigInt(arg.value.replace(/[()n]/g, '')) * BigInt(factor)));
  return `${scope.bind(multiplyWide, 'multiply')}(${arg.value}, ${integerText(factor)})`;
}

const COMPARISONS: Readonly<Record<string, string>> = {
  '=': '===',
  '<>': '!==',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};
const WIDE: Readonly<Record<string, (a: Int, b: Int) => Int>> = { '+': addWide, '-': subtractWide, '*': multiplyWide };

/** Numeric operations on units where scales are known; undefined where a `Decimal` is needed. */
function generateScaled(call: Call, args: readonly Generated[], scope: KernelScope): Generated | undefined {
  const [a, b] = args;
  const prelude = args.map((arg) => arg.prelude).join('');
  const unknown = anyOf(args.map((arg) => arg.isNull));
  if (call.name === 'cast' && call.type === 'numeric' && ['smallint', 'integer', 'bigint'].includes(a!.type)) {
    return done('numeric', a!.value, a!.isNull, prelude, 0);
  }
  if (args.some((arg) => arg.type !== 'numeric' || arg.scale === undefined || arg.isNull === 'true')) return undefined;
  const comparison = COMPARISONS[call.name];
  if (comparison !== undefined) {
    const scale = Math.max(a!.scale!, b!.scale!);
    const sides = [rescaled(a!, scale, scope), rescaled(b!, scale, scope)].map(paren);
    return guardScaled('boolean', sides.join(` ${comparison} `), unknown, prelude, undefined, sides, scope);
  }
  const wide = WIDE[call.name];
  if (wide === undefined || args.length > 2) return undefined;
  const scale =
    staticScale(call) ?? (call.name === '*' ? a!.scale! + b!.scale! : Math.max(...args.map((arg) => arg.scale!)));
  if (args.length === 1) {
    const operand = call.name === '-' ? `${scope.bind(subtractWide, 'minus')}(0, ${a!.value})` : a!.value;
    return guarded('numeric', operand, unknown, prelude, scope, a!.scale);
  }
  const at = call.name === '*' ? [a!.value, b!.value] : [rescaled(a!, scale, scope), rescaled(b!, scale, scope)];
  return guarded(
    'numeric',
    `${scope.bind(wide, 'wide')}(${at.join(', ')})`,
    unknown,
    prelude,
    scope,
    call.name === '*' ? a!.scale! + b!.scale! : scale,
  );
}

/** A comparison runs unguarded when its operands are plain reads, which never throw. */
function guardScaled(
  type: SqlType,
  text: string,
  unknown: string,
  prelude: string,
  scale: number | undefined,
  sides: readonly string[],
  scope: KernelScope,
): Generated {
  if (unknown === 'false' || sides.every((side) => !side.includes('(')))
    return done(type, text, unknown, prelude, scale);
  return guarded(type, text, unknown, prelude, scope, scale);
}
