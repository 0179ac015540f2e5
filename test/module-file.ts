/** One module of the sources for a process of its own, which can't read TypeScript. */
import { buildSync } from 'esbuild';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Bundles a module of `src/` and answers the address to import; packages are the repository's. */
export function moduleFile(source: string): string {
  const outfile = resolve('.tmp', `${source.replace(/\W/g, '-')}.mjs`);
  buildSync({
    entryPoints: [resolve('src', source)],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'error',
  });
  return pathToFileURL(outfile).href;
}
