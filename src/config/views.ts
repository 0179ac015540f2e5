/** Finds and reads the SQL files of views and endpoints. */
import { readFileSync, statSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { MillraceError } from '../util/errors.js';
import { NAME, NAME_EXAMPLE } from './fields.js';
import { globSync } from './glob.js';
import type { EndpointText, ViewText } from './options.js';

/** The texts of all views, files of a pattern in the order of their names. */
export function readViews(views: readonly (string | { readonly sql: string })[], folder: string): ViewText[] {
  return views.flatMap((view, index) =>
    typeof view === 'string'
      ? readPattern(view, folder, `views[${index}]`)
      : [{ file: `views[${index}].sql`, text: view.sql }],
  );
}

/**
 * The texts of all saved endpoints, each named by its file.
 *
 * @throws CONFIG_NOT_FOUND for a pattern without files, CONFIG_INVALID for a file's name that is no name or is there twice.
 */
export function readEndpoints(patterns: readonly string[], folder: string): EndpointText[] {
  const endpoints = new Map<string, EndpointText>();
  for (const [index, pattern] of patterns.entries())
    for (const { file, text } of readPattern(pattern, folder, `endpoints[${index}]`)) {
      const name = basename(file, '.sql');
      if (!NAME.test(name) || !file.endsWith('.sql'))
        throw wrongName(file, `expected a file named by ${NAME_EXAMPLE}, and .sql`);
      const twin = endpoints.get(name);
      if (twin !== undefined && twin.file !== file)
        throw wrongName(file, `'${twin.file}' has this name already; expected a name of its own`);
      endpoints.set(name, { name, file, text });
    }
  return [...endpoints.values()];
}

function wrongName(file: string, message: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `${file}: ${message}`, { place: file });
}

function readPattern(pattern: string, folder: string, place: string): ViewText[] {
  const path = isAbsolute(pattern) ? pattern : join(folder, pattern);
  const files = globSync(path).filter((file) => statSync(file).isFile());
  if (files.length === 0)
    throw new MillraceError('CONFIG_NOT_FOUND', `${place}: expected SQL files at '${path}', found none`, { place });
  return files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
}
