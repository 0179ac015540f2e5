/**
 * Merges files of rows by a DuckDB that lives for one merge: it reads and writes one folder, uses
 * one thread and little memory, and is never given anything that a user wrote.
 */
import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api';
import { duckdb } from '../io/duckdb.js';
import type { Cut } from './retention.js';

/** Memory of one merge. */
const MEMORY = '256MiB';

/** Files, and which of their rows are no longer true. */
export interface StaleFiles {
  readonly paths: readonly string[];
  /** Ids to leave out. */
  readonly dead: readonly number[];
  /** Windows to leave out. */
  readonly cut: Cut;
  readonly folder: string;
}

/** A merge. */
export interface MergeInput extends StaleFiles {
  /** The file to be made, in the folder of the others. */
  readonly target: string;
}

/** What a merge made. */
export interface MergeOutput {
  readonly rows: number;
  /** Ids of `dead` that were in the files, and are in none of them now. */
  readonly removed: readonly number[];
  /** Start of the earliest window in the file; Infinity: it has no rows. */
  readonly oldest: number;
}

/** Merges files into one, sorted by tenant, window and id. The file is not synced. */
export function mergeFiles(input: MergeInput): Promise<MergeOutput> {
  return withFiles(input, async (connection, files) => {
    const target = quote(input.target);
    const live = `SELECT files.* FROM ${liveRows(files)} ORDER BY tenant, window_start, id`;
    await connection.run(`COPY (${live}) TO ${target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)`);
    const made = await connection.runAndReadAll(
      `SELECT count(*), epoch_ms(min(window_start)) FROM read_parquet(${target})`,
    );
    const [rows, oldest] = made.getRows()[0]!;
    const removed = await connection.runAndReadAll(`SELECT id FROM dead WHERE id IN (SELECT id FROM ${files})`);
    return {
      rows: Number(rows),
      removed: removed.getRows().map(([id]) => Number(id)),
      oldest: oldest === null ? Infinity : Number(oldest),
    };
  });
}

/** How many rows of files would stay in a merge. */
export function countLive(input: StaleFiles): Promise<number> {
  return withFiles(input, async (connection, files) => {
    const counted = await connection.runAndReadAll(`SELECT count(*) FROM ${liveRows(files)}`);
    return Number(counted.getRows()[0]![0]);
  });
}

/** The rows of files that are neither dead nor cut. */
function liveRows(files: string): string {
  return `${files} AS files LEFT JOIN kept ON kept.of_tenant = files.tenant, everybody
   WHERE id NOT IN (SELECT id FROM dead) AND epoch_ms(window_start) >= coalesce(kept.kept_from, everybody.kept_from)`;
}

async function withFiles<T>(
  { paths, dead, cut, folder }: StaleFiles,
  use: (connection: DuckDBConnection, files: string) => Promise<T>,
): Promise<T> {
  const instance = await duckdb().DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: MEMORY,
    temp_directory: `${folder}.spill`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  try {
    const connection = await instance.connect();
    await connection.run("SET preserve_insertion_order = false; SET TimeZone = 'UTC'");
    await connection.run('CREATE TEMP TABLE dead (id BIGINT)');
    await append(connection, 'dead', dead, (appender, id) => appender.appendBigInt(BigInt(id)));
    await connection.run('CREATE TEMP TABLE kept (of_tenant VARCHAR, kept_from BIGINT)');
    await append(connection, 'kept', Object.entries(cut.tenants), (appender, [tenant, from]) => {
      appender.appendVarchar(tenant);
      appender.appendBigInt(BigInt(from));
    });
    await connection.run('CREATE TEMP TABLE everybody (kept_from BIGINT)');
    await append(connection, 'everybody', [cut.all], (appender, from) =>
      appender.appendBigInt(from === null ? -(2n ** 63n) : BigInt(from)),
    );
    const used = await use(connection, `read_parquet([${paths.map(quote).join(', ')}], union_by_name = true)`);
    connection.closeSync();
    return used;
  } finally {
    instance.closeSync();
  }
}

async function append<T>(
  connection: DuckDBConnection,
  table: string,
  rows: readonly T[],
  put: (appender: DuckDBAppender, row: T) => void,
): Promise<void> {
  const appender = await connection.createAppender(table);
  for (const row of rows) {
    put(appender, row);
    appender.endRow();
  }
  appender.closeSync();
}

function quote(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}
