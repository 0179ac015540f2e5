/** Names that a query reads. */

/** Every relation's name in a tree: tables, views, and the first argument of a window function in FROM. */
export function namesRead(tree: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  collect(tree, false, names);
  return names;
}

function collect(value: unknown, isInFunction: boolean, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'RangeVar') names.add((inner as { relname: string }).relname);
    if (key === 'ColumnRef' && isInFunction) {
      const { fields = [] } = inner as { fields?: readonly { String?: { sval?: string } }[] };
      if (fields.length === 1 && fields[0]!.String?.sval !== undefined) names.add(fields[0]!.String.sval);
    }
    collect(inner, isInFunction || key === 'RangeFunction', names);
  }
}
