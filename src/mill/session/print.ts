/** SQL values for people and programs. */
import { functionTable } from '../../sql/functions/index.js';
import type { SqlType } from '../../sql/plan.js';
import type { EvaluateValues } from '../../sql/functions/registry.js';
import { isArray, itemOf } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';

/** How values of a type are printed by PostgreSQL: `t` and `f`, `{a,b}`, `2024-01-01 00:00:00+00`. NULL is null. */
export function textOf(type: SqlType): (value: Value) => string | null {
  if (type === 'text') return (value) => value as string | null;
  if (type === 'boolean') return (value) => (value === null ? null : value === true ? 't' : 'f');
  const cast = functionTable.castOf(type, 'text')!.evaluate as EvaluateValues;
  return (value) => (value === null ? null : (cast(value) as string));
}

const NUMBERS: ReadonlySet<SqlType> = new Set<SqlType>(['smallint', 'integer', 'bigint', 'real', 'double precision']);

/**
 * Values of a type in JSON, as `/v1/query` answers them: numbers where they are exact, numeric as text, times as
 * ISO 8601, json as it is, arrays as lists.
 */
export function jsonOf(type: SqlType): (value: Value) => unknown {
  if (isArray(type)) {
    const item = jsonOf(itemOf(type));
    return (value) => (value === null ? null : (value as readonly Value[]).map(item));
  }
  const text = textOf(type);
  if (type === 'boolean') return (value) => value;
  if (type === 'json' || type === 'jsonb')
    return (value) => (value === null ? null : (JSON.parse(value as string) as unknown));
  if (NUMBERS.has(type))
    return (value) => {
      if (typeof value === 'bigint') return value.toString();
      return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
    };
  if (type !== 'timestamptz' && type !== 'timestamp') return text;
  return (value) => text(value)?.replace(' ', 'T').replace(/\+00$/, 'Z') ?? null;
}
