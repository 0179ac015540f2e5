/**
 * Where a query's rows come from. A `Snapshot` is taken once, at the start of a query, and all its
 * relations are read as of that moment: a row is never in two parts and never in none.
 */
import type { BaseSource } from './print.js';
import type { Relation } from './catalog.js';
import type { BoundBase } from './tree.js';

/** One moment of all relations. */
export interface Snapshot {
  /** Makes a relation's rows readable: writes what is only in memory to a file, once. */
  source(base: BoundBase): Promise<BaseSource>;
  /** What the moment was, for the answer: offsets by stream, revisions by view. */
  readonly asOf: Readonly<Record<string, readonly number[]>>;
  /** Names the moment as far as the tenant can see: while it stays, so do the rows. */
  readonly revision: string;
  /** All sources were asked for: copies in memory are in files. */
  ready(): void;
  /** Gives files back. */
  release(): void;
}

/** Takes snapshots. */
export interface SnapshotSource {
  /** `tenant` is null for an operator. */
  take(bases: readonly BoundBase[], tenant: string | null): Promise<Snapshot>;
  /** The revision that a snapshot taken now would have; null while a view is being read again. */
  revision(relations: readonly Relation[], tenant: string | null): string | null;
}

/** `read_parquet` of files, by their paths. Paths are Millrace's own, never the user's. */
export function parquetTable(paths: readonly string[]): string {
  return `read_parquet([${paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(', ')}], union_by_name = true)`;
}

/** A table of no rows that has these columns. */
export function emptyTable(columns: readonly { readonly source: string; readonly duckType: string }[]): string {
  const list = columns.map(({ source, duckType }) => `CAST(NULL AS ${duckType}) AS "${source}"`);
  return `(SELECT ${list.join(', ')} WHERE FALSE)`;
}
