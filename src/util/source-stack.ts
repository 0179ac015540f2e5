/**
 * Stacks as the sources count lines. What runs are bundles; Node could translate by itself, but then reads the maps of
 * all files at the start, for errors that hardly ever come.
 */
import { existsSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath } from 'node:url';

const FRAME = /(file:\/\/[^\s()]+\.js):(\d+):(\d+)/g;

/** The maps of files that stood in a stack; null: the file has none. */
const maps = new Map<string, SourceMap | null>();

/** A stack with the places of its frames in the sources, where a map beside the file tells them. */
export function sourceStack(stack: string): string {
  return stack.replace(FRAME, (frame, url: string, line: string, column: string) => {
    const found = mapOf(url)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (found === undefined || !('originalSource' in found)) return frame;
    const file = fileURLToPath(new URL(found.originalSource, url));
    return `${file}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  });
}

function mapOf(url: string): SourceMap | null {
  let map = maps.get(url);
  if (map === undefined) {
    const file = `${fileURLToPath(url)}.map`;
    map = existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8')) as SourceMapPayload) : null;
    maps.set(url, map);
  }
  return map;
}
