/**
 * `postgres://`: rows in tables of PostgreSQL 12 or later.
 *
 * Guarantee: rows, deletes and the cursor are one transaction, whose first statement locks the state row and
 * ends it when the move no longer fits (`state.ts`). Everything a move needs is in that transaction, so a
 * kill between any two statements leaves what was there before.
 *
 * Limits: one page in memory; `sessionsMax` sessions. A long COPY or swap has no bound on its time, since
 * only the advertiser knows how large the table is; a session whose server is gone fails by keep-alive.
 */
import pg, { type ClientBase } from 'pg';
import type { Move, Place, Stage } from '../place.js';
import { STATE_TABLE, type TablePlan, type TableRow } from '../table-plan.js';
import {
  TOMBSTONE_MS,
  type OwnDay,
  type OwnDigest,
  type PullTable,
  type PullTarget,
  type Taken,
  type TargetSeams,
} from '../target.js';
import { hashText } from '../../event/feed.js';
import { MillraceError } from '../../util/errors.js';
import { failureOf, type FailurePlace } from './postgres/failure.js';
import { pooled, Session, type Sessions } from './postgres/sessions.js';
import { setUp } from './postgres/set-up.js';
import { makeState, placeOf, readDefinition, readState, saveMove, saveStage, type StateRow } from './postgres/state.js';
import * as say from './postgres/statements.js';
import { arrayText, copyLine } from './postgres/values.js';

/** Connecting takes no longer. */
const CONNECT_MS = 10_000;
/** Lines of COPY that are sent at once. */
const COPY_LINES = 500;

/** Which database. */
export interface PostgresTargetOptions {
  /** `postgres://user:password@host:5432/database?sslmode=…`. */
  readonly url: string;
  /** Default `public`. */
  readonly schema?: string | undefined;
  /** Default 4. */
  readonly sessionsMax?: number;
}

/** A database of PostgreSQL. */
export function createPostgresTarget(options: PostgresTargetOptions, seams: TargetSeams = {}): PullTarget {
  const { host, user, database } = parseUrl(options.url);
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.sessionsMax ?? 4,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    application_name: 'millrace pull',
    allowExitOnIdle: true,
    // A session that breaks while it works fails its statement; that is where it is told.
    onConnect: (client) => void client.on('error', () => undefined),
  });
  // The pool has dropped the session by itself.
  pool.on('error', () => undefined);
  const name = `PostgreSQL ${host}/${database}`;
  const schema = options.schema ?? 'public';
  return postgresTarget({ sessions: pooled(pool), name, schema, user, seams, close: () => pool.end() });
}

/** A database whose sessions are somebody else's. */
export function postgresTarget(
  input: Omit<PostgresTableInput, 'plan'> & { readonly close: () => Promise<void> },
): PullTarget {
  const { close, ...shared } = input;
  const { sessions, name, schema, user, seams } = shared;
  return {
    name,
    async definition(tenant, view) {
      const state = `${say.quoted(schema)}.${say.quoted(STATE_TABLE)}`;
      try {
        const read = (client: ClientBase) =>
          new Session(client, seams).query<{ definition: string | null }>(readDefinition(state), [tenant, view]);
        return (await sessions.run(read))[0]?.definition ?? null;
      } catch (error) {
        // Before the first start there is no such table, or no such column.
        if (/^42(P01|703)$/.test(String((error as { code?: unknown }).code))) return null;
        throw failureOf(error, { name, schema, user, tables: [state] });
      }
    },
    table: (plan) => openPostgresTable({ ...shared, plan }),
    close,
  };
}

function parseUrl(url: string): { host: string; user: string; database: string } {
  if (!URL.canParse(url))
    throw new MillraceError(
      'PULL_DATABASE_REFUSED',
      'expected an address as postgres://user:password@host:5432/database',
    );
  const { host, username, pathname } = new URL(url);
  return { host, user: decodeURIComponent(username), database: decodeURIComponent(pathname.slice(1)) };
}

/** What a table is opened with. */
export interface PostgresTableInput {
  readonly sessions: Sessions;
  /** How errors call the database. */
  readonly name: string;
  readonly schema: string;
  /** The role that connects; null when it is not known. */
  readonly user: string | null;
  readonly plan: TablePlan;
  readonly seams: TargetSeams;
}

/** Makes, migrates and checks the table. */
export async function openPostgresTable(input: PostgresTableInput): Promise<PullTable> {
  const table = new PostgresTable(input);
  await table.open();
  return table;
}

class PostgresTable implements PullTable {
  readonly #sessions: Sessions;
  readonly #tables: say.PgTables;
  readonly #failure: FailurePlace;
  readonly #seams: TargetSeams;

  constructor({ sessions, name, schema, user, plan, seams }: PostgresTableInput) {
    this.#sessions = sessions;
    this.#seams = seams;
    this.#tables = say.pgTables(plan, schema);
    const { table, deleted, staged, state } = this.#tables;
    this.#failure = { name, schema, user, tables: [table, deleted, staged, state] };
  }

