/**
 * A pipeline in memory: tables and streams, standing views over them, queries over all of it. What `millrace sql` and
 * `millrace test` run, and every `.slt` file.
 *
 * **Time.** Nothing reads the wall clock. The session has a clock of its own that only `advance`, `setClock` and
 * `SET clock` move; a row is stamped by its source's clock (`source-clock.ts`). An INSERT has reached every view when it
 * returns; FLUSH only lets clocks catch up.
 *
 * **Limits.** `rowsMax` rows a table, `stateBytesMax` bytes of state a view, `late-rows.ts`. A statement that fails changes
 * nothing. Nothing outlives the process. One statement runs at a time.
 */
import { bindError } from '../../sql/context.js';
import { functionTable } from '../../sql/functions/index.js';
import type { EvaluateValues } from '../../sql/functions/registry.js';
import { planSelect } from '../../sql/relation/view.js';
import type { QueryPlan } from '../../sql/relation/relation.js';
import { tableOfQuery } from '../../sql/statements/create-as.js';
import { parseStatement } from '../../sql/statements/parse.js';
import type {
  Change,
  CreateRelation,
  CreateTableAs,
  Drop,
  Insert,
  ObjectKind,
  Select,
  Set as SetStatement,
  Statement,
  StatementSource,
} from '../../sql/statements/statement.js';
import { splitStatements } from '../../sql/statements/statement-text.js';
import type { StatementText } from '../../sql/statements/statement-text.js';
import { MillraceError } from '../../util/errors.js';
import { loadParser } from '../../util/sql-text.js';
import type { Row } from '../dataflow/operator.js';
import { isNumbered, kindOf, SessionCatalog } from './catalog.js';
import type { StandingEntry, TableEntry } from './catalog.js';
import { changedRows } from './change.js';
import { createStanding, createTable, createView, requireFree } from './create.js';
import { droppedBy } from './drop.js';
import { explained } from './explain.js';
import { Feeder } from './feeder.js';
import { insertedRows } from './insert.js';
import { LATE_FIELDS, LATE_NAME, lateRow } from './late-rows.js';
import { setMoment } from './moment.js';
import { isKnownOrder, isNullOrder, orderNulls } from './null-order.js';
import { settingsOf } from './options.js';
import type { SessionOptions, SessionSettings } from './options.js';
import { done, type Result } from './result.js';
import { planReturning } from './returning.js';
import { runQuery } from './run-query.js';
import type { QueryInput, QueryInputs } from './run-query.js';
import { describe, fieldsOf, show } from './show.js';
import type { ChangeListener } from './standing-view.js';
import { TableWriter } from './table-writer.js';

/** See the head of the file. */
export class Session {
  readonly #settings: SessionSettings;
  readonly #catalog = new SessionCatalog();
  readonly #writers = new Map<string, TableWriter>();
  readonly #feeder: Feeder;
  readonly #inputs: QueryInputs;
  readonly #variables = new Map<string, string>();
  #clockMs: number;
  #saves = 0;

  constructor(options: SessionOptions = {}) {
    this.#settings = settingsOf(options);
    this.#clockMs = this.#settings.clockMs;
    this.#feeder = new Feeder(this.#catalog, this.#settings);
    this.#inputs = { of: (name) => this.#inputOf(name), stateBytesMax: this.#settings.stateBytesMax };
  }

  /** The session's clock, ms. */
  get clockMs(): number {
    return this.#clockMs;
  }

  /** Everything that has a name. */
  entries(): readonly {
    readonly name: string;
    readonly kind: ObjectKind;
    readonly fields: ReturnType<typeof fieldsOf>;
  }[] {
    return this.#catalog.all().map((entry) => ({ name: entry.name, kind: kindOf(entry), fields: fieldsOf(entry) }));
  }

  /** Runs the statements of a text, one after the other, up to the first that fails. Throws SQL_* and QUERY_TOO_LARGE. */
  async execute(text: string, file?: string): Promise<Result[]> {
    await loadParser();
    return splitStatements(text, file).map((part) => this.run(part));
  }

  /** Runs one statement. `loadParser` first. */
  run(part: StatementText): Result {
    return this.#run(parseStatement(part));
  }

