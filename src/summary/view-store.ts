/**
 * One view's rows: the newest of each key, from the changes stream.
 *
 * Purpose: answer the changes feed, the dashboards and the exports for queries, always from a state
 * that lies between two commits of the log.
 *
 * Rows of windows that still change are in memory, one table a window; the others are in the closed
 * store. A change to a closed window opens a fresh small table for it: readers take the newest row
 * by key, so it does not matter where a row is.
 *
 * A commit of the log may come as several batches. Between them the newest rows of some keys are of that
 * commit and those of others are not, so whoever promises rows that belong together (the changes feed)
 * reads only when a partition is whole (`commit-bounds.ts`).
 *
 * Limits: tables are sealed when quiet, and the least recently changed ones whenever all together
 * hold more than `openRowsMax` rows or `openBytesMax` bytes.
 *
 * Recovery: nothing here is the truth. The closed store knows which rows of which window it holds
 * (window *and* id); what it does not hold is read again from the log.
 */
import type { ViewDescription } from '../event/view.js';
import type { LogBatch } from '../log/log.js';
import { Arrivals } from './arrivals.js';
import { rowsByWindow } from './by-window.js';
import { ChangeColumns } from './change-columns.js';
import { CommitBounds } from './commit-bounds.js';
import type { ClosedRows } from './closed-rows.js';
import type { RowLayout } from './layout.js';
import { idCeiling, idOf, partitionOf, revisionOf } from './row-id.js';
import type { RowSet } from './row-set.js';
import { TenantWatch } from './tenant-watch.js';
import { TextPool } from './text-pool.js';
import { WindowTable } from './window-table.js';

/** A row somewhere in the store. */
export interface RowPlace {
  readonly rows: RowSet;
  readonly row: number;
  readonly id: number;
}

/** One page of changed rows, oldest change first. */
export interface ChangedRows {
  readonly rows: readonly RowPlace[];
  /** Continue from here. */
  readonly nextRevision: number;
  readonly hasMore: boolean;
}

/** A window's table and when it was made and last changed. */
interface OpenTable {
  readonly table: WindowTable;
  readonly madeAtMs: number;
  changedAtMs: number;
}

/** Rows in memory, and the table whose rows of the same keys are newer. */
export interface LiveTable {
  readonly table: WindowTable;
  readonly newer: WindowTable | null;
}

/** When tables leave memory. Times are of the monotonic clock. */
export interface SealWhen {
  /** A table that has not changed since is quiet. */
  readonly quietBeforeMs: number;
  /** A quiet table made before this waits no longer. */
  readonly madeBeforeMs: number;
  /** A table of a window that was closed before waits until it was made before this. */
  readonly reopenedBeforeMs: number;
  /** Quiet tables with so many rows together wait no longer. */
  readonly rowsMin: number;
  /** Memory is short. */
  readonly short: boolean;
}

/** What a view's rows are kept with. */
export interface ViewStoreInput {
  readonly view: ViewDescription;
  readonly partitions: number;
  readonly closed: ClosedRows;
  /** Where a partition of the changes stream ends now: always the end of a commit. */
  readonly endOf: (partition: number) => number;
}

/** One view's rows. */
export class ViewStore {
  readonly view: ViewDescription;
  readonly layout: RowLayout;
  readonly partitions: number;
  /** Next offset to take, by partition. */
  readonly positions: number[];
  /** Rises with every batch taken in or sealed; tells whether something derived is still current. */
  version = 0;
  readonly closed: ClosedRows;
  /** Who waits for a tenant's next change. */
  readonly watch = new TenantWatch();
  /** Which partitions are between two commits. */
  readonly commits: CommitBounds;
  /** What of the rows that come is taken in. */
  readonly arrivals: Arrivals;
  readonly #changes: ChangeColumns;
  readonly #tables = new Map<number, OpenTable>();
  /** The tables that are being moved to the closed store, one a window: they take no changes any more. */
  #sealing: readonly WindowTable[] = [];
  /** Tenants that changed since start or were asked for, and their newest ids by code; NaN while not known. */
  #tenants = new TextPool();
  #newest = new Float64Array(0);
  #expected: readonly number[] = [];
  #waiting: { readonly offsets: readonly number[]; readonly resolve: () => void }[] = [];

