/**
 * A changes feed as the guide tells it, in memory and over real HTTP: compacted, with tombstones, pages of any
 * size, snapshots pinned at a revision, digests, replays, epochs and `410`. Deterministic: nothing in it depends
 * on time or chance.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  hashText,
  keyHash,
  rowHash,
  type DayDigest,
  type FeedColumn,
  type FeedRow,
  type FeedValue,
  type FeedView,
} from '../../src/event/feed.js';

/** What a row is given as. */
export interface RowInput {
  readonly key: Readonly<Record<string, FeedValue>>;
  readonly values?: Readonly<Record<string, FeedValue>>;
  /** A tombstone. */
  readonly isDelete?: boolean;
}

/** The columns of a feed's view. */
export interface FeedColumns {
  readonly key: readonly FeedColumn[];
  readonly values: readonly FeedColumn[];
}

const WINDOW: readonly FeedColumn[] = [
  { name: 'window_start', type: 'timestamptz' },
  { name: 'window_end', type: 'timestamptz' },
];

/** A view of clicks and cost by campaign. */
export const TRAFFIC: FeedColumns = {
  key: [...WINDOW, { name: 'campaign', type: 'text' }],
  values: [
    { name: 'clicks', type: 'bigint', additive: true },
    { name: 'cost', type: 'numeric', scale: 6, additive: true },
  ],
};

/** The key of a window of one minute. */
export function minuteKey(minute: number, campaign: FeedValue): Record<string, FeedValue> {
  const start = Date.parse('2026-01-31T00:00:00.000Z') + minute * 60_000;
  return {
    window_start: new Date(start).toISOString(),
    window_end: new Date(start + 60_000).toISOString(),
    campaign,
  };
}

/** A row of `TRAFFIC`. */
export function traffic(minute: number, campaign: FeedValue, clicks: number): RowInput {
  return { key: minuteKey(minute, campaign), values: { clicks, cost: (clicks * 0.25).toFixed(6) } };
}

/** A cursor, before it is made opaque. */
interface Cursor {
  readonly at: 'changes' | 'snapshot' | 'replay';
  readonly tenant: string;
  readonly epoch: string;
  /** Of changes: everything up to here is known. Of listings: as of this revision. */
  readonly rev: number;
  /** Of listings: the last key that was listed. */
  readonly after?: string;
}

interface TenantRows {
  /** By key. */
  readonly rows: Map<string, FeedRow>;
  rev: number;
}

/** A feed of one view and several tenants. */
export class ModelFeed {
  readonly view: string;
  columns: FeedColumns;
  epoch = '1.0000000000000000';
  retainedFrom: string | null = null;
  completeThrough: string | null = null;
  /** Changes with a cursor below this are gone. */
  expiredBelow = 0;
  /** The definition before this one: cursors of it are still served. */
  replaced: ModelFeed | null = null;
  /** This definition has come as far as the one before. */
  isReady = false;
  /** Answers instead of the feed's own; for errors. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | null = null;
  /** Paths and queries that were asked. */
  readonly asked: string[] = [];
  readonly acks: string[] = [];
  /** Answers come so much later, ms. */
  delayMs = 0;
  /** Rows of a page, when no limit is asked. */
  limit = 1000;
  #tenants = new Map<string, TenantRows>();
  #server: Server | null = null;
  #txn = 0;

  constructor(view = 'traffic', columns: FeedColumns = TRAFFIC) {
    this.view = view;
    this.columns = columns;
  }

