/** The type of a declared column. */
import type { ColumnDef, TypeName } from 'libpg-query';
import { bindError } from '../context.js';
import type { SqlType } from '../plan.js';
import { arrayOf, SCALAR_TYPES, TYPE_NAMES } from '../types.js';
import type { StatementSource } from './statement.js';

const LIMITED: ReadonlySet<string> = new Set(['varchar', 'bpchar']);

/**
 * The type of a column, and how many characters it may have.
 *
 * @throws SQL_UNSUPPORTED for a type that there is not.
 */
export function readColumnType(
  source: StatementSource,
  column: ColumnDef,
): { type: SqlType; typeName: TypeName; lengthMax: number | null } {
  const { typeName } = column;
  if (typeName === undefined)
    throw bindError(source, 'SQL_SYNTAX', `column "${column.colname}" has no type`, column.location);
  const name = (typeName.names ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : '')).at(-1) ?? '';
  const scalar = TYPE_NAMES.get(name);
  if (scalar === undefined)
    throw bindError(
      source,
      'SQL_UNSUPPORTED',
      `type "${name}" is not supported`,
      typeName.location,
      `The types are: ${SCALAR_TYPES.join(', ')}, and arrays of them.`,
    );
  const type = (typeName.arrayBounds ?? []).length > 0 ? arrayOf(scalar) : scalar;
  const [modifier] = typeName.typmods ?? [];
  const length = modifier !== undefined && 'A_Const' in modifier ? (modifier.A_Const.ival?.ival ?? null) : null;
  return { type, typeName, lengthMax: LIMITED.has(name) && type === 'text' ? length : null };
}
