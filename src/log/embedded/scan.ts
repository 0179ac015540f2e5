/**
 * Walks the commits of a segment file, over damage.
 *
 * A commit is written only after the one before it was synced. So a readable commit behind an
 * unreadable one proves that the unreadable one was on disk once: that is damage. An unreadable
 * commit with nothing readable behind it is the last one: it may never have been synced.
 */
import type { DiskFile } from '../../io/disk.js';
import {
  COMMIT_HEADER_BYTES,
  ENTRY_BYTES,
  batchesIntact,
  directoryIntact,
  readCommitHeader,
  readEntry,
  readSegmentHeader,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  type CommitHeader,
  type DirectoryEntry,
  type SegmentHeader,
} from './layout.js';
import type { CommitMetadata } from './state.js';

/** How much is read at once. */
const READ_BYTES = 1024 * 1024;

/** A commit found by a scan. */
export interface ScannedCommit {
  readonly position: number;
  readonly header: CommitHeader;
  /** Batch positions count from the commit's start. Null when the directory is damaged. */
  readonly entries: readonly DirectoryEntry[] | null;
  readonly metadata: CommitMetadata | null;
  /** Only when asked for: whether the batches are intact. */
  readonly intact: boolean;
}

/** What a scan found out of order. */
export interface ScanGap {
  readonly position: number;
  readonly bytes: number;
}

/** A file read through a window, so that small pieces near each other cost one read. */
export class WindowReader {
  readonly #file: DiskFile;
  readonly #size: number;
  #window = new Uint8Array(0);
  #at = 0;

  constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** `length` bytes at `position`, fewer at the end. Valid until the next call. */
  read(position: number, length: number): Uint8Array {
    const end = Math.min(position + length, this.#size);
    if (position < this.#at || end > this.#at + this.#window.length) {
      const wanted = Math.min(Math.max(length, READ_BYTES), Math.max(0, this.#size - position));
      const window = new Uint8Array(wanted);
      const got = this.#file.readSync(window, 0, wanted, position);
      this.#window = window.subarray(0, got);
      this.#at = position;
    }
    return this.#window.subarray(position - this.#at, Math.max(position, end) - this.#at);
  }
}

/**
 * The header of a segment file; when it is damaged, what the first readable commit says. Null when
 * the file was never begun.
 */
export function findSegmentHeader(file: DiskFile, number: number, size: number): SegmentHeader | null {
  const first = new Uint8Array(SEGMENT_HEADER_BYTES);
  const got = file.readSync(first, 0, first.length, 0);
  const header = readSegmentHeader(first.subarray(0, got));
  if (header !== null) return header;
  const reader = new WindowReader(file, size);
  for (let position = SEGMENT_HEADER_BYTES; position < size; position += SECTOR_BYTES) {
    const bytes = reader.read(position, COMMIT_HEADER_BYTES);
    if (bytes.length < COMMIT_HEADER_BYTES) break;
    const data = new DataView(bytes.buffer, bytes.byteOffset, COMMIT_HEADER_BYTES);
    const guess: SegmentHeader = {
      segment: number,
      nonce: [data.getUint32(48, true), data.getUint32(52, true)],
      createdMs: 0,
      madeBytes: 0,
    };
    if (readCommitHeader(bytes, 0, guess) !== null) return guess;
  }
  return null;
}

/**
 * Gives every readable commit between `from` and `to` to `found`, in order, and every stretch that
 * is none to `gap`. With `check` the batches are verified too. Answers where the last one ends.
 */
export function scanCommits(
  file: DiskFile,
  segment: SegmentHeader,
  range: { readonly from: number; readonly to: number; readonly check: boolean; readonly stop?: () => boolean },
  found: (commit: ScannedCommit) => void,
  gap: (gap: ScanGap) => void,
): number {
  const reader = new WindowReader(file, range.to);
  let position = range.from;
  while (position < range.to && range.stop?.() !== true) {
    const header = readCommitHeader(reader.read(position, COMMIT_HEADER_BYTES), 0, segment);
    if (header !== null && header.bytes >= SECTOR_BYTES && position + header.bytes <= range.to) {
      found(readCommit(reader, position, header, range.check));
      position += header.bytes;
      continue;
    }
    const next = findNext(reader, segment, position + SECTOR_BYTES, range.to);
    if (next < 0) return position;
    gap({ position, bytes: next - position });
    position = next;
  }
  return position;
}

/** A segment's checkpoint: the first commit, or its copy behind it. Null when neither can be read. */
export function findCheckpoint(file: DiskFile, segment: SegmentHeader, size: number): ScannedCommit | null {
  let checkpoint: ScannedCommit | null = null;
  let passed = false;
  const take = (commit: ScannedCommit): void => {
    if (!commit.header.checkpoint) passed = true;
    else if (commit.metadata !== null) checkpoint ??= commit;
  };
  const range = { from: SEGMENT_HEADER_BYTES, to: size, check: false, stop: () => passed || checkpoint !== null };
  scanCommits(file, segment, range, take, () => undefined);
  return checkpoint;
}

function readCommit(reader: WindowReader, position: number, header: CommitHeader, check: boolean): ScannedCommit {
  const length = header.batches * ENTRY_BYTES + header.metadataBytes;
  const directory = reader.read(position + header.directoryAt, length);
  const readable = directoryIntact(header, directory);
  const entries = readable ? parseEntries(directory, header.batches) : null;
  const metadata =
    readable && header.metadataBytes > 0 ? parseMetadata(directory.subarray(header.batches * ENTRY_BYTES)) : null;
  const intact = !check || batchesIntact(header, reader.read(position, header.directoryAt));
  return { position, header, entries, metadata, intact };
}

function findNext(reader: WindowReader, segment: SegmentHeader, from: number, to: number): number {
  for (let position = from; position < to; position += SECTOR_BYTES)
    if (readCommitHeader(reader.read(position, COMMIT_HEADER_BYTES), 0, segment) !== null) return position;
  return -1;
}

/** The entries of a directory or an index. */
export function parseEntries(bytes: Uint8Array, count: number): DirectoryEntry[] {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) => readEntry(data, i * ENTRY_BYTES));
}

function parseMetadata(bytes: Uint8Array): CommitMetadata {
  return JSON.parse(new TextDecoder().decode(bytes)) as CommitMetadata;
}
