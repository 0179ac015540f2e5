/** The advertiser's database as a file of SQLite, one a round, watched from a connection of its own. */
import { mkdtempSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { rowsOf, type Databases, type Seen } from './database.js';
import { TENANT, VIEW } from './events.js';

const ROWS = `SELECT window_start AS start, window_end AS "end", campaign, CAST(n AS TEXT) AS n, amount, CAST(users AS TEXT) AS users,
  CAST(_rev AS TEXT) AS rev, CAST(_txn AS TEXT) AS txn, _state AS state, _reason AS reason, lower(hex(_key)) AS key
  FROM "${VIEW}" WHERE _tenant = ?`;
const TOMBSTONES = `SELECT lower(hex(_key)) AS key, _rev AS rev FROM "${VIEW}_deleted" WHERE _tenant = ?`;
const STATE = 'SELECT epoch, rev, complete_through AS through FROM millrace_pull WHERE tenant = ? AND view = ?';

/** Files of one folder. */
export class SqliteFiles implements Databases {
  readonly kind = 'SQLite';
  readonly #folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'millrace-chaos-sqlite-'));

  addressOf(name: string): string {
    return join(this.#folder, `${name}.db`);
  }

  async make(): Promise<void> {
    // The worker makes it.
  }

  async drop(name: string): Promise<void> {
    for (const end of ['', '-wal', '-shm']) rmSync(this.addressOf(name) + end, { force: true });
  }

  terminate(): Promise<void> {
    throw new Error('a file has no sessions');
  }

  async look(name: string): Promise<Seen | null> {
    if (!existsSync(this.addressOf(name))) return null;
    const database = new Database(this.addressOf(name));
    try {
      const there = database.prepare("SELECT name FROM sqlite_master WHERE name = 'millrace_pull'").all([]);
      if (there.length === 0) return null;
      // One transaction, so one snapshot.
      database.exec('BEGIN');
      const [state] = database.prepare(STATE).all([TENANT, VIEW]) as StateRow[];
      if (state === undefined) return null;
      const rows = database.prepare(ROWS).all([TENANT]) as Record<string, string | null>[];
      const tombstones = database.prepare(TOMBSTONES).all([TENANT]) as { key: string; rev: number }[];
      database.exec('COMMIT');
      return {
        rev: state.epoch === null ? null : state.rev,
        completeThrough: state.through === null ? null : Date.parse(state.through),
        rows: rowsOf(rows.map((row) => ({ ...row, window: msOf(row['start']!), end: msOf(row['end']!) }))),
        tombstones,
      };
    } finally {
      database.close();
    }
  }

  async stop(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface StateRow {
  readonly epoch: string | null;
  readonly rev: number;
  readonly through: string | null;
}

function msOf(iso: string): string {
  return String(Date.parse(iso));
}
