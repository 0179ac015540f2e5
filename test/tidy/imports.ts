/**
 * The import rule. Ground (`event sql format config io telemetry util`) knows only ground. A stage knows the
 * ground and `log`, never another stage. Only `millrace.ts` (and the pages it continues on, beside
 * the folders), `serve` and `cli` see several stages.
 */
import { importsOf, type Source } from './sources.js';

const GROUND = new Set(['event', 'sql', 'format', 'config', 'io', 'telemetry', 'util']);
/** Who sees several stages. */
const isEntry = (area: string): boolean => area === 'cli' || area === 'serve' || area.endsWith('.ts');

/** The folder of src/ that a path belongs to, or the file's name at the top. */
function areaOf(path: string): string {
  return path.split('/')[1]!;
}

function allowed(from: string, target: string): boolean {
  const to = areaOf(target);
  if (to === from || GROUND.has(to)) return true;
  if (GROUND.has(from)) return false;
  if (to === 'log') return true;
  return isEntry(from);
}

/** Each import that breaks the rule. */
export function importViolations(files: readonly Source[]): { path: string; line: number; message: string }[] {
  const known = new Set(files.map(({ path }) => path));
  return files.flatMap((file) =>
    importsOf(file).flatMap(({ line, specifier, target }) => {
      if (target === undefined || !target.startsWith('src/') || !target.endsWith('.ts')) return [];
      if (!known.has(target)) return [{ path: file.path, line, message: `imports '${specifier}', which is no file` }];
      if (allowed(areaOf(file.path), target)) return [];
      return [
        { path: file.path, line, message: `'${areaOf(file.path)}' may not import '${areaOf(target)}' (${specifier})` },
      ];
    }),
  );
}

/** Files of src/ that nothing reaches from `entries`. */
export function unreached(
  files: readonly Source[],
  entries: readonly string[],
  workerNames: readonly string[],
): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const queue = files
    .filter(({ path }) => entries.includes(path) || workerNames.includes(path))
    .map(({ path }) => path);
  const reached = new Set(queue);
  for (let path = queue.pop(); path !== undefined; path = queue.pop())
    for (const { target } of importsOf(byPath.get(path)!))
      if (target !== undefined && byPath.has(target) && !reached.has(target)) {
        reached.add(target);
        queue.push(target);
      }
  return files.map(({ path }) => path).filter((path) => !reached.has(path));
}
