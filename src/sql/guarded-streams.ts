/** Which streams a guard can act on. */
import type { Schema } from '../event/schema.js';
import { columnIndex } from '../event/schema-define.js';
import { bindError, type Catalog } from './context.js';
import type { ViewStatement } from './parse.js';
import type { SqlType } from './plan.js';
import { COLUMN_TYPES, typeName } from './types.js';
import type { ViewGuard } from './view-actions.js';

/** A view's column, as far as a guard needs it. */
interface KeyColumn {
  readonly name: string;
  readonly type: SqlType;
}

/** A guard, and what its view shows. */
export interface GuardedView {
  readonly guard: ViewGuard;
  readonly shown: readonly KeyColumn[];
}

/** Why the guard can't act on events of this schema; null: it can. */
export function guardMistake({ guard, shown }: GuardedView, stream: string, schema: Schema): string | null {
  for (const name of guard.columns) {
    const column = schema.columns[columnIndex(schema, name)];
    if (column === undefined) return `${stream} has no column "${name}"`;
    const type = textLike(shown.find((one) => one.name === name)!.type);
    const own = textLike(COLUMN_TYPES[column.type]);
    if (own !== type) return `"${name}" is ${typeName(own)} in ${stream}, and ${typeName(type)} in the view`;
  }
  const labels = schema.columns[columnIndex(schema, 'labels')];
  if (guard.action !== 'block' && labels?.type !== 'list') return `${stream} has no column "labels" of type list`;
  return null;
}

/** Integers of all sizes are kept as one. */
function textLike(type: SqlType): SqlType {
  return type === 'smallint' || type === 'integer' ? 'bigint' : type;
}

/**
 * Checks that a guard can act on one of the streams that its view reads.
 *
 * @throws SQL_TYPE with line, caret, and what to write instead.
 */
export function checkGuard(
  view: ViewStatement,
  guarded: GuardedView,
  sources: readonly string[],
  streams: Catalog,
): void {
  const schemas = sources.flatMap((name) => streams.get(name) ?? []);
  const mistakes = schemas.map(({ name, schema }) => guardMistake(guarded, name, schema));
  if (mistakes.length === 0 || mistakes.includes(null)) return;
  const isLabels = mistakes.some((mistake) => mistake?.includes('"labels"') === true);
  throw bindError(
    view,
    'SQL_TYPE',
    `no event can be guarded: ${mistakes.join('; ')}`,
    view.options.get('guard')!.location,
    isLabels
      ? "Add labels: 'list?' to the stream's columns, or write guard_action = 'block'."
      : 'Give the view a column that its events have too, with the same name and type.',
  );
}
