/**
 * Reads one partition from the segment files, in any thread.
 *
 * Tail and catch-up are one path: take what the index has, read a run of batches that lie near each
 * other with one call, hand them out. When nothing is left and the board has not changed since,
 * `next` answers null without touching anything else.
 *
 * Every read goes into a buffer of its own that is never written again, so a batch stays valid as
 * long as somebody holds it (and keeps at most `RUN_BYTES` alive). Of a large batch only those columns are read that
 * are touched (`segment-pages.ts`), as long as its segment is kept: retention spares what a reader has not passed. Where
 * several cursors of a thread read a partition, they share batches (`recent-batches.ts`).
 */
import { decodePages, pagesOf, type BatchPages, type DictionaryChain } from '../../event/batch.js';
import type { Column, ColumnBatch } from '../../event/columns.js';
import { gather } from '../../event/gather.js';
import type { Schema } from '../../event/schema.js';
import { MillraceError } from '../../util/errors.js';
import type { LogBatch, LogCursor } from '../log.js';
import type { Board } from './board.js';
import type { Companions } from './companions.js';
import { ENTRY_KIND, type DirectoryEntry } from './layout.js';
import { SegmentPages } from './segment-pages.js';
import type { SegmentView, SegmentViews } from './segment-view.js';
import type { StreamRecord } from './state.js';

/** Most bytes of one read, unless a single batch is larger. */
const RUN_BYTES = 1024 * 1024;
/** Foreign bytes between two batches that are read along rather than skipped. */
const GAP_BYTES = 64 * 1024;

/** Batches that cursors of a partition go ahead together. */
const TOGETHER = 8;
/** A cursor that is more batches behind is not waited for. */
const NEAR = 4 * TOGETHER;

/** What a cursor reads from. */
export interface CursorSource {
  readonly board: Board;
  readonly views: SegmentViews;
  /** The stream as known now; a newer schema may appear while the cursor lives. */
  stream(id: number): StreamRecord | undefined;
  /** Resolves at the next change of the board after `version`. */
  changed(version: number, signal: AbortSignal | undefined): Promise<void>;
}

/** A cursor over segment files. */
export class SegmentCursor implements LogCursor {
  readonly #source: CursorSource;
  readonly #streamId: number;
  readonly #partition: number;
  readonly #name: string;
  readonly #slot: number;
  /** Names the partition for `RecentBatches`. */
  readonly #shared: string;
  readonly #companions: Companions;
  #position: number;
  #view: SegmentView | null = null;
  /** Next batch in the view's list. */
  #next = 0;
  #run: { bytes: Uint8Array; from: number } | null = null;
  #seenVersion = -1;
  #closed = false;

