/**
 * Segments as one thread reads them: open files, indexes and dictionaries, shared by its cursors.
 *
 * Limits: at most `OPEN_MAX` segments are kept open beyond those that a cursor stands in.
 */
import { DictionaryChain, readHeader, type BatchPages } from '../../event/batch.js';
import type { Disk, DiskFile } from '../../io/disk.js';
import { MillraceError } from '../../util/errors.js';
import type { Board, Durable } from './board.js';
import { readFooter } from './footer.js';
import { ENTRY_KIND, SEGMENT_HEADER_BYTES, type SegmentHeader } from './layout.js';
import { findCheckpoint, findSegmentHeader, scanCommits } from './scan.js';
import { RecentBatches } from './recent-batches.js';
import { listSegments, segmentPath } from './segment-file.js';
import { SegmentIndex } from './segment-index.js';
import type { CommitMetadata } from './state.js';

const OPEN_MAX = 4;

interface Chain {
  readonly chain: DictionaryChain;
  /** Position of the last batch whose dictionary page was applied; -1 at the start. */
  appliedTo: number;
}

/** One segment, open for reading. */
export class SegmentView {
  readonly number: number;
  readonly index = new SegmentIndex();
  /** Cursors that stand here. */
  users = 0;
  readonly #file: DiskFile;
  readonly header: SegmentHeader;
  readonly #chains = new Map<string, Chain>();
  readonly #dictionaries = new Map<string, { at: number; bytes: number }>();
  #checkpoint: CommitMetadata | null = null;
  #scannedTo = SEGMENT_HEADER_BYTES;
  #complete = false;

  constructor(number: number, file: DiskFile, header: SegmentHeader) {
    this.number = number;
    this.#file = file;
    this.header = header;
    this.#readFooter();
  }

  /** Whether the index holds everything that the segment will ever hold. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Extends the index to `end`; `final` when nothing comes behind it. */
  extend(end: number, final: boolean): void {
    if (this.#complete) return;
    if (end > this.#scannedTo) {
      scanCommits(
        this.#file,
        this.header,
        { from: this.#scannedTo, to: end, check: false },
        (commit) => {
          if (commit.header.checkpoint) this.#checkpoint ??= commit.metadata;
          if (commit.entries !== null) this.index.add(commit.entries, commit.position);
        },
        // Recovery has reported what is unreadable; offsets show the reader what is missing.
        () => undefined,
      );
      this.#scannedTo = end;
    }
    this.#complete = final;
  }

  /** The state with which the segment began; null when that is damaged. */
  checkpoint(): CommitMetadata | null {
    this.#checkpoint ??= findCheckpoint(this.#file, this.header, this.#file.size())?.metadata ?? null;
    return this.#checkpoint;
  }

  /** The offset at which a slot stood when the segment began; 0 when that can't be read. */
  beginOf(slot: number): number {
    return this.checkpoint()?.checkpoint?.slots[slot]?.[1] ?? 0;
  }

  /** Reads `bytes` at `position` into a buffer of its own, which nobody will write to again. */
  read(position: number, bytes: number): Uint8Array {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    const got = this.#file.readSync(buffer, 0, bytes, position);
    return new Uint8Array(buffer.buffer, 0, got);
  }

  /** The dictionaries that the batch at `position` needs, with its own entries applied. */
  chainFor(
    streamId: number,
    partition: number,
    schemaVersion: number,
    pages: BatchPages,
    position: number,
  ): DictionaryChain {
    const { header } = pages;
    const key = `${streamId}/${partition}/${schemaVersion}`;
    let own = this.#chains.get(key);
    if (own === undefined) this.#chains.set(key, (own = this.#openChain(key)));
    if (own.appliedTo >= position) return own.chain;
    if (header.previousDictionary <= own.appliedTo) own.chain.applyPages(pages);
    else own.chain.openPages(pages, this.#backwards(position));
    own.appliedTo = header.dictionary === null ? Math.max(own.appliedTo, header.previousDictionary) : position;
    return own.chain;
  }

  size(): number {
    return this.#file.size();
  }

  close(): void {
    this.#file.close();
  }

  #openChain(key: string): Chain {
    const chain = new DictionaryChain();
    const whole = this.#dictionaries.get(key);
    if (whole === undefined) return { chain, appliedTo: -1 };
    try {
      chain.apply(this.read(whole.at, whole.bytes));
      return { chain, appliedTo: chain.damagedPages.length === 0 ? Infinity : -1 };
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      return { chain: new DictionaryChain(), appliedTo: -1 };
    }
  }

  /** Reads batches by links that only lead back. */
  #backwards(from: number): (position: number) => Uint8Array | null {
    let below = from;
    return (position) => {
      if (position >= below) return null;
      below = position;
      return this.#batchAt(position);
    };
  }

  #batchAt(position: number): Uint8Array | null {
    const start = this.read(position, 32);
    if (start.length < 32) return null;
    const bytes = new DataView(start.buffer).getUint32(16, true);
    if (bytes > 1 << 30) return null;
    const batch = this.read(position, bytes);
    try {
      readHeader(batch);
      return batch;
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'LOG_PAGE_DAMAGED') return null;
      throw error;
    }
  }

  #readFooter(): void {
    const footer = readFooter(this.#file, this.header, this.#file.size());
    if (footer === null) return;
    for (const entry of footer.entries) {
      if (entry.kind !== ENTRY_KIND.dictionary) this.index.of(entry.streamId, entry.partition).push(entry, entry.at);
      else
        this.#dictionaries.set(`${entry.streamId}/${entry.partition}/${entry.schemaVersion}`, {
          at: entry.at,
          bytes: entry.bytes,
        });
    }
    this.#complete = true;
  }
}

