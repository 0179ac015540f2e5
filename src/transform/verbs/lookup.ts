/** `lookup`: columns of a file by a key: names of campaigns, prices of a list. */
import type { LookupOptions } from '../../config/transform-options.js';
import { isNull, type Column } from '../../event/columns.js';
import { valueOf } from '../../event/rows.js';
import type { ColumnDefinition, Schema } from '../../event/schema.js';
import { columnBuilder } from '../../sql/column-builder.js';
import { LookupTable, type LookupRow } from '../lookup-table.js';
import { schemaOf, selectRows, withColumns, type Rows } from '../rows.js';
import { TextMap } from '../texts.js';
import { addColumns, columnAt, type Verb } from '../verb.js';
import type { Work } from '../work.js';

interface Planned {
  readonly options: LookupOptions;
  readonly key: number;
  readonly added: readonly ColumnDefinition[];
  readonly after: Schema;
}

/** The verb. */
export const lookup: Verb<LookupOptions> = {
  plan(options, context) {
    const { schema } = context;
    const key = columnAt(context, options.key, ['string', 'dictionary', 'uuid', 'int64'], 'lookup.key');
    const added = options.columns.map(({ name, type }): ColumnDefinition => ({ name, type, nullable: true }));
    const after = schemaOf(schema, addColumns(context, added, 'lookup.columns'));
    const planned = { options, key, added, after };
    return {
      schema: after,
      open({ clock, say }) {
        const table = new LookupTable(options, clock, say);
        return { restore: () => table.open(), run: (rows, work) => run(rows, work, planned, table.rows) };
      },
    };
  },
};

function run(rows: Rows, work: Work, planned: Planned, table: ReadonlyMap<string, LookupRow>): Rows {
  const { options, key, added, after } = planned;
  const { batch } = rows;
  const find = finder(batch.column(key), rows, planned, table);
  const found: (LookupRow | undefined)[] = [];
  const passing = selectRows(rows, (row, origin) => {
    const values = find(row);
    found[row] = values;
    if (values !== undefined || options.missing === 'null') return true;
    if (options.missing === 'drop') work.filter(origin, 'lookup');
    else
      work.fail(origin, {
        code: 'TRANSFORM_FAILED',
        message: `the value of '${options.key}' is not in ${options.file}`,
        path: options.key,
      });
    return false;
  });
  const made = added.map(({ type }, i): Column => {
    const builder = columnBuilder(type);
    for (let row = 0; row < batch.rows; row++) builder.add(found[row]?.[i] ?? null);
    return builder.build();
  });
  const sources = after.columns.map((column) => {
    const i = added.indexOf(column);
    return i < 0 ? batch.schema.columns.indexOf(column) : () => made[i]!;
  });
  return withColumns(passing, after, sources);
}

function finder(
  column: Column,
  { batch }: Rows,
  { key }: Planned,
  table: ReadonlyMap<string, LookupRow>,
): (row: number) => LookupRow | undefined {
  const { type } = batch.schema.columns[key]!;
  const find =
    column.kind === 'dictionary' || column.kind === 'bytes'
      ? new TextMap((text) => table.get(text)).over(column)
      : (row: number) => table.get(String(valueOf(column, type, row)));
  return (row) => (isNull(column.nulls, row) ? undefined : find(row));
}
