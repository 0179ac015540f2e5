/**
 * The end of a sealed segment: every dictionary whole, the index of batches, and a summary, so that
 * a reader opens the segment anywhere with two reads. It is derived: a segment without one, or with
 * a damaged one, is scanned instead.
 *
 * Order when sealing: cut the file to the commits' end and sync, then add the footer and sync. So a
 * file that is shorter than it was made is one in sealing, and what is behind its last commit is
 * never a commit.
 */
import { BatchTarget, type DictionaryScope, encodeDictionary } from '../../event/batch.js';
import { crc32c } from '../../event/batch/crc.js';
import type { DiskFile } from '../../io/disk.js';
import {
  ENTRY_BYTES,
  ENTRY_KIND,
  readTrailer,
  TRAILER_BYTES,
  writeEntry,
  writeTrailer,
  type SegmentHeader,
  type Trailer,
} from './layout.js';
import { parseEntries } from './scan.js';
import type { SegmentIndex } from './segment-index.js';
import type { CommitMetadata } from './state.js';

/** What a segment holds of one partition. */
export interface PartitionSummary {
  readonly streamId: number;
  readonly partition: number;
  /** Lowest offset, and one past the highest. */
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
}

/** What a segment holds. */
export interface SegmentSummary {
  readonly partitions: readonly PartitionSummary[];
  /** Stamp of its newest rows, ms; 0 when it has none. */
  readonly newestMs: number;
  /** When the log was closed with this segment: the state then, so that a start need not read the commits. */
  readonly closing?: ClosingState;
}

/** The log's state at a clean end. */
export interface ClosingState {
  readonly sequence: number;
  readonly arrivalClockMs: number;
  readonly metadata: CommitMetadata;
}

/** A whole dictionary to be kept in a footer. */
export interface FooterDictionary {
  readonly streamId: number;
  readonly partition: number;
  readonly schemaVersion: number;
  readonly scope: DictionaryScope;
}

/** What a segment holds, from its index. */
export function summarize(index: SegmentIndex): SegmentSummary {
  let newestMs = 0;
  const partitions = index.all().flatMap((list) => {
    let bytes = 0;
    let start = Infinity;
    let end = 0;
    for (let i = 0; i < list.count; i++) {
      bytes += list.bytes(i);
      if (list.kind(i) !== ENTRY_KIND.rows) continue;
      start = Math.min(start, list.baseOffset(i));
      end = Math.max(end, list.end(i));
      newestMs = Math.max(newestMs, list.entry(i).receivedAt);
    }
    const { streamId, partition } = list;
    return [{ streamId, partition, start: end === 0 ? 0 : start, end, bytes }];
  });
  return { partitions, newestMs };
}

/** Seals a segment whose commits end at `commitsEnd`; the file's size is then that plus the footer. */
export async function sealSegment(
  file: DiskFile,
  segment: SegmentHeader,
  commitsEnd: number,
  index: SegmentIndex,
  dictionaries: readonly FooterDictionary[],
  closing?: ClosingState,
): Promise<void> {
  await file.truncate(commitsEnd);
  await file.sync();
  const summary = { ...summarize(index), ...(closing === undefined ? {} : { closing }) };
  await file.write(footerBytes(segment, commitsEnd, index, dictionaries, summary), commitsEnd);
  await file.sync();
}

function footerBytes(
  segment: SegmentHeader,
  commitsEnd: number,
  index: SegmentIndex,
  dictionaries: readonly FooterDictionary[],
  summary: SegmentSummary,
): Uint8Array<ArrayBuffer> {
  const target = new BatchTarget(1 << 16);
  const entries = index.all().flatMap((list) => Array.from({ length: list.count }, (_, i) => list.entry(i)));
  for (const { streamId, partition, schemaVersion, scope } of dictionaries) {
    if (scope.columns.every((column) => column.dictionary.size === 0)) continue;
    target.align();
    const { start, bytes } = encodeDictionary(scope, target);
    const kind = ENTRY_KIND.dictionary;
    entries.push({
      streamId,
      partition,
      schemaVersion,
      kind,
      at: commitsEnd + start,
      bytes,
      baseOffset: 0,
      rows: 0,
      receivedAt: 0,
      clockTotalMs: 0,
    });
  }
  target.align();
  const indexStart = target.position;
  const json = Buffer.from(JSON.stringify(summary));
  const length = entries.length * ENTRY_BYTES + json.length;
  target.reserve(length + TRAILER_BYTES);
  const data = new DataView(target.bytes.buffer);
  entries.forEach((entry, i) => writeEntry(data, indexStart + i * ENTRY_BYTES, entry));
  target.bytes.set(json, indexStart + entries.length * ENTRY_BYTES);
  const end = indexStart + length;
  target.bytes.fill(0, end, end + TRAILER_BYTES);
  writeTrailer(target.bytes.subarray(end, end + TRAILER_BYTES), segment, {
    commitsEnd,
    entries: entries.length,
    metadataBytes: json.length,
    indexCrc: crc32c(target.bytes, indexStart, end),
    indexAt: commitsEnd + indexStart,
  });
  return target.bytes.slice(0, end + TRAILER_BYTES);
}

/** A footer, read. */
export interface Footer {
  readonly trailer: Trailer;
  readonly entries: ReturnType<typeof parseEntries>;
  readonly summary: SegmentSummary;
}

/** The footer of a segment; null when it has none, or a damaged one. */
export function readFooter(file: DiskFile, segment: SegmentHeader, size: number): Footer | null {
  if (size < TRAILER_BYTES) return null;
  const end = new Uint8Array(TRAILER_BYTES);
  file.readSync(end, 0, TRAILER_BYTES, size - TRAILER_BYTES);
  const trailer = readTrailer(end, segment);
  if (trailer === null) return null;
  const length = trailer.entries * ENTRY_BYTES + trailer.metadataBytes;
  if (trailer.indexAt + length + TRAILER_BYTES !== size) return null;
  const bytes = new Uint8Array(length);
  file.readSync(bytes, 0, length, trailer.indexAt);
  if (crc32c(bytes, 0, length) !== trailer.indexCrc) return null;
  const summary = JSON.parse(new TextDecoder().decode(bytes.subarray(trailer.entries * ENTRY_BYTES))) as SegmentSummary;
  return { trailer, entries: parseEntries(bytes, trailer.entries), summary };
}
