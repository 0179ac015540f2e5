/**
 * What a start reads from the folder, and what it makes of damage.
 *
 * The state is the newest readable checkpoint plus every commit behind it. Only the newest segment
 * can end in a commit that was never synced; where an older one ends is written in the next one's
 * checkpoint. Every commit of the newest segment is verified:
 *
 * - Unreadable, with a readable one behind it: it was synced once, so it is damage. The offsets
 *   around it say which rows of which streams are lost; everything else reads on.
 * - Unreadable, with nothing behind it: the last commit. It is cut, and reported with its rows and
 *   bytes as "may have been acknowledged", because nobody can tell. Its offsets are not used again
 *   where they are known: a reader may have seen them.
 */
import { readDescriptor, readHeader } from '../../event/batch.js';
import { crc32c } from '../../event/batch/crc.js';
import type { Disk, DiskFile } from '../../io/disk.js';
import { MillraceError } from '../../util/errors.js';
import type { LostRows } from '../log.js';
import { readFooter } from './footer.js';
import { ENTRY_KIND, SEGMENT_HEADER_BYTES, type DirectoryEntry, type SegmentHeader } from './layout.js';
import { findCheckpoint, findSegmentHeader, scanCommits, type ScannedCommit } from './scan.js';
import { listSegments, segmentPath } from './segment-file.js';
import { LogState, type CommitMetadata } from './state.js';
import type { RecoveryReport } from './types.js';

/** What was found. */
export interface Recovered {
  readonly state: LogState;
  readonly report: RecoveryReport;
  /** Segments that hold commits, rising. */
  readonly segments: readonly { readonly number: number; readonly end: number }[];
  /** Number for the next segment: above every file there was. */
  readonly nextNumber: number;
}

interface Found {
  readonly number: number;
  readonly header: SegmentHeader;
  readonly file: DiskFile;
  readonly size: number;
}

type Damage = { -readonly [K in keyof RecoveryReport['damaged'][number]]: RecoveryReport['damaged'][number][K] };

/** Reads the folder's segments. Throws DATA_FOLDER_NEWER, DATA_FOLDER_DAMAGED. */
export function recover(disk: Disk, folder: string): Recovered {
  const numbers = listSegments(disk, folder);
  const found: Found[] = [];
  const unreadable: { number: number; bytes: number }[] = [];
  for (const number of numbers) {
    const file = disk.open(segmentPath(folder, number), 'read');
    const size = file.size();
    const header = findSegmentHeader(file, number, size);
    if (header !== null && holdsCommit({ number, header, file, size })) {
      found.push({ number, header, file, size });
      continue;
    }
    unreadable.push({ number, bytes: usedBytes(file, 0, size) });
    file.close();
  }
  try {
    const reader = new Reader();
    const segments = reader.read(found);
    for (const { number, bytes } of unreadable) {
      const path = segmentPath(folder, number);
      if (reader.reportUnreadable(number, bytes)) disk.rename(path, `${path}.unreadable`);
      else disk.remove(path);
    }
    const report = { segments: found.length, damaged: reader.damaged, cut: reader.cut };
    return { state: reader.state, report, segments, nextNumber: (numbers.at(-1) ?? 0) + 1 };
  } finally {
    for (const { file } of found) file.close();
  }
}

class Reader {
  readonly state = new LogState();
  readonly damaged: Damage[] = [];
  cut: RecoveryReport['cut'] = null;
  /** Unreadable commits of which the next readable one will tell whether they were synced, and what is lost. */
  #open: Damage[] = [];
  #checkpointSeen = false;
  /** Numbers between these hold nothing. */
  readonly #voids: { readonly after: number; readonly before: number }[] = [];
  #newest = 0;