  /** Lets the clock go on. */
  advance(byMs: number): void {
    this.#clockMs += byMs;
    for (const entry of this.#catalog.all()) if (entry.kind === 'table') entry.clock.advance(byMs);
    this.#feeder.advance();
  }

  /** Sets the clock, ms since 1970. It never goes back. Throws SQL_TYPE. */
  setClock(clockMs: number): void {
    if (clockMs < this.#clockMs) throw new MillraceError('SQL_TYPE', 'the clock can not go back');
    this.advance(clockMs - this.#clockMs);
  }

  /** Calls `listener` with each change of a standing view; answers how to stop it. Throws SQL_UNKNOWN_RELATION. */
  subscribe(name: string, listener: ChangeListener): () => void {
    const entry = this.#catalog.get(name);
    if (entry?.kind === 'materialized view' || entry?.kind === 'sink') return entry.standing.subscribe(listener);
    const names = this.#catalog.standing().map((each) => each.name);
    throw new MillraceError(
      'SQL_UNKNOWN_RELATION',
      `"${name}" is no materialized view; there are: ${names.length === 0 ? 'none' : names.join(', ')}`,
    );
  }

  /**
   * Adds rows to a table or stream, in order, as INSERT does. A row has a value for each column, of its type; those of
   * generated columns are not looked at. Throws SQL_*.
   */
  insert(name: string, rows: readonly Row[]): void {
    const entry = this.#catalog.get(name);
    if (entry?.kind !== 'table') throw new MillraceError('SQL_UNKNOWN_RELATION', `relation "${name}" does not exist`);
    const writer = this.#writers.get(name)!;
    this.#add(
      entry,
      rows.map((row) => writer.complete(row)),
    );
  }

  #run(statement: Statement): Result {
    orderNulls(statement, this.#variables);
    setMoment(statement, this.#moment);
    switch (statement.kind) {
      case 'createTable':
      case 'createTableAs':
      case 'createSource':
      case 'createView':
      case 'createMaterializedView':
      case 'createSink':
        return this.#create(statement);
      case 'drop':
        return this.#drop(statement);
      case 'insert':
        return this.#insert(statement);
      case 'delete':
      case 'update':
        return this.#change(statement);
      case 'select':
        return this.#select(statement);
      case 'explain':
        return explained(statement, this.#catalog);
      case 'show':
        return show(statement, this.#catalog, this.#variables);
      case 'describe':
        return describe(statement, this.#catalog);
      case 'set':
        return this.#set(statement);
      case 'flush':
        this.#feeder.advance();
        for (const { standing } of this.#catalog.standing()) standing.settle();
        return done('FLUSH');
      case 'nothing': {
        const { relation, tag, why } = statement;
        if (relation !== null) this.#catalog.require(statement, relation.name, relation.location);
        return done(tag, { notice: why });
      }
      case 'subscribe':
        throw bindError(
          statement,
          'SQL_UNSUPPORTED',
          'SUBSCRIBE: not supported here',
          statement.location,
          'It follows a view in the shell, millrace sql; SELECT shows its rows.',
        );
    }
  }

  #create(statement: Extract<Statement, { kind: `create${string}` }>): Result {
    const tag = CREATED[statement.kind];
    if (statement.ifNotExists && this.#catalog.get(statement.name) !== undefined)
      return done(tag, { notice: `relation "${statement.name}" already exists, skipping` });
    if (statement.kind === 'createView') return this.#createView(statement);
    if (statement.kind === 'createTableAs') return this.#createTableAs(statement);
    if ('columns' in statement) {
      this.#replace(statement);
      this.#addTable(statement, createTable(statement, this.#settings, this.#clockMs), []);
      return done(tag);
    }
    requireFree(statement, statement.name, this.#catalog);
    const entry = createStanding(statement, this.#catalog, this.#settings, this.#clockMs);
    this.#feeder.fill(entry);
    this.#catalog.add(entry);
    const [notice] = entry.standing.plan.notices;
    return done(tag, notice === undefined ? {} : { notice });
  }

  #addTable(statement: CreateRelation | CreateTableAs, table: TableEntry, rows: readonly Row[]): void {
    requireFree(statement, statement.name, this.#catalog);
    this.#writers.set(table.name, this.#writerOf(table));
    this.#catalog.add(table);
    this.#add(table, rows);
  }

  #writerOf(table: TableEntry): TableWriter {
    return new TableWriter(table, { clockMs: () => this.#clockMs, moment: () => this.#moment });
  }

  /** OR REPLACE: a table that nothing reads gives way. */
  #replace({ orReplace, name, ...statement }: CreateRelation | CreateTableAs): void {
    if (orReplace && this.#catalog.get(name)?.kind === 'table')
      this.#drop({ ...statement, kind: 'drop', object: 'table', names: [name], ifExists: true, cascade: false });
  }

  #createTableAs(statement: CreateTableAs): Result {
    const { name, location, select } = statement;
    if (!statement.orReplace) requireFree(statement, name, this.#catalog);
    const declared =
      statement.columns ?? tableOfQuery(statement, this.#planned({ ...statement, kind: 'select' }).columns);
    const table = createTable(declared, this.#settings, this.#clockMs);
    const insert = { target: { name, location }, columns: null, select, keepsOld: false, returning: null };
    // What it is made of may be the table that gives way.
    const rows = insertedRows(
      { ...statement, ...insert, kind: 'insert' },
      table,
      this.#writerOf(table),
      this.#catalog,
      this.#inputs,
    );
    this.#replace(statement);
    this.#addTable(statement, table, rows);
    return done(`SELECT ${rows.length}`);
  }

  #createView(statement: Extract<Statement, { kind: 'createView' }>): Result {
    const before = this.#catalog.get(statement.name);
    if (before?.kind !== 'view' || !statement.orReplace) requireFree(statement, statement.name, this.#catalog);
    const entry = createView(statement, this.#catalog);
    if (entry.reads.has(statement.name))
      throw bindError(statement, 'SQL_UNSUPPORTED', `view "${statement.name}" reads itself`, statement.location);
    this.#catalog.add(entry);
    return done('CREATE VIEW');
  }

  #drop(statement: Drop): Result {
    const tag = `DROP ${statement.object.toUpperCase()}`;
    const { dropped, missing } = droppedBy(statement, this.#catalog);
    for (const { name } of dropped) {
      this.#catalog.delete(name);
      this.#writers.delete(name);
    }
    return done(tag, missing.length === 0 ? {} : { notice: `"${missing.join(', ')}" does not exist, skipping` });
  }

  /** What `now()` is, ms: the session's clock, or the machine's as long as nobody has set that. */
  get #moment(): number {
    return this.#clockMs === 0 ? this.#settings.machineMs() : this.#clockMs;
  }

  #insert(statement: Insert): Result {
    const table = this.#tableOf(statement, statement.target.name, statement.target.location);
    const writer = this.#writers.get(table.name)!;
    const returning = planReturning(
      statement,
      { ...statement.target, alias: null },
      table,
      this.#catalog,
      this.#inputs,
    );
    const made = insertedRows(statement, table, writer, this.#catalog, this.#inputs);
    const rows = statement.keepsOld && !isNumbered(table) ? table.rows.withoutKnown(made) : made;
    this.#add(table, rows, { atOnce: true });
    return { ...done(`INSERT 0 ${rows.length}`, { count: rows.length }), ...returning?.(rows) };
  }

  #add(table: TableEntry, added: readonly Row[], { atOnce = false } = {}): void {
    table.rows.requireRoom(added.length);
    const rows = isNumbered(table) ? added.map((row) => [...row, table.rows.nextNumber()]) : added;
    const times = rows.map((row) => (table.time === null ? null : (row[table.time] as number | null)));
    const stamps = atOnce ? table.clock.stampAll(times) : times.map((time) => table.clock.stamp(time));
    rows.forEach((row, i) => table.rows.put(row, stamps[i]!));
    this.#feeder.feed(table, { rows, stamps, weights: null });
    this.#checkRecovery();
  }

  #change(statement: Change): Result {
    const table = this.#tableOf(statement, statement.target.name, statement.target.location);
    this.#requireChangeable(statement, table);
    const returning = planReturning(statement, statement.target, table, this.#catalog, this.#inputs);
    const changes = changedRows(statement, table, this.#writers.get(table.name)!, this.#catalog, this.#inputs);
    // All go before any come: a key may go from one row to another.
    const gone = changes.map(({ before }) => before);
    const come = changes.flatMap(({ after }) => (after === null ? [] : [after]));
    for (const row of gone) table.rows.remove(row);
    for (const row of come) table.rows.put(row, table.clock.now);
    const rows = [...gone, ...come];
    const weights = rows.map((_, i) => (i < gone.length ? -1 : 1));
    this.#feeder.feed(table, { rows, stamps: rows.map(() => table.clock.now), weights });
    this.#checkRecovery();
    const tag = `${statement.kind.toUpperCase()} ${changes.length}`;
    return { ...done(tag, { count: changes.length }), ...returning?.(statement.kind === 'delete' ? gone : come) };
  }

  /** Refuses to change rows that a view has taken for events: those of a table without a key. */
  #requireChangeable(statement: Change, table: TableEntry): void {
    const { name } = table;
    const reader = this.#catalog
      .standing()
      .find(({ standing, takesStreams }) => takesStreams && standing.sources.includes(name));
    if (reader !== undefined && isNumbered(table))
      throw bindError(
        statement,
        'SQL_UNSUPPORTED',
        `view "${reader.name}" publishes what is final: rows of "${name}" are only added`,
        statement.target.location,
        "Drop the view, or make it with emit = 'change'.",
      );
  }

  #tableOf(statement: StatementSource, name: string, location: number): TableEntry {
    const entry = this.#catalog.require(statement, name, location);
    if (entry.kind === 'table') return entry;
    throw bindError(
      statement,
      'SQL_UNSUPPORTED',
      `cannot change ${kindOf(entry)} "${name}"`,
      location,
      'Change the tables that it reads.',
    );
  }

  #select(statement: Select): Result {
    const { plan, columns } = this.#planned(statement);
    const rows = runQuery(plan, this.#inputs);
    return { tag: `SELECT ${rows.length}`, columns, rows };
  }

  #planned(statement: Select): { readonly plan: QueryPlan; readonly columns: Result['columns'] } {
    const plan = planSelect(statement.select, statement, this.#catalog.forQueries());
    return { plan, columns: plan.relation.fields.slice(0, plan.width).map(({ name, type }) => ({ name, type })) };
  }

  #inputOf(name: string): QueryInput {
    const entry = this.#catalog.get(name);
    if (entry?.kind === 'table') return { fields: entry.stored, rows: entry.rows.all() };
    if (entry !== undefined && entry.kind !== 'view')
      return { fields: entry.standing.fields, rows: entry.standing.rows().map((row) => ({ row, stamp: -Infinity })) };
    if (name !== LATE_NAME) throw new Error(`no rows of ${name}`);
    const late = (each: StandingEntry) => each.standing.late().map((row) => lateRow(each.name, row));
    const rows = this.#catalog.standing().flatMap(late);
    return { fields: LATE_FIELDS, rows: rows.map((row) => ({ row, stamp: -Infinity })) };
  }

  #set(statement: SetStatement): Result {
    const { name, value } = statement;
    if (name === 'clock' && value !== null) {
      this.setClock((functionTable.castOf('text', 'timestamptz')!.evaluate as EvaluateValues)(value) as number);
      return done('SET');
    }
    if (name === 'timezone' && value !== null && !/^(utc|gmt|etc\/utc|default)$/i.test(value))
      throw bindError(
        statement,
        'SQL_UNSUPPORTED',
        'a time zone other than UTC: not supported',
        statement.location,
        "Write ts AT TIME ZONE 'Europe/Berlin' where a local time is wanted.",
      );
    if (isNullOrder(name) && value !== null && !isKnownOrder(value))
      throw bindError(statement, 'SQL_TYPE', `unknown order of NULLs "${value}"`, statement.location);
    if (value === null) this.#variables.delete(name);
    else this.#variables.set(name, value);
    return done('SET', name === 'timezone' || isNullOrder(name) ? {} : { notice: `${name} has no meaning here` });
  }

  /** Saves every view after one statement, and stops and resumes it after the next. */
  #checkRecovery(): void {
    if (!this.#settings.resumes) return;
    const isSave = this.#saves++ % 2 === 0;
    for (const { standing } of this.#catalog.standing()) {
      if (isSave) standing.save();
      else standing.resume();
    }
  }
}

const CREATED = {
  createTable: 'CREATE TABLE',
  createTableAs: 'CREATE TABLE AS',
  createSource: 'CREATE SOURCE',
  createView: 'CREATE VIEW',
  createMaterializedView: 'CREATE MATERIALIZED VIEW',
  createSink: 'CREATE SINK',
} as const;
