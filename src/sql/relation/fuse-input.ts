/**
 * What lies under the groups of a fused query: one stream's rows in tumbling windows, filtered, their columns
 * computed, and looked up in tables, in whatever order the query says it. All of that is one condition and one
 * expression a field, over the columns of the stream and, behind them, those of the tables.
 */
import type { ColumnDefinition, Schema } from '../../event/schema.js';
import type { Expression, PlanLookup, ViewPlan } from '../plan.js';
import { COLUMN_TYPES } from '../types.js';
import { conjuncts, replace } from './columns.js';
import type { Join, Relation, Scan } from './relation.js';

/** The rows that a kernel groups. */
export interface FusedInput {
  readonly source: string;
  /** Each field over the columns of the stream and the tables, and the window's bounds. */
  readonly fields: readonly Expression[];
  /** What must be true of a row. */
  readonly where: readonly Expression[];
  /** Null below the window. */
  readonly window: ViewPlan['window'] | null;
  /** The stream's column that the window is over. */
  readonly eventTime: number;
  readonly lookups: readonly PlanLookup[];
  /** Columns of the stream, then of the tables. */
  readonly columns: readonly ColumnDefinition[];
  /** How many of them are the stream's. */
  readonly width: number;
}

/** Finds the schema of a stream or table. */
export type SchemaOf = (source: string) => Schema | undefined;

/** The rows of a relation as a kernel reads them; null where it can't. */
export function fusedInput(relation: Relation, schemaOf: SchemaOf): FusedInput | null {
  switch (relation.kind) {
    case 'scan':
      return relation.key === null ? scanned(relation, schemaOf) : null;
    case 'filter': {
      const input = fusedInput(relation.input, schemaOf);
      return input && { ...input, where: [...input.where, ...conjuncts(over(relation.condition, input.fields))] };
    }
    case 'project': {
      const input = fusedInput(relation.input, schemaOf);
      return input && { ...input, fields: relation.expressions.map((expression) => over(expression, input.fields)) };
    }
    case 'window': {
      const input = fusedInput(relation.input, schemaOf);
      const { late, time, window } = relation;
      if (input === null || input.window !== null || window.kind !== 'tumble' || !late) return null;
      const column = input.fields[time]!;
      if (column.kind !== 'column' || column.index >= input.width) return null;
      const bounds: Expression[] = [
        { kind: 'windowStart', type: 'timestamptz' },
        { kind: 'windowEnd', type: 'timestamptz' },
      ];
      return { ...input, window, eventTime: column.index, fields: [...input.fields, ...bounds] };
    }
    case 'join':
      return lookedUp(relation, schemaOf);
    default:
      return null;
  }
}

/** An expression over fields, over what those are made of. */
export function over(expression: Expression, fields: readonly Expression[]): Expression {
  return replace(expression, (node) => (node.kind === 'column' ? fields[node.index] : undefined));
}

function scanned({ columns, source }: Scan, schemaOf: SchemaOf): FusedInput | null {
  const schema = schemaOf(source);
  if (schema === undefined) return null;
  return {
    source,
    fields: columns.map((index) => columnOf(schema.columns, index)),
    where: [],
    window: null,
    eventTime: -1,
    lookups: [],
    columns: schema.columns,
    width: schema.columns.length,
  };
}

function columnOf(columns: readonly ColumnDefinition[], index: number): Expression {
  const { name, nullable, type } = columns[index]!;
  return { kind: 'column', index, name, type: COLUMN_TYPES[type], nullable };
}

/** Texts are looked up, and found. */
function isText({ type }: ColumnDefinition): boolean {
  return type === 'dictionary' || type === 'string';
}

/** A join with a table by its key: the table's columns stand behind all others. */
function lookedUp(join: Join, schemaOf: SchemaOf): FusedInput | null {
  const { condition, equal, mode, type } = join;
  if (mode.kind !== 'lookup' || (type !== 'inner' && type !== 'left') || equal.length !== 1) return null;
  if (type === 'left' && condition !== null) return null;
  const input = fusedInput(join.left, schemaOf);
  const table = tableOf(join.right, schemaOf);
  if (input === null || table === null || table.source === input.source) return null;
  if (type === 'left' && table.where.length > 0) return null;
  const on = over(equal[0]!.left, input.fields);
  const key = over(equal[0]!.right, table.fields);
  if (on.kind !== 'column' || on.index >= input.width || !isText(input.columns[on.index]!)) return null;
  if (key.kind !== 'column' || key.index !== table.key) return null;
  const columns = [...table.used];
  if (!columns.every((column) => isText(table.columns[column]!))) return null;
  const added = columns.map((column) => ({ ...table.columns[column]!, type: 'dictionary' as const, nullable: true }));
  const all = [...input.columns, ...added];
  const moved = columns.map((_, i) => columnOf(all, input.columns.length + i));
  const place = (expression: Expression): Expression =>
    replace(expression, (node) => (node.kind === 'column' ? moved[columns.indexOf(node.index)] : undefined));
  const fields = [...input.fields, ...table.fields.map(place)];
  const isFound: Expression = { kind: 'isNull', arg: moved[0]!, negated: true, type: 'boolean' };
  const where =
    type === 'left'
      ? []
      : [isFound, ...table.where.map(place), ...conjuncts(condition === null ? null : over(condition, fields))];
  const lookup: PlanLookup = { source: table.source, on: on.index, key: table.key, columns };
  return { ...input, fields, where: [...input.where, ...where], lookups: [...input.lookups, lookup], columns: all };
}

interface FusedTable {
  readonly source: string;
  readonly key: number;
  readonly columns: readonly ColumnDefinition[];
  readonly fields: readonly Expression[];
  readonly where: readonly Expression[];
  /** Columns that are read, the key first. */
  readonly used: ReadonlySet<number>;
}

/** A keyed table, under filters and projections. */
function tableOf(relation: Relation, schemaOf: SchemaOf): FusedTable | null {
  if (relation.kind === 'filter') {
    const table = tableOf(relation.input, schemaOf);
    return table && { ...table, where: [...table.where, ...conjuncts(over(relation.condition, table.fields))] };
  }
  if (relation.kind === 'project') {
    const table = tableOf(relation.input, schemaOf);
    return table && { ...table, fields: relation.expressions.map((expression) => over(expression, table.fields)) };
  }
  if (relation.kind !== 'scan' || relation.key?.length !== 1) return null;
  const schema = schemaOf(relation.source);
  if (schema === undefined) return null;
  const key = relation.columns[relation.key[0]!]!;
  return {
    source: relation.source,
    key,
    columns: schema.columns,
    fields: relation.columns.map((index) => columnOf(schema.columns, index)),
    where: [],
    used: new Set([key, ...relation.columns]),
  };
}
