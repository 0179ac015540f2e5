/**
 * Rows in the columns that were declared for the output: by name, what is not declared is left out,
 * what is missing is NULL where the column may be.
 */
import { allNull, widen } from '../event/batch/widen.js';
import { isWidening } from '../event/schema-compare.js';
import type { Schema } from '../event/schema.js';
import { withColumns, type ColumnSource, type Rows } from './rows.js';
import { stepMistake } from './verb.js';

/** Brings rows into `to`; null when they are already. Throws CONFIG_INVALID where they don't fit. */
export function shapeTo(from: Schema, to: Schema, place: string): ((rows: Rows) => Rows) | null {
  if (from === to) return null;
  const sources = to.columns.map(({ name, type, nullable }): ColumnSource => {
    const index = from.columns.findIndex((column) => column.name === name);
    const there = from.columns[index];
    if (there === undefined) {
      if (!nullable)
        throw stepMistake(
          `${place}.${name}`,
          `no step makes column '${name}', which takes no NULL; expected one of ${from.columns.map((column) => column.name).join(', ')}, or '${type}?'`,
        );
      return (rows) => allNull(type, rows.batch.rows);
    }
    if (there.nullable && !nullable)
      throw stepMistake(`${place}.${name}`, `column '${name}' may be NULL after the steps; expected '${type}?'`);
    if (there.type === type) return index;
    if (isWidening(there.type, type))
      return (rows) => widen(rows.batch.column(index), there.type, type, rows.batch.rows);
    throw stepMistake(
      `${place}.${name}`,
      `column '${name}' is ${there.type} after the steps; expected '${there.type}${nullable ? '?' : ''}', or a step \`set\` with a cast`,
    );
  });
  return (rows) => withColumns(rows, to, sources);
}