  async open(): Promise<void> {
    await this.#run(async (session) => {
      const { tenant, view, table } = this.#tables.plan;
      await setUp(session, this.#tables);
      await session.query(makeState(this.#tables), [tenant, view, table]);
      const row = await this.#state(session);
      if (row.table_name !== table)
        throw new MillraceError(
          'PULL_TABLE_CHANGED',
          `view ${tenant}/${view} goes into table "${row.table_name}" already, not into "${table}"; ` +
            `to move it, delete its row from ${STATE_TABLE}`,
        );
    });
  }

  place(): Promise<Place> {
    return this.#run(async (session) => placeOf(await this.#state(session)));
  }

  async take(asked: Place, move: Move, rows: readonly TableRow[]): Promise<Taken | null> {
    const taken = await this.#run((session) =>
      session.transaction(async () => {
        const save = saveMove(this.#tables, asked, move);
        const [row] = await session.query<StateRow>(save.sql, save.values);
        if (row === undefined) return undefined;
        const written =
          move.kind === 'apply' ? await this.#apply(session, rows) : await this.#stage(session, move, rows);
        return { place: placeOf(row), rows: written };
      }),
    );
    return taken ?? null;
  }

  async restage(asked: Place, stage: Stage | null): Promise<Place | null> {
    const place = await this.#run((session) =>
      session.transaction(async () => {
        const save = saveStage(this.#tables, asked, stage);
        const [row] = await session.query<StateRow>(save.sql, save.values);
        if (row === undefined) return undefined;
        await session.query(say.clearStaged(this.#tables), [this.#tables.plan.tenant]);
        return placeOf(row);
      }),
    );
    return place ?? null;
  }

  async digest(from: string | null, to: string | null): Promise<OwnDigest> {
    const { sql, values } = say.digestRows(this.#tables, from, to);
    const digest = await this.#run((session) =>
      session.transaction(async () => {
        await session.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
        const place = placeOf(await this.#state(session));
        const rows = await session.query<DigestRow>(sql, values);
        const names = this.#tables.plan.columns.flatMap(({ name, additive }) => (additive === true ? [name] : []));
        return { place, days: new Map(rows.map((row) => [row.day, dayOf(row, names)])) };
      }),
    );
    return digest!;
  }

  async sweep(): Promise<number> {
    const values = [this.#tables.plan.tenant, TOMBSTONE_MS / 86_400_000];
    return this.#run((session) => count(session, say.sweepTombstones(this.#tables), values));
  }

  async #apply(session: Session, rows: readonly TableRow[]): Promise<number> {
    const { columns, plan } = this.#tables;
    const upserts = rows.filter(({ isDelete }) => !isDelete);
    const deletes = rows.filter(({ isDelete }) => isDelete);
    let written = 0;
    if (upserts.length > 0)
      written += await count(
        session,
        say.upsertPage(this.#tables),
        columns.map((column) => arrayText(upserts, column)),
      );
    if (deletes.length > 0) {
      const [key, rev] = [columns.at(-6)!, columns.at(-5)!];
      const values = [plan.tenant, arrayText(deletes, key), arrayText(deletes, rev)];
      written += await count(session, say.deletePage(this.#tables), values);
    }
    return written;
  }

  /** Rows to the stage; when it finishes, all of it to the table. */
  async #stage(session: Session, { kind, isFirst, replaces }: Move, rows: readonly TableRow[]): Promise<number> {
    const tenant = [this.#tables.plan.tenant];
    if (isFirst) await session.query(say.clearStaged(this.#tables), tenant);
    if (rows.length > 0) await session.copy(say.copyStaged(this.#tables), this.#lines(rows), rows.length);
    if (kind === 'stage') return 0;
    await session.query(say.analyzeStaged(this.#tables));
    await session.query(say.thinStaged(this.#tables), tenant);
    if (replaces !== null) {
      const removed = say.removeReplaced(this.#tables, replaces);
      await session.query(removed.sql, removed.values);
      await session.query(say.removeTombstones(this.#tables, replaces), tenant);
    }
    const written = await count(session, say.upsertStaged(this.#tables), tenant);
    const removed = await count(session, say.deleteStaged(this.#tables), tenant);
    await session.query(say.clearStaged(this.#tables), tenant);
    return written + removed;
  }

  *#lines(rows: readonly TableRow[]): Iterable<string> {
    const { columns } = this.#tables;
    for (let at = 0; at < rows.length; at += COPY_LINES) {
      const lines = rows.slice(at, at + COPY_LINES);
      yield lines.map((row) => copyLine(row, columns, row.isDelete ? 't' : 'f')).join('');
    }
  }

  async #state(session: Session): Promise<StateRow> {
    const { tenant, view } = this.#tables.plan;
    const [row] = await session.query<StateRow>(readState(this.#tables), [tenant, view]);
    if (row === undefined)
      throw new MillraceError('PULL_TABLE_CHANGED', `the row of ${tenant}/${view} in ${STATE_TABLE} is gone`);
    return row;
  }

  async #run<T>(work: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.#sessions.run((client) => work(new Session(client, this.#seams)));
    } catch (error) {
      throw failureOf(error, this.#failure);
    }
  }
}

async function count(session: Session, sql: string, values: readonly unknown[]): Promise<number> {
  const [row] = await session.query<{ rows: number }>(sql, values);
  return row!.rows;
}

interface DigestRow {
  readonly day: string;
  readonly rows: number;
  readonly last_rev: number;
  readonly hash: string;
  readonly [sum: `sum${number}`]: string | null;
}

function dayOf(row: DigestRow, names: readonly string[]): OwnDay {
  return {
    rows: row.rows,
    lastRev: row.last_rev,
    sums: Object.fromEntries(names.map((name, index) => [name, row[`sum${index}`] ?? null])),
    hash: hashText(BigInt(row.hash)),
  };
}