  constructor({ view, partitions, closed, endOf }: ViewStoreInput) {
    this.view = view;
    this.commits = new CommitBounds(partitions, endOf);
    this.layout = closed.layout;
    this.partitions = partitions;
    this.closed = closed;
    this.positions = new Array<number>(partitions).fill(0);
    this.#changes = new ChangeColumns(this.layout);
    this.arrivals = new Arrivals(closed, partitions);
  }

  /**
   * Forgets what is in memory; changes come again from these offsets on. Until they have come as far
   * as before, older rows may hide newer ones, so the view is not `current`.
   */
  restart(offsets: readonly number[]): void {
    this.expect(this.positions);
    this.#tables.clear();
    this.#sealing = [];
    this.#tenants = new TextPool();
    this.#newest = new Float64Array(0);
    offsets.forEach((offset, partition) => (this.positions[partition] = offset));
    this.commits.restart(offsets);
    this.version += 1;
  }

  /** Takes in one batch of the changes stream. */
  apply(batch: LogBatch, nowMs: number): void {
    const { partition, rows, baseOffset } = batch;
    this.positions[partition] = baseOffset + rows;
    if (rows === 0) return;
    this.commits.take(partition, baseOffset + rows);
    const id0 = idOf(baseOffset, partition, this.partitions);
    this.#changes.load(batch.batch);
    this.arrivals.refused.clear();
    for (const [start, rowsOf] of rowsByWindow(this.#changes.windows, rows)) {
      const wanted = this.arrivals.admit(this.#changes, start, rowsOf, batch, id0);
      if (wanted.length > 0) this.#table(start, nowMs).table.take(this.#changes, wanted, id0);
    }
    this.#noteTenants(rows, id0);
    this.version += 1;
    if (this.#waiting.length > 0) this.#wake();
    if (this.commits.tell(partition)) this.watch.tell(partition);
  }

  #noteTenants(rows: number, id0: number): void {
    const codes = this.#changes.tenantCodes(this.#tenants, rows);
    this.#roomForTenants();
    const { refused } = this.arrivals;
    for (let row = 0; row < rows; row++)
      if (refused.size === 0 || !refused.has(row)) this.#newest[codes[row]!] = id0 + row * this.partitions;
    if (!this.watch.isIdle) this.watch.note(this.#tenants, codes, rows, id0 % this.partitions);
  }

  /** Makes the view current only when it has come to these offsets. */
  expect(offsets: readonly number[]): void {
    this.#expected = offsets.map((offset, partition) => Math.max(offset, this.#expected[partition] ?? 0));
  }

  /** Whether what is read here is as new as anything that was ever read here. */
  get isCurrent(): boolean {
    return this.#has(this.#expected);
  }

  /** Resolves when the view is current. */
  current(): Promise<void> {
    return this.reached(this.#expected);
  }

  /** Resolves when everything below these offsets has been taken in. */
  async reached(offsets: readonly number[]): Promise<void> {
    if (!this.#has(offsets)) await new Promise<void>((resolve) => this.#waiting.push({ offsets, resolve }));
  }

  /** The revision up to which the rows of a partition are here. */
  stableRevision(partition: number): number {
    return this.positions[partition]!;
  }

  /** The newest revision of a tenant, 0 when it has no rows. Costs nothing while it is polled. */
  newestRevision(tenant: string): number {
    const newest = this.#newestId(tenant);
    return newest <= 0 ? 0 : revisionOf(newest, this.partitions);
  }

  /** A tenant's rows newer than `revision`, oldest change first, at most `limit`. */
  changesSince(tenant: string, revision: number, limit: number): ChangedRows {
    if (this.newestRevision(tenant) <= revision) return { rows: [], nextRevision: revision, hasMore: false };
    const after = idCeiling(revision, this.partitions);
    const found = this.#openSince(tenant, after);
    const closed = this.closed.since(tenant, after, limit + 1);
    for (const place of closed) if (!this.#supersedes(place)) found.push(place);
    found.sort((a, b) => a.id - b.id);
    // Beyond the last closed row that was read there may be others, so the page must end there.
    const reach = closed.length > limit ? closed.at(-1)!.id : Infinity;
    const page = found.filter((place) => place.id <= reach).slice(0, limit);
    const hasMore = reach < Infinity || page.length < found.length;
    // Closed rows that newer ones have replaced may be all that was read: the next page begins behind them.
    const last = page.length < limit && reach < Infinity ? reach : page.at(-1)?.id;
    return { rows: page, nextRevision: last === undefined ? revision : revisionOf(last, this.partitions), hasMore };
  }

  /** A tenant's rows, tombstones included, of the windows that start in `from <= start < to`, by window start. */
  tenantRows(tenant: string, from: number, to: number): RowPlace[] {
    const found: RowPlace[] = [];
    const first = Math.max(from, this.closed.expiry.keptFrom(tenant));
    for (const { table, newer } of this.liveTables()) {
      if (table.windowStart < first || table.windowStart >= to) continue;
      for (let slot = table.newestOf(tenant); slot >= 0; slot = table.older(slot))
        if (newer === null || newer.slotOf(table, slot) < 0)
          found.push({ rows: table, row: slot, id: table.ids[slot]! });
    }
    for (const place of this.closed.between(tenant, from, to)) if (!this.#supersedes(place)) found.push(place);
    return found.sort((a, b) => a.rows.windows[a.row]! - b.rows.windows[b.row]! || a.id - b.id);
  }

  /** Starts of ranges of windows in which a tenant may have rows, from `from` on, rising; `[start, end)`, ms. */
  *ranges(tenant: string, from: number): Generator<{ readonly start: number; readonly end: number }> {
    let next = from;
    for (;;) {
      const [closed] = this.closed.ranges(tenant, next);
      let open = Infinity;
      for (const { table } of this.liveTables())
        if (table.windowStart >= next && table.windowStart < open && table.newestOf(tenant) >= 0)
          open = table.windowStart;
      const start = Math.max(next, Math.min(closed?.start ?? Infinity, open));
      if (start === Infinity) return;
      // A range of the closed store ends where another open window may begin within it.
      const end = closed !== undefined && closed.start <= start ? closed.end : open + this.view.windowMs;
      yield { start, end };
      next = end;
    }
  }

  /** The start of a tenant's newest window, or null when it has no rows. */
  newestWindow(tenant: string): number | null {
    let newest = this.closed.newestWindow(tenant);
    const from = this.closed.expiry.keptFrom(tenant);
    for (const { table } of this.liveTables())
      if (table.windowStart > newest && table.windowStart >= from && table.newestOf(tenant) >= 0)
        newest = table.windowStart;
    return newest === -Infinity ? null : newest;
  }

  /** The start of the earliest window of a tenant that is kept; null: all are. */
  retainedFrom(tenant: string): number | null {
    const from = this.closed.expiry.keptFrom(tenant);
    return from === -Infinity ? null : from;
  }

  /**
   * The newest revision of a tenant's rows that have left by age, tombstones among them; 0 when none has.
   * Who has not come as far has missed one.
   */
  expiredRevision(tenant: string): number {
    let newest = this.closed.expiry.expiredId(tenant);
    const from = this.closed.expiry.keptFrom(tenant);
    for (const { table } of this.liveTables()) {
      const slot = table.windowStart < from ? table.newestOf(tenant) : -1;
      if (slot >= 0) newest = Math.max(newest, table.ids[slot]!);
    }
    return revisionOf(newest, this.partitions);
  }

  /** The tables in memory. */
  liveTables(): LiveTable[] {
    const live: LiveTable[] = [...this.#tables.values()].map(({ table }) => ({ table, newer: null }));
    for (const table of this.#sealing) live.push({ table, newer: this.#tables.get(table.windowStart)?.table ?? null });
    return live;
  }

  /** Rows and bytes in memory. */
  openSize(): { rows: number; bytes: number } {
    let rows = 0;
    let bytes = 0;
    for (const { table } of this.liveTables()) {
      rows += table.rows;
      bytes += table.bytes;
    }
    return { rows, bytes };
  }

  /**
   * Takes the tables that should leave memory now out of the way of changes; none when it does not
   * pay yet. Sealing costs by tenant more than by row, so quiet tables wait until they have
   * `rowsMin` rows together or one of them is as old as `madeBeforeMs`. When memory is short, the
   * least recently changed leave without being quiet, half of the rows at once.
   */
  beginSealing(when: SealWhen): readonly WindowTable[] {
    if (this.#sealing.length > 0) return [];
    const byAge = [...this.#tables.values()].sort(
      (a, b) => a.changedAtMs - b.changedAtMs || a.table.windowStart - b.table.windowStart,
    );
    const quiet = byAge.filter((open) => open.changedAtMs < when.quietBeforeMs);
    const reopened = byAge.filter(
      (open) => open.madeAtMs < when.reopenedBeforeMs && this.closed.inFiles(open.table.windowStart),
    );
    const due =
      rowsOf(quiet) >= when.rowsMin || quiet.some((open) => open.madeAtMs < when.madeBeforeMs) || reopened.length > 0;
    const chosen = new Set(due ? [...quiet, ...reopened] : []);
    if (when.short) for (const open of byAge) if (rowsOf(chosen) * 2 < rowsOf(byAge)) chosen.add(open);
    for (const { table } of chosen) this.#tables.delete(table.windowStart);
    return (this.#sealing = [...chosen].map(({ table }) => table));
  }

  /** The tables being sealed are in the closed store now. */
  endSealing(): void {
    this.#sealing = [];
    this.version += 1;
  }

  /** Below these offsets everything is in the closed store. */
  closedOffsets(): number[] {
    return this.positions.map((position, partition) => {
      let first = Infinity;
      for (const { table } of this.liveTables()) first = Math.min(first, table.firstIds[partition]!);
      return first === Infinity ? position : revisionOf(first, this.partitions) - 1;
    });
  }

  /** The partition a tenant's rows come from, or -1 when it has none. */
  partitionOfTenant(tenant: string): number {
    const newest = this.#newestId(tenant);
    return newest > 0 ? partitionOf(newest, this.partitions) : -1;
  }

  #newestId(tenant: string): number {
    const code = this.#tenants.internString(tenant);
    const known = this.#newest[code];
    if (known !== undefined && !Number.isNaN(known)) return known;
    this.#roomForTenants();
    return (this.#newest[code] = this.closed.newestId(tenant));
  }

  #roomForTenants(): void {
    if (this.#newest.length >= this.#tenants.size) return;
    const larger = new Float64Array(this.#tenants.size * 2).fill(NaN);
    larger.set(this.#newest);
    this.#newest = larger;
  }

  #has(offsets: readonly number[]): boolean {
    return offsets.every((offset, partition) => this.positions[partition]! >= offset);
  }

  #wake(): void {
    this.#waiting = this.#waiting.filter(({ offsets, resolve }) => {
      if (!this.#has(offsets)) return true;
      resolve();
      return false;
    });
  }

  #openSince(tenant: string, after: number): RowPlace[] {
    const found: RowPlace[] = [];
    const from = this.closed.expiry.keptFrom(tenant);
    for (const { table, newer } of this.liveTables())
      for (let slot = table.newestOf(tenant); slot >= 0 && table.ids[slot]! > after; slot = table.older(slot))
        if (table.windowStart >= from && (newer === null || newer.slotOf(table, slot) < 0))
          found.push({ rows: table, row: slot, id: table.ids[slot]! });
    return found;
  }

  /** Whether memory holds this row or a newer one of the same key. */
  #supersedes({ rows, row }: RowPlace): boolean {
    const start = rows.windows[row]!;
    const open = this.#tables.get(start);
    if (open !== undefined && open.table.slotOf(rows, row) >= 0) return true;
    return this.#sealing.some((table) => table.windowStart === start && table.slotOf(rows, row) >= 0);
  }

  #table(windowStart: number, nowMs: number): OpenTable {
    let open = this.#tables.get(windowStart);
    if (open === undefined) {
      open = { table: new WindowTable(this.layout, windowStart, this.partitions), madeAtMs: nowMs, changedAtMs: nowMs };
      this.#tables.set(windowStart, open);
    }
    open.changedAtMs = nowMs;
    return open;
  }
}

function rowsOf(tables: Iterable<OpenTable>): number {
  let rows = 0;
  for (const { table } of tables) rows += table.rows;
  return rows;
}
