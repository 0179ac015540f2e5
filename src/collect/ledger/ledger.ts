/**
 * The ledger: the accounts of all tenants since the data folder was made.
 *
 * The front door counts in memory (`accounts.ts`). Every few seconds what has been added is appended
 * to the accounts stream and, in the same commit, how far into the log those counts reach. So a
 * start knows which rows are not in them yet, and counts these from the log itself.
 *
 * Invariant: accepted events of a stream = its rows below the committed positions. It holds between
 * two turns of the event loop, because a request is counted in the turn in which its commit is
 * published; a flush that finds it broken waits for a later turn.
 *
 * Limits. Up to `SMALL` changed accounts are written every `FLUSH_MS`, more of them once a minute.
 * Totals are written every `TOTALS_MS` or `TOTALS_ROWS` rows, so that a start reads no more, and every
 * `TOTALS_BYTES` of log, so that the ledger holds no old segment when a stream is at its bound.
 *
 * Recovery. A `kill -9` loses what only memory knew since the last flush: duplicates, drops,
 * refusals and unlogged clicks. The span is kept in `gaps`, so that the audit can say so. Accepted
 * and quarantined events are counted again and are always exact.
 */
import { ACCOUNTS_STREAM, ACCOUNT_TOTALS_STREAM, QUARANTINE_STREAM } from '../../event/internal.js';
import type { Clock } from '../../io/clock.js';
import type { CutRows, EmbeddedLog } from '../../log/embedded/open.js';
import { MillraceError } from '../../util/errors.js';
import type { Account, Accounts } from '../accounts.js';
import { accountedEnds, recount } from './recount.js';
import { accountBatches, minuteOf, readAccounts, type AccountRow, type Growth } from './rows.js';
import { readState, stateBytes, type LedgerState, type UncountedSpan } from './state.js';
import { DOOR, Tallies, type Tally } from './tallies.js';

/** The ledger's name as a reader of the log. */
export const LEDGER_READER = 'accounts';

const TICK_MS = 1_000;
const FLUSH_MS = 5_000;
const SMALL = 250;
const TOTALS_MS = 3_600_000;
const TOTALS_ROWS = 100_000;
/** Or a quarter of the smallest bound of a stream. */
const TOTALS_BYTES = 1024 ** 3;
/** Turns to wait for the invariant before it counts as broken, and the pause between two. */
const PATIENCE = 50;
const PAUSE_MS = 5;

const FIXED = ['received', 'accepted', 'duplicates', 'quarantined', 'unlogged', 'refused'] as const;

/** What the ledger works on. */
export interface LedgerInput {
  readonly log: EmbeddedLog;
  readonly accounts: Accounts;
  readonly clock: Clock;
  /** Told when the accounts can't be written; they stay in memory and are tried again. */
  readonly onError: (error: unknown) => void;
}

/** Opens the ledger: reads what is written, counts what is not, and writes that. */
export async function openLedger(input: LedgerInput): Promise<Ledger> {
  const ledger = new Ledger(input);
  await ledger.start();
  return ledger;
}

/** The accounts since the data folder was made. */
export class Ledger {
  readonly #input: LedgerInput;
  /** What is written. */
  readonly #written = new Tallies();
  /** What of each account in memory is written. */
  readonly #seen = new Map<Account, Map<string, number>>();
  /** Rows cut from readers that are not written yet. */
  #cuts: Growth[] = [];
  #state: LedgerState;
  #totalsAt = -Infinity;
  #bytesAtTotals = 0;
  #flushedAt = 0;
  #tickAt = 0;
  #flushing: Promise<boolean> = Promise.resolve(true);
  #cancel: () => void = () => undefined;
  #broken = false;
  #closed = false;

  constructor(input: LedgerInput) {
    this.#input = input;
    this.#state = readState(input.log.reader(LEDGER_READER)?.state, input.clock.now());
  }

  /** Since when there are accounts, ms. */
  get sinceMs(): number {
    return this.#state.sinceMs;
  }

  /** Spans in which a killed process may have counted what it could not write. */
  get gaps(): readonly UncountedSpan[] {
    return this.#state.gaps;
  }

