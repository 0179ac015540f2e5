/** CREATE: makes entries of the catalog. */
import { bindError } from '../../sql/context.js';
import type { ViewStatement } from '../../sql/parse.js';
import type { RelationCatalog } from '../../sql/relation/catalog.js';
import type { Field, Relation, RelationView } from '../../sql/relation/relation.js';
import { planRelationView, planSelect } from '../../sql/relation/view.js';
import { streamsOf } from '../../sql/relation/walk-relation.js';
import type {
  CreateMaterializedView,
  CreateRelation,
  CreateSink,
  CreateView,
  StatementSource,
} from '../../sql/statements/statement.js';
import { MillraceError } from '../../util/errors.js';
import { keyFunction } from '../dataflow/keys.js';
import { isNumbered, ROW_ID } from './catalog.js';
import type { Reading, SessionCatalog, StandingEntry, TableEntry, ViewEntry } from './catalog.js';
import { LATE_NAME } from './late-rows.js';
import type { SessionSettings } from './options.js';
import { namesRead } from './reads.js';
import { scansOf } from './run-query.js';
import { SourceClock } from './source-clock.js';
import { StandingView } from './standing-view.js';
import { StoredRows } from './stored-rows.js';

/** Refuses a name that is taken. Throws SQL_UNSUPPORTED. */
export function requireFree(source: StatementSource, name: string, catalog: SessionCatalog): void {
  if (name === LATE_NAME)
    throw bindError(source, 'SQL_UNSUPPORTED', `"${name}" has the late rows`, source.location, 'Take another name.');
  if (catalog.get(name) !== undefined)
    throw bindError(
      source,
      'SQL_UNSUPPORTED',
      `relation "${name}" already exists`,
      source.location,
      'DROP it first, or write IF NOT EXISTS.',
    );
}

const TABLE_OPTIONS: ReadonlySet<string> = new Set(['event_time', 'clock', 'tenant']);

/** A table or stream, empty. */
export function createTable(statement: CreateRelation, settings: SessionSettings, clockMs: number): TableEntry {
  const { columns, name, options, primaryKey, watermark } = statement;
  const fields = columns.map((column): Field => ({ name: column.name, type: column.type, nullable: !column.notNull }));
  const named = primaryKey?.map((each) => columns.findIndex((column) => column.name === each)) ?? null;
  if (named !== null && (watermark !== null || statement.appendOnly))
    throw bindError(
      statement,
      'SQL_UNSUPPORTED',
      'a table with a PRIMARY KEY changes its rows: it can be neither APPEND ONLY nor have a watermark',
      statement.location,
      'Leave the key out for a stream of events.',
    );
  // A connector brings rows from outside; here they come by INSERT, so its options are only kept.
  const isConnected = options.has('connector');
  for (const [option, { location }] of options)
    if (!isConnected && !TABLE_OPTIONS.has(option))
      throw bindError(
        statement,
        'SQL_UNSUPPORTED',
        `there is no option ${option}`,
        location,
        `The options are: ${[...TABLE_OPTIONS].join(', ')}.`,
      );
  const time = timeOf(statement);
  const tenant = options.get('tenant');
  const tenantAt = columns.findIndex((column) => column.name === tenant?.value);
  if (tenant !== undefined && tenantAt < 0)
    throw bindError(statement, 'SQL_UNKNOWN_COLUMN', `column "${tenant.value}" does not exist`, tenant.location);
  const isChanged = named === null && settings.changesTables && isPlainTable(statement);
  const stored = isChanged ? [...fields, ROW_ID] : fields;
  const key = isChanged ? [fields.length] : named;
  const types = stored.map(({ type }) => type);
  const keyOf =
    key === null
      ? null
      : keyFunction(
          key,
          key.map((field) => types[field]!),
        );
  return {
    kind: 'table',
    name,
    statement,
    fields,
    stored,
    key,
    time,
    tenant: tenantAt < 0 ? null : tenantAt,
    rows: new StoredRows(keyOf, settings.rowsMax),
    clock: new SourceClock(clockKind(statement), watermark?.delayMs ?? 0, clockMs),
  };
}

