/**
 * Runs a TypeScript script of this repository (benches, chaos, generators of docs):
 *
 *   node scripts/run.mjs bench/run.ts [arguments]
 *
 * The script is bundled with all that it imports; the worker threads that it starts run from dist/, which is brought
 * up to date first.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve, sep } from 'node:path';
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
const ownUrls = {
  name: 'own-urls',
  setup(builder) {
    builder.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      // Modules of src/ ask only for the package around them, which is the same in `.tmp`.
      if (path.startsWith(source)) return undefined;
      const text = readFileSync(path, 'utf8');
      return { contents: text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)), loader: 'ts' };
    });
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
  plugins: [ownUrls],
});

const flags = process.execArgv.concat(['--enable-source-maps', '--expose-gc']);
const child = spawn(process.execPath, [...flags, outfile, ...args], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  rmSync(outfile, { force: true });
  process.exit(signal === null ? (code ?? 1) : 1);
});
