/**
 * Which events came before: the memory of event ids, per stream and tenant, for at least 24 hours.
 *
 * Purpose. `claim` takes a batch and answers which rows are new. A duplicate is confirmed against
 * the full (stream, tenant, id), never guessed from a hash.
 *
 * Where an id is: the active memtable → a sealed memtable → a run on disk, found by its filter.
 *
 * ```
 * claim ──► look-up: memtables, then each run's filter, then its bucket on disk for a filter hit
 *       ──► new ids enter the active memtable under a ticket (pending)
 *           log.append … synced ──► claim.commit: durable      failed ──► claim.abort: forgotten
 * ```
 * A row whose id is pending in another claim is a duplicate only if that commit succeeds: `waits`
 * resolves with it, or rejects with its error, and then this request fails as well.
 *
 * Limits. `idsMax` ids (the oldest hour leaves; `heldMs` says how far back the ids really reach), two
 * resident bytes an id, `memtableIds` ids a memtable and at most `SEALED_MAX + 1` of them; beyond that `claim`
 * refuses with LOG_OVERLOADED, or LOG_UNAVAILABLE when the disk takes no runs.
 *
 * Recovery. The log is the truth: runs record the positions that they cover, and `open` reads the
 * ids of all later rows from the log. Without the folder it rebuilds everything that the log holds.
 *
 * Invariant. Claims are made and appended in the same order (`claim` and `log.append` without an
 * await between them), so what a sealed memtable covers is a prefix of each partition.
 */
import type { ColumnBatch } from '../../event/columns.js';
import type { Clock } from '../../io/clock.js';
import type { Disk } from '../../io/disk.js';
import type { Random } from '../../io/random.js';
import type { AppendResult, Log, Position } from '../../log/log.js';
import { MillraceError } from '../../util/errors.js';
import { Claim, type Ticket } from './claim.js';
import { Keys } from './keys.js';
import { Memtable } from './memtable.js';
import { DEDUPE_READER, recover } from './recover.js';
import { HOUR_MS, RunStore, SEALED_MAX } from './run-store.js';
import { ScopeColumn } from './scope-column.js';

/** What the memory of ids needs. */
export interface DedupeOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Streams whose ids are kept; each has an event id and a tenant. */
  readonly streams: readonly string[];
  /** How long an id is remembered. Default 24 h. */
  readonly windowMs?: number;
  /** Default 200,000,000. */
  readonly idsMax?: number;
  /** Default 262,144: about 12 MB a memtable. */
  readonly memtableIds?: number;
  /** Told when background work fails; it goes on by itself. */
  readonly onTrouble?: (error: unknown) => void;
}

/** What the memory of ids says about itself. */
export interface DedupeStats {
  readonly ids: number;
  readonly runs: number;
  /** Runs' indexes and memtables. */
  readonly residentBytes: number;
  /** Of them the memtables, those waiting for their flush and arrays kept for the next included. */
  readonly memtableBytes: number;
  readonly heldMs: number;
  /** Filter hits that were looked up on disk: real duplicates, and new ids after all. */
  readonly confirmedDuplicates: number;
  readonly confirmedNew: number;
  readonly damagedBuckets: number;
}

/** The memory of event ids. */
export class Dedupe {
  readonly #options: Required<DedupeOptions>;
  readonly #store: RunStore;
  readonly #keys = new Keys();
  readonly #scopes: ScopeColumn;
  readonly #tickets = new Map<number, Ticket>();
  #active: Memtable;
  #lastTicket = 0;
  #candidates = new Uint32Array(256);
  #hits = new Uint32Array(256);
  #duplicate = new Uint8Array(256);
  #confirmedDuplicates = 0;
  #confirmedNew = 0;

  private constructor(options: Required<DedupeOptions>, store: RunStore) {
    this.#options = options;
    this.#store = store;
    this.#scopes = new ScopeColumn(store.scopes);
    this.#active = new Memtable(this.#hour());
  }

  /** Opens the folder and catches up with the log. */
  static async open(given: DedupeOptions): Promise<Dedupe> {
    const options = {
      windowMs: 24 * HOUR_MS,
      idsMax: 200_000_000,
      memtableIds: 262_144,
      onTrouble: () => undefined,
      ...given,
    };
    const seed = options.random.fill(new Uint8Array(8));
    const view = new DataView(seed.buffer);
    const store = await RunStore.open({
      ...options,
      seed: [view.getUint32(0), view.getUint32(4)],
      onCovered: (positions) => dedupe.#commitReader(positions),
    });
    const dedupe = new Dedupe(options, store);
    await recover({
      ...options,
      store,
      onDamage: options.onTrouble,
      take: (stream, batch, at, receivedAt) => dedupe.#remember(stream, batch, at, receivedAt),
    });
    return dedupe;
  }