  /** Changes rows at one moment; each gets a revision. */
  change(tenant: string, ...inputs: readonly RowInput[]): void {
    const state = this.#tenant(tenant);
    this.#txn++;
    for (const { key, values, isDelete = false } of inputs) {
      state.rev++;
      const row: FeedRow = {
        rev: state.rev,
        op: isDelete ? 'delete' : 'upsert',
        state: 'open',
        reason: null,
        txn: this.#txn,
        key,
        values: isDelete ? {} : (values ?? {}),
      };
      state.rows.set(this.#keyText(tenant, row), row);
    }
  }

  /** Rows that are there, by key. */
  rows(tenant: string): FeedRow[] {
    const { rows } = this.#tenant(tenant);
    return [...rows.entries()]
      .filter(([, row]) => row.op === 'upsert' && !this.#isGone(row))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => row);
  }

  /** The newest revision of a tenant. */
  rev(tenant: string): number {
    return this.#tenant(tenant).rev;
  }

  /** Forgets everything of a tenant above a revision, as a server that was restored from a backup. */
  restore(tenant: string, saved: { readonly rev: number; readonly rows: readonly FeedRow[] }): void {
    const state = this.#tenant(tenant);
    state.rev = saved.rev;
    state.rows.clear();
    for (const row of saved.rows) state.rows.set(this.#keyText(tenant, row), row);
  }

  /** What `restore` takes. */
  save(tenant: string): { readonly rev: number; readonly rows: readonly FeedRow[] } {
    const { rev, rows } = this.#tenant(tenant);
    return { rev, rows: [...rows.values()] };
  }

  /** Another definition, with no rows, beside this one, which goes on in `replaced`. */
  supersede(epoch: string, columns: FeedColumns): void {
    this.replaced = new ModelFeed(this.view, this.columns);
    this.replaced.epoch = this.epoch;
    this.replaced.limit = this.limit;
    this.replaced.#tenants = this.#tenants;
    this.#tenants = new Map();
    this.epoch = epoch;
    this.columns = columns;
  }

  /** Another definition of the view, with no rows. */
  redefine(epoch: string, columns: FeedColumns = this.columns): void {
    this.epoch = epoch;
    this.columns = columns;
    for (const state of this.#tenants.values()) state.rows.clear();
  }

  /** Serves; answers the address. */
  async listen(): Promise<string> {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
  }

  #tenant(tenant: string): TenantRows {
    let state = this.#tenants.get(tenant);
    if (state === undefined) this.#tenants.set(tenant, (state = { rows: new Map(), rev: 0 }));
    return state;
  }

  #keyOf(tenant: string, row: FeedRow): Buffer {
    return keyHash(
      tenant,
      this.columns.key.map(({ name }) => row.key[name] ?? null),
    );
  }

  #keyText(tenant: string, row: FeedRow): string {
    return this.#keyOf(tenant, row).toString('hex');
  }

  #isGone(row: FeedRow): boolean {
    return this.retainedFrom !== null && String(row.key['window_start']) < this.retainedFrom;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked.push(`${request.method} ${request.url}`);
    if (this.intercept?.(request, response) === true) return;
    if (this.delayMs > 0) await sleep(this.delayMs);
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const text = Buffer.concat(chunks).toString();
    const { pathname, searchParams } = new URL(request.url!, 'http://model');
    const match = /^\/v1\/tenants\/([^/]+)\/views\/([^/]+)(\/\w+)?$/.exec(pathname);
    if (match === null || decodeURIComponent(match[2]!) !== this.view)
      return send(response, 404, { error: { code: 'NOT_FOUND', message: `no such view; there are: ${this.view}` } });
    const input = text === '' ? Object.fromEntries(searchParams) : (JSON.parse(text) as Record<string, string>);
    const { status = 200, ...body } = this.#page(decodeURIComponent(match[1]!), match[3] ?? '', input);
    send(response, Number(status), body, request.headers['if-none-match']);
  }

  #page(tenant: string, path: string, input: Readonly<Record<string, string>>): Record<string, unknown> {
    const cursor = input['cursor'] === undefined ? null : readCursor(input['cursor']);
    const limit = Number(input['limit'] ?? this.limit);
    if (path === '') return { ...this.#describe(tenant) };
    if (path === '/digest') return this.#digest(tenant, input['from'], input['to']);
    if (path === '/ack') {
      this.acks.push(input['cursor']!);
      return {};
    }
    const why = cursor === null ? null : this.#goneReason(tenant, cursor);
    if (why !== null)
      return { status: 410, error: { code: 'CURSOR_GONE', message: `the cursor is gone (${why})`, reason: why } };
    if (path === '/changes' && cursor !== null && cursor.epoch === this.replaced?.epoch)
      return {
        ...this.replaced.#changes(tenant, cursor, limit),
        superseded_by: { epoch: this.epoch, ready: this.isReady },
      };
    if (path === '/changes') return this.#changes(tenant, cursor, limit);
    const kind = path === '/snapshot' ? 'snapshot' : 'replay';
    return this.#list(tenant, kind, cursor, limit, input['from'], input['to']);
  }