  /** Counts by stream and edge, of one tenant or of all (null): what is written and what is in memory. */
  counts(tenant: string | null): Tallies {
    const sums = new Tallies();
    const add = (tally: Tally, name: string, events: number): void => {
      if (tenant === null || tally.tenant === tenant) sums.add({ ...tally, tenant: '*' }, name, events);
    };
    for (const tally of this.#written.all()) for (const [name, events] of tally.counts) add(tally, name, events);
    for (const { tally, name, events } of this.#growths()) add(tally, name, events);
    return sums;
  }

  /**
   * Takes down rows that retention is about to delete although a reader needs them. Rejects only
   * when these are the ledger's own and could not be written anew.
   */
  async cut(rows: readonly CutRows[]): Promise<void> {
    const minuteMs = minuteOf(this.#input.clock.now());
    const before = this.#state.cutTo;
    const cutTo = { ...before };
    for (const { reader, stream, partition, tenant, to, rows: events } of rows) {
      const place = `${reader} ${stream} ${partition}`;
      // A segment that outlived its cut by a crash is cut a second time.
      if (reader === LEDGER_READER || to <= (before[place] ?? 0)) continue;
      const tally = this.#written.of({ edge: reader, stream, tenant: tenant ?? '*' });
      this.#cuts.push({ tally, name: 'cut', events, minuteMs });
      cutTo[place] = to;
    }
    this.#state = { ...this.#state, cutTo };
    const isOwn = rows.some(({ reader }) => reader === LEDGER_READER);
    if (isOwn) this.#totalsAt = -Infinity;
    const written = await this.flush();
    if (isOwn && !written)
      throw new MillraceError('LOG_UNAVAILABLE', "the accounts' totals could not be written anew; they stay");
  }

  /** Reads and recounts, writes what was recounted, and begins to flush. */
  async start(): Promise<void> {
    const { log, clock } = this.#input;
    const committed = log.reader(LEDGER_READER);
    const { totals, deltasFrom, clean, flushedMs, gaps } = this.#state;
    const take = (row: AccountRow): void => this.#written.add(row, row.name, row.events);
    readAccounts(log, { stream: ACCOUNT_TOTALS_STREAM, partition: 0, ...totals }, take);
    const { end } = log.range(ACCOUNTS_STREAM, 0);
    readAccounts(log, { stream: ACCOUNTS_STREAM, partition: 0, from: deltasFrom, to: end }, take);
    const now = clock.now();
    if (!clean) this.#state = { ...this.#state, gaps: [...gaps, { fromMs: flushedMs, toMs: now }] };
    this.#tickAt = now;
    await this.#write(recount(log, committed?.positions ?? [], now), false);
    this.#tick();
  }

  /** Writes what is counted and not written; says whether it could. What it could not is tried again. */
  flush(isLast = false): Promise<boolean> {
    this.#flushing = this.#flushing.then(async () => {
      try {
        await this.#agreement();
        await this.#write(this.#growths(), isLast);
        return true;
      } catch (error) {
        this.#input.onError(error);
        return false;
      }
    });
    return this.#flushing;
  }

  /** Writes the last of it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.flush(true);
  }

  #tick(): void {
    if (this.#closed) return;
    const { clock } = this.#input;
    this.#cancel = clock.after(TICK_MS, () => {
      const now = clock.now();
      // Every minute, even without a count: it bounds what a kill leaves in doubt.
      const turned = minuteOf(now) !== minuteOf(this.#tickAt);
      const due = turned || (Math.abs(now - this.#flushedAt) >= FLUSH_MS && this.#isSmall());
      void (due ? this.flush() : Promise.resolve(true)).then(() => {
        this.#tickAt = now;
        this.#tick();
      });
    });
  }

  /** Whether some accounts have grown, and not more than are written at once. */
  #isSmall(): boolean {
    let changed = 0;
    for (const account of this.#input.accounts.list()) {
      const seen = this.#seen.get(account);
      if (FIXED.some((name) => account[name] !== (seen?.get(name) ?? 0))) changed += 1;
    }
    return changed > 0 && changed <= SMALL;
  }