  /**
   * A file of which no commit can be read: prepared and never begun, begun in vain (the checkpoint
   * behind it names the segment before it), or lost. Says whether it is worth keeping.
   */
  reportUnreadable(segment: number, bytes: number): boolean {
    const isVoid = this.#voids.some(({ after, before }) => segment > after && segment < before);
    if (bytes === 0 || isVoid) return false;
    if (segment > this.#newest)
      this.cut ??= { segment, position: 0, bytes, rows: -1, lost: [], note: 'may have been acknowledged' };
    else this.damaged.push({ segment, position: 0, bytes, reason: 'no commit of this segment can be read', lost: [] });
    return true;
  }

  /** Reads from the newest checkpoint on. Answers all segments that count, with their ends. */
  read(found: readonly Found[]): { number: number; end: number }[] {
    this.#newest = found.at(-1)?.number ?? 0;
    const ends = new Map<number, number>();
    const kept: Found[] = [];
    let bound: { segment: number; end: number } | null | undefined;
    let first = found.length;
    for (let i = found.length - 1; i >= 0; i--) {
      const segment = found[i]!;
      if (bound !== undefined && bound !== null && segment.number > bound.segment) continue;
      const end = bound?.segment === segment.number ? bound.end : segmentEnd(segment);
      ends.set(segment.number, end);
      kept.unshift(segment);
      const checkpoint = readCheckpoint(segment);
      bound = checkpoint?.metadata?.checkpoint?.previous;
      if (bound !== undefined) this.#voids.push({ after: bound?.segment ?? 0, before: segment.number });
      if (checkpoint !== null && !this.#checkpointSeen) {
        this.#checkpointSeen = true;
        first = segment.number;
      }
    }
    if (kept.length > 0 && !this.#checkpointSeen)
      throw new MillraceError(
        'DATA_FOLDER_DAMAGED',
        'no segment of the log has a readable checkpoint, so its streams are unknown; restore the folder from a backup',
      );
    const closing =
      kept.length === 0
        ? undefined
        : readFooter(kept.at(-1)!.file, kept.at(-1)!.header, kept.at(-1)!.size)?.summary.closing;
    if (closing !== undefined) this.state.apply(closing.sequence, closing.arrivalClockMs, [], closing.metadata);
    for (const segment of closing === undefined ? kept : []) {
      if (segment.number < first) continue;
      const end = this.#readSegment(segment, ends.get(segment.number)!, segment === kept.at(-1));
      ends.set(segment.number, end);
    }
    this.#findStarts(kept[0]);
    this.#burnReadOffsets();
    return kept.map(({ number }) => ({ number, end: ends.get(number)! }));
  }

  #readSegment(segment: Found, to: number, newest: boolean): number {
    let last: ScannedCommit | null = null;
    const take = (commit: ScannedCommit): void => {
      if (last !== null) this.#applyBefore(segment, last);
      last = commit;
    };
    const gap = ({ position, bytes }: { position: number; bytes: number }): void => {
      if (last !== null) this.#applyBefore(segment, last);
      last = null;
      this.#damage(segment.number, position, bytes, 'a commit header is unreadable');
    };
    const end = scanCommits(segment.file, segment.header, { from: SEGMENT_HEADER_BYTES, to, check: true }, take, gap);
    const final = last as ScannedCommit | null;
    const footer = readFooter(segment.file, segment.header, segment.size);
    const mayBeTorn = newest && footer === null;
    if (mayBeTorn && final !== null && (final.entries === null || !final.intact)) {
      this.#cutLast(segment.number, final);
      return final.position;
    }
    if (final !== null) this.#applyBefore(segment, final);
    if (!mayBeTorn) {
      if (end < to) this.#damage(segment.number, end, to - end, 'commits at the end are unreadable');
      if (newest) this.damaged.push(...this.#open);
      for (const { streamId, partition, end: reached } of footer?.summary.partitions ?? [])
        this.#burn(streamId, partition, reached);
      return to;
    }
    const sealing = segment.size < segment.header.madeBytes;
    const rest = sealing ? 0 : usedBytes(segment.file, end, segment.size);
    if (rest > 0)
      this.cut = {
        segment: segment.number,
        position: end,
        bytes: rest,
        rows: -1,
        lost: [],
        note: 'may have been acknowledged',
      };
    return end;
  }

  /** Offsets that were given out once are never given out again. */
  #burn(streamId: number, partition: number, end: number): void {
    const stream = this.state.streamsById.get(streamId);
    if (stream === undefined) return;
    const slot = this.state.slot(stream, partition);
    slot.end = Math.max(slot.end, end);
  }

  /** Takes a commit that has another behind it, or is whole. */
  #applyBefore(segment: Found, commit: ScannedCommit): void {
    const { header, position } = commit;
    if (commit.entries === null) {
      this.#damage(segment.number, position, header.bytes, 'a directory is unreadable');
      return;
    }
    if (!commit.intact) this.#damagedBatches(segment, commit);
    this.#settle(segment.number, commit);
    this.state.apply(header.sequence, header.arrivalClockMs, commit.entries, commit.metadata);
  }

