/**
 * Which runs there are and how far into the log they reach: one small JSON file, replaced whole.
 *
 * It is written under another name, synced and renamed, so there is always one that is complete.
 * A run file that it does not name was never published, or has left, and is removed at start.
 */
import { crc32c } from '@node-rs/crc32';
import type { Disk } from '../../io/disk.js';
import type { Position } from '../../log/log.js';
import { MillraceError } from '../../util/errors.js';
import type { HashSeed } from './keys.js';

const FILE = 'manifest.json';
const VERSION = 1;

/** What the manifest says. */
export interface Manifest {
  readonly seed: HashSeed;
  /** Number of the next run's name. */
  readonly nextRun: number;
  readonly runs: readonly string[];
  /** Good lines of `scopes.log`. */
  readonly scopes: number;
  /** Ids of log rows below these positions are in the runs. */
  readonly covered: readonly Position[];
  /** Ids that arrived until then have left before their time, because of `idsMax`; 0 when none has. */
  readonly leftUntilMs: number;
}

/** Reads the manifest; null when the folder is new. Throws DATA_FOLDER_DAMAGED or DATA_FOLDER_NEWER. */
export function readManifest(disk: Disk, folder: string): Manifest | null {
  const path = `${folder}/${FILE}`;
  if (!disk.exists(path)) return null;
  const file = disk.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.readSync(bytes, 0, bytes.length, 0);
  file.close();
  const end = bytes.indexOf(10);
  const body = bytes.subarray(end + 1);
  const [version, crc] = bytes.toString('latin1', 0, Math.max(end, 0)).split(' ');
  if (version !== undefined && /^\d+$/.test(version) && Number(version) > VERSION)
    throw new MillraceError(
      'DATA_FOLDER_NEWER',
      `the event ids were written by a newer Millrace (version ${version}; this one reads ${VERSION})`,
      { place: path },
    );
  if (version !== String(VERSION) || crc !== String(crc32c(body)))
    throw new MillraceError(
      'DATA_FOLDER_DAMAGED',
      'the manifest of the event ids is damaged; remove the folder to rebuild it from the log',
      { place: path },
    );
  return JSON.parse(body.toString('utf8')) as Manifest;
}

/** Replaces the manifest; it is on disk when this resolves. */
export async function writeManifest(disk: Disk, folder: string, manifest: Manifest): Promise<void> {
  const body = Buffer.from(JSON.stringify(manifest));
  const temporary = `${folder}/${FILE}.tmp`;
  if (disk.exists(temporary)) disk.remove(temporary);
  const file = disk.open(temporary, 'exclusive');
  try {
    await file.write(Buffer.concat([Buffer.from(`${VERSION} ${crc32c(body)}\n`), body]), 0);
    await file.sync();
  } finally {
    file.close();
  }
  disk.rename(temporary, `${folder}/${FILE}`);
  await disk.syncDirectoryLater(folder);
}
