/** The repository's TypeScript as text, with what the tidy tests ask of it. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** One file. */
export interface Source {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

const LEFT_OUT = new Set(['node_modules', 'dist', 'data', '.tmp', '.git', 'fixtures', 'results']);

/** All files below `folder` with one of `endings`. */
export function sources(folder: string, endings: readonly string[] = ['.ts', '.tsx']): Source[] {
  return walk(join(root, folder))
    .filter((path) => endings.some((ending) => path.endsWith(ending)) && !path.endsWith('.d.ts'))
    .toSorted()
    .map((path) => {
      const text = readFileSync(path, 'utf8');
      return { path: relative(root, path).split(sep).join('/'), text, lines: text.split('\n') };
    });
}

function walk(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (LEFT_OUT.has(entry.name)) return [];
      const path = join(folder, entry.name);
      return entry.isDirectory() ? walk(path) : [path];
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** One import, export-from, dynamic import, or worker entry of a file. */
export interface Import {
  readonly line: number;
  /** As written. */
  readonly specifier: string;
  /** The file meant, relative to the repository, when the specifier is relative. */
  readonly target: string | undefined;
}

/** What a file imports. Comments don't count. */
export function importsOf(source: Source): Import[] {
  const code = withoutComments(source.text);
  const found: Import[] = [];
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+|\bnew URL\(\s*)(['"])([^'"\n]+)\1/g;
  for (const match of code.matchAll(pattern)) {
    const specifier = match[2]!;
    const line = code.slice(0, match.index).split('\n').length;
    const target = specifier.startsWith('.')
      ? join(dirname(source.path), specifier).split(sep).join('/').replace(/\.js$/, '.ts')
      : undefined;
    found.push({ line, specifier, target });
  }
  return found;
}

/** The text with comments blanked, so that lines and columns stay. Strings and templates are kept. */
export function withoutComments(text: string): string {
  const pattern = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return text.replaceAll(pattern, (part) =>
    part.startsWith('//') || part.startsWith('/*') ? part.replaceAll(/[^\n]/g, ' ') : part,
  );
}

/** `path:line: message` for each violation. */
export function report(
  violations: readonly { readonly path: string; readonly line: number; readonly message: string }[],
): string[] {
  return violations.map(({ path, line, message }) => `${path}:${line}: ${message}`);
}
