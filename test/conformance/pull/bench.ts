/** What the parts of the suite of `../pull-targets.ts` share. */
import type { FeedColumn, FeedRow, FeedValue } from '../../../src/event/feed.js';
import { decimalText } from '../../../src/pull/decimal-text.js';
import type { FeedClient } from '../../../src/pull/feed-client.js';
import type { Puller } from '../../../src/pull/puller.js';
import type { PullTarget, TargetSeams } from '../../../src/pull/target.js';
import { traffic, type ModelFeed } from '../../pull/model-feed.js';

/** A database under test. */
export interface TargetUnderTest {
  /** Another worker on the same database. */
  open(seams?: TargetSeams): PullTarget;
  /** A table's rows, values as `cellText` writes them, read apart from the target. */
  rows(table: string): Promise<Record<string, string | null>[]>;
  /** Changes a table by hand: rows of a campaign get these clicks, or go away. */
  tamper(table: string, campaign: string, clicks: number | null): Promise<void>;
  /** Seams that take a guard out; so the tests can be seen to fail without it. */
  readonly without: {
    readonly revision: TargetSeams;
    readonly tombstones: TargetSeams;
    readonly transaction: TargetSeams;
  };
  close(): Promise<void>;
}

/** A value as one text, whatever database it was in. */
export function cellText(type: FeedColumn['type'], value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (type === 'timestamptz' || type === 'timestamp') return new Date(value as string).toISOString();
  if (type === 'date') return String(value).slice(0, 10);
  if (type === 'numeric') return decimalText(String(value));
  // A feed writes bytes as base64; a table's are given as hexadecimal text.
  if (type === 'bytea') return Buffer.from(String(value), 'base64').toString('hex');
  if (type === 'double precision') return String(Number(value));
  if (type === 'json') return JSON.stringify(sorted(typeof value === 'string' ? JSON.parse(value) : value));
  return String(value);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}

/** What a table must hold of a tenant. */
export function expectedRows(feed: ModelFeed, tenant: string): Record<string, string | null>[] {
  const { key, values } = feed.columns;
  return inOrder(feed.rows(tenant).map((row) => textRow(row, tenant, [...key, ...values])));
}

function textRow(row: FeedRow, tenant: string, columns: readonly FeedColumn[]): Record<string, string | null> {
  const value = (name: string): FeedValue => row.key[name] ?? row.values[name] ?? null;
  // What comes as a JSON text of a JSON value is that value.
  const cell = ({ type, name }: FeedColumn): string | null =>
    type === 'json' && value(name) !== null ? JSON.stringify(sorted(value(name))) : cellText(type, value(name));
  return {
    ...Object.fromEntries(columns.map((column) => [column.name, cell(column)])),
    _rev: String(row.rev),
    _txn: String(row.txn),
    _state: row.state,
    _reason: row.reason,
    _tenant: tenant,
  };
}

/** By tenant and revision. */
export function inOrder(rows: Record<string, string | null>[]): Record<string, string | null>[] {
  return rows.toSorted((a, b) =>
    `${a['_tenant']} ${a['_rev']!.padStart(20)}` < `${b['_tenant']} ${b['_rev']!.padStart(20)}` ? -1 : 1,
  );
}

/** Everything that the tests share. */
export interface Bench {
  readonly feed: ModelFeed;
  readonly under: TargetUnderTest;
  worker(options?: WorkerOptions): Puller;
  client(tenant?: string): FeedClient;
  /** The table's rows are the feed's. */
  agree(tenant?: string): Promise<void>;
  /** Own rows. */
  rows(): Promise<Record<string, string | null>[]>;
}

/** How a worker of a test is made. */
export interface WorkerOptions {
  readonly seams?: TargetSeams;
  readonly tenant?: string;
  readonly limit?: number;
  readonly onListing?: (why: string) => void;
}

/** Rows with rising clicks. */
export const many = (count: number, clicks = 1, from = 0) =>
  Array.from({ length: count }, (_, n) => traffic(from + n, `c${from + n}`, clicks + n));

/** Clicks of all rows: amounts move between keys, their sum stays. */
export async function sumOf({ rows }: Bench): Promise<number> {
  return (await rows()).reduce((sum, row) => sum + Number(row['clicks']), 0);
}

/** Stands for a kill. */
export class Killed extends Error {}

/** Throws what is no kill. */
export function mustBeKill(error: unknown): void {
  if (!(error instanceof Killed || (error as Error).cause instanceof Killed)) throw error;
}