/** Whether rows of a table without a key are told apart: nothing but APPEND ONLY says that they are events. */
function isPlainTable({ format, kind, options, watermark }: CreateRelation): boolean {
  return kind === 'createTable' && watermark === null && format === null && options.size === 0;
}

function clockKind({ watermark, options, text, file }: CreateRelation): 'arrival' | 'event' {
  const option = options.get('clock');
  if (option === undefined) return watermark === null ? 'arrival' : 'event';
  if (option.value === 'event' || option.value === 'arrival') return option.value;
  throw bindError(
    { text, file },
    'SQL_TYPE',
    `clock is 'arrival' or 'event', not '${option.value}'`,
    option.location,
    "Write clock = 'event' to go by the event times.",
  );
}

function timeOf(statement: CreateRelation): number | null {
  const option = statement.options.get('event_time');
  const name = option?.value ?? statement.watermark?.column;
  if (name === undefined) return null;
  const at = statement.columns.findIndex((column) => column.name === name);
  const type = statement.columns[at]?.type;
  if (type === 'timestamp' || type === 'timestamptz') return at;
  throw bindError(
    statement,
    at < 0 ? 'SQL_UNKNOWN_COLUMN' : 'SQL_TYPE',
    at < 0 ? `column "${name}" does not exist` : `event_time "${name}" is of type ${type}, not a time`,
    option?.location,
    'Name a column of type timestamp or timestamptz.',
  );
}

/** A plain view: its query is checked, and kept. */
export function createView(statement: CreateView, catalog: SessionCatalog): ViewEntry {
  const { relation, width } = planSelect(statement.select, statement, catalog.forQueries());
  const { columnNames } = statement;
  if (columnNames.length > width)
    throw bindError(statement, 'SQL_TYPE', 'too many column names were specified', statement.location);
  const fields = relation.fields.slice(0, width).map((field, i) => ({ ...field, name: columnNames[i] ?? field.name }));
  return { kind: 'view', name: statement.name, statement, fields, reads: namesRead(statement.select) };
}

/** A materialized view, or a sink; not yet filled. */
export function createStanding(
  statement: CreateMaterializedView | CreateSink,
  catalog: SessionCatalog,
  settings: SessionSettings,
  clockMs: number,
): StandingEntry {
  const view = viewOf(statement, catalog);
  const { plan, takesStreams } = planStanding(view, catalog);
  const scans = scansOf(plan.relation).map(({ source }) => source);
  const sourceFields = new Map(
    scans.map((source) => {
      const entry = catalog.get(source);
      return [source, entry?.kind === 'table' ? entry.stored : []];
    }),
  );
  return {
    kind: statement.kind === 'createSink' ? 'sink' : 'materialized view',
    name: statement.name,
    statement,
    view,
    takesStreams,
    standing: new StandingView(plan, sourceFields, settings.stateBytesMax, {
      hasEventClock: hasEventClock(plan.relation, catalog),
      isTimeless: isTimeless(plan, scans, catalog, clockMs),
    }),
    reads:
      statement.kind === 'createSink' && statement.from !== null
        ? new Set([statement.from.name])
        : namesRead(view.select),
  };
}

/** Options that speak of when rows come. */
const OF_EVENTS: readonly string[] = ['watermark_lag', 'allowed_lateness', 'late'];

/**
 * Plans a standing query. Rows of a table without a key can be changed. To a query that is not possible over such rows
 * (`emit = 'close'`: what was published once is never taken back), or that says how late they may come, they are
 * events, and can not. Those of APPEND ONLY tables are events, unless a query has to keep them all.
 */
