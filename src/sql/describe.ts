/** What everyone but the mill needs to know of a view, and the schema of its changes stream. */
import { DECIMAL_SCALE } from '../event/schema.js';
import type { ColumnType, Schema } from '../event/schema.js';
import { defineSchema } from '../event/schema-define.js';
import type { ColumnInput } from '../event/schema-define.js';
import type { RollUp, ViewColumn, ViewDescription } from '../event/view.js';
import { FIXED, FIXED_COUNT, storedType, TENANT, viewType, WINDOW_END, WINDOW_START } from './changes-columns.js';
import { describeRelation } from './describe-relation.js';
import type { Expression, ViewPlan } from './plan.js';
import { staticBits, staticScale } from './scale.js';
import type { PlanParts } from './scale.js';
import { isSketch } from './sketch-output.js';
import { isRelational, sourcesOfFused } from './standing.js';
import type { StandingPlan } from './standing.js';

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

/** How an expression's value is stored. Numeric: as `decimal` when its scale is always 6 and 64 bits hold it. */
function storedAs(expression: Expression, key: boolean, parts?: PlanParts): ColumnType {
  const isDecimal =
    expression.type === 'numeric' &&
    staticScale(expression, parts) === DECIMAL_SCALE &&
    (staticBits(expression, parts) ?? Infinity) <= DECIMAL_BITS;
  return isDecimal ? 'decimal' : storedType(expression.type, key);
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
    return add(name, `_k${i}`, storedAs(expression, true));
  });
  const values: number[] = [];
  const outputs = plan.outputs.map(({ name, expression }, i) => {
    if (expression.kind === 'windowStart') return WINDOW_START;
    if (expression.kind === 'windowEnd') return WINDOW_END;
    if (expression.kind === 'key') return keys[expression.index]!;
    values.push(i);
    return add(name, `_v${i}`, storedAs(expression, false, plan));
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

/** Number and name of a view's definition, and since when it has seen all rows. */
export type DescribedEpoch = { readonly number: number; readonly id: string; readonly sinceMs: number | null };

/** The description of a view. */
export function describeView(plan: StandingPlan, epoch: DescribedEpoch): ViewDescription {
  return isRelational(plan) ? describeRelation(plan, epoch) : describeFused(plan, epoch);
}

function describeFused(plan: ViewPlan, epoch: DescribedEpoch): ViewDescription {
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
    sources: sourcesOfFused(plan),
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
