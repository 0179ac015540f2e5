/**
 * What the SQL files of a configuration say together: views, the streams and tables that they declare, first rows of
 * tables, and sinks. A statement sees what stands before it; DROP takes something of that away again, as if it had
 * never been said.
 */
import { bindError } from './context.js';
import { viewOf, type ViewStatement } from './parse.js';
import { refusal } from './refuse.js';
import { parseStatements } from './statements/parse.js';
import type {
  CreateRelation,
  CreateSink,
  Drop,
  Insert,
  ObjectKind,
  Statement,
  StatementSource,
} from './statements/statement.js';

/** See the head of the file. */
export class SqlFiles {
  readonly #relations = new Map<string, CreateRelation>();
  readonly #others: CreateRelation[] = [];
  #views: ViewStatement[] = [];
  readonly #sinks = new Map<string, CreateSink>();
  readonly #inserts = new Map<string, Insert[]>();

  /** Tables and sources, in their order; names that are there twice are for `declare` to refuse. */
  get relations(): readonly CreateRelation[] {
    return [...this.#relations.values(), ...this.#others];
  }

  get views(): readonly ViewStatement[] {
    return this.#views;
  }

  get sinks(): readonly CreateSink[] {
    return [...this.#sinks.values()];
  }

  /** The INSERTs of each table that has some, by its name. */
  get inserts(): ReadonlyMap<string, readonly Insert[]> {
    return this.#inserts;
  }

  /** Adds the statements of a file. Throws SQL_* with file, line, column, a caret, and what to write instead. */
  async add(text: string, file?: string): Promise<void> {
    const own: ViewStatement[] = [];
    for (const statement of await parseStatements(text, file)) this.#add(statement, own);
  }

  #add(statement: Statement, own: ViewStatement[]): void {
    switch (statement.kind) {
      case 'createTable':
      case 'createSource':
        if (this.#relations.has(statement.name)) this.#others.push(statement);
        else this.#relations.set(statement.name, statement);
        return;
      case 'createSink':
        return this.#addSink(statement);
      case 'insert':
        return this.#addInsert(statement);
      case 'drop':
        for (const name of statement.names) this.#drop(statement, name, own);
        return;
      default: {
        const view = viewOf(statement, own);
        own.push(view);
        this.#views.push(view);
      }
    }
  }

  #addSink(sink: CreateSink): void {
    if (sink.ifNotExists) throw refusal(sink, 'existence', sink.location);
    if (this.#sinks.has(sink.name))
      throw unsupported(sink, `sink "${sink.name}" is created twice`, 'Give one of them another name.');
    if (sink.from === null)
      throw unsupported(
        sink,
        'a sink with a query of its own, on a server: not supported',
        'Make a view of the query, which is kept: CREATE MATERIALIZED VIEW v AS SELECT …; then CREATE SINK s FROM v.',
      );
    this.#sinks.set(sink.name, sink);
  }

  #addInsert(insert: Insert): void {
    const { name, location } = insert.target;
    const relation = this.#relations.get(name);
    if (relation === undefined)
      throw bindError(
        insert,
        'SQL_UNKNOWN_RELATION',
        `there is no table "${name}" before this INSERT`,
        location,
        'Create it first, in this file or in one whose name comes before.',
      );
    const why = whyNotSeeded(relation, insert);
    if (why !== null) throw bindError(insert, 'SQL_UNSUPPORTED', why.what, location, why.instead);
    this.#inserts.set(name, [...(this.#inserts.get(name) ?? []), insert]);
  }

  #drop(drop: Drop, name: string, own: ViewStatement[]): void {
    if (drop.cascade)
      throw unsupported(
        drop,
        'DROP … CASCADE in files: not supported',
        'Name all that is to go, those that read it first.',
      );
    const kind = this.#kindOf(name);
    if (kind === null && drop.ifExists) return;
    if (kind === null)
      throw bindError(
        drop,
        'SQL_UNKNOWN_RELATION',
        `there is no ${drop.object} "${name}" before this DROP`,
        drop.location,
        'The files say what there is: leave the DROP out, or write DROP … IF EXISTS.',
      );
    if (kind !== drop.object && !(kind === 'materialized view' && drop.object === 'view'))
      throw unsupported(drop, `"${name}" is a ${kind}`, `Write DROP ${kind.toUpperCase()} ${name}.`);
    this.#relations.delete(name);
    this.#inserts.delete(name);
    this.#sinks.delete(name);
    this.#views = this.#views.filter((view) => view.name !== name);
    own.splice(0, own.length, ...own.filter((view) => view.name !== name));
  }

  #kindOf(name: string): ObjectKind | null {
    const view = this.#views.find((one) => one.name === name);
    if (view !== undefined) return view.isPlain === true ? 'view' : 'materialized view';
    if (this.#sinks.has(name)) return 'sink';
    const relation = this.#relations.get(name);
    if (relation === undefined) return null;
    return relation.kind === 'createSource' ? 'source' : 'table';
  }
}

/** All files, in their order. Throws as `SqlFiles.add`. */
export async function readSqlFiles(
  files: readonly { readonly text: string; readonly file?: string }[],
): Promise<SqlFiles> {
  const all = new SqlFiles();
  for (const { file, text } of files) await all.add(text, file);
  return all;
}

function unsupported(source: StatementSource, what: string, instead: string): Error {
  return bindError(source, 'SQL_UNSUPPORTED', what, source.location, instead);
}

/** Why an INSERT can't be the first rows of a table, and what to do instead; null: it can. */
function whyNotSeeded(
  { kind, name, options, primaryKey }: CreateRelation,
  { returning, select }: Insert,
): { readonly what: string; readonly instead: string } | null {
  if (kind === 'createSource' || primaryKey === null)
    return {
      what: `INSERT into "${name}" in a file: its rows are events, and each start would add them again`,
      instead: 'Send them once, with millrace send or POST /v1/events; a table with a PRIMARY KEY can have first rows.',
    };
  if (options.has('file'))
    return { what: `the rows of table "${name}" are those of its file`, instead: 'Write the rows into the file.' };
  if (options.has('stream'))
    return { what: `the rows of table "${name}" are those of its stream`, instead: 'Send them to the stream.' };
  if (select.valuesLists === undefined)
    return {
      what: 'INSERT … SELECT in a file: it would be computed once, from nothing',
      instead: 'A query that is kept up is CREATE MATERIALIZED VIEW v AS SELECT …; first rows are INSERT … VALUES.',
    };
  if (returning !== null) return { what: 'RETURNING in a file: nobody reads it', instead: 'Leave it out.' };
  return null;
}
