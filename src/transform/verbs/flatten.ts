/**
 * `flatten`: fields of a json column as columns of their own. What is not there is NULL; what does
 * not fit its type fails the row, so that nothing gets lost unseen. The json column stays.
 */
import type { FlattenField, FlattenOptions } from '../../config/transform-options.js';
import { isNull, type BytesColumn, type Column } from '../../event/columns.js';
import type { ColumnDefinition, Schema } from '../../event/schema.js';
import { columnBuilder, type ColumnBuilder } from '../../sql/column-builder.js';
import { fieldValue } from '../field-value.js';
import { schemaOf, withColumns, type Rows } from '../rows.js';
import { addColumns, columnAt, type Verb } from '../verb.js';
import type { Work } from '../work.js';

const decoder = new TextDecoder();

/** The verb. */
export const flatten: Verb<FlattenOptions> = {
  plan({ column, fields }, context) {
    const { schema } = context;
    const index = columnAt(context, column, ['json'], 'flatten.column');
    const added = fields.map(({ name, type }): ColumnDefinition => ({ name, type, nullable: true }));
    const columns = addColumns(context, added, 'flatten.fields');
    const after = schemaOf(schema, columns);
    return { schema: after, open: () => ({ run: (rows, work) => run(rows, work, index, fields, added, after) }) };
  },
};

function run(
  rows: Rows,
  work: Work,
  index: number,
  fields: readonly FlattenField[],
  added: readonly ColumnDefinition[],
  after: Schema,
): Rows {
  const { batch, selected, origins } = rows;
  const json = batch.column(index) as BytesColumn;
  const builders = fields.map(({ type }) => columnBuilder(type));
  let next = 0;
  for (let row = 0; row < batch.rows; row++) {
    const passes = selected === null || selected[next] === row;
    if (passes) next++;
    if (!passes || isNull(json.nulls, row)) for (const builder of builders) builder.add(null);
    else {
      const origin = origins === null ? row : origins[row]!;
      const value = JSON.parse(decoder.decode(json.data.subarray(json.offsets[row], json.offsets[row + 1]))) as unknown;
      fields.forEach((field, i) => addField(builders[i]!, field, value, work, origin));
    }
  }
  const made: Column[] = builders.map((builder) => builder.build());
  const sources = after.columns.map((column) => {
    const i = added.indexOf(column);
    return i < 0 ? batch.schema.columns.indexOf(column) : () => made[i]!;
  });
  return withColumns(rows, after, sources);
}

function addField(builder: ColumnBuilder, field: FlattenField, json: unknown, work: Work, origin: number): void {
  const found = at(json, field.path);
  const value = fieldValue(field.type, found);
  if (value === undefined)
    work.fail(origin, {
      code: 'EVENT_TYPE',
      message: `'${field.path.join('.')}' is ${shown(found)}; expected ${field.type}`,
      path: field.name,
    });
  builder.add(value ?? null);
}

function at(json: unknown, path: readonly string[]): unknown {
  let value = json;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
