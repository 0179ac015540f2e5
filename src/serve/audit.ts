/**
 * The closing of accounts: received = delivered + dropped(reason) + quarantined + pending, a stream.
 *
 * No term is computed from another. `received`, `quarantined`, `duplicates` and `dropped` are what
 * the front door counted and the ledger kept. `delivered` is the sum of the rows that the lake's
 * files say they hold, or a tenant's rows counted in them; a stream without a lake is delivered by
 * being in the log (a tenant's rows there may have expired, so its accepted events stand for them). `pending` comes from offsets, or a tenant's rows counted in the log from there.
 * Rows that the disk bound took before the lake had them are `dropped(cut)`.
 *
 * Counts, files and offsets are read in one turn of the event loop, so an append is in all terms or
 * in none; rows of a tenant are counted afterwards, within those offsets.
 */
import type { LakeCatalog } from '../lake/catalog.js';
import type { Log } from '../log/log.js';
import { edgeAccounts, type EdgeAccount } from './audit-edges.js';

/** What is counted at one edge: `outcome` or `outcome reason`, and events. */
export interface EdgeCounts {
  /** `collect`, or a reader's id. */
  readonly edge: string;
  readonly counts: ReadonlyMap<string, number>;
}

/** What the ledger says. */
export interface AuditLedger {
  readonly sinceMs: number;
  readonly gaps: readonly { readonly fromMs: number; readonly toMs: number }[];
  /** Counts of one tenant or, with null, of all. */
  counts(tenant: string | null): { edgesOf(stream: string): Iterable<EdgeCounts> };
}

/** The account of one stream. */
export interface AuditAccount {
  readonly stream: string;
  readonly received: number;
  readonly delivered: number;
  readonly quarantined: number;
  readonly pending: number;
  readonly duplicates: number;
  /** Counts by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Rows that the disk bound took from each reader that still needed them. */
  readonly cut: Readonly<Record<string, number>>;
  /** Answered 429 or 503: the client's still, in no other term. */
  readonly refused: number;
  /** Pixels and clicks that were answered although the log had not taken them; in no other term. */
  readonly unlogged: number;
}

/** All accounts, and what may be missing in them. */
export interface AuditAnswer {
  /** Whose; null for all tenants. */
  readonly tenant: string | null;
  /** Since when there are accounts, ms. */
  readonly sinceMs: number;
  /**
   * Spans that ended with the process killed: duplicates, drops, refusals and unlogged clicks of
   * these may be missing, on both sides. Accepted and quarantined events never are.
   */
  readonly gaps: readonly { readonly fromMs: number; readonly toMs: number }[];
  readonly accounts: readonly AuditAccount[];
  /** Transforms, deliveries and replays: each closes by itself. */
  readonly edges: readonly EdgeAccount[];
}

/** What an audit looks at. */
export interface AuditInput {
  readonly log: Log;
  readonly lake: LakeCatalog;
  /** Streams with a front door now, and whether they go to the lake. */
  readonly streams: () => readonly { readonly name: string; readonly lake: boolean }[];
  readonly ledger: AuditLedger;
  /** Rows of a SELECT, as a tenant or (null) as an operator. */
  readonly rows: (sql: string, tenant: string | null) => Promise<readonly (readonly unknown[])[]>;
}

/** Answers the accounts of all streams. */
export interface Audit {
  /** Of one tenant, or of all (null). A stream without tenants is in no tenant's audit. */
  accounts(tenant: string | null): Promise<AuditAnswer>;
}

/** How far a stream is, at one moment. */
interface Reach {
  readonly isLake: boolean;
  readonly rows: number;
  /** Where each partition begins, what the lake holds up to, and where it ends. */
  readonly places: readonly { readonly start: number; readonly held: number; readonly end: number }[];
}

