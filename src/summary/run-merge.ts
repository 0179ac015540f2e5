/**
 * Merges files of rows by a DuckDB that lives for one merge: it reads and writes one folder, uses
 * one thread and little memory, and is never given anything that a user wrote.
 */
import { DuckDBInstance } from '@duckdb/node-api';

/** Memory of one merge. */
const MEMORY = '256MiB';

/** A merge. */
export interface MergeInput {
  readonly paths: readonly string[];
  /** The file to be made, in the folder of the others. */
  readonly target: string;
  /** Ids to leave out. */
  readonly dead: readonly number[];
  readonly folder: string;
}

/** What a merge made. */
export interface MergeOutput {
  readonly rows: number;
  /** Ids of `dead` that were in the files, and are in none of them now. */
  readonly removed: readonly number[];
}

/** Merges files into one, sorted by tenant, window and id. The file is not synced. */
export async function mergeFiles({ paths, target, dead, folder }: MergeInput): Promise<MergeOutput> {
  const instance = await DuckDBInstance.create(':memory:', {
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
    const appender = await connection.createAppender('dead');
    for (const id of dead) {
      appender.appendBigInt(BigInt(id));
      appender.endRow();
    }
    appender.closeSync();
    const files = `read_parquet([${paths.map(quote).join(', ')}], union_by_name = true)`;
    const live = `SELECT * FROM ${files} WHERE id NOT IN (SELECT id FROM dead) ORDER BY tenant, window_start, id`;
    await connection.run(
      `COPY (${live}) TO ${quote(target)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)`,
    );
    const rows = await connection.runAndReadAll(`SELECT count(*) FROM read_parquet(${quote(target)})`);
    const removed = await connection.runAndReadAll(`SELECT id FROM dead WHERE id IN (SELECT id FROM ${files})`);
    connection.closeSync();
    return { rows: Number(rows.getRows()[0]![0]), removed: removed.getRows().map(([id]) => Number(id)) };
  } finally {
    instance.closeSync();
  }
}

function quote(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}
