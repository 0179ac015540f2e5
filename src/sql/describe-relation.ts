/** How the rows of a relational view lie in its changes stream, and what everyone but the mill sees of it. */
import { DECIMAL_SCALE } from '../event/schema.js';
import type { ColumnType, Schema } from '../event/schema.js';
import { defineSchema } from '../event/schema-define.js';
import type { ColumnInput } from '../event/schema-define.js';
import type { ViewColumn, ViewDescription } from '../event/view.js';
import { FIXED, FIXED_COUNT, storedType, TENANT, viewType, WINDOW_END, WINDOW_START } from './changes-columns.js';
import { originOf } from './relation/lineage.js';
import type { RelationView } from './relation/relation.js';
import { numericShape } from './relation/scale.js';
import { sourcesOf } from './relation/walk-relation.js';

/** Rows without windows of a fixed size are kept by the hour in which they are final. */
const BUCKET_MS = 3_600_000;
/** Bits that a `decimal` column holds, its sign apart, and one for a sum or difference of two such. */
const DECIMAL_BITS = 64;

/** Where the fields of a relational view stand in its changes stream. */
export interface RelationLayout {
  readonly schema: Schema;
  /** The changes column of each field that is stored; -1 for a hidden field that is not. */
  readonly columns: readonly number[];
  /** The column that numbers the copies of equal rows; -1 where a key tells rows apart. */
  readonly copy: number;
  /** Positions that with tenant and window identify a row. */
  readonly keys: readonly number[];
  /** Positions of the measures. */
  readonly values: readonly number[];
  /** Length of the windows that rows are kept by, ms. */
  readonly windowMs: number;
  /** Whether those are the view's own windows, not hours. */
  readonly hasWindows: boolean;
}

/** The layout of a view's changes. */
export function relationLayout(view: RelationView): RelationLayout {
  const { relation, width, key, closes, tenant } = view;
  const end = closes === null ? null : originOf(relation, closes);
  const size = end?.kind === 'windowEnd' ? sizeOf(end.window) : null;
  const columns: Record<string, ColumnInput> = { ...FIXED };
  // Without a key a row is named by all of its fields, hidden ones too, and the number of its copy.
  const stored = new Set(Array.from({ length: key === null ? relation.fields.length : width }, (_, i) => i));
  key?.forEach((field) => stored.add(field));
  const isKey = (field: number): boolean => key === null || key.includes(field);
  const places = relation.fields.map((field, i): number => {
    if (!stored.has(i)) return -1;
    if (i === tenant && !field.nullable) return TENANT;
    if (size !== null && i === closes) return WINDOW_END;
    if (size !== null && originOf(relation, i)?.kind === 'windowStart') return WINDOW_START;
    return -2;
  });
  const add = (name: string, fallback: string, type: ColumnType): number => {
    const position = Object.keys(columns).length;
    const usable = /^[a-z][a-z0-9_]{0,62}$/.test(name) && !Object.hasOwn(columns, name) && name !== 'received_at';
    columns[usable ? name : fallback] = { type, nullable: true };
    return position;
  };
  const place = (wanted: boolean): void =>
    places.forEach((at, i) => {
      if (at !== -2 || isKey(i) !== wanted) return;
      const { name, type } = relation.fields[i]!;
      const shape = type === 'numeric' ? numericShape(relation, i) : null;
      const isDecimal = shape?.scale === DECIMAL_SCALE && (shape.bits ?? Infinity) <= DECIMAL_BITS;
      places[i] = add(name, `_${wanted ? 'k' : 'v'}${i}`, isDecimal ? 'decimal' : storedType(type, wanted));
    });
  place(true);
  const copy = key === null ? add('_copy', '_copy', 'int64') : -1;
  const firstValue = Object.keys(columns).length;
  place(false);
  const count = Object.keys(columns).length;
  return {
    schema: defineSchema({ columns, tenant: 'tenant', eventTime: 'window_start' }),
    columns: places,
    copy,
    keys: Array.from({ length: firstValue - FIXED_COUNT }, (_, i) => FIXED_COUNT + i),
    values: Array.from({ length: count - firstValue }, (_, i) => firstValue + i),
    windowMs: size ?? BUCKET_MS,
    hasWindows: size !== null,
  };
}

function sizeOf(window: { readonly kind: string; readonly sizeMs?: number }): number | null {
  return (window.kind === 'tumble' || window.kind === 'hop') && window.sizeMs !== undefined ? window.sizeMs : null;
}

/** The description of a relational view. */
export function describeRelation(
  view: RelationView,
  epoch: { readonly number: number; readonly id: string; readonly sinceMs: number | null },
): ViewDescription {
  const layout = relationLayout(view);
  const sources = sourcesOf(view.relation);
  const columns = view.relation.fields.slice(0, view.width).map(({ name, type }, i): ViewColumn => {
    const shape = type === 'numeric' ? numericShape(view.relation, i) : null;
    const scale = shape === null ? {} : { scale: shape.scale };
    return { name, type: viewType(type), ...scale, column: layout.columns[i]! };
  });
  return {
    name: view.name,
    epoch: epoch.id,
    ...(epoch.sinceMs === null ? {} : { sinceMs: epoch.sinceMs }),
    stream: epoch.number === 1 ? `view.${view.name}` : `view.${view.name}.${epoch.number}`,
    schema: layout.schema,
    source: sources[0] ?? '',
    sources,
    columns,
    keyColumns: [TENANT, WINDOW_START, WINDOW_END, ...layout.keys],
    valueColumns: layout.values,
    windowMs: layout.windowMs,
    lagMs: view.lagMs,
    ...(view.retentionMs === undefined ? {} : { retentionMs: view.retentionMs }),
    partial: true,
    global: view.tenant === null,
  };
}
