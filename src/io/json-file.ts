/** Small files of JSON that are replaced whole: written beside, synced, renamed, folder synced. */
import { dirname } from 'node:path';
import type { Disk } from './disk.js';

/** The content of a file, or undefined when there is none. Throws what `JSON.parse` says of it. */
export function readJsonFile(disk: Disk, path: string): unknown {
  if (!disk.exists(path)) return undefined;
  const file = disk.open(path, 'read');
  try {
    const bytes = new Uint8Array(file.size());
    file.readSync(bytes, 0, bytes.length, 0);
    return JSON.parse(new TextDecoder().decode(bytes));
  } finally {
    file.close();
  }
}

/** Replaces the file; it is on disk when this resolves. `permissions` as of `Disk.open`. */
export async function writeJsonFile(disk: Disk, path: string, value: unknown, permissions?: number): Promise<void> {
  const beside = `${path}.new`;
  if (disk.exists(beside)) disk.remove(beside);
  const file = disk.open(beside, 'exclusive', permissions);
  try {
    await file.write(new TextEncoder().encode(JSON.stringify(value, null, 1)), 0);
    await file.sync();
  } finally {
    file.close();
  }
  disk.rename(beside, path);
  disk.syncDirectory(dirname(path));
}
