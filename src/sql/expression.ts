/**
 * An expression over the rows of a stream, by itself: a delivery's filter, a partition of its
 * objects, a transform's `filter` and `set`. It means what it means in a view.
 */
import type { SelectStmt } from 'libpg-query';
import type { ColumnBatch, DictionaryColumn } from '../event/columns.js';
import type { Dictionary } from '../event/dictionary.js';
import type { Schema } from '../event/schema.js';
import { loadParser, parseSql, sqlError } from '../util/sql-text.js';
import { bindCondition, bindTyped } from './bind.js';
import { bindError, type BindContext } from './context.js';
import { compile, type RowAccess } from './evaluate.js';
import type { Expression, SqlType } from './plan.js';
import { valueAt } from './row-value.js';
import { columnsOf, visit } from './walk.js';
import type { Value } from './value.js';

/** An expression, ready to run. */
export interface RowExpression {
  readonly text: string;
  readonly type: SqlType;
  /** Positions of the columns that it reads, rising. */
  readonly columns: readonly number[];
  /** The value of each row of a batch. What it answers throws SQL_RUNTIME where PostgreSQL raises an error. */
  over(batch: ColumnBatch): (row: number) => Value;
}

const PREFIX = 'SELECT ';

/**
 * An expression over a stream's columns. `place` names it in errors: `deliveries.archive.filter`.
 *
 * @throws SQL_* with the line, a caret, and what to write instead.
 */
export async function parseExpression(text: string, schema: Schema, place: string): Promise<RowExpression> {
  const { context, node } = await read(text, schema, place);
  return rowExpression(text, schema, refuseWindows(context, bindTyped(context, node)));
}

/** As `parseExpression`, for a condition: a row passes when it is true, neither false nor NULL. */
export async function parseCondition(text: string, schema: Schema, place: string): Promise<RowExpression> {
  const { context, node } = await read(text, schema, place);
  return rowExpression(text, schema, refuseWindows(context, bindCondition(context, node, 'a filter')));
}

async function read(text: string, schema: Schema, place: string) {
  await loadParser();
  const sql = `${PREFIX}${text}`;
  const statements = parseSql(sql, place).stmts ?? [];
  const statement = statements[0]?.stmt;
  const select = statement !== undefined && 'SelectStmt' in statement ? statement.SelectStmt : undefined;
  const context: BindContext = {
    text: sql,
    file: place,
    stream: { name: 'event', schema },
    qualifiers: ['event'],
    positions: new WeakMap(),
    clause: 'WHERE',
  };
  const node = select === undefined || statements.length !== 1 ? undefined : onlyTarget(select);
  if (node === undefined)
    throw sqlError(
      'SQL_UNSUPPORTED',
      'expected one expression over the columns of an event',
      { text: sql, index: PREFIX.length, file: place },
      "Such as event_type = 'click', or lower(country).",
    );
  if ('ColumnRef' in node && node.ColumnRef.fields?.some((field) => 'A_Star' in field))
    throw bindError(context, 'SQL_UNSUPPORTED', '* is no expression', PREFIX.length, 'Name the column.');
  return { context, node };
}

/** The one item of a SELECT that has nothing else. */
function onlyTarget(select: SelectStmt) {
  const { targetList, limitOption: _limit, op: _op, ...others } = select;
  const [target] = targetList ?? [];
  if (
    targetList?.length !== 1 ||
    target === undefined ||
    !('ResTarget' in target) ||
    target.ResTarget.name !== undefined
  )
    return undefined;
  const isAlone = Object.values(others).every((value) => value === undefined || value === false);
  return isAlone ? target.ResTarget.val : undefined;
}

function refuseWindows(context: BindContext, expression: Expression): Expression {
  visit(expression, (node) => {
    if (node.kind === 'windowStart' || node.kind === 'windowEnd')
      throw bindError(context, 'SQL_UNSUPPORTED', 'there is no window here', PREFIX.length, 'Use event_time.');
  });
  return expression;
}

function rowExpression(text: string, schema: Schema, expression: Expression): RowExpression {
  const columns = columnsOf(expression);
  const run = compile(expression);
  const types = schema.columns.map(({ type }) => type);
  const byEntry = new WeakMap<Dictionary, Entry[]>();
  const over = (batch: ColumnBatch): ((row: number) => Value) => {
    const access = new BatchRow(batch, types);
    const only = columns.length === 1 ? batch.column(columns[0]!) : undefined;
    if (only?.kind === 'dictionary' && only.nulls === null) return byCode(only, byEntry, access, run);
    return (row) => {
      access.row = row;
      return run(access);
    };
  };
  return { text, type: expression.type, columns, over };
}

/** What an expression is for one entry of a dictionary. */
type Entry = { readonly value: Value } | { readonly error: unknown } | undefined;

/** An expression of one dictionary column runs once an entry, not once a row. */
function byCode(
  column: DictionaryColumn,
  known: WeakMap<Dictionary, Entry[]>,
  access: BatchRow,
  run: (row: RowAccess) => Value,
): (row: number) => Value {
  let entries = known.get(column.dictionary);
  if (entries === undefined) known.set(column.dictionary, (entries = []));
  return (row) => {
    const code = column.codes[row]!;
    let entry = entries[code];
    if (entry === undefined) {
      access.row = row;
      try {
        entry = { value: run(access) };
      } catch (error) {
        entry = { error };
      }
      entries[code] = entry;
    }
    if ('error' in entry) throw entry.error;
    return entry.value;
  };
}

/** The row that an expression looks at. */
class BatchRow implements RowAccess {
  readonly #batch: ColumnBatch;
  readonly #types: readonly Schema['columns'][number]['type'][];
  readonly windowStart = 0;
  readonly windowEnd = 0;
  row = 0;

  constructor(batch: ColumnBatch, types: readonly Schema['columns'][number]['type'][]) {
    this.#batch = batch;
    this.#types = types;
  }

  column(index: number): Value {
    return valueAt(this.#batch.column(index), this.#types[index]!, this.row);
  }

  key(): Value {
    throw new TypeError('an event has no key');
  }

  aggregate(): Value {
    throw new TypeError('an event has no aggregate');
  }
}
