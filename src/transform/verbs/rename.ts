/** `rename`: columns under other names. A column that plays a role keeps it. */
import type { RenameOptions } from '../../config/transform-options.js';
import { schemaOf, withColumns } from '../rows.js';
import { checkNewName, columnAt, refuseRole, stepMistake, type Verb } from '../verb.js';

/** The verb. */
export const rename: Verb<RenameOptions> = {
  plan({ names }, context) {
    for (const [from, to] of Object.entries(names)) {
      const index = columnAt(context, from, undefined, `rename.${from}`);
      refuseRole(context, index, `rename.${from}`, ['receivedAt']);
      checkNewName(context, to, `rename.${from}`);
    }
    const { schema, place } = context;
    const nameOf = (name: string): string => (Object.hasOwn(names, name) ? names[name]! : name);
    const columns = schema.columns.map((column) => ({ ...column, name: nameOf(column.name) }));
    const seen = new Set<string>();
    for (const { name } of columns) {
      if (seen.has(name)) throw stepMistake(`${place}.rename`, `two columns would be named '${name}'`);
      seen.add(name);
    }
    const after = schemaOf(schema, columns, nameOf);
    const sources = columns.map((_, index) => index);
    return { schema: after, open: () => ({ run: (rows) => withColumns(rows, after, sources) }) };
  },
};
