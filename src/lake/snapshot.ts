/**
 * What a stream's lake is at a moment: its files and how far into the log they reach.
 *
 * A lake is a folder a stream: `snapshot` names everything, `data/` holds the Parquet files.
 *
 *   lake/<stream>/snapshot         the newest snapshot: one line, then JSON
 *   lake/<stream>/snapshot.next    one being written
 *   lake/<stream>/data/*.parquet
 *
 *   the line:  "millrace-lake 1 <version> <crc32c of the JSON, hex> <bytes of the JSON>\n"
 *
 * **`commitSnapshot` is the commit**: the new files are on disk before (files and their folder
 * synced), the snapshot is written beside, synced with its name, renamed over the old one, and the
 * folder synced again.
 * Before the rename nothing has happened; after it all has. Offsets and files are one: a row is in
 * the files exactly when its offset is below `committed`.
 *
 * Files that a merge replaced stay for a grace period (`removed`), because queries may still read
 * them; a file that no snapshot names is an orphan of a crash and is swept at the next start.
 */
import { dirname, join } from 'node:path';
import { crc32c } from '../event/batch.js';
import type { Schema } from '../event/schema.js';
import type { Disk, DiskFile } from '../io/disk.js';
import { MillraceError } from '../util/errors.js';

/** Offsets `from .. to - 1` of one partition. */
export interface OffsetRange {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** One Parquet file. */
export interface LakeFile {
  /** Name in `data/`. */
  readonly name: string;
  /** `run`: as it came; `merged`: of an hour that has ended. */
  readonly kind: 'run' | 'merged';
  /** Start of the arrival hour (`received_at`) of all its rows, ms. */
  readonly hour: number;
  readonly rows: number;
  readonly bytes: number;
  /** Which rows of the log it, or the merge it came from, holds. */
  readonly ranges: readonly OffsetRange[];
  /** NaN is written as null: the stream has no event time. */
  readonly eventTimeMin: number | null;
  readonly eventTimeMax: number | null;
  readonly receivedAtMin: number;
  readonly receivedAtMax: number;
  /** By bytes; null for a stream without tenants. */
  readonly tenantMin: string | null;
  readonly tenantMax: string | null;
}

/** A stream's lake at a moment. */
export interface LakeSnapshot {
  readonly stream: string;
  /** Rises by one a commit. */
  readonly version: number;
  readonly schema: Schema;
  /** By partition: every offset below is in `files`. */
  readonly committed: readonly number[];
  readonly files: readonly LakeFile[];
  /** Replaced files that still lie on disk, and since when. */
  readonly removed: readonly { readonly name: string; readonly sinceMs: number }[];
}

const FORMAT = 1;
const LINE = /^millrace-lake (\d+) (\d+) ([0-9a-f]{8}) (\d+)$/;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The folder of a stream's lake. */
export function lakeFolder(lake: string, stream: string): string {
  return join(lake, stream);
}

/** The folder of its Parquet files. */
export function dataFolder(lake: string, stream: string): string {
  return join(lake, stream, 'data');
}

/**
 * Makes `snapshot` the newest. Its new files must be synced; their folder is synced here. Throws
 * what the disk throws, and then either the old or the new snapshot is in place.
 */
export function commitSnapshot(disk: Disk, lake: string, snapshot: LakeSnapshot): void {
  const folder = lakeFolder(lake, snapshot.stream);
  const next = join(folder, 'snapshot.next');
  const bytes = encode(snapshot);
  disk.syncDirectory(dataFolder(lake, snapshot.stream));
  disk.remove(next);
  const file = disk.open(next, 'create');
  try {
    file.writeSync(bytes, 0);
    file.syncSync();
  } finally {
    file.close();
  }
  // A file of this name may be left from an attempt that failed: the rename must not bring that one.
  disk.syncDirectory(folder);
  disk.rename(next, join(folder, 'snapshot'));
  disk.syncDirectory(folder);
}

/** The newest snapshot, or undefined when the stream has none yet. Throws DATA_FOLDER_DAMAGED or DATA_FOLDER_NEWER. */
export function readSnapshot(disk: Disk, lake: string, stream: string): LakeSnapshot | undefined {
  const path = join(lakeFolder(lake, stream), 'snapshot');
  if (!disk.exists(path)) return undefined;
  const file = disk.open(path, 'read');
  try {
    const { version, crc, length, start } = readLine(file, path);
    const json = new Uint8Array(length);
    if (file.readSync(json, 0, length, start) !== length || crc32c(json, 0, length) !== crc)
      throw new MillraceError(
        'DATA_FOLDER_DAMAGED',
        `${path} (version ${version}) fails its crc; expected ${length} bytes of JSON`,
        { place: path },
      );
    return JSON.parse(decoder.decode(json)) as LakeSnapshot;
  } finally {
    file.close();
  }
}

/** The version of the newest snapshot, -1 without one: a cheap look for readers. */
export function snapshotVersion(disk: Disk, lake: string, stream: string): number {
  const path = join(lakeFolder(lake, stream), 'snapshot');
  if (!disk.exists(path)) return -1;
  const file = disk.open(path, 'read');
  try {
    return readLine(file, path).version;
  } finally {
    file.close();
  }
}

function encode(snapshot: LakeSnapshot): Uint8Array {
  const json = encoder.encode(JSON.stringify(snapshot));
  const crc = crc32c(json, 0, json.length).toString(16).padStart(8, '0');
  const line = encoder.encode(`millrace-lake ${FORMAT} ${snapshot.version} ${crc} ${json.length}\n`);
  const bytes = new Uint8Array(line.length + json.length);
  bytes.set(line);
  bytes.set(json, line.length);
  return bytes;
}

function readLine(file: DiskFile, path: string): { version: number; crc: number; length: number; start: number } {
  const head = new Uint8Array(96);
  const read = file.readSync(head, 0, head.length, 0);
  const end = head.indexOf(10);
  const match = end < 0 ? null : LINE.exec(decoder.decode(head.subarray(0, Math.min(end, read))));
  if (match === null)
    throw new MillraceError('DATA_FOLDER_DAMAGED', `${path} does not start with a millrace-lake line`, { place: path });
  if (Number(match[1]) > FORMAT)
    throw new MillraceError('DATA_FOLDER_NEWER', `${path} has format ${match[1]}; this release reads up to ${FORMAT}`, {
      place: path,
    });
  return { version: Number(match[2]), crc: Number.parseInt(match[3]!, 16), length: Number(match[4]), start: end + 1 };
}

/**
 * Prepares a stream's folder for its writer: makes it, makes sure that what is read is durable, and
 * removes files that the newest snapshot does not name. Answers the snapshot and what was swept.
 */
export function openLake(
  disk: Disk,
  lake: string,
  stream: string,
): { snapshot: LakeSnapshot | undefined; swept: string[] } {
  const data = dataFolder(lake, stream);
  disk.makeFolder(data);
  disk.syncDirectory(dirname(lake));
  disk.syncDirectory(lake);
  disk.syncDirectory(lakeFolder(lake, stream));
  const snapshot = readSnapshot(disk, lake, stream);
  const known = new Set([...(snapshot?.files ?? []), ...(snapshot?.removed ?? [])].map((file) => file.name));
  const swept = disk.list(data).filter((name) => !known.has(name));
  for (const name of swept) disk.remove(join(data, name));
  return { snapshot, swept };
}
