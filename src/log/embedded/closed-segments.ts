/**
 * Segments that are no longer written: sealed in the background, counted, and deleted when
 * retention allows. One of these works at a time, oldest first.
 *
 * Recovery: a segment that a crash left unsealed is sealed after the next start. A seal that fails
 * is left: footers are derived, and readers scan instead. A segment whose write failed is never
 * touched again by the process that saw the failure, except to delete it.
 */
import type { Clock } from '../../io/clock.js';
import type { Disk } from '../../io/disk.js';
import { MillraceError } from '../../util/errors.js';
import { SegmentCursor, type CursorSource } from './cursor.js';
import { readFooter, sealSegment, summarize, type ClosingState, type FooterDictionary } from './footer.js';
import type { DirectoryEntry } from './layout.js';
import { rebuildDictionaries } from './rebuild.js';
import { judge, type ClosedSegment, type Needed } from './retention.js';
import { findSegmentHeader } from './scan.js';
import { segmentPath, type ActiveSegment } from './segment-file.js';
import type { LogState } from './state.js';
import { countTenants } from './tenant-counts.js';
import type { CutRows, LogStats } from './types.js';

/** What is needed to look after closed segments. */
export interface ClosedSegmentsInput {
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly state: LogState;
  readonly source: CursorSource;
  /** Segments found at start, rising. */
  readonly segments: readonly { readonly number: number; readonly end: number }[];
  readonly onCut?: (rows: readonly CutRows[]) => Promise<void> | void;
}

interface Closed {
  readonly number: number;
  /** Where its commits end. */
  readonly end: number;
  /** Null until it was sealed or read. */
  summary: ClosedSegment['summary'] | null;
  bytes: number;
}

/** Looks after the segments that are no longer written. */
export class ClosedSegments {
  readonly #input: ClosedSegmentsInput;
  readonly #segments: Closed[];
  readonly #streamBytes = new Map<number, number>();
  #refusing = new Set<string>();
  #work: Promise<void> = Promise.resolve();
  #cleaning = false;
  #deleted = 0;
  #sealFailures = 0;
  #ended = false;

