/**
 * `set`: SQL expressions into columns, new or there already, one after the other: a later one sees
 * what an earlier one has set. A row whose expression fails, or is NULL where the column takes none,
 * fails.
 */
import type { SetColumn, SetOptions } from '../../config/transform-options.js';
import type { Column } from '../../event/columns.js';
import type { ColumnDefinition, ColumnType, Schema } from '../../event/schema.js';
import { columnBuilder } from '../../sql/column-builder.js';
import { Decimal } from '../../sql/decimal.js';
import { parseExpression, type RowExpression } from '../../sql/expression.js';
import type { SqlType } from '../../sql/plan.js';
import type { Value } from '../../sql/value.js';
import { schemaOf, withColumns, type Rows } from '../rows.js';
import { addColumns, failureOf, refuseRole, stepMistake, type PlanContext, type Verb } from '../verb.js';
import type { Work } from '../work.js';

interface Assignment {
  readonly expression: RowExpression;
  readonly column: ColumnDefinition;
  readonly schema: Schema;
  /** By column of `schema`: where it is before; -1: this is the one that is set. */
  readonly sources: readonly number[];
}

/** The verb. */
export const set: Verb<SetOptions> = {
  async plan({ columns }, context) {
    const assignments: Assignment[] = [];
    let { schema } = context;
    for (const column of columns) {
      const assignment = await assign(column, { ...context, schema });
      assignments.push(assignment);
      schema = assignment.schema;
    }
    return {
      schema,
      open: () => ({
        run: (rows, work) => assignments.reduce((before, assignment) => run(assignment, before, work), rows),
      }),
    };
  },
};

async function assign({ name, sql, type }: SetColumn, context: PlanContext): Promise<Assignment> {
  const { schema } = context;
  const path = `set.${name}`;
  const place = `${context.place}.${path}`;
  const expression = await parseExpression(sql, schema, place);
  const index = schema.columns.findIndex((column) => column.name === name);
  if (index >= 0) refuseRole(context, index, path, ['receivedAt']);
  const there = schema.columns[index];
  if (there !== undefined && type !== undefined && type !== there.type)
    throw stepMistake(place, `column '${name}' is ${there.type} already; expected no other type`);
  const wanted = there?.type ?? type ?? DEFAULT_TYPES[expression.type];
  if (wanted === undefined || !FITTING[wanted].includes(expression.type))
    throw stepMistake(
      place,
      `the expression is ${expression.type}; expected ${wanted === undefined ? 'a type that a column can have' : FITTING[wanted].join(' or ')}. Write a cast such as (…)::text`,
    );
  const column = there ?? { name, type: wanted, nullable: true };
  const columns = there === undefined ? addColumns(context, [column], path) : schema.columns;
  const sources = columns.map((one) => (one === column ? -1 : schema.columns.indexOf(one)));
  return { expression, column, schema: schemaOf(schema, columns), sources };
}

function run({ expression, column, schema, sources }: Assignment, rows: Rows, work: Work): Rows {
  const made = evaluate(expression, column, rows, work);
  return withColumns(
    rows,
    schema,
    sources.map((source) => (source < 0 ? () => made : source)),
  );
}

function evaluate(
  expression: RowExpression,
  { name, type, nullable }: ColumnDefinition,
  rows: Rows,
  work: Work,
): Column {
  const { batch, selected, origins } = rows;
  const value = expression.over(batch);
  const fit = conversion(expression.type, type);
  const builder = columnBuilder(type);
  let next = 0;
  for (let row = 0; row < batch.rows; row++) {
    if (selected !== null && selected[next] !== row) {
      builder.add(null);
      continue;
    }
    next++;
    const origin = origins === null ? row : origins[row]!;
    try {
      const result = value(row);
      if (result === null && !nullable)
        work.fail(origin, {
          code: 'EVENT_FIELD_MISSING',
          message: `column '${name}' takes no NULL, and the expression is NULL`,
          path: name,
        });
      builder.add(result === null ? null : fit(result));
    } catch (error) {
      work.fail(origin, failureOf(error, name));
      builder.add(null);
    }
  }
  return builder.build();
}

const DEFAULT_TYPES: Readonly<Partial<Record<SqlType, ColumnType>>> = {
  boolean: 'boolean',
  smallint: 'int64',
  integer: 'int64',
  bigint: 'int64',
  real: 'double',
  'double precision': 'double',
  numeric: 'decimal',
  text: 'string',
  timestamptz: 'timestamp',
  timestamp: 'timestamp',
  date: 'timestamp',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'json',
  bytea: 'bytes',
  'text[]': 'list',
};

/** What a column takes without a written cast. */
const FITTING: Readonly<Record<ColumnType, readonly SqlType[]>> = {
  boolean: ['boolean'],
  int64: ['bigint', 'integer', 'smallint'],
  double: ['double precision', 'real', 'numeric', 'bigint', 'integer', 'smallint'],
  decimal: ['numeric', 'bigint', 'integer', 'smallint'],
  string: ['text'],
  dictionary: ['text'],
  timestamp: ['timestamptz', 'timestamp', 'date'],
  uuid: ['uuid'],
  json: ['json', 'jsonb'],
  bytes: ['bytea'],
  list: ['text[]'],
};

const DAY_MS = 86_400_000;

/** A value in the shape that the column's builder takes. */
function conversion(from: SqlType, to: ColumnType): (value: Value) => Value {
  if (to === 'timestamp') return from === 'date' ? (days) => Number(days) * DAY_MS : (ms) => Math.floor(Number(ms));
  if (to === 'double' && from === 'numeric') return (value) => Number(String(value));
  if (to === 'decimal' && from !== 'numeric') return (value) => new Decimal(BigInt(value as number | bigint), 0);
  return (value) => value;
}