  #describe(tenant: string): FeedView {
    return {
      view: this.view,
      tenant,
      epoch: this.epoch,
      ...this.columns,
      window_ms: 60_000,
      stable_rev: this.rev(tenant),
      complete_through: this.completeThrough,
      retained_from: this.retainedFrom,
    };
  }

  #goneReason(tenant: string, cursor: Cursor): string | null {
    if (cursor.epoch !== this.epoch) return cursor.epoch === this.replaced?.epoch ? null : 'epoch';
    if (cursor.rev > this.rev(tenant)) return 'ahead';
    return cursor.rev < this.expiredBelow ? 'expired' : null;
  }

  #changes(tenant: string, cursor: Cursor | null, limit: number): Record<string, unknown> {
    const { rows, rev } = this.#tenant(tenant);
    const since = cursor?.rev ?? 0;
    const newer = [...rows.values()].filter((row) => row.rev > since && !this.#isGone(row));
    const changes = newer.toSorted((a, b) => a.rev - b.rev).slice(0, limit);
    const hasMore = changes.length < newer.length;
    const reached = hasMore ? changes.at(-1)!.rev : rev;
    return {
      ...this.#foot(tenant, { at: 'changes', tenant, epoch: this.epoch, rev: reached }, hasMore),
      changes,
    };
  }

  /** A row that changed since the listing began is left out: it comes with the changes after it. */
  #list(
    tenant: string,
    at: 'snapshot' | 'replay',
    cursor: Cursor | null,
    limit: number,
    from: string | undefined,
    to: string | undefined,
  ): Record<string, unknown> {
    const rev = cursor?.rev ?? this.rev(tenant);
    const after = cursor?.after ?? '';
    const left = this.rows(tenant).filter(
      (row) => row.rev <= rev && isWithin(row, from, to) && this.#keyText(tenant, row) > after,
    );
    const rows = left.slice(0, limit);
    const hasMore = rows.length < left.length;
    const next: Cursor = hasMore
      ? { at, tenant, epoch: this.epoch, rev, after: this.#keyText(tenant, rows.at(-1)!) }
      : { at: 'changes', tenant, epoch: this.epoch, rev };
    return { ...this.#foot(tenant, next, hasMore), rows };
  }

  #foot(tenant: string, next: Cursor | null, hasMore: boolean): Record<string, unknown> {
    return {
      epoch: this.epoch,
      ...(next === null ? {} : { next_cursor: Buffer.from(JSON.stringify(next)).toString('base64url') }),
      has_more: hasMore,
      stable_rev: this.rev(tenant),
      complete_through: this.completeThrough,
      retained_from: this.retainedFrom,
    };
  }

  #digest(tenant: string, from: string | undefined, to: string | undefined): Record<string, unknown> {
    const days = new Map<string, FeedRow[]>();
    for (const row of this.#tenant(tenant).rows.values()) {
      if (this.#isGone(row) || !isWithin(row, from, to)) continue;
      const day = String(row.key['window_start']).slice(0, 10);
      days.set(day, [...(days.get(day) ?? []), row]);
    }
    return { ...this.#foot(tenant, null, false), days: [...days].map(([day, rows]) => this.#day(tenant, day, rows)) };
  }

  #day(tenant: string, day: string, all: readonly FeedRow[]): DayDigest {
    const rows = all.filter(({ op }) => op === 'upsert');
    const hash = rows.reduce((sum, row) => sum + rowHash(this.#keyOf(tenant, row), row.rev), 0n);
    const sums = this.columns.values
      .filter(({ additive }) => additive === true)
      .map(({ name, scale = 0 }): [string, string] => {
        const units = rows.reduce((sum, row) => sum + unitsOf(row.values[name] ?? 0, scale), 0n);
        return [name, decimalOf(units, scale)];
      });
    return {
      day,
      rows: rows.length,
      last_rev: Math.max(...all.map(({ rev }) => rev)),
      sums: Object.fromEntries(sums),
      hash: hashText(hash),
    };
  }
}

function isWithin(row: FeedRow, from: string | undefined, to: string | undefined): boolean {
  const start = Date.parse(String(row.key['window_start']));
  return (from === undefined || start >= Date.parse(from)) && (to === undefined || start < Date.parse(to));
}

function unitsOf(value: FeedValue, scale: number): bigint {
  const [whole, fraction = ''] = String(value).split('.') as [string, string?];
  return BigInt(whole + fraction.padEnd(scale, '0').slice(0, scale));
}

function decimalOf(units: bigint, scale: number): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return units < 0n ? `-${text}` : text;
}

function readCursor(text: string): Cursor {
  return JSON.parse(Buffer.from(text, 'base64url').toString()) as Cursor;
}

function send(response: ServerResponse, status: number, body: object, known?: string): void {
  const text = JSON.stringify(body);
  const etag = `"${Buffer.from(text).toString('base64url').slice(-40)}"`;
  if (status === 200 && known === etag) return void response.writeHead(304, { etag }).end();
  response.writeHead(status, { 'content-type': 'application/json', etag }).end(text);
}