  constructor(source: CursorSource, stream: StreamRecord, partition: number, offset: number) {
    this.#source = source;
    this.#streamId = stream.id;
    this.#partition = partition;
    this.#name = stream.definition.name;
    this.#slot = stream.firstSlot + partition;
    this.#position = offset;
    this.#shared = `${stream.id}/${partition}`;
    const { start, end } = source.board.range(this.#slot);
    if (offset < start || offset > end) throw this.#outOfRange(start, end);
    this.#companions = source.views.recent.enter(this.#shared, this);
  }

  get position(): number {
    return this.#position;
  }

  next(): LogBatch | null {
    const { board } = this.#source;
    const { version } = board;
    if (this.#closed || version === this.#seenVersion) return null;
    for (;;) {
      const entry = this.#nextEntry();
      if (entry === null) {
        this.#seenVersion = version;
        return null;
      }
      const stream = this.#source.stream(this.#streamId);
      // This thread has not heard of the stream's newest schema yet: the message is on its way.
      if (stream === undefined || entry.schemaVersion >= stream.versions.length) return null;
      this.#next += 1;
      if (entry.kind === ENTRY_KIND.dictionary || entry.baseOffset + entry.rows < this.#position) continue;
      if (entry.rows > 0 && entry.baseOffset + entry.rows === this.#position) continue;
      const batch = this.#read(entry, stream.definition.schema);
      this.#position = entry.baseOffset + entry.rows;
      this.#companions.moved();
      return batch;
    }
  }

  get leads(): boolean {
    const { board, views } = this.#source;
    const view = this.#view;
    if (view === null || board.version === this.#seenVersion || this.#companions.size < 2) return false;
    const list = view.index.of(this.#streamId, this.#partition);
    if (this.#next >= list.count) views.refresh(view, board.durable());
    if (this.#next >= list.count || this.#next % TOGETHER !== 0) return false;
    return !views.recent.has(view.number, list.at(this.#next));
  }

  followers(): Promise<void> | null {
    if (this.#view === null || this.#companions.size < 2) return null;
    const list = this.#view.index.of(this.#streamId, this.#partition);
    const from = Math.max(0, this.#next - NEAR);
    return from < this.#next ? this.#companions.passed(list.baseOffset(from), this.#position) : null;
  }

  async wait(signal?: AbortSignal): Promise<void> {
    if (this.#closed || signal?.aborted === true) return;
    if (this.#source.board.version !== this.#seenVersion) return;
    await this.#source.changed(this.#seenVersion, signal);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#run = null;
    this.#source.views.recent.leave(this.#shared, this);
    if (this.#view !== null) this.#source.views.release(this.#view);
    this.#view = null;
  }

  /** The entry to be read next, moving through segments; null when there is none yet. */
  #nextEntry(): DirectoryEntry | null {
    const { board, views } = this.#source;
    const durable = board.durable();
    if (this.#view === null)
      this.#enter(views.locate(this.#slot, this.#streamId, this.#partition, this.#position, durable));
    for (;;) {
      const view = this.#view;
      if (view === null) return null;
      const list = view.index.of(this.#streamId, this.#partition);
      if (this.#next < list.count) return list.entry(this.#next);
      if (!view.complete) {
        views.refresh(view, durable);
        if (this.#next < list.count) return list.entry(this.#next);
        if (!view.complete) return null;
      }
      if (!this.#advance(view.number)) return null;
    }
  }

  #advance(number: number): boolean {
    const { board, views } = this.#source;
    const { start, end } = board.range(this.#slot);
    if (this.#position < start) throw this.#outOfRange(start, end);
    return this.#enter(views.after(number, board.durable()));
  }

  /** Goes to the segment `number` or the first one behind it that can be read; says whether there is one. */
  #enter(number: number): boolean {
    const { board, views } = this.#source;
    const durable = board.durable();
    for (let next = number; next >= 0; next = views.after(next, durable)) {
      const view = views.acquire(next);
      if (view === null) continue;
      if (this.#view !== null) views.release(this.#view);
      this.#view = view;
      this.#run = null;
      views.refresh(view, durable);
      // Everything before is read: offsets up to where this segment began hold no rows (any more).
      this.#position = Math.max(this.#position, view.beginOf(this.#slot));
      this.#next = view.index.of(this.#streamId, this.#partition).find(this.#position);
      return true;
    }
    return false;
  }

  #read(entry: DirectoryEntry, schema: Schema): LogBatch {
    try {
      const whole = this.#shareable(entry, schema);
      return entry.rows > 0 && entry.baseOffset < this.#position
        ? tail(whole, this.#position - entry.baseOffset)
        : whole;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'LOG_PAGE_DAMAGED') throw error;
      const batch = new DamagedBatch(schema, entry.rows, error);
      return { ...this.#common(entry), batch, eventTimeMin: NaN, eventTimeMax: NaN, clockAdvanceMs: 0 };
    }
  }

  /** A batch as another cursor has read it, or as it is read now. */
  #shareable(entry: DirectoryEntry, schema: Schema): LogBatch {
    const { recent } = this.#source.views;
    const { number } = this.#view!;
    const known = recent.get(number, entry.at);
    if (known?.batch.schema === schema) return known;
    const pages =
      SegmentPages.of(this.#source.views, this.#view!, entry, schema.columns.length) ?? pagesOf(this.#bytesOf(entry));
    const { attached, eventTimeMin, eventTimeMax, clockAdvanceMs } = pages.header;
    const batch = decodePages(pages, schema, attached ? this.#chain(entry, pages) : undefined);
    const whole = { ...this.#common(entry), batch, eventTimeMin, eventTimeMax, clockAdvanceMs };
    if (entry.rows > 0 && this.#companions.size > 1) recent.add(number, entry.at, whole, entry.bytes);
    return whole;
  }

  #common(entry: DirectoryEntry): Omit<LogBatch, 'batch' | 'eventTimeMin' | 'eventTimeMax' | 'clockAdvanceMs'> {
    return {
      stream: this.#name,
      partition: this.#partition,
      receivedAt: entry.receivedAt,
      clockTotalMs: entry.kind === ENTRY_KIND.clock ? entry.clockTotalMs : 0,
      baseOffset: entry.baseOffset,
      rows: entry.rows,
    };
  }

  #chain(entry: DirectoryEntry, pages: BatchPages): DictionaryChain {
    return this.#view!.chainFor(entry.streamId, entry.partition, entry.schemaVersion, pages, entry.at);
  }

  /** The batch's bytes: from the last read, or from a new one that takes along what follows. */
  #bytesOf(entry: DirectoryEntry): Uint8Array {
    const run = this.#run;
    if (run !== null && entry.at >= run.from && entry.at + entry.bytes <= run.from + run.bytes.length)
      return run.bytes.subarray(entry.at - run.from, entry.at - run.from + entry.bytes);
    const view = this.#view!;
    const list = view.index.of(this.#streamId, this.#partition);
    let end = entry.at + entry.bytes;
    for (let i = this.#next; i < list.count; i++) {
      const at = list.at(i);
      const stop = at + list.bytes(i);
      if (at < end || at - end > GAP_BYTES || stop - entry.at > RUN_BYTES) break;
      end = stop;
    }
    const bytes = view.read(entry.at, end - entry.at);
    if (bytes.length < entry.bytes)
      throw new MillraceError(
        'LOG_PAGE_DAMAGED',
        `segment ${view.number} ends at ${entry.at + bytes.length}, inside the batch at offset ${entry.baseOffset}`,
      );
    this.#run = { bytes, from: entry.at };
    return bytes.subarray(0, entry.bytes);
  }

  #outOfRange(start: number, end: number): MillraceError {
    const text = `${this.#name}/${this.#partition} has offsets ${start} to ${end}; ${this.#position} is ${this.#position < start ? 'no longer kept' : 'not written yet'}`;
    return new MillraceError('OFFSET_OUT_OF_RANGE', text);
  }
}

/** The rows of a batch from `skip` on. */
function tail(whole: LogBatch, skip: number): LogBatch {
  const rows = Uint32Array.from({ length: whole.rows - skip }, (_, i) => skip + i);
  return { ...whole, baseOffset: whole.baseOffset + skip, rows: rows.length, batch: gather(whole.batch, rows) };
}

/** A batch of which nothing can be read: every column says so. */
class DamagedBatch implements ColumnBatch {
  readonly schema: Schema;
  readonly rows: number;
  readonly #error: MillraceError;

  constructor(schema: Schema, rows: number, error: MillraceError) {
    this.schema = schema;
    this.rows = rows;
    this.#error = error;
  }

  column(): Column {
    throw this.#error;
  }
}
