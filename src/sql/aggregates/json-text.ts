import { functionTable } from '../functions/index.js';
import type { SqlType } from '../plan.js';
import type { Value } from '../value.js';

/** How values of a type are written as JSON, as `to_json` does; NULL is `null`. */
export function jsonOf(type: SqlType): (value: Value) => string {
  const toJson = functionTable.overloads('to_json').find(({ params }) => params[0] === type);
  if (toJson === undefined) throw new Error(`no to_json of ${type}`);
  const write = toJson.evaluate as (value: NonNullable<Value>) => Value;
  return (value) => (value === null ? 'null' : (write(value) as string));
}
