import { readFileSync } from 'node:fs';
import { MillraceError } from '../../util/errors.js';

/** Which key an event is sent with. */
export type KeyOf = (event: Uint8Array) => string;

/**
 * One key for all (an operator's, or a tenant's for its own events), or a file of keys by tenant:
 * `{ "acme": "mr_…", … }`. `tenantField` names the tenant in an event. Throws KEY_MISSING,
 * CONFIG_NOT_FOUND and CONFIG_INVALID.
 */
export function keyChoice(key: string | undefined, file: string | undefined, tenantField: string): KeyOf {
  if (file === undefined) {
    if (key === undefined)
      throw new MillraceError(
        'KEY_MISSING',
        'sending needs a key; give one with --key or MILLRACE_KEY, or many with --keys FILE',
      );
    return () => key;
  }
  const keys = readKeys(file);
  return (event) => {
    const tenant = tenantOf(event, tenantField);
    const found = (tenant === undefined ? undefined : keys.get(tenant)) ?? key;
    if (found === undefined)
      throw new MillraceError(
        'KEY_MISSING',
        `${file} has no key for ${tenant === undefined ? `an event without '${tenantField}'` : `the tenant '${tenant}'`}; expected one there, or --key for the rest`,
        {
          place: file,
        },
      );
    return found;
  };
}

function readKeys(file: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new MillraceError('CONFIG_NOT_FOUND', `the keys can't be read from ${file}: ${(cause as Error).message}`, {
      place: file,
      cause,
    });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new MillraceError('CONFIG_INVALID', `${file} is not JSON: ${(cause as Error).message}`, {
      place: file,
      cause,
    });
  }
  const entries = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? Object.entries(parsed) : [];
  if (entries.length === 0 || entries.some(([, value]) => typeof value !== 'string'))
    throw new MillraceError(
      'CONFIG_INVALID',
      `${file}: expected an object of keys by tenant, such as { "acme": "…" }`,
      { place: file },
    );
  return new Map(entries as [string, string][]);
}

/** The tenant of an event; undefined when it names none or isn't JSON, which is for the server to say. */
function tenantOf(event: Uint8Array, field: string): string | undefined {
  const text = Buffer.from(event.buffer, event.byteOffset, event.byteLength).toString();
  try {
    const tenant = (JSON.parse(text) as Record<string, unknown> | null)?.[field];
    return typeof tenant === 'string' ? tenant : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
