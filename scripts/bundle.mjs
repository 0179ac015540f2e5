/**
 * How the modules of src/ become those of dist/: a file for each entry, what entries share in chunks
 * (docs/decisions/0028-few-files-to-start.md).
 */
import { join } from 'node:path';
import { build } from 'esbuild';

/** Modules that something names by their path: programs, exports, threads, processes. */
export const ENTRIES = [
  'cli/main',
  'index',
  'client',
  'deliver/thread',
  'lake/thread',
  'mill-thread',
  'serve/store-thread',
  'transform/thread',
  'transform/function-process',
  'transform/functions/define',
  // Controls of the chaos harness change this class in a program that runs.
  'log/embedded/embedded-log',
];

/** Bundles `root`/src in memory. */
export function bundleSource(root) {
  return build({
    absWorkingDir: root,
    entryPoints: ENTRIES.map((entry) => `src/${entry}.ts`),
    outdir: join(root, 'dist'),
    outbase: 'src',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    write: false,
  });
}
