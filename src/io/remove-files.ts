/** Removes all files below a folder; the empty folders stay. */
import { join } from 'node:path';
import type { Disk } from './disk.js';

/** Does so; a folder that is not there is as good as an empty one. */
export function removeFiles(disk: Disk, folder: string): void {
  if (disk.stat(folder)?.folder !== true) return;
  for (const name of disk.list(folder)) {
    const path = join(folder, name);
    if (disk.stat(path)?.folder === true) removeFiles(disk, path);
    else disk.remove(path);
  }
}
