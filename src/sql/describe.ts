/** What everyone but the mill needs to know of a view, and the schema of its changes stream. */
import { DECIMAL_SCALE } from '../event/schema.js';
import type { ColumnType, Schema } from '../event/schema.js';
import { defineSchema } from '../event/schema-define.js';
import type { ColumnInput } from '../event/schema-define.js';
import type { RollUp, ViewColumn, ViewColumnType, ViewDescription } from '../event/view.js';
import type { Expression, SqlType, ViewPlan } from './plan.js';
import { staticBits, staticScale } from './scale.js';
import type { PlanParts } from './scale.js';
import { isSketch } from './sketch-output.js';

/** Columns that every changes stream begins with. */
const FIXED = {
  tenant: 'dictionary',
  window_start: 'timestamp',
  window_end: 'timestamp',
  op: 'dictionary',
  state: 'dictionary',
  reason: 'dictionary?',
  txn: 'int64',
} as const;

const TENANT = 0;
const WINDOW_START = 1;
const WINDOW_END = 2;
const FIXED_COUNT = Object.keys(FIXED).length;

/** Where each part of a plan stands in the changes stream's schema. */
export interface ChangesLayout {
  readonly schema: Schema;
  /** Position of each of `plan.keys`; the tenant's is 0, the column `tenant`. */
  readonly keys: readonly number[];
  /** Position of each of `plan.outputs`: a key's or bound's own column, else a value column. */
  readonly outputs: readonly number[];
  /** Outputs that have a value column of their own, in the order of the columns. */
  readonly values: readonly number[];
}

/** Bits that a `decimal` column holds, its sign apart, and one for a sum or difference of two such. */
const DECIMAL_BITS = 64;

/** How an expression's value is stored. Numeric: as `decimal` when its scale is always 6 and 64 bits hold it, else as text. */
function storedType(expression: Expression, key: boolean, parts?: PlanParts): ColumnType {
  const { type } = expression;
  switch (type) {
    case 'boolean':
      return 'boolean';
    case 'integer':
    case 'bigint':
      return 'int64';
    case 'double precision':
      return 'double';
    case 'numeric':
      return staticScale(expression, parts) === DECIMAL_SCALE &&
        (staticBits(expression, parts) ?? Infinity) <= DECIMAL_BITS
        ? 'decimal'
        : 'string';
    case 'timestamptz':
    case 'timestamp':
    case 'date':
      return 'timestamp';
    case 'uuid':
      return 'uuid';
    case 'json':
      return 'json';
    case 'bytea':
      return 'bytes';
    default:
      return key ? 'dictionary' : 'string';
  }
}

/** The type a query sees. */
function viewType(type: SqlType): ViewColumnType {
  if (type === 'integer') return 'bigint';
  if (type === 'interval' || type === 'text[]') throw new Error(`a view has no column of ${type}`);
  return type;
}

/** The layout of a view's changes. */
export function changesLayout(plan: ViewPlan): ChangesLayout {
  const columns: Record<string, ColumnInput> = { ...FIXED };
  const add = (wanted: string, fallback: string, type: ColumnType): number => {
    const position = Object.keys(columns).length;
    const usable = /^[a-z][a-z0-9_]{0,62}$/.test(wanted) && !Object.hasOwn(columns, wanted) && wanted !== 'received_at';
    columns[usable ? wanted : fallback] = { type, nullable: true };
    return position;
  };
  const keys = plan.keys.map(({ name, expression }, i) => {
    if (i === plan.tenantKey) return TENANT;
    return add(name, `_k${i}`, storedType(expression, true));
  });
  const values: number[] = [];
  const outputs = plan.outputs.map(({ name, expression }, i) => {
    if (expression.kind === 'windowStart') return WINDOW_START;
    if (expression.kind === 'windowEnd') return WINDOW_END;
    if (expression.kind === 'key') return keys[expression.index]!;
    values.push(i);
    return add(name, `_v${i}`, storedType(expression, false, plan));
  });
  const schema = defineSchema({ columns, tenant: 'tenant', eventTime: 'window_start' });
  return { schema, keys, outputs, values };
}