  constructor(input: ClosedSegmentsInput) {
    this.#input = input;
    this.#segments = input.segments.map(({ number, end }) => {
      const file = input.disk.open(segmentPath(input.folder, number), 'read');
      try {
        const bytes = file.size();
        const header = findSegmentHeader(file, number, bytes);
        const summary = header === null ? null : (readFooter(file, header, bytes)?.summary ?? null);
        return { number, end, summary, bytes };
      } finally {
        file.close();
      }
    });
    for (const { summary } of this.#segments) this.#countAll(summary, 1);
  }

  /** Number of the oldest segment kept, if any is closed. */
  get oldest(): number | undefined {
    return this.#segments[0]?.number;
  }

  /** Seals what a crash left unsealed, in the background. */
  sealBehind(): void {
    for (const segment of this.#segments) if (segment.summary === null) this.#enqueue(() => this.#sealFound(segment));
    this.clean();
  }

  /** Takes over a segment that gets no more commits; `healthy` unless its disk failed. */
  add(active: ActiveSegment, healthy: boolean): void {
    this.#takeOver(active, healthy, undefined);
  }

  #takeOver(active: ActiveSegment, healthy: boolean, closing: ClosingState | undefined): void {
    const segment: Closed = { number: active.header.segment, end: active.end, summary: null, bytes: active.size };
    this.#segments.push(segment);
    if (!healthy) {
      segment.summary = summarize(active.index);
      return;
    }
    this.#enqueue(() => this.#sealActive(active, segment, closing));
  }

  /** Counts a batch that was just committed. */
  count({ streamId, bytes }: DirectoryEntry): void {
    const total = (this.#streamBytes.get(streamId) ?? 0) + bytes;
    this.#streamBytes.set(streamId, total);
    const bytesMax = this.#input.state.streamsById.get(streamId)?.definition.bytesMax ?? Infinity;
    if (total > bytesMax && !this.#cleaning) this.clean();
  }

  /** Throws LOG_DISK_FULL when the stream is at its bound and a reader still needs its oldest rows. */
  checkRoom(stream: string): void {
    if (!this.#refusing.has(stream)) return;
    const bytesMax = this.#input.state.streams.get(stream)?.definition.bytesMax;
    throw new MillraceError(
      'LOG_DISK_FULL',
      `stream '${stream}' is at its bound of ${bytesMax} bytes and a reader still needs its oldest rows; it goes on when the reader has caught up`,
    );
  }

  /** Looks for segments to delete, in the background. */
  clean(): void {
    if (this.#cleaning || this.#ended) return;
    this.#cleaning = true;
    this.#enqueue(() => this.#clean()).finally(() => {
      this.#cleaning = false;
    });
  }

  /** Finishes what is under way and seals the active segment. */
  async close(active: ActiveSegment | null): Promise<void> {
    this.#ended = true;
    if (active !== null) {
      const { state } = this.#input;
      this.#takeOver(active, true, {
        sequence: state.sequence,
        arrivalClockMs: state.floorMs,
        metadata: state.checkpoint(null),
      });
    }
    await this.#work;
  }

  /** Counts for `stats`. */
  totals(
    active: ActiveSegment | null,
  ): Pick<LogStats, 'segments' | 'bytesOnDisk' | 'segmentsDeleted' | 'streams' | 'sealFailures'> {
    const open = active === null ? 0 : 1;
    return {
      segments: this.#segments.length + open,
      bytesOnDisk: this.#segments.reduce((sum, segment) => sum + segment.bytes, active?.size ?? 0),
      segmentsDeleted: this.#deleted,
      sealFailures: this.#sealFailures,
      streams: Array.from(this.#input.state.streams.values(), (stream) => ({
        name: stream.definition.name,
        bytes: this.#streamBytes.get(stream.id) ?? 0,
        rows: this.#input.state.slots
          .slice(stream.firstSlot, stream.firstSlot + stream.definition.partitions)
          .reduce((sum, slot) => sum + slot.end - slot.start, 0),
      })),
    };
  }

  #enqueue(run: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(run).catch(() => {
      this.#sealFailures += 1;
    });
    return this.#work;
  }

  async #sealActive(active: ActiveSegment, segment: Closed, closing: ClosingState | undefined): Promise<void> {
    segment.summary = summarize(active.index);
    const dictionaries: FooterDictionary[] = active.scopes.all().map(({ scope, stream, partition, version }) => {
      return { streamId: stream.id, partition, schemaVersion: version, scope };
    });
    try {
      await sealSegment(active.file, active.header, active.end, active.index, dictionaries, closing);
      segment.bytes = active.file.size();
    } finally {
      active.file.close();
    }
  }

  async #sealFound(segment: Closed): Promise<void> {
    const { disk, folder, source, state } = this.#input;
    const view = source.views.acquire(segment.number);
    if (view === null) return;
    try {
      view.extend(segment.end, true);
      segment.summary = summarize(view.index);
      this.#countAll(segment.summary, 1);
      const file = disk.open(segmentPath(folder, segment.number), 'write');
      try {
        await sealSegment(file, view.header, segment.end, view.index, rebuildDictionaries(view, state));
        segment.bytes = file.size();
      } finally {
        file.close();
      }
    } finally {
      source.views.release(view);
    }
  }

  async #clean(): Promise<void> {
    const { state, clock } = this.#input;
    let refusing = new Set<string>();
    while (!this.#ended) {
      const oldest = this.#segments[0];
      if (oldest === undefined || oldest.summary === null) break;
      const verdict = judge({ ...oldest, summary: oldest.summary }, state, this.#streamBytes, clock.now());
      if (verdict.action === 'refuse') refusing = new Set(verdict.streams);
      if (verdict.action !== 'delete') break;
      if (verdict.needed.length > 0) await this.#tellCut(verdict.needed);
      this.#delete(oldest);
    }
    this.#refusing = refusing;
  }

  async #tellCut(needed: readonly Needed[]): Promise<void> {
    const { source, onCut } = this.#input;
    const rows = needed.flatMap((part): CutRows[] => {
      const { reader, stream, partition, from, to } = part;
      const common = { reader, stream: stream.definition.name, partition, from, to };
      const cursor = new SegmentCursor(source, stream, partition, from);
      try {
        return countTenants(cursor, to).map(({ tenant, count }) => ({ ...common, tenant, rows: count }));
      } finally {
        cursor.close();
      }
    });
    await onCut?.(rows);
  }

  #delete(oldest: Closed): void {
    const { disk, folder, state, source } = this.#input;
    this.#segments.shift();
    const changed = oldest.summary!.partitions.flatMap(({ streamId, partition, end }) => {
      const stream = state.streamsById.get(streamId);
      if (stream === undefined) return [];
      const slot = state.slot(stream, partition);
      slot.start = Math.max(slot.start, end);
      return [{ slot: stream.firstSlot + partition, start: slot.start }];
    });
    const next = this.#segments[0]?.number ?? source.board.durable().segment;
    source.board.publish(true, (write) => {
      write.oldest(next);
      for (const { slot, start } of changed) write.start(slot, start);
    });
    disk.remove(segmentPath(folder, oldest.number));
    disk.syncDirectory(folder);
    this.#countAll(oldest.summary, -1);
    this.#deleted += 1;
  }

  #countAll(summary: ClosedSegment['summary'] | null, sign: number): void {
    for (const { streamId, bytes } of summary?.partitions ?? [])
      this.#streamBytes.set(streamId, (this.#streamBytes.get(streamId) ?? 0) + sign * bytes);
  }
}