  /** Rows between what is known and what a commit starts with. */
  #missing(entries: readonly DirectoryEntry[], metadata: CommitMetadata | null): LostRows[] {
    const begins = new Map<number, number>();
    metadata?.checkpoint?.slots.forEach(([, end], slot) => begins.set(slot, end));
    for (const { streamId, partition, baseOffset, kind } of entries) {
      const stream = this.state.streamsById.get(streamId);
      if (stream === undefined || kind === ENTRY_KIND.dictionary) continue;
      const slot = stream.firstSlot + partition;
      if (!begins.has(slot)) begins.set(slot, baseOffset);
    }
    return [...this.state.streams.values()].flatMap((stream) =>
      this.state.slots
        .slice(stream.firstSlot, stream.firstSlot + stream.definition.partitions)
        .flatMap(({ end }, partition) => {
          const begin = begins.get(stream.firstSlot + partition) ?? end;
          return begin > end ? [{ stream: stream.definition.name, partition, from: end, to: begin }] : [];
        }),
    );
  }

  #damagedBatches(segment: Found, commit: ScannedCommit): void {
    const entries = commit.entries!.filter((entry) => !batchIntact(segment.file, commit.position, entry));
    const { position, header } = commit;
    this.damaged.push({
      segment: segment.number,
      position,
      bytes: header.bytes,
      reason: 'pages fail their crc',
      lost: this.#rowsOf(entries),
    });
  }

  #damage(segment: number, position: number, bytes: number, reason: string): void {
    this.#open.push({ segment, position, bytes, reason, lost: [] });
  }

  /**
   * What was unreadable before a commit is damage if it was synced before this commit was written.
   * Else both may be of one write that was never synced (a checkpoint and its copy).
   */
  #settle(segment: number, { header, entries, metadata }: ScannedCommit): void {
    const isSynced = (damage: Damage): boolean => damage.segment < segment || damage.position < header.syncedEnd;
    const synced = this.#open.filter(isSynced);
    if (synced.length === 0) return;
    this.#open = this.#open.filter((damage) => !isSynced(damage));
    synced[0]!.lost = this.#missing(entries ?? [], metadata);
    this.damaged.push(...synced);
  }

  #cutLast(segment: number, commit: ScannedCommit): void {
    const { position, header, entries } = commit;
    this.#settle(segment, commit);
    const lost = entries === null ? [] : this.#rowsOf(entries);
    // A checkpoint's copy: the segment was just begun, and nothing of it was acknowledged.
    if (header.checkpoint) return;
    this.cut = { segment, position, bytes: header.bytes, rows: header.rows, lost, note: 'may have been acknowledged' };
    for (const { stream, partition, to } of lost) this.#burn(this.state.streams.get(stream)!.id, partition, to);
    this.state.sequence = Math.max(this.state.sequence, header.sequence);
    this.state.floorMs = Math.max(this.state.floorMs, header.arrivalClockMs);
  }

  #rowsOf(entries: readonly DirectoryEntry[]): LostRows[] {
    return entries.flatMap(({ streamId, partition, baseOffset, rows, kind }) => {
      const stream = this.state.streamsById.get(streamId);
      if (stream === undefined || kind !== ENTRY_KIND.rows) return [];
      return [{ stream: stream.definition.name, partition, from: baseOffset, to: baseOffset + rows }];
    });
  }

  /** The oldest kept offset of every slot is where the oldest segment began. */
  #findStarts(oldest: Found | undefined): void {
    if (oldest === undefined) return;
    const began = readCheckpoint(oldest)?.metadata?.checkpoint?.slots;
    if (began === undefined) return;
    this.state.slots.forEach((slot, i) => {
      slot.start = began[i]?.[1] ?? 0;
    });
  }

  /** A reader can't have seen more than there was: offsets below its positions are never used again. */
  #burnReadOffsets(): void {
    for (const reader of this.state.readers.values())
      for (const { stream, partition, offset } of [...(reader.positions ?? []), ...reader.holds]) {
        const record = this.state.streams.get(stream);
        if (record !== undefined && partition < record.definition.partitions) this.#burn(record.id, partition, offset);
      }
  }
}

function segmentEnd({ file, header, size }: Found): number {
  return readFooter(file, header, size)?.trailer.commitsEnd ?? size;
}

function readCheckpoint({ file, header, size }: Found): ScannedCommit | null {
  return findCheckpoint(file, header, size);
}

/** A segment whose checkpoint alone was written, and torn, was never begun. */
function holdsCommit({ file, header, size }: Found): boolean {
  let holds = false;
  const range = { from: SEGMENT_HEADER_BYTES, to: size, check: false, stop: () => holds };
  scanCommits(
    file,
    header,
    range,
    (commit) => (holds ||= commit.entries !== null),
    () => undefined,
  );
  return holds;
}

/** Bytes from `from` up to the last one that is not zero. */
function usedBytes(file: DiskFile, from: number, size: number): number {
  const piece = new Uint8Array(1024 * 1024);
  for (let end = size; end > from; end -= piece.length) {
    const start = Math.max(from, end - piece.length);
    const got = file.readSync(piece, 0, end - start, start);
    for (let i = got - 1; i >= 0; i--) if (piece[i] !== 0) return start + i + 1 - from;
  }
  return 0;
}

function batchIntact(file: DiskFile, commitAt: number, { at, bytes }: DirectoryEntry): boolean {
  const batch = new Uint8Array(bytes);
  if (file.readSync(batch, 0, bytes, commitAt + at) < bytes) return false;
  try {
    const header = readHeader(batch);
    for (let i = 0; i < header.columns; i++) {
      const page = readDescriptor(batch, i);
      if (crc32c(batch, page.at, page.at + page.bytes) !== page.crc) return false;
    }
    const { dictionary } = header;
    return dictionary === null || crc32c(batch, dictionary.at, dictionary.at + dictionary.bytes) === dictionary.crc;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'LOG_PAGE_DAMAGED') return false;
    throw error;
  }
}
