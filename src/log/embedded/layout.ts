/**
 * The bytes of a segment file: its header, its commits, its footer. `FORMAT.md` draws the whole.
 *
 * Segment header, 512 bytes:
 *
 *   0  u32  magic "MRS1"              12  u32  segment number
 *   4  u32  crc32c of [8 .. 64)       16  8 B  nonce, random
 *   8  u32  format version, 1         24  f64  created, ms
 *                                     32  f64  bytes that the file was made with
 *
 * Commit, a multiple of 512 bytes, so that no write touches a disk sector of an earlier one:
 *
 *   0  u32  magic "MRC1"              40  f64  end of what was synced before this was written
 *   4  u32  crc32c of [8 .. 80)       48  8 B  the segment's nonce
 *   8  u32  bytes, padding included   56  f64  arrival clock, ms
 *  12  u32  directory at              64  u32  segment number
 *  16  u32  bytes of metadata         68  u32  bit 0: checkpoint
 *  20  u32  crc32c of the directory   72  u32  rows
 *  24  u32  crc32 of [80 .. dir. at)  76  u32  0
 *  28  u32  batches                   80  batches, directory, metadata (JSON), zeros
 *  32  f64  sequence number
 *
 * Directory, and index of a footer: 48 bytes a batch:
 *
 *   0  u32  stream id                 24  u32  bytes
 *   4  u32  partition                 28  u16  schema version
 *   8  f64  base offset               30  u16  kind: 0 rows, 1 clock, 2 dictionary
 *  16  u32  rows                      32  f64  received_at, ms
 *  20  u32  at, from commit (index:   40  f64  clock records: sum of all advances, ms
 *           from segment) start
 *
 * Footer, at the end of a sealed segment: dictionary batches, index, metadata (JSON), then 64 bytes:
 *
 *   0  u32  magic "MRF1"              24  u32  crc32c of index and metadata
 *   4  u32  crc32c of [8 .. 64)       28  u32  segment number
 *   8  f64  end of the commits        32  8 B  nonce
 *  16  u32  index entries             40  u32  index at, from the end of the commits
 *  20  u32  bytes of metadata
 */
import { crc32 } from '@node-rs/crc32';
import { crc32c } from '../../event/batch/crc.js';
import { MillraceError } from '../../util/errors.js';

/** Commits start at multiples of this: the smallest piece that a disk writes. */
export const SECTOR_BYTES = 512;
/** Bytes of a segment's header; the first commit starts here. */
export const SEGMENT_HEADER_BYTES = SECTOR_BYTES;
/** Bytes of a commit's header; the first batch starts here. */
export const COMMIT_HEADER_BYTES = 80;
/** Bytes of one entry of a directory or an index. */
export const ENTRY_BYTES = 48;
/** Bytes at the very end of a sealed segment. */
export const TRAILER_BYTES = 64;
/** The format that this code writes, and the newest that it reads. */
export const FORMAT_VERSION = 1;

const SEGMENT_MAGIC = 0x3153524d;
const COMMIT_MAGIC = 0x3143524d;
const FOOTER_MAGIC = 0x3146524d;

/** What a directory entry points to. */
export const ENTRY_KIND = { rows: 0, clock: 1, dictionary: 2 } as const;

/** `value` up to the next multiple of the sector size. */
export function toSector(value: number): number {
  return Math.ceil(value / SECTOR_BYTES) * SECTOR_BYTES;
}

/** A segment's header, parsed. */
export interface SegmentHeader {
  readonly segment: number;
  /** As two 32-bit words. */
  readonly nonce: readonly [number, number];
  readonly createdMs: number;
  /** Size that the file was made with; a shorter file is sealed, or was about to be. */
  readonly madeBytes: number;
}

/** A commit's header, parsed. Offsets count from the commit's first byte. */
export interface CommitHeader {
  readonly bytes: number;
  readonly directoryAt: number;
  readonly metadataBytes: number;
  readonly directoryCrc: number;
  readonly batchesCrc: number;
  readonly batches: number;
  readonly sequence: number;
  readonly syncedEnd: number;
  readonly arrivalClockMs: number;
  readonly checkpoint: boolean;
  readonly rows: number;
}