/** Makes the audit. */
export function createAudit(input: AuditInput): Audit {
  const { log, streams, ledger } = input;
  return {
    async accounts(tenant) {
      const counts = ledger.counts(tenant);
      const shown = streams().filter(({ name }) => tenant === null || log.stream(name)!.schema.roles.tenant >= 0);
      const moment = shown.map(({ name, lake }) => ({
        ...counted(name, counts.edgesOf(name), lake),
        reach: lake ? lakeReach(input, name) : logReach(log, name),
      }));
      const { sinceMs, gaps } = ledger;
      const accounts: AuditAccount[] = [];
      for (const { terms, accepted, reach } of moment)
        accounts.push({
          ...terms,
          ...(tenant === null ? totalsOf(reach) : await ofTenant(input, terms.stream, reach, tenant, accepted)),
        });
      return { tenant, sinceMs, gaps, accounts, edges: await edgeAccounts(input, tenant) };
    },
  };
}

function counted(
  stream: string,
  edges: Iterable<EdgeCounts>,
  lake: boolean,
): { accepted: number; terms: Omit<AuditAccount, 'delivered' | 'pending'> } {
  let door: ReadonlyMap<string, number> = new Map();
  const cut: Record<string, number> = {};
  for (const { edge, counts } of edges) {
    if (edge === 'collect') door = counts;
    else if (counts.has('cut')) cut[edge] = counts.get('cut')!;
  }
  const of = (name: string): number => door.get(name) ?? 0;
  const dropped: Record<string, number> = {};
  for (const [name, events] of door) if (name.startsWith('dropped ')) dropped[name.slice('dropped '.length)] = events;
  const lost = cut[`lake.${stream}`];
  if (lake && lost !== undefined) dropped['cut'] = lost;
  return {
    accepted: of('accepted'),
    terms: {
      stream,
      received: of('received'),
      quarantined: of('quarantined'),
      duplicates: of('duplicates'),
      dropped,
      cut,
      refused: of('refused'),
      unlogged: of('unlogged'),
    },
  };
}

function lakeReach({ log, lake }: AuditInput, stream: string): Reach {
  const snapshot = lake.snapshot(stream);
  return {
    isLake: true,
    rows: (snapshot?.files ?? []).reduce((sum, file) => sum + file.rows, 0),
    places: places(log, stream, (partition) => snapshot?.committed[partition] ?? 0),
  };
}

/** A stream without a lake: every row of the log is delivered, those that retention has taken too. */
function logReach(log: Log, stream: string): Reach {
  const all = places(log, stream, (partition) => log.range(stream, partition).end);
  return { isLake: false, rows: all.reduce((sum, { end }) => sum + end, 0), places: all };
}

function places(log: Log, stream: string, heldOf: (partition: number) => number): Reach['places'] {
  return Array.from({ length: log.stream(stream)!.partitions }, (_, partition) => {
    const { start, end } = log.range(stream, partition);
    return { start, held: heldOf(partition), end };
  });
}

function totalsOf({ rows, places }: Reach): { delivered: number; pending: number } {
  // Below `start` nothing waits any more: the lake has it, or it was cut.
  const pending = places.reduce((sum, { start, held, end }) => sum + end - Math.max(start, held), 0);
  return { delivered: rows, pending };
}

async function ofTenant(
  { rows: select }: AuditInput,
  stream: string,
  { isLake, places }: Reach,
  tenant: string,
  accepted: number,
): Promise<{ delivered: number; pending: number }> {
  if (!isLake) return { delivered: accepted, pending: 0 };
  const rows = (test: (place: Reach['places'][number]) => string): string =>
    places.map((place, partition) => `(_partition = ${partition} AND ${test(place)})`).join(' OR ');
  const [row] = await select(
    `SELECT count(*) FILTER (WHERE ${rows(({ held }) => `_offset < ${held}`)}),
      count(*) FILTER (WHERE ${rows(({ held }) => `_offset >= ${held}`)})
    FROM "${stream}" WHERE ${rows(({ end }) => `_offset < ${end}`)}`,
    tenant,
  );
  return { delivered: Number(row?.[0] ?? 0), pending: Number(row?.[1] ?? 0) };
}