  /** Looks up a batch and takes its new ids in as pending. Settle the claim with `commit` or `abort`. */
  claim(stream: string, batch: ColumnBatch): Claim {
    const idColumn = batch.schema.roles.eventId;
    if (batch.rows === 0 || idColumn < 0) return Claim.ofAll(batch.rows);
    this.#turn();
    this.#load(stream, batch);
    const ticket = this.#newTicket();
    const waits = new Set<Ticket>();
    const heapStart = this.#active.heapEnd;
    const fresh = this.#lookUp(ticket, waits);
    return this.#makeClaim(ticket, fresh, waits, heapStart);
  }

  /** How much is remembered, and what it costs. */
  stats(): DedupeStats {
    const { runs, sealed, leftUntilMs } = this.#store;
    const { windowMs, clock } = this.#options;
    const memtableBytes = sealed.reduce((sum, table) => sum + table.bytes, this.#active.bytes + this.#store.spareBytes);
    return {
      ids: this.#store.ids + this.#active.ids,
      runs: runs.length,
      residentBytes: runs.reduce((sum, run) => sum + run.residentBytes, memtableBytes),
      memtableBytes,
      heldMs: leftUntilMs === 0 ? windowMs : Math.min(windowMs, clock.now() - leftUntilMs),
      confirmedDuplicates: this.#confirmedDuplicates,
      confirmedNew: this.#confirmedNew,
      damagedBuckets: runs.reduce((sum, run) => sum + run.damaged, 0),
    };
  }

  /** Resolves when no flush or merge is under way. */
  idle(): Promise<void> {
    return this.#store.idle();
  }

  /** Writes what is in memory to a run, so that the next start has less to read, and closes. */
  async close(): Promise<void> {
    this.#seal();
    await this.#store.close();
  }

  #load(stream: string, batch: ColumnBatch): void {
    const keys = this.#keys;
    keys.load(batch.column(batch.schema.roles.eventId), batch.rows);
    this.#scopes.fill(keys.scopes, stream, batch);
    keys.hash(this.#store.seed);
    if (this.#duplicate.length < batch.rows) {
      const size = keys.scopes.length;
      this.#candidates = new Uint32Array(size);
      this.#hits = new Uint32Array(size);
      this.#duplicate = new Uint8Array(size);
    }
  }

  /** Marks duplicates in `#duplicate`, inserts the others; answers how many are new. */
  #lookUp(ticket: number, waits: Set<Ticket>): number {
    const keys = this.#keys;
    const duplicate = this.#duplicate.fill(0, 0, keys.rows);
    let count = this.#inSealed(waits);
    // The newest runs first: what is sent again is mostly sent again soon.
    for (let at = this.#store.runs.length - 1; at >= 0 && count > 0; at--) count = this.#inRun(at, count);
    let fresh = 0;
    this.#active.warm(keys, this.#candidates, count);
    for (let at = 0; at < count; at++) {
      const row = this.#candidates[at]!;
      const found = this.#active.findOrInsert(keys, row, ticket);
      if (found < 0) fresh += 1;
      else {
        duplicate[row] = 1;
        this.#waitFor(found, waits);
      }
    }
    return fresh;
  }

  /** Looks into the memtables that wait for their flush; the rest become candidates. */
  #inSealed(waits: Set<Ticket>): number {
    const { rows } = this.#keys;
    let count = 0;
    for (let row = 0; row < rows; row++) this.#candidates[count++] = row;
    for (const table of this.#store.sealed) {
      let left = 0;
      for (let at = 0; at < count; at++) {
        const row = this.#candidates[at]!;
        const found = table.find(this.#keys, row);
        if (found < 0) this.#candidates[left++] = row;
        else {
          this.#duplicate[row] = 1;
          this.#waitFor(found, waits);
        }
      }
      count = left;
    }
    return count;
  }

  #waitFor(ticket: number, waits: Set<Ticket>): void {
    const pending = this.#tickets.get(ticket);
    if (pending !== undefined) waits.add(pending);
  }

