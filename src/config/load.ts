/** From a file to options. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MillraceError } from '../util/errors.js';
import type { MillraceOptions } from './options.js';
import { parseConfig, sourceOf, type ConfigOverrides } from './parse.js';
import { CONFIG_ENDINGS, readConfigFile } from './read-file.js';

/** Reads, checks and completes a configuration. Throws CONFIG_NOT_FOUND, CONFIG_INVALID or DEMO_KEYS_EXPOSED. */
export async function loadConfig(file: string, overrides: ConfigOverrides = {}): Promise<MillraceOptions> {
  const source = sourceOf(file);
  return parseConfig(await readConfigFile(source.file!), source, overrides);
}

/** The configuration to use: `given`, or `millrace.config.*` in `folder`. Throws CONFIG_NOT_FOUND. */
export function findConfig(given: string | undefined, folder: string): string {
  if (given !== undefined) return resolve(folder, given);
  for (const ending of CONFIG_ENDINGS) {
    const file = join(folder, `millrace.config${ending}`);
    if (existsSync(file)) return file;
  }
  const message = `there is no millrace.config.ts (or ${CONFIG_ENDINGS.slice(1).join(', ')}) in ${folder}; name one with --config, or write one to start from with \`millrace init\``;
  throw new MillraceError('CONFIG_NOT_FOUND', message, { place: folder });
}
