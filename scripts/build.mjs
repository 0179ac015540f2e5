/**
 * Builds the package into dist/: every module by itself (no bundling), the WASM kernels, the
 * console, and with --types the declarations. `npm ci` runs it, so a fresh clone can start at once.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const only = process.argv.slice(2);
const wants = (part) => only.length === 0 || only.includes(part);
const bin = (name) => join(root, 'node_modules', '.bin', name);

function files(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name));
}

if (wants('src')) {
  for (const folder of existsSync(join(root, 'dist')) ? readdirSync(join(root, 'dist')) : [])
    if (folder !== 'wasm' && folder !== 'console') rmSync(join(root, 'dist', folder), { recursive: true });
  await build({
    entryPoints: files(join(root, 'src'), '.ts'),
    outdir: join(root, 'dist'),
    outbase: join(root, 'src'),
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
  });
}
if (wants('wasm')) {
  mkdirSync(join(root, 'dist', 'wasm'), { recursive: true });
  for (const file of files(join(root, 'wasm'), '.as.ts')) {
    const name = file.split('/').at(-1).replace('.as.ts', '.wasm');
    execFileSync(bin('asc'), [file, '-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--enable', 'simd', '-o', join(root, 'dist', 'wasm', name)], { stdio: 'inherit' });
  }
}
if (wants('console') && existsSync(join(root, 'console', 'vite.config.ts')))
  execFileSync(bin('vite'), ['build', join(root, 'console'), '--logLevel', 'warn'], { stdio: 'inherit' });
if (only.includes('types'))
  execFileSync(bin('tsc'), ['-p', join(root, 'tsconfig.json'), '--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', join(root, 'src'), '--outDir', join(root, 'dist')], { stdio: 'inherit' });
