/** DROP: what goes. */
import { bindError } from '../../sql/context.js';
import type { Drop } from '../../sql/statements/statement.js';
import { kindOf } from './catalog.js';
import type { Entry, SessionCatalog } from './catalog.js';

/** What a DROP takes away, and the names that there are not, where it says IF EXISTS. Throws SQL_*. */
export function droppedBy(
  statement: Drop,
  catalog: SessionCatalog,
): { readonly dropped: ReadonlySet<Entry>; readonly missing: readonly string[] } {
  const missing: string[] = [];
  const dropped = new Set<Entry>();
  for (const name of statement.names) {
    const entry = catalog.get(name);
    if (entry === undefined && statement.ifExists) missing.push(name);
    else if (entry === undefined) throw catalog.unknown(statement, name, statement.location);
    else {
      requireKind(statement, entry);
      dropped.add(entry);
    }
  }
  // What reads a dropped thing goes with it, or stands in the way.
  for (const entry of dropped)
    for (const reader of catalog.readersOf(entry.name)) {
      if (!statement.cascade && !dropped.has(reader) && !statement.names.includes(reader.name))
        throw bindError(
          statement,
          'SQL_UNSUPPORTED',
          `cannot drop ${statement.object} ${entry.name} because other objects depend on it: ${reader.name}`,
          statement.location,
          'Use DROP … CASCADE to drop the dependent objects too.',
        );
      dropped.add(reader);
    }
  return { dropped, missing };
}

function requireKind(statement: Drop, entry: Entry): void {
  const kind = kindOf(entry);
  // DROP TABLE of a source and the other way round is what people mean.
  const isSame =
    kind === statement.object || (entry.kind === 'table' && ['table', 'source'].includes(statement.object));
  if (isSame) return;
  throw bindError(
    statement,
    'SQL_TYPE',
    `"${entry.name}" is not a ${statement.object}`,
    statement.location,
    `Use DROP ${kind.toUpperCase()} to remove a ${kind}.`,
  );
}
