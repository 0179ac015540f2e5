/**
 * What a session knows by name: tables and streams, views, standing views, sinks. One name, one thing.
 *
 * Two catalogs for the planner come from it. To a standing query a view is its query, so that the whole is one dataflow;
 * to a query that is asked once a materialized view is the rows that it has published.
 */
import { bindError } from '../../sql/context.js';
import type { CatalogRelation, RelationCatalog } from '../../sql/relation/catalog.js';
import type { Field } from '../../sql/relation/relation.js';
import type {
  CreateMaterializedView,
  CreateRelation,
  CreateSink,
  CreateView,
  ObjectKind,
  StatementSource,
} from '../../sql/statements/statement.js';
import type { ViewStatement } from '../../sql/parse.js';
import { LATE_FIELDS, LATE_NAME } from './late-rows.js';
import type { SourceClock } from './source-clock.js';
import type { StandingView } from './standing-view.js';
import type { StoredRows } from './stored-rows.js';

/** A table or a stream. */
export interface TableEntry {
  readonly kind: 'table';
  readonly name: string;
  readonly statement: CreateRelation;
  /** The columns that it was made with. */
  readonly fields: readonly Field[];
  /** What its rows hold: the columns, and behind them `ROW_ID` where it has no key of its own and rows that change. */
  readonly stored: readonly Field[];
  /** Among `stored`; null: rows are only added. */
  readonly key: readonly number[] | null;
  readonly time: number | null;
  readonly tenant: number | null;
  readonly rows: StoredRows;
  readonly clock: SourceClock;
}

/** What tells the rows of a table without a key apart: the number of the row. */
export const ROW_ID: Field = { name: '_row_id', type: 'integer', nullable: false, hidden: true };

/** Whether rows of a table have a number behind their columns. */
export function isNumbered({ fields, stored }: Pick<TableEntry, 'fields' | 'stored'>): boolean {
  return stored.length > fields.length;
}

/**
 * What tables without a key are to a standing query: rows that change, those of APPEND ONLY tables but added; rows that
 * are but added; or rows that are all kept, as those of any table.
 */
export type Reading = 'changes' | 'streams' | 'kept';

/** A query with a name. */
export interface ViewEntry {
  readonly kind: 'view';
  readonly name: string;
  readonly statement: CreateView;
  readonly fields: readonly Field[];
  /** Names that it reads. */
  readonly reads: ReadonlySet<string>;
}

/** A standing query: a materialized view, or what a sink is fed from. */
export interface StandingEntry {
  readonly kind: 'materialized view' | 'sink';
  readonly name: string;
  readonly statement: CreateMaterializedView | CreateSink;
  readonly view: ViewStatement;
  readonly standing: StandingView;
  /** Whether tables without a key are streams to it: see `create.ts`. */
  readonly takesStreams: boolean;
  readonly reads: ReadonlySet<string>;
}

/** A thing with a name. */
export type Entry = TableEntry | ViewEntry | StandingEntry;

/** Names and what they mean. */
export class SessionCatalog {
  readonly #entries = new Map<string, Entry>();

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** All of them, in the order in which they were made. */
  all(): Entry[] {
    return [...this.#entries.values()];
  }

  /** The standing ones. */
  standing(): StandingEntry[] {
    return this.all().filter(
      (entry): entry is StandingEntry => entry.kind === 'materialized view' || entry.kind === 'sink',
    );
  }

  add(entry: Entry): void {
    this.#entries.set(entry.name, entry);
  }

  delete(name: string): void {
    this.#entries.delete(name);
  }

  /** Things that read a name, directly. */
  readersOf(name: string): Entry[] {
    return this.all().filter((entry) => entry.kind !== 'table' && entry.reads.has(name));
  }

  /** The thing of a name. Throws SQL_UNKNOWN_RELATION. */
  require(source: Pick<StatementSource, 'text' | 'file'>, name: string, location: number): Entry {
    const entry = this.get(name);
    if (entry !== undefined) return entry;
    throw this.unknown(source, name, location);
  }

  /** The error for a name that nothing has. */
  unknown(source: Pick<StatementSource, 'text' | 'file'>, name: string, location: number): Error {
    const names = this.all().map((entry) => entry.name);
    return bindError(
      source,
      'SQL_UNKNOWN_RELATION',
      `relation "${name}" does not exist`,
      location,
      `There are: ${names.length === 0 ? 'none; CREATE TABLE makes one' : names.join(', ')}.`,
    );
  }

  /** For standing queries. */
  forViews(reading: Reading): RelationCatalog {
    const relationOf = (entry: Entry): CatalogRelation => {
      if (entry.kind !== 'table') return viewRelation(entry);
      const isStream = reading === 'streams' || (reading === 'changes' && entry.statement.appendOnly);
      return isStream ? asStream(entry) : tableRelation(entry);
    };
    return new Map(
      this.all()
        .filter((entry) => entry.kind !== 'sink')
        .map((entry) => [entry.name, relationOf(entry)]),
    );
  }

  /** For queries that are asked once. */
  forQueries(): RelationCatalog {
    const late: CatalogRelation = {
      kind: 'stream',
      name: LATE_NAME,
      fields: LATE_FIELDS,
      key: null,
      time: null,
      tenant: null,
    };
    const entries = this.all().map((entry): [string, CatalogRelation] => {
      // The number of a row says when it came.
      if (entry.kind === 'table') return [entry.name, { ...asStream(entry), fields: entry.stored }];
      return [entry.name, entry.kind === 'view' ? viewRelation(entry) : publishedRelation(entry)];
    });
    return new Map([[LATE_NAME, late], ...entries]);
  }
}

function tableRelation({ name, stored, key, time, tenant }: TableEntry): CatalogRelation {
  return { kind: key === null ? 'stream' : 'table', name, fields: stored, key, time, tenant };
}

/** A table without a key, as a stream; another as it is. */
function asStream(entry: TableEntry): CatalogRelation {
  const { name, fields, time, tenant } = entry;
  return isNumbered(entry) ? { kind: 'stream', name, fields, key: null, time, tenant } : tableRelation(entry);
}

function viewRelation(entry: ViewEntry | StandingEntry): CatalogRelation {
  const { name } = entry;
  const { text, file, joins, select, columnNames } = entry.kind === 'view' ? entry.statement : entry.view;
  return {
    kind: 'view',
    name,
    fields: entry.kind === 'view' ? entry.fields : entry.standing.fields,
    key: null,
    time: null,
    tenant: null,
    query: { text, file, select, columnNames, ...(joins === undefined ? {} : { joins }) },
  };
}

function publishedRelation({ name, standing }: StandingEntry): CatalogRelation {
  return { kind: 'stream', name, fields: standing.fields, key: null, time: null, tenant: null };
}

/** What DROP, SHOW and errors call a thing. */
export function kindOf(entry: Entry): ObjectKind {
  if (entry.kind !== 'table') return entry.kind;
  return entry.statement.kind === 'createSource' ? 'source' : 'table';
}