/** One batch of a directory. */
export interface DirectoryEntry {
  readonly streamId: number;
  readonly partition: number;
  readonly baseOffset: number;
  readonly rows: number;
  readonly at: number;
  readonly bytes: number;
  readonly schemaVersion: number;
  readonly kind: number;
  readonly receivedAt: number;
  readonly clockTotalMs: number;
}

/** The end of a sealed segment, parsed. */
export interface Trailer {
  readonly commitsEnd: number;
  readonly entries: number;
  readonly metadataBytes: number;
  readonly indexCrc: number;
  /** From the start of the file. */
  readonly indexAt: number;
}

/** Writes a segment's header. */
export function writeSegmentHeader(target: Uint8Array, header: SegmentHeader): void {
  const data = viewOf(target);
  data.setUint32(0, SEGMENT_MAGIC, true);
  data.setUint32(8, FORMAT_VERSION, true);
  data.setUint32(12, header.segment, true);
  data.setUint32(16, header.nonce[0], true);
  data.setUint32(20, header.nonce[1], true);
  data.setFloat64(24, header.createdMs, true);
  data.setFloat64(32, header.madeBytes, true);
  data.setUint32(4, crc32c(target, 8, 64), true);
}

/** Parses a segment's header; null when it is not one. Throws DATA_FOLDER_NEWER. */
export function readSegmentHeader(bytes: Uint8Array): SegmentHeader | null {
  const data = viewOf(bytes);
  if (
    bytes.length < 64 ||
    data.getUint32(0, true) !== SEGMENT_MAGIC ||
    crc32c(bytes, 8, 64) !== data.getUint32(4, true)
  )
    return null;
  const version = data.getUint32(8, true);
  if (version > FORMAT_VERSION)
    throw new MillraceError(
      'DATA_FOLDER_NEWER',
      `the log was written in format ${version}; this release reads up to ${FORMAT_VERSION}; start a newer release`,
    );
  return {
    segment: data.getUint32(12, true),
    nonce: [data.getUint32(16, true), data.getUint32(20, true)],
    createdMs: data.getFloat64(24, true),
    madeBytes: data.getFloat64(32, true),
  };
}

/** Writes the header of the commit `bytes`, whose batches and directory are in place, with all crcs. */
export function writeCommitHeader(
  bytes: Uint8Array,
  segment: SegmentHeader,
  header: Omit<CommitHeader, 'bytes' | 'directoryCrc' | 'batchesCrc'>,
): void {
  const data = viewOf(bytes);
  const directoryEnd = header.directoryAt + header.batches * ENTRY_BYTES + header.metadataBytes;
  data.setUint32(0, COMMIT_MAGIC, true);
  data.setUint32(8, bytes.length, true);
  data.setUint32(12, header.directoryAt, true);
  data.setUint32(16, header.metadataBytes, true);
  data.setUint32(20, crc32c(bytes, header.directoryAt, directoryEnd), true);
  data.setUint32(24, crc32(bytes.subarray(COMMIT_HEADER_BYTES, header.directoryAt)), true);
  data.setUint32(28, header.batches, true);
  data.setFloat64(32, header.sequence, true);
  data.setFloat64(40, header.syncedEnd, true);
  data.setUint32(48, segment.nonce[0], true);
  data.setUint32(52, segment.nonce[1], true);
  data.setFloat64(56, header.arrivalClockMs, true);
  data.setUint32(64, segment.segment, true);
  data.setUint32(68, header.checkpoint ? 1 : 0, true);
  data.setUint32(72, header.rows, true);
  data.setUint32(76, 0, true);
  data.setUint32(4, crc32c(bytes, 8, COMMIT_HEADER_BYTES), true);
}

/** Parses the commit header at `bytes[at]`; null when there is none that belongs to this segment. */
export function readCommitHeader(bytes: Uint8Array, at: number, segment: SegmentHeader): CommitHeader | null {
  if (at + COMMIT_HEADER_BYTES > bytes.length) return null;
  const data = new DataView(bytes.buffer, bytes.byteOffset + at, COMMIT_HEADER_BYTES);
  if (data.getUint32(0, true) !== COMMIT_MAGIC) return null;
  if (data.getUint32(48, true) !== segment.nonce[0] || data.getUint32(52, true) !== segment.nonce[1]) return null;
  if (data.getUint32(64, true) !== segment.segment) return null;
  if (crc32c(bytes, at + 8, at + COMMIT_HEADER_BYTES) !== data.getUint32(4, true)) return null;
  return {
    bytes: data.getUint32(8, true),
    directoryAt: data.getUint32(12, true),
    metadataBytes: data.getUint32(16, true),
    directoryCrc: data.getUint32(20, true),
    batchesCrc: data.getUint32(24, true),
    batches: data.getUint32(28, true),
    sequence: data.getFloat64(32, true),
    syncedEnd: data.getFloat64(40, true),
    arrivalClockMs: data.getFloat64(56, true),
    checkpoint: (data.getUint32(68, true) & 1) !== 0,
    rows: data.getUint32(72, true),
  };
}