export function planStanding(
  view: ViewStatement,
  catalog: SessionCatalog,
): { readonly plan: RelationView; readonly takesStreams: boolean } {
  if (OF_EVENTS.some((option) => view.options.has(option)))
    return { plan: planOver(view, catalog.forViews('streams')), takesStreams: true };
  try {
    const plan = planOver(view, catalog.forViews('changes'));
    return { plan: { ...plan, notices: [...plan.notices, ...refusedOfStreams()] }, takesStreams: false };
  } catch (refusal) {
    if (!(refusal instanceof MillraceError)) throw refusal;
    // What is wrong either way is said as it is of tables.
    const events = planOr('streams');
    if (events !== undefined) return { plan: events, takesStreams: true };
    const kept = planOr('kept');
    if (kept === undefined) throw refusal;
    return { plan: { ...kept, notices: [...kept.notices, ...refusedOfStreams()] }, takesStreams: false };
  }

  function planOr(reading: Reading): RelationView | undefined {
    try {
      return planOver(view, catalog.forViews(reading));
    } catch (error) {
      if (error instanceof MillraceError) return undefined;
      throw error;
    }
  }

  /** What a server would say: there a table without a key is a stream. */
  function refusedOfStreams(): string[] {
    if (!catalog.all().some((entry) => entry.kind === 'table' && isNumbered(entry))) return [];
    try {
      planOver(view, catalog.forViews('streams'));
      return [];
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      const [reason] = error.message.replace(/^.*?: /, '').split('\n');
      return [`tables without a PRIMARY KEY are kept whole; a server, where they are streams, says: ${reason}`];
    }
  }

  function planOver(statement: ViewStatement, relations: RelationCatalog): RelationView {
    return planRelationView(withWatermark(statement, catalog, relations), relations);
  }
}

/** Whether a view waits for a clock that nobody has set: its streams have no watermark, and the session's clock is at 0. */
function isTimeless(plan: RelationView, scans: readonly string[], catalog: SessionCatalog, clockMs: number): boolean {
  const clocks = scans.map((source) => catalog.get(source)).map((entry) => entry?.kind === 'table' && entry.clock.kind);
  return plan.emit.kind === 'close' && clockMs === 0 && clocks.every((kind) => kind === 'arrival');
}

/** Whether all streams of a relation have an event clock. */
function hasEventClock(relation: Relation, catalog: SessionCatalog): boolean {
  const streams = streamsOf(relation).map((name) => catalog.get(name));
  return streams.length > 0 && streams.every((entry) => entry?.kind === 'table' && entry.clock.kind === 'event');
}

function viewOf(statement: CreateMaterializedView | CreateSink, catalog: SessionCatalog): ViewStatement {
  if (statement.kind === 'createMaterializedView') return statement.view;
  if (statement.view !== null) return statement.view;
  const { name, location } = statement.from!;
  const entry = catalog.require(statement, name, location);
  if (entry.kind === 'materialized view') return { ...entry.view, name: statement.name };
  throw bindError(
    statement,
    'SQL_UNSUPPORTED',
    `"${name}" is no materialized view`,
    location,
    'A sink is fed from a materialized view; or write CREATE SINK … AS SELECT ….',
  );
}

/**
 * A view over streams whose watermark says how late events come: it waits no longer, and what is later is late. Without
 * options of its own, lag and allowed lateness are 0.
 */
function withWatermark(view: ViewStatement, catalog: SessionCatalog, relations: RelationCatalog): ViewStatement {
  const plan = planRelationView(view, relations);
  const scans = scansOf(plan.relation).filter(({ key }) => key === null);
  const isWatermarked = scans.every(({ source }) => {
    const entry = catalog.get(source);
    return entry?.kind === 'table' && entry.statement.watermark !== null;
  });
  if (!isWatermarked || scans.length === 0) return view;
  const none = { value: '0', location: 0 };
  return { ...view, options: new Map([['watermark_lag', none], ['allowed_lateness', none], ...view.options]) };
}
