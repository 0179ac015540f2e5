/**
 * Reads a configuration file into plain values: `.ts`, `.mts`, `.js`, `.mjs` are run, `.json` and
 * `.yaml` parsed.
 *
 * Node 20 can't import TypeScript, so esbuild bundles the module with what it imports by relative
 * path; packages stay outside. `millrace` always means the package that reads the file, so a
 * configuration works before anything is installed beside it. The bundle is imported from memory:
 * nothing is written beside the file.
 */
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, Plugin } from 'esbuild';
import { distFolder } from '../io/threads.js';
import { MillraceError } from '../util/errors.js';

/** Endings a configuration file may have. */
export const CONFIG_ENDINGS = ['.ts', '.mts', '.js', '.mjs', '.json', '.yaml', '.yml'] as const;

/** What the file holds; CONFIG_NOT_FOUND or CONFIG_INVALID, with the place, when it can't be had. */
export async function readConfigFile(file: string): Promise<unknown> {
  const text = readText(file);
  const ending = extname(file);
  if (ending === '.json') return parseJson(file, text);
  if (ending === '.yaml' || ending === '.yml') return parseYaml(file, text);
  if ((CONFIG_ENDINGS as readonly string[]).includes(ending)) return runModule(file);
  throw new MillraceError('CONFIG_INVALID', `${file}: expected a file that ends in ${CONFIG_ENDINGS.join(', ')}`, {
    place: file,
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const hint = missing ? 'there is no such file; `millrace init` writes one to start from' : (cause as Error).message;
    throw new MillraceError('CONFIG_NOT_FOUND', `${file}: ${hint}`, { place: file, cause });
  }
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new MillraceError('CONFIG_INVALID', `${file}: expected JSON: ${(cause as Error).message}`, {
      place: file,
      cause,
    });
  }
}

async function parseYaml(file: string, text: string): Promise<unknown> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { prettyErrors: true });
  const error = document.errors[0];
  if (error === undefined) return document.toJS() as unknown;
  const line = error.linePos?.[0].line;
  const place = line === undefined ? file : `${file}:${line}`;
  throw new MillraceError('CONFIG_INVALID', `${place}: expected YAML: ${error.message}`, { place, cause: error });
}

/** How many modules were run: Node keeps one by its URL, and the same text may read other files the next time. */
let runs = 0;

async function runModule(file: string): Promise<unknown> {
  const { code } = await bundleModule(file, 'index.js');
  try {
    const module = (await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}#${++runs}`)) as {
      default?: unknown;
    };
    if (module.default !== undefined) return await module.default;
  } catch (cause) {
    const { name, message, place } = cause as MillraceError;
    const where = name === 'MillraceError' && place !== undefined ? `${place}: ` : '';
    const what = name === 'MillraceError' ? message : `running it failed: ${message}`;
    throw new MillraceError('CONFIG_INVALID', `${file}: ${where}${what}`, { place: file, cause });
  }
  throw new MillraceError(
    'CONFIG_INVALID',
    `${file}: expected \`export default defineConfig({ … })\`, found no default export`,
    { place: file },
  );
}

/** A module and what it imports by relative path, as one text. */
export interface Bundle {
  readonly code: string;
  /** The files that went into it, absolute. */
  readonly files: readonly string[];
}

/**
 * Bundles a module of the user's, to be imported from memory. `millrace` in it means the module
 * `own` of the built package. Throws CONFIG_INVALID with line and caret.
 */
export async function bundleModule(file: string, own: string): Promise<Bundle> {
  const { build } = await import('esbuild');
  try {
    const result = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'esm',
      target: `node${process.versions.node}`,
      sourcemap: 'inline',
      logLevel: 'silent',
      absWorkingDir: dirname(file),
      plugins: [packagesOutside(own), moduleUrls],
    });
    const files = Object.keys(result.metafile.inputs).map((path) => resolve(dirname(file), path));
    return { code: result.outputFiles[0]!.text, files };
  } catch (cause) {
    throw new MillraceError('CONFIG_INVALID', explainBuild(file, cause as BuildFailure), { place: file, cause });
  }
}

const packagesOutside = (own: string): Plugin => ({
  name: 'packages-outside',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, async ({ path, resolveDir, kind, pluginData }) => {
      if (kind === 'entry-point' || pluginData === 'asked' || isBuiltin(path) || /^[A-Za-z]:[\\/]/.test(path))
        return undefined;
      if (path === 'millrace') return { path: pathToFileURL(join(distFolder(), own)).href, external: true };
      const found = await builder.resolve(path, { resolveDir, kind, pluginData: 'asked' });
      return found.errors.length > 0
        ? { errors: found.errors }
        : { path: pathToFileURL(found.path).href, external: true };
    });
  },
});

/** In the bundle, `import.meta.url` of each module still names its own file. */
const moduleUrls: Plugin = {
  name: 'module-urls',
  setup(builder) {
    builder.onLoad({ filter: /\.(ts|mts|js|mjs)$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
      loader: /\.m?ts$/.test(path) ? 'ts' : 'js',
    }));
  },
};

function explainBuild(file: string, failure: BuildFailure): string {
  const first = failure.errors?.[0];
  if (!first?.location) return `${file}: ${first?.text ?? failure.message}`;
  const { line, column, lineText } = first.location;
  return `${file}:${line}:${column + 1}: ${first.text}\n  ${lineText}\n  ${' '.repeat(column)}^`;
}
