/**
 * Runs a bound expression: the reference meaning, by closures over a row.
 *
 * The mill uses it where it emits (outputs and HAVING over one key), kernels call the same
 * functions through `generate.ts`, and the oracle test holds it against a real PostgreSQL.
 */
import { decimalOf, parseDecimal } from './decimal.js';
import type { Decimal } from './decimal.js';
import { compareOf, IDENTICAL } from './functions/compare.js';
import { functionTable } from './functions/index.js';
import type { EvaluateValues } from './functions/registry.js';
import type { Expression, LiteralItem, LiteralValue, SqlType } from './plan.js';
import type { Int, Item, Value } from './value.js';

/** What an expression can read. An expression over source rows reads columns, one over a key's result the rest. */
export interface RowAccess {
  column(index: number): Value;
  key(index: number): Value;
  aggregate(index: number): Value;
  /** ms since 1970. */
  readonly windowStart: number;
  readonly windowEnd: number;
}

/** A compiled expression. Throws `SQL_RUNTIME` where PostgreSQL raises an error. */
export type Compiled = (row: RowAccess) => Value;

/** The value that a literal stands for. */
export function literalValue(value: LiteralValue, type: SqlType): Value {
  if (type === 'numeric') return numericItem(value as LiteralItem);
  if (type === 'numeric[]' && value !== null) return (value as readonly LiteralItem[]).map(numericItem);
  return value as Value;
}

function numericItem(value: LiteralItem): Decimal | null {
  if (value === null) return null;
  return typeof value === 'string' ? parseDecimal(value)! : decimalOf(value as Int);
}

/** The literal that stands for a value. */
export function valueLiteral(value: Value, type: SqlType): LiteralValue {
  if (value === null) return null;
  if (type === 'numeric') return String(value);
  if (type === 'numeric[]') return (value as readonly Item[]).map((item) => (item === null ? null : String(item)));
  return value as LiteralValue;
}

/** Compiles an expression once, to run it over many rows. */
export function compile(expression: Expression): Compiled {
  switch (expression.kind) {
    case 'literal': {
      const value = literalValue(expression.value, expression.type);
      return () => value;
    }
    case 'column':
      return (row) => row.column(expression.index);
    case 'key':
      return (row) => row.key(expression.index);
    case 'aggregate':
      return (row) => row.aggregate(expression.index);
    case 'windowStart':
      return (row) => row.windowStart;
    case 'windowEnd':
      return (row) => row.windowEnd;
    case 'and':
      return compileLogic(expression.args.map(compile), false);
    case 'or':
      return compileLogic(expression.args.map(compile), true);
    case 'not': {
      const arg = compile(expression.arg);
      return (row) => {
        const value = arg(row);
        return value === null ? null : !value;
      };
    }
    case 'isNull': {
      const arg = compile(expression.arg);
      const { negated } = expression;
      return (row) => (arg(row) === null) !== negated;
    }
    case 'case':
      return compileCase(expression);
    case 'call':
      return compileCall(expression);
  }
}

/** AND and OR: `decides` ends it at once; else NULL if any was NULL. */
function compileLogic(args: readonly Compiled[], decides: boolean): Compiled {
  return (row) => {
    let unknown = false;
    for (const arg of args) {
      const value = arg(row);
      if (value === decides) return decides;
      if (value === null) unknown = true;
    }
    return unknown ? null : !decides;
  };
}

function compileCase(expression: Extract<Expression, { kind: 'case' }>): Compiled {
  const branches = expression.branches.map(({ when, result }) => ({ when: compile(when), result: compile(result) }));
  const otherwise = compile(expression.otherwise);
  return (row) => {
    for (const branch of branches) if (branch.when(row) === true) return branch.result(row);
    return otherwise(row);
  };
}

type Call = Extract<Expression, { kind: 'call' }>;

function compileCall(call: Call): Compiled {
  const special = SPECIAL[call.name];
  if (special !== undefined) return special(call);
  const args = call.args.map(compile);
  const definition = functionTable.definitionOf(call);
  const evaluate = evaluatorOf(call);
  if (definition.nulls === true) return (row) => evaluate(...args.map((arg) => arg(row)));
  if (args.length === 1) {
    const [first] = args as [Compiled];
    return (row) => {
      const value = first(row);
      return value === null ? null : evaluate(value);
    };
  }
  return (row) => {
    const values: Value[] = [];
    for (const arg of args) {
      const value = arg(row);
      if (value === null) return null;
      values.push(value);
    }
    return evaluate(...values);
  };
}

/** The function that a call runs, specialized for its literal arguments. */
export function evaluatorOf(call: Call): EvaluateValues {
  const definition = functionTable.definitionOf(call);
  const constants = call.args.map((arg) => (arg.kind === 'literal' ? literalValue(arg.value, arg.type) : undefined));
  return (definition.prepare?.(constants) ?? definition.evaluate) as EvaluateValues;
}

/** `coalesce` sees its arguments before all are evaluated; the others get values, NULLs included. */
const SPECIAL: Readonly<Record<string, (call: Call) => Compiled>> = {
  coalesce: (call) => {
    const args = call.args.map(compile);
    return (row) => {
      for (const arg of args) {
        const value = arg(row);
        if (value !== null) return value;
      }
      return null;
    };
  },
  greatest: compileSpecial,
  least: compileSpecial,
  isDistinct: compileSpecial,
  in: compileSpecial,
  array: compileSpecial,
};

function compileSpecial(call: Call): Compiled {
  const args = call.args.map(compile);
  const evaluate = specialEvaluator(call);
  return (row) => evaluate(...args.map((arg) => arg(row)));
}

/** The function behind `greatest`, `least`, `isDistinct`, `in` and `array`; it takes NULLs. */
export function specialEvaluator(call: Call): EvaluateValues {
  if (call.name === 'array') return (...items: Value[]) => items as Item[];
  if (call.name === 'greatest' || call.name === 'least') {
    return extreme(compareOf(call.type), call.name === 'greatest' ? 1 : -1);
  }
  const equal = equalityOf(call.args[0]!.type);
  if (call.name === 'isDistinct') {
    return (a: Value, b: Value) => (a === null || b === null ? a !== b : !equal(a, b));
  }
  return (subject: Value, ...list: Value[]) => {
    if (subject === null) return null;
    let unknown = false;
    for (const item of list) {
      if (item === null) unknown = true;
      else if (equal(subject, item)) return true;
    }
    return unknown ? null : false;
  };
}

/** Whether two non-null values of a type are equal. */
export function equalityOf(type: SqlType): (a: Value, b: Value) => boolean {
  if (IDENTICAL.has(type)) return (a, b) => a === b;
  const order = compareOf(type);
  return (a, b) => order(a, b) === 0;
}

function extreme(order: (a: Value, b: Value) => number, sign: 1 | -1): EvaluateValues {
  return (...values: Value[]) => {
    let best: Value = null;
    for (const value of values) {
      if (value !== null && (best === null || order(value, best) * sign > 0)) best = value;
    }
    return best;
  };
}