/** Whether `bytes`, a whole directory with its metadata, is what the header says. */
export function directoryIntact(header: CommitHeader, bytes: Uint8Array): boolean {
  return (
    bytes.length === header.batches * ENTRY_BYTES + header.metadataBytes &&
    crc32c(bytes, 0, bytes.length) === header.directoryCrc
  );
}

/** Whether the batches of a commit, all of whose bytes are given, are what the header says. */
export function batchesIntact(header: CommitHeader, commit: Uint8Array): boolean {
  return crc32(commit.subarray(COMMIT_HEADER_BYTES, header.directoryAt)) === header.batchesCrc;
}

/** Writes one directory entry at `position`. */
export function writeEntry(data: DataView, position: number, entry: DirectoryEntry): void {
  data.setUint32(position, entry.streamId, true);
  data.setUint32(position + 4, entry.partition, true);
  data.setFloat64(position + 8, entry.baseOffset, true);
  data.setUint32(position + 16, entry.rows, true);
  data.setUint32(position + 20, entry.at, true);
  data.setUint32(position + 24, entry.bytes, true);
  data.setUint16(position + 28, entry.schemaVersion, true);
  data.setUint16(position + 30, entry.kind, true);
  data.setFloat64(position + 32, entry.receivedAt, true);
  data.setFloat64(position + 40, entry.clockTotalMs, true);
}

/** Parses one directory entry at `position`. */
export function readEntry(data: DataView, position: number): DirectoryEntry {
  return {
    streamId: data.getUint32(position, true),
    partition: data.getUint32(position + 4, true),
    baseOffset: data.getFloat64(position + 8, true),
    rows: data.getUint32(position + 16, true),
    at: data.getUint32(position + 20, true),
    bytes: data.getUint32(position + 24, true),
    schemaVersion: data.getUint16(position + 28, true),
    kind: data.getUint16(position + 30, true),
    receivedAt: data.getFloat64(position + 32, true),
    clockTotalMs: data.getFloat64(position + 40, true),
  };
}

/** Writes a trailer into the 64 bytes of `target`. `indexAt` counts from the end of the commits here. */
export function writeTrailer(target: Uint8Array, segment: SegmentHeader, trailer: Trailer): void {
  const data = viewOf(target);
  data.setUint32(0, FOOTER_MAGIC, true);
  data.setFloat64(8, trailer.commitsEnd, true);
  data.setUint32(16, trailer.entries, true);
  data.setUint32(20, trailer.metadataBytes, true);
  data.setUint32(24, trailer.indexCrc, true);
  data.setUint32(28, segment.segment, true);
  data.setUint32(32, segment.nonce[0], true);
  data.setUint32(36, segment.nonce[1], true);
  data.setUint32(40, trailer.indexAt - trailer.commitsEnd, true);
  data.setUint32(4, crc32c(target, 8, TRAILER_BYTES), true);
}

/** Parses a trailer; null when the segment is not sealed. */
export function readTrailer(bytes: Uint8Array, segment: SegmentHeader): Trailer | null {
  const data = viewOf(bytes);
  if (bytes.length < TRAILER_BYTES || data.getUint32(0, true) !== FOOTER_MAGIC) return null;
  if (data.getUint32(28, true) !== segment.segment) return null;
  if (data.getUint32(32, true) !== segment.nonce[0] || data.getUint32(36, true) !== segment.nonce[1]) return null;
  if (crc32c(bytes, 8, TRAILER_BYTES) !== data.getUint32(4, true)) return null;
  const commitsEnd = data.getFloat64(8, true);
  return {
    commitsEnd,
    entries: data.getUint32(16, true),
    metadataBytes: data.getUint32(20, true),
    indexCrc: data.getUint32(24, true),
    indexAt: commitsEnd + data.getUint32(40, true),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
