/** Plans the views of a configuration: fused where one kernel does it, else as relations. */
import { bindError } from './context.js';
import type { Catalog, CatalogStream } from './context.js';
import { checkGuard } from './guarded-streams.js';
import type { ViewStatement } from './parse.js';
import type { ViewPlan } from './plan.js';
import type { Schema } from '../event/schema.js';
import { NOTHING_DECLARED } from './declared.js';
import type { Declared, DeclaredTable } from './declared.js';
import type { CatalogRelation } from './relation/catalog.js';
import { explainRelation } from './relation/explain.js';
import { fuse } from './relation/fuse.js';
import type { Field, RelationView } from './relation/relation.js';
import { planRelationView, planSelect } from './relation/view.js';
import { sourcesOf } from './relation/walk-relation.js';
import { locationOf } from './tree.js';
import { COLUMN_TYPES } from './types.js';

/** A view as the mill runs it. */
export type StandingPlan = ViewPlan | RelationView;

/** Whether a view runs as operators, not as one kernel. */
export function isRelational(plan: StandingPlan): plan is RelationView {
  return 'relation' in plan;
}

/** The streams that a view reads. */
export function sourcesOfPlan(plan: StandingPlan): readonly string[] {
  return isRelational(plan) ? sourcesOf(plan.relation) : sourcesOfFused(plan);
}

/** The stream of a fused plan, and the tables that it looks its rows up in. */
export function sourcesOfFused({ lookups = [], source }: ViewPlan): readonly string[] {
  return [...new Set([source, ...lookups.map((lookup) => lookup.source)])];
}

/** A stream as a query sees it. */
export function streamRelation({ name, schema }: CatalogStream): CatalogRelation {
  const { eventTime, tenant } = schema.roles;
  return {
    kind: 'stream',
    name,
    fields: schema.columns.map((column) => ({
      name: column.name,
      type: COLUMN_TYPES[column.type],
      nullable: column.nullable,
    })),
    key: null,
    time: eventTime < 0 ? null : eventTime,
    tenant: tenant < 0 ? null : tenant,
  };
}

/** A table as a query sees it. */
function tableRelation({ columns, key, name, stream, time }: DeclaredTable, schema: Schema): CatalogRelation {
  const whole = streamRelation({ name: stream, schema });
  const tenant = columns.indexOf(schema.roles.tenant);
  return {
    kind: 'table',
    name,
    source: stream,
    columns,
    fields: columns.map((column) => whole.fields[column]!),
    key,
    time,
    tenant: tenant < 0 ? null : tenant,
  };
}

/** Plans one view. Throws SQL_* with file, line, column, a caret, and what to write instead. */
export function planView(view: ViewStatement, streams: Catalog): StandingPlan {
  return new ViewPlanner(streams).plan(view);
}

/** Plans views one after the other; each may read the streams, the tables, and the views before it. */
export class ViewPlanner {
  readonly #streams: Catalog;
  readonly #lags: ReadonlyMap<string, number>;
  readonly #relations: Map<string, CatalogRelation>;
  /** Statements of views, in the order in which they became known. */
  readonly #statements = new Map<string, string>();
  readonly #reads = new Map<string, readonly string[]>();

  /** `streams`: all there are, those declared in SQL too. */
  constructor(streams: Catalog, declared: Declared = NOTHING_DECLARED) {
    this.#streams = streams;
    this.#lags = declared.lags;
    this.#relations = new Map([...streams.values()].map((stream) => [stream.name, streamRelation(stream)]));
    for (const table of declared.tables)
      this.#relations.set(table.name, tableRelation(table, streams.get(table.stream)!.schema));
  }

  /** Makes a plain view known to those after it. Throws as `plan`. */
  define(view: ViewStatement): void {
    const { relation, width } = planSelect(view.select, view, this.#relations);
    const fields = relation.fields.slice(0, width);
    this.#know(
      view,
      fields.map((field, i) => ({ ...field, name: view.columnNames[i] ?? field.name })),
    );
  }

  /** Plans a view; those after it may read it. Throws SQL_* with file, line, column, a caret, and what to write instead. */
  plan(view: ViewStatement): StandingPlan {
    const relations = new WatchedRelations(this.#relations);
    const planned = planRelationView(view, relations, this.#lags);
    const plan = fuse(planned, (source) => this.#streams.get(source)?.schema) ?? planned;
    checkColumns(view, plan);
    const shown = planned.relation.fields.slice(0, planned.width);
    if (plan.guard !== undefined)
      checkGuard(view, { guard: plan.guard, shown }, sourcesOf(planned.relation), this.#streams);
    const reads = [...this.#statements].filter(([name]) => relations.asked.has(name)).map(([, sql]) => sql);
    this.#know(view, shown);
    this.#reads.set(view.name, reads);
    return plan;
  }

  /** The plan of a view as text, a line an operator; throws as `plan`. */
  explain(view: ViewStatement): string[] {
    return explainRelation(planRelationView(view, this.#relations, this.#lags).relation);
  }

  /** The statements of the views that a view reads, in an order in which they can be planned. */
  readsOf(name: string): readonly string[] {
    return this.#reads.get(name) ?? [];
  }

  #know(view: ViewStatement, fields: readonly Field[]): void {
    const { columnNames, file, joins, select, text } = view;
    this.#statements.set(view.name, view.sql);
    this.#relations.set(view.name, {
      kind: 'view',
      name: view.name,
      fields,
      key: null,
      time: null,
      tenant: null,
      query: { text, file, select, columnNames, ...(joins === undefined ? {} : { joins }) },
    });
  }
}

/** Relations, and which of them were asked for. */
class WatchedRelations extends Map<string, CatalogRelation> {
  readonly asked = new Set<string>();

  override get(name: string): CatalogRelation | undefined {
    this.asked.add(name);
    return super.get(name);
  }
}

/** Columns of every view's rows that a SELECT may not name otherwise. */
const RESERVED: ReadonlySet<string> = new Set(['op', 'state', 'reason', 'rev', 'received_at']);

/** What a view's rows can be stored as, and what their columns can be named. */
function checkColumns(view: ViewStatement, plan: StandingPlan): void {
  const fields = isRelational(plan) ? plan.relation.fields.slice(0, plan.width) : plan.outputs;
  fields.forEach(({ name, type }, i) => {
    const location = locationOf(view.select.targetList?.[i] ?? view.select.targetList?.[0]);
    if (RESERVED.has(name) || name.startsWith('_'))
      throw bindError(
        view,
        'SQL_UNSUPPORTED',
        `a view's column cannot be named "${name}"`,
        location,
        'Name it otherwise with AS.',
      );
    if (type === 'bytea' && !isSketchColumn(plan, i))
      throw bindError(
        view,
        'SQL_UNSUPPORTED',
        `a view's column cannot be of type ${type}`,
        location,
        'Cast it to text: (…)::text.',
      );
  });
}

function isSketchColumn(plan: StandingPlan, output: number): boolean {
  if (isRelational(plan)) return true;
  const { expression } = plan.outputs[output]!;
  return expression.kind === 'aggregate' && plan.aggregates[expression.index]!.name === 'approxCountDistinct';
}
