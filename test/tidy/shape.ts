/** Length of files and functions, documentation of exports, and what must not stay in the code. */
import { withoutComments, type Source } from './sources.js';

/** One broken rule. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Most lines of a file. */
export const FILE_LINES_MAX = 400;
/** Most lines of a function, without blank lines and comments. */
export const FUNCTION_LINES_MAX = 70;

/** Files that are too long. */
export function longFiles(files: readonly Source[]): Violation[] {
  return files
    .filter(({ lines }) => lines.length - 1 > FILE_LINES_MAX)
    .map(({ path, lines }) => ({
      path,
      line: lines.length - 1,
      message: `has ${lines.length - 1} lines; at most ${FILE_LINES_MAX}`,
    }));
}

const EXPORT =
  /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type)\s+([A-Za-z0-9_$]+)/;

/** Exports without a TSDoc comment before them. */
export function undocumentedExports(files: readonly Source[]): Violation[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => {
      const name = EXPORT.exec(line)?.[1];
      if (name === undefined || documented(lines, index, name)) return [];
      return [{ path, line: index + 1, message: `export '${name}' has no TSDoc comment` }];
    }),
  );
}

/** A comment that ends on the line before. One comment serves a block of constants, and the overloads of a function. */
function documented(lines: readonly string[], index: number, name: string): boolean {
  const before = lines[index - 1]?.trimEnd() ?? '';
  if (before.endsWith('*/')) return true;
  const above = /^export const ([A-Za-z0-9_$]+).*[;,](?:\s*\/\/.*)?$/.exec(before)?.[1];
  if (above !== undefined && lines[index]!.startsWith('export const ')) return documented(lines, index - 1, above);
  return lines
    .slice(0, index)
    .some((line) => new RegExp(`^export (?:async )?function\\*? ${name.replaceAll('$', '\\$')}\\b`).test(line));
}

/** Words that mark unfinished work, in comments and code. */
export function leftovers(files: readonly Source[]): Violation[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => {
      const word = /\b(TODO|FIXME|XXX|HACK)\b/.exec(line)?.[1];
      return word === undefined
        ? []
        : [{ path, line: index + 1, message: `says ${word}: finish it, or write an issue` }];
    }),
  );
}

/** Tests that are skipped or run alone, without a reason in a comment on the line or the one before. */
export function skippedTests(files: readonly Source[]): Violation[] {
  return files.flatMap(({ path, text, lines }) => {
    const code = withoutComments(text).split('\n');
    return code.flatMap((line, index) => {
      if (/\b(?:test|it|describe)(?:\.\w+)*\.(only|todo)\b/.test(line))
        return [{ path, line: index + 1, message: 'runs alone or is not written' }];
      if (!/\b(?:test|it|describe)(?:\.\w+)*\.skip(?:If)?\b/.test(line)) return [];
      const explained = /\/\//.test(lines[index]!) || /^\s*(\/\/|\*)/.test(lines[index - 1] ?? '');
      return explained ? [] : [{ path, line: index + 1, message: 'is skipped without a reason beside it' }];
    });
  });
}

const SILENT = /catch\s*(?:\([^)]*\))?\s*\{\s*\}|\.catch\(\s*\(\s*\)\s*=>\s*(?:\{\s*\}|undefined|null)\s*\)/;

/** Catches that swallow an error without a comment why, on the line or the one before. */
export function silentCatches(files: readonly Source[]): Violation[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => {
      if (!SILENT.test(line)) return [];
      const explained = /\/\/|\*\//.test(line) || /^\s*(\/\/|\*)/.test(lines[index - 1] ?? '');
      return explained ? [] : [{ path, line: index + 1, message: 'swallows an error without a comment why' }];
    }),
  );
}
