/** Paths with `*` and `?` in file and folder names. Node 20 has no glob of its own. */
import { existsSync, readdirSync } from 'node:fs';
import { join, parse, sep } from 'node:path';

/** The existing paths that match an absolute pattern, sorted. A pattern without `*` and `?` is a path. */
export function globSync(pattern: string): string[] {
  const { root } = parse(pattern);
  const parts = pattern
    .slice(root.length)
    .split(/[\\/]/)
    .filter((part) => part !== '' && part !== '.');
  let found = [root === '' ? `.${sep}` : root];
  for (const part of parts) {
    if (!/[*?]/.test(part)) {
      found = found.map((folder) => join(folder, part)).filter((path) => existsSync(path));
      continue;
    }
    const matches = new RegExp(
      `^${part
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
    );
    found = found.flatMap((folder) =>
      names(folder)
        .filter((name) => matches.test(name) && !name.startsWith('.'))
        .map((name) => join(folder, name)),
    );
  }
  return found.toSorted();
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return [];
    throw error;
  }
}
