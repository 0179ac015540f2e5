/** Expressions over rows, as generated functions. They throw SQL_RUNTIME where PostgreSQL raises an error. */
import type { Expression } from '../../sql/plan.js';
import type { Value } from '../../sql/value.js';
import { MillraceError } from '../../util/errors.js';
import type { Row } from './operator.js';
import { RowSource } from './row-source.js';

/** The value of an expression. */
export function compileExpression(expression: Expression): (row: Row) => Value {
  const source = new RowSource();
  const { prelude, value } = source.print(expression);
  return source.build(['row'], `${source.declarations()}\n${prelude}return ${value};`);
}

/** Whether a condition is true: neither false nor NULL. */
export function compileCondition(condition: Expression): (row: Row) => boolean {
  const source = new RowSource();
  const { prelude, value } = source.print(condition);
  return source.build(['row'], `${source.declarations()}\n${prelude}return ${value} === true;`);
}

/** A row of the values of several expressions. */
export function compileRow(expressions: readonly Expression[]): (row: Row) => Row {
  const source = new RowSource();
  const printed = expressions.map((expression) => source.print(expression));
  const values = printed.map(({ value }) => value).join(', ');
  const preludes = printed.map(({ prelude }) => prelude).join('');
  return source.build(['row'], `${source.declarations()}\n${preludes}return [${values}];`);
}

/** The late reason of a row that an expression can't be evaluated for. Throws again what is no error of a row's data. */
export function failureReason(error: unknown): string {
  if (error instanceof MillraceError && error.code === 'SQL_RUNTIME') return `error: ${error.message}`;
  throw error;
}
