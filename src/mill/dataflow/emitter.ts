/**
 * From the changes of a view's result to what is published.
 *
 * A row is named by the view's key, or by itself and the number of its copy. Between two publications
 * changes are netted: what ends as it was is not published. A row *closes* once the clock is beyond its
 * `closes` time and the lag: it is published as `final` then, once more if it was published open; a change
 * after that is `corrected`. With `emit = close` nothing is published before that.
 *
 * State: what changed since the last publication; with `closes` the rows that are open; without a key the
 * count of each row's copies, until no correction can come any more (without `closes`: while there are any).
 * A retraction carries the row that it takes back, so nothing else is remembered. Rows of a block that tells them
 * apart and that are beyond correction when they come are published as they are: nothing is looked up for them.
 */
import type { RelationView } from '../../sql/relation/relation.js';
import { isBeforeClosing } from '../../sql/relation/settle.js';
import { ExpiryQueue } from './expiry-queue.js';
import { keyFunction, wholeRowKey } from './keys.js';
import type { Age, DataflowContext, Deltas, Row, ShedCut, StateBudget } from './operator.js';
import { rowAt, selectRows, type Block } from './block.js';
import { PendingChanges } from './pending-changes.js';
import type { Publication, Published, PublishedBlock, Publisher } from './publication.js';
import { identityOfKeys, identityOfRows } from './row-identity.js';
import { rowCodec } from './rows.js';
import { StateTable } from './state-table.js';
import type { Key, StateStore } from './state-table.js';
import { clockCodec } from './operators/clock.js';
import type { Shelf } from './shelf.js';

/** Bytes of a row that is remembered beside its values: itself, its key, its place in the queue. */
const KEPT_BYTES = 160;

/** A row that is remembered. */
interface Kept {
  row: Row;
  copies: number;
  isFinal: boolean;
}

/** See the head of the file. */
export class Emitter implements Publisher {
  readonly tables: readonly StateStore[];
  readonly #view: RelationView;
  readonly #lagMs: number;
  readonly #isKeyed: boolean;
  readonly #isFinalOnly: boolean;
  readonly #keyOf: (row: Row) => Key;
  readonly #pending: PendingChanges;
  readonly #kept: StateTable<Kept>;
  /** The clock at the last publication, as the one entry 0. */
  readonly #clock: StateTable<number>;
  /** Whether rows of one key close at one time. */
  readonly #closesWithKey: boolean;
  /** No row that is remembered closes after this. */
  #keptTo = Number.NEGATIVE_INFINITY;
  readonly #closing = new ExpiryQueue();
  readonly #forgetting = new ExpiryQueue();
  #published: Published[] = [];

  constructor(
    view: RelationView,
    budget: StateBudget,
    { endLagMs, shelf }: Pick<Partial<DataflowContext>, 'endLagMs' | 'shelf'> = {},
  ) {
    const { fields } = view.relation;
    const types = fields.map(({ type }) => type);
    this.#view = view;
    this.#isKeyed = view.key !== null;
    this.#isFinalOnly = view.emit.kind === 'close';
    const { closes, key } = view;
    const closesAtEnd = closes !== null && endLagMs !== undefined && isBeforeClosing(view.relation, closes);
    this.#lagMs = closesAtEnd ? endLagMs : view.lagMs;
    this.#closesWithKey = closes !== null && (key === null || key.includes(closes));
    const keyTypes = key === null ? types : key.map((field) => types[field]!);
    this.#keyOf = key === null ? wholeRowKey(types, { isExact: true }) : keyFunction(key, keyTypes);
    const identity = key === null ? identityOfRows(types) : identityOfKeys(key, keyTypes);
    this.#pending = new PendingChanges(types, identity, budget);
    const codec = rowCodec(fields);
    this.#kept = new StateTable<Kept>(
      'published',
      {
        write: ({ row, copies }, writer) => {
          writer.unsigned(copies);
          codec.write(row, writer);
        },
        read: (reader) => {
          const copies = reader.unsigned();
          return { row: codec.read(reader), copies, isFinal: false };
        },
        bytes: ({ row }) => KEPT_BYTES + codec.bytes(row),
      },
      budget,
    );
    this.#clock = new StateTable<number>('publishedAt', clockCodec, budget);
    this.tables = [this.#pending, this.#kept, this.#clock];
    if (shelf !== undefined) this.#spillTo(shelf('published'));
  }

