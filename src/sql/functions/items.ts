/** What arrays do item by item: casts, `op ANY`, `op ALL`. */
import type { ScalarType, SqlType } from '../plan.js';
import { arrayOf } from '../types.js';
import type { Item, Value } from '../value.js';
import type { EvaluateValues, FunctionDefinition } from './registry.js';

/** A function of items that NULLs pass by. */
export function eachItem(convert: (item: Value) => Value): (items: readonly Item[]) => readonly Item[] {
  return (items) => items.map((item) => (item === null ? null : (convert(item) as Item)));
}

/** The cast of arrays that a cast of their items makes. */
export function arrayCast(item: FunctionDefinition): FunctionDefinition {
  return {
    name: 'cast',
    params: [arrayOf(item.params[0] as ScalarType)],
    result: arrayOf(item.result as ScalarType),
    evaluate: eachItem(item.evaluate as EvaluateValues),
    fails: item.fails === true,
  };
}

/** `x op ANY (array)` or `x op ALL (array)` of an operator that answers a boolean. */
export function quantify(operator: FunctionDefinition, quantifier: 'ANY' | 'ALL'): FunctionDefinition {
  const decides = quantifier === 'ANY';
  const plain = operator.evaluate as EvaluateValues;
  const decide = (items: readonly unknown[], test: (i: number) => Value): boolean | null => {
    let unknown = false;
    for (let i = 0; i < items.length; i++) {
      const result = test(i);
      if (result === decides) return decides;
      if (result === null) unknown = true;
    }
    return unknown ? null : !decides;
  };
  const [left, right] = operator.params as readonly [SqlType, ScalarType];
  return {
    name: `${operator.name} ${quantifier}`,
    params: [left, arrayOf(right)],
    result: 'boolean',
    nulls: true,
    fails: operator.fails === true,
    evaluate: (x: Value, items: readonly Item[] | null) => {
      if (items === null || (x === null && items.length > 0)) return null;
      return decide(items, (i) => (items[i] === null ? null : plain(x, items[i]!)));
    },
    prepare: ([x, items]) => {
      if (!Array.isArray(items) || operator.prepare === undefined) return undefined;
      const list = items as readonly Item[];
      const tests = list.map((item) => (operator.prepare!([x, item]) ?? plain) as EvaluateValues);
      return (value: Value) =>
        value === null && list.length > 0
          ? null
          : decide(list, (i) => (list[i] === null ? null : tests[i]!(value, list[i]!)));
    },
  };
}
