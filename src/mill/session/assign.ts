/**
 * Assignment: a value of one type into a column of another, as INSERT and UPDATE do it.
 *
 * PostgreSQL takes implicit casts here, numbers of every type for one another, times for shorter ones, and anything for
 * text. A text that is too long, a number that does not fit and a NULL where none may be are errors.
 */
import { bindTypeCast } from '../../sql/bind-literal.js';
import type { BindContext } from '../../sql/context.js';
import { compile } from '../../sql/evaluate.js';
import { functionTable } from '../../sql/functions/index.js';
import type { EvaluateValues } from '../../sql/functions/registry.js';
import type { Expression, SqlType } from '../../sql/plan.js';
import type { ColumnDefinition } from '../../sql/statements/statement.js';
import { isArray, isImplicit, itemOf, typeName } from '../../sql/types.js';
import { evaluationError } from '../../sql/value.js';
import type { Value } from '../../sql/value.js';

const NUMBERS: readonly SqlType[] = ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision'];
const ASSIGNED: Partial<Record<SqlType, readonly SqlType[]>> = {
  timestamptz: ['timestamp', 'date', 'time'],
  timestamp: ['date', 'time'],
  interval: ['time'],
  json: ['jsonb'],
  jsonb: ['json'],
};

/** Whether a value of one type may be assigned to a column of another. */
export function isAssignable(from: SqlType, to: SqlType): boolean {
  if (isImplicit(from, to) || to === 'text') return true;
  if (NUMBERS.includes(from) && NUMBERS.includes(to)) return true;
  if (isArray(from) && isArray(to)) return isAssignable(itemOf(from), itemOf(to));
  return ASSIGNED[from]?.includes(to) ?? false;
}

/** How values of a type become values of a column of `relation`. Null where they can't. */
export function assignment(
  from: SqlType,
  column: ColumnDefinition,
  relation: string,
): ((value: Value) => Value) | null {
  if (!isAssignable(from, column.type)) return null;
  const converted = cast(from, column.type);
  const fitted = precision(column);
  const { name, notNull, lengthMax } = column;
  return (value) => {
    if (value === null) {
      if (notNull)
        throw evaluationError(`null value in column "${name}" of relation "${relation}" violates not-null constraint`);
      return null;
    }
    const result = fitted(converted(value));
    if (lengthMax !== null && [...(result as string)].length > lengthMax)
      throw evaluationError(`value too long for type character varying(${lengthMax})`);
    return result;
  };
}

/** The message of an assignment that can't be. */
export function assignmentError(from: SqlType, column: ColumnDefinition): string {
  return `column "${column.name}" is of type ${typeName(column.type)} but expression is of type ${typeName(from)}`;
}

function cast(from: SqlType, to: SqlType): (value: Value) => Value {
  if (from === to) return (value) => value;
  return functionTable.castOf(from, to)!.evaluate as EvaluateValues;
}

/** What a column's precision does to its values: `numeric(10,2)` rounds, `char(3)` drops spaces at the end. */
function precision({ name, type, typeName: written, lengthMax }: ColumnDefinition): (value: Value) => Value {
  if (written.typmods === undefined && type !== 'text') return (value) => value;
  const context: BindContext = {
    text: '',
    file: undefined,
    positions: new WeakMap(),
    clause: 'SELECT',
  };
  const item: Expression = { kind: 'column', index: 0, name, type, nullable: false };
  // A text that is too long is an error here, where a cast would cut it.
  const { typmods: _length, ...unlimited } = written;
  const bound = bindTypeCast(context, item, lengthMax === null ? written : unlimited, undefined);
  if (bound === item) return (value) => value;
  const compute = compile(bound);
  let current: Value = null;
  const row = { column: () => current, key: () => null, aggregate: () => null, windowStart: 0, windowEnd: 0 };
  return (value) => {
    current = value;
    return compute(row);
  };
}
