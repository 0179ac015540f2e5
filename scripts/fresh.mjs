/** Brings dist/ up to date when a source is newer than the last build; used by the test and script runners. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

function newest(folder) {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}

/** Builds the parts of dist/ that are older than their sources. */
export function freshen() {
  const dist = join(root, 'dist');
  const stamp = join(dist, '.built');
  const parts = [];
  const bundling = statSync(join(root, 'scripts', 'bundle.mjs')).mtimeMs;
  if (!existsSync(stamp) || Math.max(newest(join(root, 'src')), bundling) > statSync(stamp).mtimeMs) parts.push('src');
  if (newest(join(root, 'wasm')) > newest(join(dist, 'wasm'))) parts.push('wasm');
  if (newest(join(root, 'console')) > newest(join(dist, 'console'))) parts.push('console');
  if (parts.length > 0)
    execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs'), ...parts], { stdio: 'inherit', cwd: root });
}