  #growths(): Growth[] {
    const minuteMs = minuteOf(this.#tickAt);
    const growths = [...this.#cuts];
    for (const account of this.#input.accounts.list()) {
      const seen = this.#seen.get(account);
      const { stream, tenant } = account;
      let tally: Tally | undefined;
      for (const [name, events] of countsOf(account)) {
        const grown = events - (seen?.get(name) ?? 0);
        if (grown === 0) continue;
        tally ??= this.#written.of({ edge: DOOR, stream, tenant });
        growths.push({ account, tally, name, events: grown, minuteMs });
      }
    }
    return growths;
  }

  /** Waits for a turn in which the counts are those of the log. */
  async #agreement(): Promise<void> {
    for (let turn = 0; !this.#broken; turn++) {
      const stream = this.#disagreeing();
      if (stream === null) return;
      if (turn === PATIENCE) {
        // Said once: from now on the audit shows by how much.
        this.#broken = true;
        this.#input.onError(new MillraceError('INTERNAL', `the accounts of stream '${stream}' differ from the log`));
      }
      await new Promise<void>((resolve) => void this.#input.clock.after(PAUSE_MS, resolve));
    }
  }

  /** A stream whose accepted events are not its rows. */
  #disagreeing(): string | null {
    const { log, accounts } = this.#input;
    const rows = new Map<string, number>();
    const add = (stream: string, more: number): void => void rows.set(stream, (rows.get(stream) ?? 0) + more);
    for (const { stream, offset } of accountedEnds(log)) if (stream !== QUARANTINE_STREAM) add(stream, offset);
    for (const { edge, stream, counts } of this.#written.all())
      if (edge === DOOR) add(stream, -(counts.get('accepted') ?? 0));
    for (const account of accounts.list())
      add(account.stream, (this.#seen.get(account)?.get('accepted') ?? 0) - account.accepted);
    for (const [stream, difference] of rows) if (difference !== 0) return stream;
    return null;
  }

  /** One commit: what has grown, how far that reaches, and now and then the totals. */
  async #write(growths: readonly Growth[], clean: boolean): Promise<void> {
    const { log, clock } = this.#input;
    const now = clock.now();
    const positions = accountedEnds(log);
    const { end } = log.range(ACCOUNTS_STREAM, 0);
    const { end: from } = log.range(ACCOUNT_TOTALS_STREAM, 0);
    const { bytesWritten } = log.stats();
    const isDue =
      now - this.#totalsAt >= TOTALS_MS ||
      end - this.#state.deltasFrom >= TOTALS_ROWS ||
      bytesWritten - this.#bytesAtTotals >= this.#totalsBytes();
    const totals = isDue ? this.#totals(growths, minuteOf(now)) : [];
    const moved = isDue ? { totals: { from, to: from + totals.length }, deltasFrom: end + growths.length } : {};
    const state: LedgerState = { ...this.#state, ...moved, flushedMs: now, clean };
    const cuts = growths.filter(({ account, tally }) => account === undefined && tally.edge !== DOOR).length;
    const holds = [
      ...positions,
      { stream: ACCOUNTS_STREAM, partition: 0, offset: state.deltasFrom },
      { stream: ACCOUNT_TOTALS_STREAM, partition: 0, offset: state.totals.from },
    ];
    await log.append({
      batches: [
        ...accountBatches(growths).map((rows) => ({ stream: ACCOUNTS_STREAM, rows })),
        ...accountBatches(totals).map((rows) => ({ stream: ACCOUNT_TOTALS_STREAM, rows })),
      ],
      reader: { id: LEDGER_READER, epoch: 1, positions, holds, state: stateBytes(state) },
    });
    this.#state = { ...state, cutTo: this.#state.cutTo };
    this.#flushedAt = now;
    if (isDue) {
      this.#totalsAt = now;
      this.#bytesAtTotals = bytesWritten;
    }
    this.#cuts = this.#cuts.slice(cuts);
    this.#taken(growths);
  }

  #totalsBytes(): number {
    return Math.min(TOTALS_BYTES, ...this.#input.log.streams().map(({ bytesMax }) => bytesMax / 4));
  }

  /** They are on disk. */
  #taken(growths: readonly Growth[]): void {
    for (const { account, tally, name, events } of growths) {
      this.#written.add(tally, name, events);
      if (account === undefined) continue;
      let seen = this.#seen.get(account);
      if (seen === undefined) this.#seen.set(account, (seen = new Map()));
      seen.set(name, (seen.get(name) ?? 0) + events);
    }
  }

  /** What is written together with what is about to be. */
  #totals(growths: readonly Growth[], minuteMs: number): Growth[] {
    const sums = new Tallies();
    for (const tally of this.#written.all()) for (const [name, events] of tally.counts) sums.add(tally, name, events);
    for (const { tally, name, events } of growths) sums.add(tally, name, events);
    return [...sums.all()].flatMap((tally) =>
      Array.from(tally.counts, ([name, events]) => ({ tally, name, events, minuteMs })),
    );
  }
}

function* countsOf(account: Account): IterableIterator<[name: string, events: number]> {
  for (const name of FIXED) yield [name, account[name]];
  for (const [code, events] of Object.entries(account.rejected)) yield [`rejected ${code}`, events];
  for (const [reason, events] of Object.entries(account.dropped)) yield [`dropped ${reason}`, events];
}