/** The scale that every value of a numeric output has; undefined when rows differ, or for another type. */
export function outputScale(plan: ViewPlan, output: number): number | undefined {
  const { expression, type } = plan.outputs[output]!;
  return type === 'numeric' ? staticScale(expression, plan) : undefined;
}

/** Whether an output is a plain count or sum. */
function isAdditive(plan: ViewPlan, output: number): boolean {
  const { expression } = plan.outputs[output]!;
  if (expression.kind !== 'aggregate') return false;
  const { name } = plan.aggregates[expression.index]!;
  return name === 'count' || name === 'sum';
}

/** How an output's values over several windows become one. */
function rollUpOf(plan: ViewPlan, output: number): RollUp | undefined {
  const { expression } = plan.outputs[output]!;
  if (expression.kind !== 'aggregate') return undefined;
  if (isSketch(expression, plan.aggregates)) return 'sketch';
  const { name } = plan.aggregates[expression.index]!;
  if (name === 'min' || name === 'max') return name;
  if (name === 'count' || name === 'sum') return 'sum';
  if (name !== 'approxCountDistinct') return undefined;
  const sketch = plan.outputs.find(
    ({ expression: other }) =>
      isSketch(other, plan.aggregates) && other.kind === 'aggregate' && other.index === expression.index,
  );
  return sketch && { sketch: sketch.name };
}

/** What a view should have for an output that can't be rolled up. */
function insteadOf(plan: ViewPlan, output: number): { readonly instead?: string } {
  const { expression } = plan.outputs[output]!;
  if (expression.kind === 'windowStart' || expression.kind === 'windowEnd' || expression.kind === 'key') return {};
  if (expression.kind !== 'aggregate') return { instead: 'its parts as columns of their own' };
  const { name, arg } = plan.aggregates[expression.index]!;
  const of = arg?.kind === 'column' ? arg.name : '…';
  if (name === 'avg') return { instead: `sum(${of}) and count(${of})` };
  const beside = name === 'approxCountDistinct' ? ' beside it' : '';
  return { instead: `approx_count_distinct_sketch(${of})${beside}` };
}

/** The description of a view. `epoch`: number and name of this definition, and since when it has seen all rows. */
export function describeView(
  plan: ViewPlan,
  epoch: { readonly number: number; readonly id: string; readonly sinceMs: number | null },
): ViewDescription {
  const layout = changesLayout(plan);
  const columns = plan.outputs.map(({ name, type }, i): ViewColumn => {
    const scale = outputScale(plan, i);
    const additive = isAdditive(plan, i);
    const rollUp = rollUpOf(plan, i);
    return {
      name,
      type: viewType(type),
      ...(scale === undefined ? {} : { scale }),
      ...(additive ? { additive } : {}),
      ...(rollUp === undefined ? insteadOf(plan, i) : { rollUp }),
      column: layout.outputs[i]!,
    };
  });
  const ownKeys = layout.keys.filter((position) => position >= FIXED_COUNT);
  return {
    name: plan.name,
    epoch: epoch.id,
    ...(epoch.sinceMs === null ? {} : { sinceMs: epoch.sinceMs }),
    stream: epoch.number === 1 ? `view.${plan.name}` : `view.${plan.name}.${epoch.number}`,
    schema: layout.schema,
    source: plan.source,
    columns,
    keyColumns: [TENANT, WINDOW_START, WINDOW_END, ...ownKeys],
    valueColumns: layout.values.map((i) => layout.outputs[i]!),
    windowMs: plan.window.sizeMs,
    lagMs: plan.lagMs,
    ...(plan.retentionMs === undefined ? {} : { retentionMs: plan.retentionMs }),
    ...(plan.having === null ? {} : { partial: true }),
    global: plan.tenantKey < 0,
  };
}
