/** Lists the objects of a folder in the order of their keys. */
import type { Disk, FileStat } from '../disk.js';
import { RESERVED_SEGMENT, type ListedObject } from '../objects.js';

/** What a list says of a file. The etag is made of size and time, as file servers do. */
export function infoOf(key: string, { bytes, modifiedMs }: FileStat): ListedObject {
  const etag = `"${bytes.toString(16)}-${Math.round(modifiedMs * 1000).toString(16)}"`;
  return { key, bytes, etag, modifiedMs: Math.floor(modifiedMs) };
}

/**
 * The objects below `root` whose key starts with `prefix`. Only the folders that can have some are
 * read, one at a time; what goes away meanwhile is left out.
 */
export function* walk(disk: Disk, root: string, prefix: string, folder = ''): Generator<ListedObject> {
  const entries: { name: string; order: Buffer; stat: FileStat }[] = [];
  for (const name of namesOf(disk, folder === '' ? root : `${root}/${folder.slice(0, -1)}`)) {
    const key = folder + name;
    if (key === RESERVED_SEGMENT || !(key.startsWith(prefix) || prefix.startsWith(`${key}/`))) continue;
    const stat = disk.stat(`${root}/${key}`);
    if (stat === undefined) continue;
    // `a-b` is before `a/b`: a folder has its place by its name with the slash.
    entries.push({ name, order: Buffer.from(stat.folder ? `${name}/` : name), stat });
  }
  for (const { name, stat } of entries.sort((a, b) => Buffer.compare(a.order, b.order)))
    if (stat.folder) yield* walk(disk, root, prefix, `${folder}${name}/`);
    else if ((folder + name).startsWith(prefix)) yield infoOf(folder + name, stat);
}

function namesOf(disk: Disk, folder: string): string[] {
  try {
    return disk.list(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
