/** Expressions that a kernel evaluates once a dictionary entry instead of once a row. */
import type { Schema } from '../event/schema.js';
import { compile } from './evaluate.js';
import type { RowAccess } from './evaluate.js';
import type { Expression, SqlType } from './plan.js';
import type { Value } from './value.js';
import { canFail, columnsOf, visit } from './walk.js';

/** A function of one dictionary column. */
export interface DictionaryFunction {
  /** Position of the column. */
  readonly column: number;
  readonly type: SqlType;
  readonly expression: Expression;
  /** The result for an entry's text, or for NULL. Never throws. */
  evaluate(text: string | null): Value;
}

/**
 * The function that an expression is of exactly one dictionary column; null when it reads other
 * columns or none, the window's bounds, is the bare column, or can be an error (an entry that no
 * kept row has must not raise one).
 */
export function dictionaryFunctionOf(expression: Expression, schema: Schema): DictionaryFunction | null {
  const [column, ...others] = columnsOf(expression);
  if (column === undefined || others.length > 0 || expression.kind === 'column') return null;
  if (schema.columns[column]!.type !== 'dictionary' || canFail(expression)) return null;
  let pure = true;
  visit(expression, (node) => {
    if (node.kind === 'windowStart' || node.kind === 'windowEnd' || node.kind === 'key' || node.kind === 'aggregate')
      pure = false;
  });
  if (!pure) return null;
  const compiled = compile(expression);
  return { column, type: expression.type, expression, evaluate: (text) => compiled(entryRow(text)) };
}

function entryRow(text: string | null): RowAccess {
  return { column: () => text, key: unreachable, aggregate: unreachable, windowStart: 0, windowEnd: 0 };
}

function unreachable(): never {
  throw new Error('a dictionary function reads one column');
}
