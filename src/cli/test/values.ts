/** Values of a test file as SQL values, and when two are the same. */
import { compareValues } from '../../mill/dataflow/order.js';
import { textOf } from '../../mill/session/print.js';
import { functionTable } from '../../sql/functions/index.js';
import type { EvaluateValues } from '../../sql/functions/registry.js';
import type { SqlType } from '../../sql/plan.js';
import { isArray, itemOf } from '../../sql/types.js';
import type { Item, Value } from '../../sql/value.js';

/** A value as YAML has it, read as SQL reads a text of that type. Throws SQL_RUNTIME where it is none. */
export function valueOf(type: SqlType, given: unknown): Value {
  if (given === null || given === undefined) return null;
  if (isArray(type) && Array.isArray(given)) return given.map((item: unknown) => valueOf(itemOf(type), item) as Item);
  const isJson = type === 'json' || type === 'jsonb';
  if (isJson && typeof given !== 'string') return valueOf(type, JSON.stringify(given));
  const text = typeof given === 'object' ? JSON.stringify(given) : String(given);
  if (type === 'text') return text;
  return (functionTable.castOf('text', type)!.evaluate as EvaluateValues)(text);
}

const NEAR = 1e-9;

/** Whether an expected and a got value are the same: as SQL's `=`, doubles within 1e-9, JSON by what it says. */
export function sameValue(type: SqlType, expected: Value, got: Value): boolean {
  if (expected === null || got === null) return expected === got;
  if (type === 'double precision' || type === 'real') {
    const [a, b] = [expected as number, got as number];
    return Object.is(a, b) || Math.abs(a - b) <= NEAR * Math.max(Math.abs(a), Math.abs(b));
  }
  if (type === 'json' || type === 'jsonb')
    return canonical(JSON.parse(expected as string)) === canonical(JSON.parse(got as string));
  if (isArray(type)) return textOf(type)(expected) === textOf(type)(got);
  return compareValues(type)(expected, got) === 0;
}

/** JSON with its names in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
