/**
 * `split`: several events of one: one an item of a list (or of an array in json), or one a condition
 * that is true. An event of which nothing comes ends here.
 *
 * Ids must differ, or a resend could not be told from a sibling: the first event keeps the id, those
 * behind it get one made of it and their number.
 *
 * Limit: `ITEMS_MAX` events of one; what has more fails.
 */
import { createHash } from 'node:crypto';
import type { SplitOptions } from '../../config/transform-options.js';
import { isNull, type BytesColumn, type Column, type ColumnBatch } from '../../event/columns.js';
import { gather } from '../../event/gather.js';
import { valueOf } from '../../event/rows.js';
import type { ColumnDefinition, Schema } from '../../event/schema.js';
import { columnBuilder } from '../../sql/column-builder.js';
import { parseCondition, type RowExpression } from '../../sql/expression.js';
import type { Value } from '../../sql/value.js';
import { eachRow, schemaOf, withColumns, type Rows } from '../rows.js';
import { addColumns, columnAt, failureOf, stepMistake, type PlanContext, type Verb } from '../verb.js';
import type { Work } from '../work.js';

const ITEMS_MAX = 1_000;

/** The parts of an event; each becomes one. Throws a `MillraceError` when the event fails. */
type Parts = (batch: ColumnBatch) => (row: number) => readonly Value[] | string;

/** The verb. */
export const split: Verb<SplitOptions> = {
  async plan(options, context) {
    const { schema, place } = context;
    if ((options.column === undefined) === (options.cases.length === 0))
      throw stepMistake(`${place}.split`, 'expected either column or cases');
    const { parts, type } = options.column === undefined ? await byCase(options, context) : byItem(options, context);
    const added: ColumnDefinition = { name: options.as, type, nullable: true };
    const columns = addColumns(context, [added], 'split.as');
    const after = schemaOf(schema, columns);
    return { schema: after, open: () => ({ run: (rows, work) => run(rows, work, parts, added, after) }) };
  },
};

function byItem({ column }: SplitOptions, context: PlanContext): { parts: Parts; type: ColumnDefinition['type'] } {
  const index = columnAt(context, column!, ['list', 'json'], 'split.column');
  const { type } = context.schema.columns[index]!;
  const parts: Parts = (batch) => {
    const source = batch.column(index);
    return (row) => {
      if (isNull(source.nulls, row)) return [];
      const value = valueOf(source, type, row);
      if (!Array.isArray(value)) return `column '${column}' holds no array`;
      return type === 'list' ? (value as string[]) : value.map((item) => JSON.stringify(item));
    };
  };
  return { parts, type: type === 'list' ? 'dictionary' : 'json' };
}

async function byCase(
  { cases }: SplitOptions,
  { schema, place }: PlanContext,
): Promise<{ parts: Parts; type: ColumnDefinition['type'] }> {
  const conditions: { readonly name: string; readonly expression: RowExpression }[] = [];
  for (const { name, condition } of cases)
    conditions.push({ name, expression: await parseCondition(condition, schema, `${place}.split.cases.${name}`) });
  const parts: Parts = (batch) => {
    const tests = conditions.map(({ name, expression }) => ({ name, holds: expression.over(batch) }));
    return (row) => tests.filter(({ holds }) => holds(row) === true).map(({ name }) => name);
  };
  return { parts, type: 'dictionary' };
}

function run(rows: Rows, work: Work, parts: Parts, added: ColumnDefinition, after: Schema): Rows {
  const { batch } = rows;
  const partsOf = parts(batch);
  const from: number[] = [];
  const origins: number[] = [];
  const numbers: number[] = [];
  const builder = columnBuilder(added.type);
  eachRow(rows, (row, origin) => {
    const values = attempt(() => partsOf(row), work, origin, added.name);
    if (values === null) return;
    if (values.length === 0) work.filter(origin, 'split');
    values.forEach((value, number) => {
      from.push(row);
      origins.push(origin);
      numbers.push(number);
      builder.add(value);
    });
  });
  const parted = withIds(gather(batch, from), numbers);
  const made = builder.build();
  const sources = after.columns.map((column) => (column === added ? () => made : batch.schema.columns.indexOf(column)));
  return withColumns({ batch: parted, selected: null, origins: Uint32Array.from(origins) }, after, sources);
}

function attempt(
  parts: () => readonly Value[] | string,
  work: Work,
  origin: number,
  path: string,
): readonly Value[] | null {
  try {
    const values = parts();
    if (typeof values !== 'string' && values.length <= ITEMS_MAX) return values;
    const message = typeof values === 'string' ? values : `${values.length} items; at most ${ITEMS_MAX} become events`;
    work.fail(origin, { code: typeof values === 'string' ? 'EVENT_TYPE' : 'EVENT_TOO_LARGE', message, path });
  } catch (error) {
    work.fail(origin, failureOf(error, path));
  }
  return null;
}

/** Gives the events that are not the first of theirs an id of their own. */
function withIds(batch: ColumnBatch, numbers: readonly number[]): ColumnBatch {
  const { eventId } = batch.schema.roles;
  if (eventId < 0 || numbers.every((number) => number === 0)) return batch;
  const column = batch.column(eventId);
  const ids = column.kind === 'uuid' ? uuids(column.data, numbers) : texts(column as BytesColumn, numbers);
  return { schema: batch.schema, rows: batch.rows, column: (index) => (index === eventId ? ids : batch.column(index)) };
}

function uuids(before: Uint8Array, numbers: readonly number[]): Column {
  const data = before.slice();
  numbers.forEach((number, row) => {
    if (number === 0) return;
    const at = row * 16;
    const digest = createHash('sha256')
      .update(before.subarray(at, at + 16))
      .update(`.${number}`)
      .digest();
    digest[6] = (digest[6]! & 0x0f) | 0x80;
    digest[8] = (digest[8]! & 0x3f) | 0x80;
    data.set(digest.subarray(0, 16), at);
  });
  return { kind: 'uuid', nulls: null, data };
}

function texts(before: BytesColumn, numbers: readonly number[]): Column {
  const builder = columnBuilder('string');
  const id = (row: number): string => valueOf(before, 'string', row) as string;
  numbers.forEach((number, row) => builder.add(number === 0 ? id(row) : `${id(row)}.${number}`));
  return builder.build();
}
