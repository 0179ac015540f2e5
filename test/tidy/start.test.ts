/** What a program or thread loads before it does anything: this is most of what a start costs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildResult } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { root, sources } from './sources.js';

interface Bundling {
  readonly ENTRIES: readonly string[];
  readonly bundleSource: (root: string) => Promise<BuildResult<{ metafile: true }>>;
}

let bundling: Bundling;
let outputs: BuildResult<{ metafile: true }>['metafile']['outputs'];

beforeAll(async () => {
  bundling = (await import(pathToFileURL(join(root, 'scripts', 'bundle.mjs')).href)) as Bundling;
  outputs = (await bundling.bundleSource(root)).metafile.outputs;
});

/** The files that a module of src/ needs before it runs, and the packages among their imports. */
function loaded(entry: string): { readonly files: ReadonlySet<string>; readonly packages: readonly string[] } {
  const first = Object.keys(outputs).find((path) => outputs[path]!.entryPoint === `src/${entry}.ts`)!;
  const files = new Set([first]);
  const packages = new Set<string>();
  for (const file of files)
    for (const { path, external, kind } of outputs[file]!.imports)
      if (kind !== 'import-statement') continue;
      else if (external !== true) files.add(path);
      else if (!path.startsWith('node:')) packages.add(path);
  return { files, packages: [...packages].toSorted() };
}

describe('a start loads', () => {
  test.each([
    ['cli/main', ['commander']],
    ['millrace', ['@node-rs/crc32', '@toondepauw/node-zstd', 'ipaddr.js', 'isbot', 'pino', 'prom-client', 'zod']],
    ['deliver/thread', ['@node-rs/crc32', '@toondepauw/node-zstd', 'ipaddr.js']],
    ['lake/thread', ['@node-rs/crc32', '@toondepauw/node-zstd']],
    ['mill-thread', ['@node-rs/crc32', '@toondepauw/node-zstd']],
    ['serve/store-thread', ['@node-rs/crc32', '@toondepauw/node-zstd', '@uwdata/flechette', 'prom-client']],
    ['transform/thread', ['@node-rs/crc32', 'ipaddr.js', 'isbot']],
    ['transform/function-process', ['@node-rs/crc32']],
  ])('%s: only the packages that are always needed', (entry, packages) => {
    expect(loaded(entry).packages).toEqual(packages);
  });

  test('few files', () => {
    for (const entry of ['millrace', ...bundling.ENTRIES]) expect(loaded(entry).files.size, entry).toBeLessThan(100);
  });
});

test('every module that is started by its path has a file of its own', () => {
  const texts = sources('src').flatMap(({ text }) => [...text.matchAll(/(?<!from )'([\w-]+(?:\/[\w-]+)*)\.js'/g)]);
  const named = texts.map((match) => match[1]!);
  expect(named).toContain('mill-thread');
  expect(named.filter((path) => !bundling.ENTRIES.includes(path))).toEqual([]);
});

test('every export of the package has one', () => {
  const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { default: string }>;
    bin: Record<string, string>;
  };
  const files = [...Object.values(exports).map((one) => one.default), ...Object.values(bin)];
  const entries = files.map((file) => file.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, ''));
  expect(bundling.ENTRIES).toEqual(expect.arrayContaining(entries));
});
