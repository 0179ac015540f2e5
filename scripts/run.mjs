/**
 * Runs a TypeScript script of this repository (benches, chaos, generators of docs):
 *
 *   node scripts/run.mjs bench/run.ts [arguments]
 *
 * The script and what it imports beside src/ are bundled; imports of src/ go to dist/, which is
 * brought up to date first, so the script and the worker threads it starts share the same modules.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { freshen, root } from './fresh.mjs';

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  console.error('Usage: node scripts/run.mjs FILE.ts [arguments]');
  process.exit(2);
}
freshen();

const source = join(root, 'src') + sep;
const modules = {
  name: 'modules',
  setup(builder) {
    builder.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const target = resolve(resolveDir, path);
      if (!target.startsWith(source)) return undefined;
      const built = join(root, 'dist', relative(source, target)).replace(/\.ts$/, '.js');
      return { path: pathToFileURL(built).href, external: true };
    });
    builder.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
      loader: 'ts',
    }));
  },
};

const outfile = join(root, '.tmp', `${basename(script, '.ts')}-${process.pid}.mjs`);
mkdirSync(join(root, '.tmp'), { recursive: true });
await build({
  entryPoints: [resolve(script)],
  outfile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  sourcemap: 'inline',
  logLevel: 'error',
  plugins: [modules],
});

const flags = process.execArgv.concat(['--enable-source-maps', '--expose-gc']);
const child = spawn(process.execPath, [...flags, outfile, ...args], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  rmSync(outfile, { force: true });
  process.exit(signal === null ? (code ?? 1) : 1);
});
