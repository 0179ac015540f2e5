/**
 * The accounts of the edges: what each transform and delivery read, and what became of it.
 *
 * read = ok + filtered(reason) + quarantined(code) + dropped(reason), for each edge (one reader, one
 * input), tenant and minute; `pending` comes from offsets and `written` (fan-out) is in no sum. The
 * rows of the edges stream are kept as long as the log keeps them: an edge's counts begin there, all
 * of them at the same commit.
 *
 * `read` is what the batches of the input say, `ok` what the sink itself said. Where they differ, the
 * tenants and minutes at fault are named.
 */
import { hasFrontDoor, type Log } from '../log/log.js';

/** A tenant and minute whose rows are not all accounted for. */
export interface OpenMinute {
  readonly tenant: string;
  /** ISO 8601. */
  readonly minute: string;
  /** Rows that were read and are nowhere (or, below 0, that are counted twice). */
  readonly rows: number;
}

/** The account of one edge. */
export interface EdgeAccount {
  /** The reader: `deliver.<name>`, `transform.<name>`, `replay.<id>`. */
  readonly edge: string;
  /** What it read. */
  readonly stream: string;
  readonly read: number;
  readonly ok: number;
  readonly filtered: Readonly<Record<string, number>>;
  readonly quarantined: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  /** What came out: rows of a derived stream, objects, documents. */
  readonly written: number;
  /** Rows that are durable and not done with; null where that can't be told for one tenant. */
  readonly pending: number | null;
  /** read less all that became of it: 0. */
  readonly difference: number;
  /** Tenants and minutes at which it does not close, the first hundred of all edges. */
  readonly open: readonly OpenMinute[];
}

/** What the accounts are made from. */
export interface EdgeAuditInput {
  readonly log: Log;
  /** Rows of a SELECT, as a tenant or (null) as an operator. */
  readonly rows: (sql: string, tenant: string | null) => Promise<readonly (readonly unknown[])[]>;
}

const READ = `sum(events) FILTER (WHERE outcome = 'read')`;
const ENDS = `sum(events) FILTER (WHERE outcome IN ('ok', 'filtered', 'quarantined', 'dropped'))`;

/** The accounts of all edges, of one tenant or of all. */
export async function edgeAccounts(input: EdgeAuditInput, tenant: string | null): Promise<EdgeAccount[]> {
  const rows = await input.rows(
    `SELECT edge, stream, outcome, reason, sum(events) FROM edges
     GROUP BY edge, stream, outcome, reason ORDER BY edge, stream`,
    tenant,
  );
  const accounts = new Map<string, Draft>();
  for (const [edge, stream, outcome, reason, events] of rows)
    draftOf(accounts, String(edge), String(stream)).add(String(outcome), String(reason ?? ''), Number(events));
  const minutes = await openMinutes(input, tenant);
  return Promise.all([...accounts.values()].map((draft) => finish(input, draft, minutes, tenant)));
}

/** An account while it is added up. */
class Draft {
  readonly edge: string;
  readonly stream: string;
  read = 0;
  ok = 0;
  written = 0;
  readonly filtered: Record<string, number> = {};
  readonly quarantined: Record<string, number> = {};
  readonly dropped: Record<string, number> = {};

  constructor(edge: string, stream: string) {
    this.edge = edge;
    this.stream = stream;
  }

  add(outcome: string, reason: string, events: number): void {
    if (outcome === 'read' || outcome === 'ok' || outcome === 'written') this[outcome] += events;
    else if (outcome === 'filtered' || outcome === 'quarantined' || outcome === 'dropped')
      this[outcome][reason] = (this[outcome][reason] ?? 0) + events;
  }

  get difference(): number {
    return this.read - this.ok - sum(this.filtered) - sum(this.quarantined) - sum(this.dropped);
  }
}

function draftOf(accounts: Map<string, Draft>, edge: string, stream: string): Draft {
  const key = `${edge} ${stream}`;
  let draft = accounts.get(key);
  if (draft === undefined) accounts.set(key, (draft = new Draft(edge, stream)));
  return draft;
}

async function finish(
  input: EdgeAuditInput,
  draft: Draft,
  minutes: ReadonlyMap<string, readonly OpenMinute[]>,
  tenant: string | null,
): Promise<EdgeAccount> {
  const { edge, stream, read, ok, filtered, quarantined, dropped, written, difference } = draft;
  const open = minutes.get(`${edge} ${stream}`) ?? [];
  const pending = await pendingOf(input, draft, tenant);
  return { edge, stream, read, ok, filtered, quarantined, dropped, written, pending, difference, open };
}

/** Looked for at every minute: what is missing at one tenant may be too much at another. */
async function openMinutes({ rows }: EdgeAuditInput, tenant: string | null): Promise<Map<string, OpenMinute[]>> {
  const found = await rows(
    `SELECT edge, stream, tenant, minute, coalesce(${READ}, 0) - coalesce(${ENDS}, 0) FROM edges
     GROUP BY edge, stream, tenant, minute HAVING coalesce(${READ}, 0) <> coalesce(${ENDS}, 0)
     ORDER BY minute, tenant LIMIT 100`,
    tenant,
  );
  const minutes = new Map<string, OpenMinute[]>();
  for (const [edge, stream, who, minute, missing] of found) {
    const key = `${String(edge)} ${String(stream)}`;
    const open = { tenant: String(who), minute: String(minute), rows: Number(missing) };
    minutes.set(key, [...(minutes.get(key) ?? []), open]);
  }
  return minutes;
}

/** Rows behind the reader's positions: by offsets, or a tenant's counted from there. */
async function pendingOf({ log, rows }: EdgeAuditInput, { edge, stream }: Draft, tenant: string | null) {
  const definition = log.stream(stream);
  const positions = log.reader(edge)?.positions.filter((position) => position.stream === stream);
  // A redriven event is nobody's until its reader has looked at it.
  if (definition === undefined || positions === undefined || !(hasFrontDoor(definition) || definition.derived === true))
    return 0;
  const places = positions.map(({ partition, offset }) => {
    const { start, end } = log.range(stream, partition);
    return { partition, from: Math.max(start, offset), end };
  });
  if (tenant === null) return places.reduce((total, { from, end }) => total + Math.max(0, end - from), 0);
  if (definition.schema.roles.tenant < 0) return null;
  const waiting = places.filter(({ from, end }) => end > from);
  if (waiting.length === 0) return 0;
  const ranges = waiting.map(
    ({ partition, from, end }) => `("_partition" = ${partition} AND "_offset" >= ${from} AND "_offset" < ${end})`,
  );
  const [row] = await rows(`SELECT count(*) FROM "${stream}" WHERE ${ranges.join(' OR ')}`, tenant);
  return Number(row?.[0] ?? 0);
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, events) => total + events, 0);
}
