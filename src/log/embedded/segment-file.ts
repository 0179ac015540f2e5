/**
 * Segment files: how they are named, made ahead of time, begun and sealed.
 *
 * A segment is made full of zeros and synced, entry in the folder included, before anything is
 * written to it; so a commit's fdatasync has only data to write, and a full disk shows here and
 * not in a commit. A file without a header is such a prepared one; a start removes it.
 */
import { join } from 'node:path';
import type { Disk, DiskFile } from '../../io/disk.js';
import type { Random } from '../../io/random.js';
import { SEGMENT_HEADER_BYTES, writeSegmentHeader, type SegmentHeader } from './layout.js';
import { SegmentScopes } from './commit.js';
import { SegmentIndex } from './segment-index.js';

const SUFFIX = '.segment';

/** The file of a segment. */
export function segmentPath(folder: string, segment: number): string {
  return join(folder, String(segment).padStart(10, '0') + SUFFIX);
}

/** Numbers of the segment files in a folder, rising. */
export function listSegments(disk: Disk, folder: string): number[] {
  return disk
    .list(folder)
    .filter((name) => /^\d{10}\.segment$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

/** A file full of zeros, on disk, waiting for its turn. */
export interface PreparedSegment {
  readonly number: number;
  readonly file: DiskFile;
  readonly size: number;
}

/** The segment that commits go to. One descriptor from its first byte to its last. */
export interface ActiveSegment {
  readonly header: SegmentHeader;
  readonly file: DiskFile;
  readonly size: number;
  readonly scopes: SegmentScopes;
  /** The batches of its synced commits. */
  readonly index: SegmentIndex;
  /** End of the last synced commit. */
  end: number;
}

/** Makes a file of `size` zeros and syncs it and the folder. */
export async function prepareSegment(
  disk: Disk,
  folder: string,
  number: number,
  size: number,
): Promise<PreparedSegment> {
  const path = segmentPath(folder, number);
  disk.remove(path);
  const file = disk.open(path, 'exclusive');
  try {
    await file.allocate(size);
    await file.sync();
    await disk.syncDirectoryLater(folder);
  } catch (error) {
    file.close();
    disk.remove(path);
    throw error;
  }
  return { number, file, size };
}

/** Turns a prepared file into a segment, in memory: its header goes out with its first commit. */
export function beginSegment(prepared: PreparedSegment, random: Random, nowMs: number): ActiveSegment {
  const words = new Uint32Array(random.fill(new Uint8Array(8)).buffer);
  return {
    header: { segment: prepared.number, nonce: [words[0]!, words[1]!], createdMs: nowMs, madeBytes: prepared.size },
    file: prepared.file,
    size: prepared.size,
    scopes: new SegmentScopes(),
    index: new SegmentIndex(),
    end: SEGMENT_HEADER_BYTES,
  };
}

/** The bytes of a segment's header, a sector of their own. */
export function headerBytes(header: SegmentHeader): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  writeSegmentHeader(bytes, header);
  return bytes;
}