  /** Looks into one run; answers how many candidates are left. */
  #inRun(at: number, count: number): number {
    const run = this.#store.runs[at]!;
    const found = run.mayHold(this.#keys, this.#candidates, count, this.#hits);
    let confirmed = 0;
    for (let hit = 0; hit < found; hit++) {
      const row = this.#hits[hit]!;
      if (!run.holds(this.#keys, row)) continue;
      this.#duplicate[row] = 1;
      confirmed += 1;
    }
    this.#confirmedDuplicates += confirmed;
    this.#confirmedNew += found - confirmed;
    if (confirmed === 0) return count;
    let left = 0;
    for (let i = 0; i < count; i++)
      if (this.#duplicate[this.#candidates[i]!] === 0) this.#candidates[left++] = this.#candidates[i]!;
    return left;
  }

  #makeClaim(number: number, fresh: number, waits: Set<Ticket>, heapStart: number): Claim {
    const rows = this.#keys.rows;
    let freshRows: Uint32Array | null = null;
    if (fresh < rows) {
      freshRows = new Uint32Array(fresh);
      for (let row = 0, at = 0; row < rows; row++) if (this.#duplicate[row] === 0) freshRows[at++] = row;
    }
    if (fresh === 0) return new Claim(0, rows, freshRows, waits, null);
    const table = this.#active;
    const heapEnd = table.heapEnd;
    table.pending += 1;
    const ticket = Claim.ticket((result) => {
      this.#tickets.delete(number);
      table.pending -= 1;
      if (result !== null) table.cover(endsOf(result), result.receivedAt);
      else table.kill(heapStart, heapEnd);
      if (table !== this.#active) this.#store.wake();
    });
    this.#tickets.set(number, ticket);
    return new Claim(fresh, rows - fresh, freshRows, waits, ticket);
  }

  #newTicket(): number {
    do this.#lastTicket = this.#lastTicket >= 0xffff_fffe ? 1 : this.#lastTicket + 1;
    while (this.#tickets.has(this.#lastTicket));
    return this.#lastTicket;
  }

  /** Starts a new memtable when the hour or the active one is full. */
  #turn(): void {
    const full = this.#active.isFull(this.#options.memtableIds);
    if (full && this.#store.sealed.length >= SEALED_MAX) throw this.#refusal();
    if (full || (this.#active.hour !== this.#hour() && this.#store.sealed.length < SEALED_MAX)) this.#seal();
  }

  #seal(): void {
    const sealed = this.#active;
    this.#active = new Memtable(this.#hour(), this.#store.spare());
    if (sealed.ids > 0) this.#store.seal(sealed);
    else this.#store.wake();
  }

  #refusal(): MillraceError {
    const { trouble } = this.#store;
    if (trouble === null)
      return new MillraceError('LOG_OVERLOADED', 'event ids arrive faster than they can be written; send again later', {
        place: this.#options.folder,
      });
    const full = (trouble as NodeJS.ErrnoException).code === 'ENOSPC';
    return new MillraceError(
      full ? 'LOG_DISK_FULL' : 'LOG_UNAVAILABLE',
      `event ids can't be written: ${(trouble as Error).message}`,
      { place: this.#options.folder, cause: trouble },
    );
  }

  /** Takes in rows that are in the log already. Waits when memory is full. */
  async #remember(stream: string, batch: ColumnBatch, end: Position, receivedAt: number): Promise<void> {
    const hour = Math.floor(receivedAt / HOUR_MS);
    if (this.#active.hour !== hour || this.#active.isFull(this.#options.memtableIds)) {
      this.#seal();
      this.#active = new Memtable(hour);
      if (this.#store.sealed.length >= SEALED_MAX) await this.#store.idle();
      if (this.#store.trouble !== null) throw this.#refusal();
    }
    this.#load(stream, batch);
    for (let row = 0; row < batch.rows; row++) this.#active.findOrInsert(this.#keys, row, 0);
    this.#active.cover([end], receivedAt);
  }

  #commitReader(positions: readonly Position[]): void {
    const { log, onTrouble } = this.#options;
    log
      .append({ batches: [], reader: { id: DEDUPE_READER, epoch: 1, positions, state: new Uint8Array(0) } })
      .catch(onTrouble);
  }

  #hour(): number {
    return Math.floor(this.#options.clock.now() / HOUR_MS);
  }
}

function endsOf(result: AppendResult): Position[] {
  return result.appended.map(({ stream, partition, baseOffset, rows }) => ({
    stream,
    partition,
    offset: baseOffset + rows,
  }));
}
