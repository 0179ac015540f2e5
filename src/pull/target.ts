/** What a database must do to be pulled into. One file a kind in `targets/`, one list in `targets/index.ts`. */
import type { Move, Place, Stage } from './place.js';
import type { TablePlan, TableRow } from './table-plan.js';

/** What a move did. */
export interface Taken {
  /** Where the table is now; not further back than before. */
  readonly place: Place;
  /** Rows that the table got, changed or lost. Staged ones count when they are applied. */
  readonly rows: number;
}

/** The rows of one UTC day as they are in the table. */
export interface OwnDay {
  readonly rows: number;
  /** The newest revision among them. */
  readonly lastRev: number;
  /** By additive column; decimal text, of a double its shortest, null without a value. */
  readonly sums: Readonly<Record<string, string | null>>;
  /** As `DayDigest.hash`. */
  readonly hash: string;
}

/** Own rows, at one moment. */
export interface OwnDigest {
  readonly place: Place;
  /** By day, `2026-01-31`. */
  readonly days: ReadonlyMap<string, OwnDay>;
}

/** A tenant's part of a table. */
export interface PullTable {
  /** How far it is; `NOWHERE` at first. */
  place(): Promise<Place>;
  /**
   * Makes a move that began at `asked`, in one transaction; null when another worker has moved meanwhile in
   * a way that the page no longer fits: ask `place()` and go on from there.
   *
   * - `apply` is refused when the generation is another or a listing is being staged.
   * - `stage` and `finish` are refused unless generation and stage are as they were.
   * - A cursor is only replaced by one that is as far or further.
   */
  take(asked: Place, move: Move, rows: readonly TableRow[]): Promise<Taken | null>;
  /** Throws what is staged away and begins with another stage, or none. Refused as `stage` is. */
  restage(asked: Place, stage: Stage | null): Promise<Place | null>;
  /** What the rows of a range come to; `from` and `to` are times, ISO 8601. */
  digest(from: string | null, to: string | null): Promise<OwnDigest>;
  /** Drops tombstones that are older than anything that may still come; answers how many. */
  sweep(): Promise<number>;
}

/** A database. */
export interface PullTarget {
  /** How errors call it: never with user and password. */
  readonly name: string;
  /** The definition that the rows of a tenant and view are of, as `definitionText` wrote it; null when there are none. */
  definition(tenant: string, view: string): Promise<string | null>;
  /** Makes or migrates what the plan needs, and checks it. Throws PULL_TABLE_CHANGED with what to do. */
  table(plan: TablePlan): Promise<PullTable>;
  close(): Promise<void>;
}

/** How long tombstones are kept, ms: as long as a server keeps its own. */
export const TOMBSTONE_MS = 35 * 86_400_000;

/** A database that is a file, as it is open. */
export interface FileHandle {
  readonly inTransaction: boolean;
  exec(sql: string): void;
  close(): void;
}

/**
 * Where tests reach in; nothing that people can set leads here. Each statement passes before it is sent: it
 * may be changed (a guard taken out), delayed, or fail in its place.
 */
export interface TargetSeams {
  readonly statement?: (sql: string) => string | Promise<string>;
  /** Told of the handle of a database that is a file, so that it can be taken away. */
  readonly opened?: (handle: FileHandle) => void;
}
