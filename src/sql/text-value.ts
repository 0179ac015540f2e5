/** Values as text. */
import { Decimal } from './decimal.js';
import { functionTable } from './functions/index.js';
import type { EvaluateValues } from './functions/registry.js';
import type { SqlType } from './plan.js';
import type { Value } from './value.js';

/** A value that is not null as PostgreSQL prints it: its cast to text. */
export function textOf(value: Exclude<Value, null>, type: SqlType): string {
  if (type === 'text') return value as string;
  const cast = functionTable.castOf(type, 'text');
  if (cast === undefined) throw new Error(`there is no cast of ${type} to text`);
  return (cast.evaluate as EvaluateValues)(value) as string;
}

/** A value whose type is not known any more, as JSON holds it: numbers that it can't hold exactly are texts. */
export function jsonValue(value: Value): unknown {
  if (typeof value === 'bigint' || value instanceof Decimal) return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}