  #spillTo(shelf: Shelf): void {
    this.#kept.spillTo(shelf, {
      due: ({ isFinal, row }) => {
        const closesAt = this.#closesAt(row);
        if (closesAt > this.#keptTo) this.#keptTo = closesAt;
        return Number.isNaN(closesAt) ? null : closesAt + (isFinal ? this.#view.allowedLatenessMs : 0);
      },
      revived: (key, kept) => this.#revive(key, kept, this.#before),
      evicted: () => this.#scheduleAll(),
    });
  }

  /** The clock at the last publication, ms. */
  get #before(): number {
    return this.#clock.get(0) ?? Number.NEGATIVE_INFINITY;
  }

  #scheduleAll(): void {
    this.#closing.clear();
    this.#forgetting.clear();
    for (const [key, { isFinal, row }] of this.#kept.entries()) this.#schedule(key, row, isFinal);
  }

  #revive(key: Key, kept: Kept, before: number): void {
    kept.isFinal = this.#closesAt(kept.row) < before;
    this.#schedule(key, kept.row, kept.isFinal);
  }

  /** Rows that are open, or wait for the next publication. */
  get open(): number {
    return this.#closing.size + this.#kept.spilledSize + this.#pending.size;
  }

  /** The clock beyond which the first of the open rows closes, ms; undefined when none is known to. */
  get closesNext(): number | undefined {
    const { next } = this.#closing;
    const { nextDueOnDisk } = this.#kept;
    return nextDueOnDisk === undefined ? next : Math.min(nextDueOnDisk, next ?? Number.POSITIVE_INFINITY);
  }

  /** Notes changes of the result. */
  take(deltas: Deltas): void {
    const { block } = deltas;
    if (block !== undefined && this.#tellsApart(block)) return this.#pending.addBlock(block);
    const { rows, weights } = deltas;
    // A row of a block that waits may be among those taken back.
    if (weights !== null) this.#pending.spread();
    for (let i = 0; i < rows.length; i++) {
      this.#pending.add(rows[i]!, weights === null ? 1 : weights[i]!);
    }
  }

  /** Whether no row of a block is another's copy, or has another's key. */
  #tellsApart({ distinct, vectors }: Block): boolean {
    const { closes, key } = this.#view;
    if (distinct === null || closes === null || vectors[closes]!.kind !== 'numbers') return false;
    return key === null || distinct.every((field) => key.includes(field));
  }

  /** What is to be published at `now`, ms, in no particular order. Infinity: everything is closed. */
  publish(now: number): Publication {
    const before = this.#before;
    const blocks = this.#pending.takeBlocks().flatMap((block) => this.#publishBlock(block, before, now));
    const { rows, weights } = this.#pending;
    for (let i = 0; i < rows.length; i++) {
      if (!this.#isKeyed) {
        if (weights[i] !== 0) this.#publishCopies(rows[i]!, weights[i]!, before, now);
      } else if (this.#pending.isFirst(i)) this.#publishKeyed(i, before, now);
    }
    this.#pending.clear();
    this.#close(now);
    for (let key = this.#forgetting.due(now); key !== undefined; key = this.#forgetting.due(now))
      this.#kept.delete(key);
    if (now > before) this.#clock.set(0, now);
    const published = this.#published;
    this.#published = [];
    return { rows: published, blocks };
  }

  /** The rows of a block that are beyond correction; the others are taken one by one. */
  #publishBlock(block: Block, before: number, now: number): PublishedBlock[] {
    const { allowedLatenessMs, closes } = this.#view;
    const lagMs = this.#lagMs;
    const times = block.vectors[closes!]!;
    if (times.kind !== 'numbers') throw new Error('a block that tells its rows apart closes by a time');
    const selection = new Uint32Array(block.count);
    let count = 0;
    for (let i = 0; i < block.count; i++) {
      const closesAt = times.nulls !== null && times.nulls[i] === 1 ? Number.NaN : times.values[i]! + lagMs;
      if (closesAt >= before && closesAt + allowedLatenessMs < now) selection[count++] = i;
      else this.#pending.add(rowAt(block, i), 1);
    }
    if (count === 0) return [];
    const final = count === block.count ? block : selectRows(block, selection, count);
    return [{ block: final, operation: 'upsert', state: 'final', firstCopy: 1, copyStep: 0 }];
  }

  /** The moment after which a row is final, ms; NaN where that never comes. */
  #closesAt(row: Row): number {
    const { closes } = this.#view;
    const time = closes === null ? null : row[closes]!;
    return typeof time === 'number' ? time + this.#lagMs : Number.NaN;
  }

  #stateOf(closesAt: number, before: number, now: number): Published['state'] {
    if (closesAt < before) return 'corrected';
    return closesAt < now ? 'final' : 'open';
  }

  /** Whether rows of this key may be remembered: else they need not be looked for. */
  #mayBeKept(closesAt: number): boolean {
    return this.#kept.size > 0 && !(this.#closesWithKey && closesAt > this.#keptTo);
  }

  /** Publishes what changed of a key, of which `first` is the first change. */
  #publishKeyed(first: number, before: number, now: number): void {
    const { rows, weights } = this.#pending;
    let gone: Row | null = null;
    let came: Row | null = null;
    for (let change = first; change >= 0; change = this.#pending.nextOf(change)) {
      if (weights[change]! < 0) gone ??= rows[change]!;
      else if (weights[change]! > 0) came ??= rows[change]!;
    }
    if (gone === null && came === null) return;
    const goneState = gone === null ? 'open' : this.#stateOf(this.#closesAt(gone), before, now);
    const isShown = gone !== null && (!this.#isFinalOnly || goneState === 'corrected');
    const closesAt = this.#closesAt(came ?? gone!);
    if (came === null) {
      if (isShown) this.#emit(gone!, 1, 'delete', goneState);
      if (this.#mayBeKept(closesAt)) this.#kept.delete(this.#keyOf(gone!));
      return;
    }
    const state = this.#stateOf(closesAt, before, now);
    if (state !== 'open') {
      if (this.#mayBeKept(closesAt)) this.#kept.delete(this.#keyOf(came));
    } else if (!Number.isNaN(closesAt)) this.#keep(this.#keyOf(came), came, 1, false);
    if (state !== 'open' || !this.#isFinalOnly) this.#emit(came, 1, 'upsert', state);
    else if (isShown) this.#emit(gone!, 1, 'delete', 'corrected');
  }

  #publishCopies(row: Row, weight: number, before: number, now: number): void {
    const closesAt = this.#closesAt(row);
    const state = this.#stateOf(closesAt, before, now);
    const key = this.#mayBeKept(closesAt) ? this.#keyOf(row) : null;
    const had = key === null ? 0 : (this.#kept.get(key)?.copies ?? 0);
    const has = Math.max(0, had + weight);
    // What was held back comes out as a whole when it closes.
    const shown = this.#isFinalOnly && state !== 'corrected' ? 0 : had;
    // Beyond the allowed lateness no correction can come: it would be forgotten at once.
    const isKept = has > 0 && !(closesAt + this.#view.allowedLatenessMs < now);
    if (isKept) this.#keep(key ?? this.#keyOf(row), row, has, state !== 'open');
    else if (had > 0) this.#kept.delete(key!);
    if (state === 'open' && this.#isFinalOnly) return;
    // At the moment of closing the copies that were published open are published once more.
    const from = state === 'final' ? 0 : Math.min(shown, has);
    for (let copy = from + 1; copy <= has; copy++) this.#emit(row, copy, 'upsert', state);
    for (let copy = has + 1; copy <= shown; copy++) this.#emit(row, copy, 'delete', state);
  }

  /** Remembers a row until it closes; a final one's copies until no correction can come. */
  #keep(key: Key, row: Row, copies: number, isFinal: boolean): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) this.#kept.set(key, { row, copies, isFinal });
    else {
      this.#kept.touch(key);
      kept.row = row;
      kept.copies = copies;
      kept.isFinal = isFinal;
    }
    this.#schedule(key, row, isFinal);
  }

  #schedule(key: Key, row: Row, isFinal: boolean): void {
    const closesAt = this.#closesAt(row);
    if (Number.isNaN(closesAt)) return;
    if (closesAt > this.#keptTo) this.#keptTo = closesAt;
    if (isFinal) this.#forgetting.add(closesAt + this.#view.allowedLatenessMs, key);
    else this.#closing.add(closesAt, key);
  }

  /** Publishes what closed since the last time. */
  #close(now: number): void {
    // What is due comes to memory, and is scheduled there.
    for (const key of this.#kept.dueOnDisk(now)) this.#kept.get(key);
    for (let key = this.#closing.due(now); key !== undefined; key = this.#closing.due(now)) {
      const kept = this.#kept.get(key);
      if (kept === undefined || kept.isFinal) continue;
      if (!(this.#closesAt(kept.row) < now)) {
        this.#schedule(key, kept.row, false);
        continue;
      }
      for (let copy = 1; copy <= kept.copies; copy++) this.#emit(kept.row, copy, 'upsert', 'final');
      if (this.#isKeyed) this.#kept.delete(key);
      else this.#keep(key, kept.row, kept.copies, true);
    }
  }

  #emit(row: Row, copy: number, operation: Published['operation'], state: Published['state']): void {
    this.#published.push({ row, copy, operation, state });
  }

  ages(visit: (age: Age, at: number, bytes: number) => void): void {
    this.#kept.eachSize(({ isFinal, row }, bytes) => {
      const closesAt = this.#closesAt(row);
      if (!isFinal && !Number.isNaN(closesAt)) visit('time', closesAt - this.#lagMs, bytes);
    });
  }

  shed({ time }: ShedCut): void {
    for (const [key, { copies, isFinal, row }] of this.#kept.entries()) {
      if (isFinal || !(this.#closesAt(row) - this.#lagMs <= time)) continue;
      for (let copy = 1; copy <= copies; copy++) this.#emit(row, copy, 'upsert', 'final');
      this.#kept.delete(key);
    }
  }

  /** The tables were filled from a snapshot. */
  restored(): void {
    this.#closing.clear();
    this.#forgetting.clear();
    const before = this.#before;
    for (const [key, kept] of this.#kept.entries()) this.#revive(key, kept, before);
  }
}
