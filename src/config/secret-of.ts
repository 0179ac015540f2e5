/** Secrets in texts that have no room for `{ env: 'NAME' }`, such as the options of a view. */
import { MillraceError } from '../util/errors.js';

/** The text; of `env:NAME` what the environment has. Throws CONFIG_INVALID where it has nothing. */
export function secretOf(text: string, place: string): string {
  const name = /^env:(\w+)$/.exec(text.trim())?.[1];
  if (name === undefined) return text;
  const found = process.env[name] ?? '';
  if (found === '')
    throw new MillraceError('CONFIG_INVALID', `${place}: expected the environment to have ${name}`, { place });
  return found;
}
