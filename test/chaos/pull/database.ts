/** The advertiser's database: a schema a round in one real PostgreSQL, watched from a connection of its own. */
import pg from 'pg';
import { STATE_TABLE } from '../../../src/pull/table-plan.js';
import { startPostgres, type Postgres } from '../../engines/postgres.js';
import { rowName, TENANT, VIEW } from './events.js';
import { rowText } from './fold.js';

/** Databases of a kind, one a round. */
export interface Databases {
  /** How the kind is called. */
  readonly kind: 'PostgreSQL' | 'SQLite';
  make(name: string): Promise<void>;
  drop(name: string): Promise<void>;
  /** What `openTarget` takes. */
  addressOf(name: string): string;
  /** Ends a session from outside. */
  terminate(pid: number): Promise<void>;
  /** What anybody sees in the tenant's table; null before it is made. */
  look(name: string): Promise<Seen | null>;
  stop(): Promise<void>;
}

/** Rows as they are at one moment. */
export interface Seen {
  /** Everything up to here is said to be there; null before the first load. */
  readonly rev: number | null;
  /** ms since 1970. */
  readonly completeThrough: number | null;
  readonly rows: ReadonlyMap<string, SeenRow>;
  /** Hexadecimal keys of rows and of tombstones. */
  readonly tombstones: readonly { readonly key: string; readonly rev: number }[];
}

/** A row of the table. */
export interface SeenRow {
  readonly text: string;
  readonly key: string;
  readonly windowEnd: number;
  readonly state: string;
  readonly n: number;
  /** Decimal. */
  readonly amount: string;
  readonly users: number;
}

interface Answer {
  readonly rev: string | null;
  readonly through: string | null;
  readonly rows: readonly Record<string, string | null>[];
  readonly tombstones: readonly { readonly key: string; readonly rev: number }[];
}

/** Schemas of one server. */
export class PostgresDatabases implements Databases {
  readonly kind = 'PostgreSQL';
  readonly #server: Postgres;
  readonly #admin: pg.Client;

  private constructor(server: Postgres, admin: pg.Client) {
    this.#server = server;
    this.#admin = admin;
  }

  static async start(): Promise<PostgresDatabases> {
    const server = await startPostgres({ settings: { synchronous_commit: 'off', autovacuum: 'off', jit: 'off' } });
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    return new PostgresDatabases(server, admin);
  }

  addressOf(): string {
    return this.#server.url;
  }

  async make(schema: string): Promise<void> {
    await this.#admin.query(`CREATE SCHEMA ${pg.escapeIdentifier(schema)}`);
  }

  async drop(schema: string): Promise<void> {
    await this.#admin.query('SET client_min_messages = warning');
    await this.#admin.query(`DROP SCHEMA ${pg.escapeIdentifier(schema)} CASCADE`);
  }

  async terminate(pid: number): Promise<void> {
    await this.#admin.query('SELECT pg_terminate_backend($1)', [pid]);
  }

  async look(schema: string): Promise<Seen | null> {
    const named = (name: string): string => `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;
    // One statement, so one snapshot.
    const look = this.#admin.query<Answer>(
      `SELECT CASE WHEN s.epoch IS NULL THEN NULL ELSE s.rev::text END AS rev,
              (extract(epoch FROM s.complete_through) * 1000)::bigint::text AS through,
              (SELECT coalesce(json_agg(json_build_object('window', (extract(epoch FROM window_start) * 1000)::bigint::text,
                 'end', (extract(epoch FROM window_end) * 1000)::bigint::text, 'campaign', campaign, 'n', n::text, 'amount', amount::text,
                 'users', users::text, 'rev', _rev::text, 'txn', _txn::text, 'state', _state, 'reason', _reason,
                 'key', encode(_key, 'hex'))), '[]') FROM ${named(VIEW)} WHERE _tenant = $1) AS rows,
              (SELECT coalesce(json_agg(json_build_object('key', encode(_key, 'hex'), 'rev', _rev)), '[]')
                 FROM ${named(`${VIEW}_deleted`)} WHERE _tenant = $1) AS tombstones
         FROM ${named(STATE_TABLE)} AS s WHERE tenant = $1 AND view = $2`,
      [TENANT, VIEW],
    );
    const [answer] = await look.then(
      ({ rows }) => rows,
      (error: unknown) => {
        // The tables are not made yet.
        if ((error as { readonly code?: unknown }).code === '42P01') return [];
        throw error;
      },
    );
    if (answer === undefined) return null;
    return {
      rev: answer.rev === null ? null : Number(answer.rev),
      completeThrough: answer.through === null ? null : Number(answer.through),
      rows: rowsOf(answer.rows),
      tombstones: answer.tombstones,
    };
  }

  async stop(): Promise<void> {
    await this.#admin.end();
    await this.#server.stop();
  }
}

/** Rows as they are compared. */
export function rowsOf(found: readonly Readonly<Record<string, string | null>>[]): Map<string, SeenRow> {
  const rows = new Map<string, SeenRow>();
  for (const row of found) {
    const { n, amount, users, rev, txn, state, reason, key, campaign } = row;
    const name = rowName(Number(row['window']), String(campaign));
    if (rows.has(name)) throw new Error(`the table has ${name} twice`);
    rows.set(name, {
      text: rowText({ n, amount, users, rev, txn, state, reason: reason ?? null }),
      key: key!,
      windowEnd: Number(row['end']),
      state: String(state),
      n: Number(n),
      amount: amount!,
      users: Number(users),
    });
  }
  return rows;
}