/** The segments of a log, opened as they are needed. */
export class SegmentViews {
  readonly recent = new RecentBatches();
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #board: Board;
  readonly #open = new Map<number, SegmentView>();
  #ended = false;
  #numbers: number[] = [];
  #listedFor = '';

  constructor(disk: Disk, folder: string, board: Board) {
    this.#disk = disk;
    this.#folder = folder;
    this.#board = board;
  }

  /** A segment for a cursor; give it back with `release`. Null when the file is gone or void. */
  acquire(number: number): SegmentView | null {
    let view = this.#open.get(number);
    if (view === undefined) {
      const opened = this.#openView(number);
      if (opened === null) return null;
      view = opened;
      this.#open.set(number, view);
    }
    view.users += 1;
    return view;
  }

  release(view: SegmentView): void {
    view.users -= 1;
    if (this.#open.size <= OPEN_MAX) return;
    for (const [number, other] of this.#open) {
      if (other.users > 0 || number === this.#board.durable().segment) continue;
      this.#open.delete(number);
      other.close();
      if (this.#open.size <= OPEN_MAX) return;
    }
  }

  /**
   * Reads `bytes` at `position` of a segment, which nobody may stand in any more. Throws LOG_PAGE_DAMAGED when it is
   * no longer kept.
   */
  read(number: number, position: number, bytes: number): Uint8Array {
    if (this.#ended) throw new MillraceError('SHUTTING_DOWN', 'the log is closed');
    const view = this.acquire(number);
    if (view === null) throw new MillraceError('LOG_PAGE_DAMAGED', `segment ${number} is no longer kept`);
    try {
      return view.read(position, bytes);
    } finally {
      this.release(view);
    }
  }

  /** Brings a segment's index up to what is durable. */
  refresh(view: SegmentView, durable: Durable): void {
    if (view.complete) return;
    if (view.number === durable.segment) view.extend(durable.end, false);
    else view.extend(this.#finalEnd(view.number), true);
  }

  /** The next segment behind `number` that may hold rows; -1 when `number` is the newest. */
  after(number: number, durable: Durable): number {
    return this.#list(durable).find((other) => other > number) ?? -1;
  }

  /** The segment in which to look for `offset` of a slot. */
  locate(slot: number, streamId: number, partition: number, offset: number, durable: Durable): number {
    const numbers = this.#list(durable);
    for (let i = numbers.length - 1; i > 0; i--) {
      const start = this.#startOf(numbers[i]!, slot, streamId, partition);
      if (start !== null && start <= offset) return numbers[i]!;
    }
    return numbers[0] ?? durable.segment;
  }

  /** Closes every file. */
  close(): void {
    this.#ended = true;
    for (const view of this.#open.values()) view.close();
    this.#open.clear();
  }

  /** The offset at which a slot stood when the segment began. */
  #startOf(number: number, slot: number, streamId: number, partition: number): number | null {
    const view = this.acquire(number);
    if (view === null) return null;
    try {
      const checkpoint = view.checkpoint()?.checkpoint;
      if (checkpoint !== undefined) return checkpoint.slots[slot]?.[1] ?? 0;
      this.refresh(view, this.#board.durable());
      const list = view.index.of(streamId, partition);
      return list.count === 0 ? null : list.baseOffset(0);
    } finally {
      this.release(view);
    }
  }

  /** Where the commits of a segment end that is no longer written: the next one's checkpoint says. */
  #finalEnd(number: number): number {
    const durable = this.#board.durable();
    const all = this.#open.get(number)?.size() ?? 0;
    // Behind a failed segment may lie others that were made in vain and hold nothing at all.
    for (let next = this.after(number, durable); next >= 0; next = this.after(next, durable)) {
      const view = this.acquire(next);
      if (view === null) continue;
      try {
        const previous = view.checkpoint()?.checkpoint?.previous;
        if (previous === undefined || previous === null || previous.segment > number) return all;
        // Made after a failure and never used: the checkpoint names the segment before it.
        return previous.segment === number ? previous.end : SEGMENT_HEADER_BYTES;
      } finally {
        this.release(view);
      }
    }
    return all;
  }

  #list(durable: Durable): number[] {
    const wanted = `${durable.oldest}/${durable.segment}`;
    if (this.#listedFor !== wanted) {
      this.#numbers = listSegments(this.#disk, this.#folder).filter(
        (number) => number <= durable.segment && number >= durable.oldest,
      );
      this.#listedFor = wanted;
      this.#closeDeleted(durable.oldest);
    }
    return this.#numbers;
  }

  /** An open file of a deleted segment would keep its space on the disk. */
  #closeDeleted(oldest: number): void {
    for (const [number, view] of this.#open) {
      if (number >= oldest || view.users > 0) continue;
      this.#open.delete(number);
      view.close();
    }
  }

  #openView(number: number): SegmentView | null {
    const path = segmentPath(this.#folder, number);
    if (!this.#disk.exists(path)) return null;
    const file = this.#disk.open(path, 'read');
    const header = findSegmentHeader(file, number, file.size());
    if (header !== null) return new SegmentView(number, file, header);
    file.close();
    return null;
  }
}
