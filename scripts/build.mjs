/**
 * Builds the package into dist/: the modules (bundle.mjs), the WASM kernels, the console and the type
 * declarations. `npm ci` runs it, so a fresh clone can start at once.
 *
 *   node scripts/build.mjs [src] [wasm] [console] [types]      no part named: all of them
 *
 * A file is written only when its content changed, and removed only when its source is gone, so a
 * build beside a running process disturbs nothing that did not change.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleSource } from './bundle.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const only = process.argv.slice(2);
const wants = (part) => only.length === 0 || only.includes(part);

/** A command of a dev dependency; run by node itself, so it works without a shell on any system. */
function run(bin, args, options = {}) {
  const path = join(root, 'node_modules', '.bin', bin);
  execFileSync(process.platform === 'win32' ? `${path}.cmd` : path, args, { stdio: 'inherit', cwd: root, ...options });
}

function files(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

function writeChanged(path, content) {
  if (existsSync(path) && readFileSync(path).equals(content)) return;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/**
 * src/ → dist/**.js with source maps; what has no source any more goes. Beside a running process (only `src` is named)
 * the files of the build before stay: it may not have loaded all of them yet.
 */
async function buildSource() {
  const { outputFiles } = await bundleSource(root);
  for (const file of outputFiles) writeChanged(file.path, Buffer.from(file.contents));
  const built = outputFiles.map(({ path }) => relative(dist, path));
  const stamp = join(dist, '.built');
  const before = only.length > 0 && existsSync(stamp) ? readFileSync(stamp, 'utf8').split('\n') : [];
  const kept = new Set([...built, ...before]);
  for (const file of [...files(dist, '.js'), ...files(dist, '.js.map'), ...files(dist, '.d.ts')]) {
    const path = relative(dist, file);
    const part = path.split(sep)[0];
    const isKept = path.endsWith('.d.ts')
      ? existsSync(join(root, 'src', path.replace(/\.d\.ts$/, '.ts')))
      : part === 'wasm' || part === 'console' || kept.has(path);
    if (!isKept) rmSync(file);
  }
  writeFileSync(stamp, built.join('\n'));
}

/** wasm/*.as.ts → dist/wasm/*.wasm. */
function buildKernels() {
  for (const file of files(join(root, 'wasm'), '.as.ts')) {
    const name = file.split(sep).at(-1).replace('.as.ts', '.wasm');
    mkdirSync(join(dist, 'wasm'), { recursive: true });
    run('asc', [
      file,
      '-O3',
      '--noAssert',
      '--runtime',
      'stub',
      '--importMemory',
      '--enable',
      'simd',
      '-o',
      join(dist, 'wasm', name),
    ]);
  }
}

/** Declarations. Type errors are the type check's to report: they don't stop an install. */
function buildTypes() {
  try {
    run('tsc', ['-p', 'tsconfig.types.json'], { stdio: 'pipe' });
  } catch (error) {
    console.error(`The declarations could not be written: ${String(error.stdout ?? error.message).slice(0, 2000)}`);
    process.exitCode = 1;
  }
}

if (wants('src')) await buildSource();
if (wants('wasm')) buildKernels();
if (wants('console') && existsSync(join(root, 'console', 'vite.config.ts')))
  run('vite', ['build', 'console', '--logLevel', 'warn']);
if (wants('types')) buildTypes();
