/**
 * The changes feed, version 1: what a server says and a consumer understands, and the two hashes
 * that both compute. `docs/guide/changes-feed.md` tells the whole protocol.
 *
 * A row is one key of one tenant in one view. Its values are absolute; its `rev` rises whenever a
 * value or the state does. A consumer that takes a row only when its `rev` is higher than what it
 * has can be given the same page twice, or an old one late, to no effect.
 */
import { createHash } from 'node:crypto';
import type { CorrectionReason, RowOperation, RowState, ViewColumnType } from './view.js';

/** A JSON value. */
export type FeedValue =
  | null
  | boolean
  | number
  | string
  | readonly FeedValue[]
  | { readonly [name: string]: FeedValue };

/** A column of a view, as the feed names it. */
export interface FeedColumn {
  readonly name: string;
  readonly type: ViewColumnType;
  /** Of `numeric`: digits after the point, when all rows have the same. */
  readonly scale?: number;
  /** Its values over several rows may be added up; the digest has the sum. */
  readonly additive?: boolean;
}

/** A view, as a consumer needs to know it: `GET /v1/tenants/{tenant}/views/{view}`. */
export interface FeedView {
  readonly view: string;
  readonly tenant: string;
  /** Names this definition of the view; another one has another epoch. */
  readonly epoch: string;
  /** `window_start` and `window_end`, then the dimensions as declared. Dimensions may be null. */
  readonly key: readonly FeedColumn[];
  readonly values: readonly FeedColumn[];
  /** Length of a window, ms. */
  readonly window_ms: number;
  readonly stable_rev: number;
  readonly complete_through: string | null;
  readonly retained_from: string | null;
}

/** One row of the feed. */
export interface FeedRow {
  readonly rev: number;
  readonly op: RowOperation;
  readonly state: RowState;
  /** Why a closed row changed. */
  readonly reason: CorrectionReason | null;
  /** Rows with the same number changed at one moment. */
  readonly txn: number;
  /** By the names of `FeedView.key`. */
  readonly key: Readonly<Record<string, FeedValue>>;
  /** By the names of `FeedView.values`; empty for a delete. */
  readonly values: Readonly<Record<string, FeedValue>>;
}

/** What every page says. */
interface FeedPage {
  readonly epoch: string;
  /** Ask on from here. Opaque. */
  readonly next_cursor: string;
  /** More pages of this round are there now. */
  readonly has_more: boolean;
  /** All changes up to this revision are readable. */
  readonly stable_rev: number;
  /** Windows that end at or before this are final unless corrected; ISO 8601, null when not known yet. */
  readonly complete_through: string | null;
  /** Rows of windows before this are no longer served; null: all are. */
  readonly retained_from: string | null;
}

/** `GET …/changes`. */
export interface ChangesPage extends FeedPage {
  /** By rising `rev`. */
  readonly changes: readonly FeedRow[];
  /** A newer definition of the view is served too; it is ready when it has come as far as this one. */
  readonly superseded_by?: { readonly epoch: string; readonly ready: boolean };
}

/** `GET …/snapshot` and `POST …/replay`: rows by key, no tombstones. The last page's cursor continues with changes. */
export interface SnapshotPage extends FeedPage {
  readonly rows: readonly FeedRow[];
}

/** `GET …/digest`: what the rows of a range come to, a UTC day of window starts at a time. */
export interface FeedDigest {
  readonly epoch: string;
  readonly stable_rev: number;
  readonly complete_through: string | null;
  readonly retained_from: string | null;
  readonly days: readonly DayDigest[];
}

/** One day of a digest. */
export interface DayDigest {
  /** `2026-01-31`. */
  readonly day: string;
  readonly rows: number;
  /** The newest revision of the day, tombstones included: a consumer that has it can compare. */
  readonly last_rev: number;
  /** Sum of each additive measure as decimal text; of a double, its shortest text. */
  readonly sums: Readonly<Record<string, string>>;
  /** `rowHash` of all rows, added up modulo 2^64; 16 hexadecimal digits. */
  readonly hash: string;
}

/** Bytes that identify a key: the first 16 of the SHA-256 of tenant and key values as a JSON array, in declared order. */
export function keyHash(tenant: string, key: readonly FeedValue[]): Buffer {
  return keyTextHash(JSON.stringify([tenant, ...key]));
}

/** As `keyHash`, of the JSON text. */
export function keyTextHash(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, 16);
}

/** A row's part of a digest: the first 8 bytes of the SHA-256 of `keyHash` and the revision (u64, big-endian). */
export function rowHash(key: Uint8Array, rev: number): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(rev));
  return createHash('sha256').update(key).update(bytes).digest().readBigUInt64BE(0);
}

/** The hash of several rows, as a digest prints it. */
export function hashText(sum: bigint): string {
  return BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
}
