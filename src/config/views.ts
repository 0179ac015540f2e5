/** Finds and reads the SQL files of the views. */
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { MillraceError } from '../util/errors.js';
import { globSync } from './glob.js';
import type { ViewText } from './options.js';

/** The texts of all views, files of a pattern in the order of their names. */
export function readViews(views: readonly (string | { readonly sql: string })[], folder: string): ViewText[] {
  return views.flatMap((view, index) =>
    typeof view === 'string' ? readPattern(view, folder, index) : [{ file: `views[${index}].sql`, text: view.sql }],
  );
}

function readPattern(pattern: string, folder: string, index: number): ViewText[] {
  const path = isAbsolute(pattern) ? pattern : join(folder, pattern);
  const files = globSync(path).filter((file) => statSync(file).isFile());
  if (files.length === 0)
    throw new MillraceError('CONFIG_NOT_FOUND', `views[${index}]: expected SQL files at '${path}', found none`, {
      place: `views[${index}]`,
    });
  return files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
}
