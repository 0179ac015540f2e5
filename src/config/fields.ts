/** The kinds of value a configuration is made of, each with a message that says what was expected. */
import { z } from 'zod';
import { DURATION_EXAMPLE, SIZE_EXAMPLE, formatDuration, formatSize, parseDuration, parseSize } from './units.js';

const DAY_MS = 86_400_000;

/** A duration text → ms. `byDefault` is such a text. */
export function duration(byDefault: string, description: string, minMs = 1, maxMs = 3_650 * DAY_MS) {
  return durationText(minMs, maxMs).prefault(byDefault).meta({ description, kind: 'duration' });
}

/** A duration text → ms, or nothing. */
export function optionalDuration(description: string, minMs = 1, maxMs = 3_650 * DAY_MS) {
  return durationText(minMs, maxMs).optional().meta({ description, kind: 'duration' });
}

function durationText(minMs: number, maxMs: number) {
  return z.string({ error: `expected ${DURATION_EXAMPLE}` }).transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    const range = ms === undefined ? '' : ` from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
    context.addIssue({ code: 'custom', message: `expected ${DURATION_EXAMPLE}${range}`, input: text });
    return z.NEVER;
  });
}

/** A size text → bytes. `byDefault` is such a text. */
export function size(byDefault: string, description: string, minBytes = 1, maxBytes = 1024 ** 5) {
  return sizeText(minBytes, maxBytes).prefault(byDefault).meta({ description, kind: 'size' });
}

/** A size text → bytes, or nothing. */
export function optionalSize(description: string, minBytes = 1, maxBytes = 1024 ** 5) {
  return sizeText(minBytes, maxBytes).optional().meta({ description, kind: 'size' });
}

function sizeText(minBytes: number, maxBytes: number) {
  return z.string({ error: `expected ${SIZE_EXAMPLE}` }).transform((text, context) => {
    const bytes = parseSize(text);
    if (bytes !== undefined && bytes >= minBytes && bytes <= maxBytes) return bytes;
    const range = bytes === undefined ? '' : ` from ${formatSize(minBytes)} to ${formatSize(maxBytes)}`;
    context.addIssue({ code: 'custom', message: `expected ${SIZE_EXAMPLE}${range}`, input: text });
    return z.NEVER;
  });
}

/** A whole number within bounds. */
export function whole(byDefault: number, description: string, min: number, max: number) {
  const error = `expected a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).default(byDefault).meta({ description });
}

/** A whole number within bounds, or nothing. */
export function optionalWhole(description: string, min: number, max: number) {
  const error = `expected a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).optional().meta({ description });
}

/** A name of a stream or view: what may stand in SQL without quotes. */
export const NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/** What a name looks like, for messages. */
export const NAME_EXAMPLE = 'a name of lower case letters, digits and _, at most 63, not starting with a digit';

/** A non-empty text. */
export function text(description: string) {
  return z
    .string({ error: 'expected a text' })
    .min(1, { error: 'expected a text that is not empty' })
    .meta({ description });
}

/**
 * A secret → its text: written there, or named by `{ env: 'NAME' }` and taken from the environment.
 * Neither messages nor pages show what was found. `check` says what else is expected of it, or null.
 */
export function secret(description: string, check: (text: string) => string | null = () => null) {
  return z
    .unknown()
    .transform((value, context): string => {
      const found = secretText(value);
      const message = 'message' in found ? found.message : check(found.text);
      if (message === null) return (found as { readonly text: string }).text;
      context.addIssue({ code: 'custom', message, params: { secret: true } });
      return z.NEVER;
    })
    .meta({ description, kind: 'secret' });
}

/** What a secret looks like, for messages. */
const SECRET_EXAMPLE = "a text that is not empty, or { env: 'NAME' } to take it from the environment";

function secretText(value: unknown): { readonly text: string } | { readonly message: string } {
  if (typeof value === 'string' && value !== '') return { text: value };
  const { env, ...others } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof env !== 'string' || env === '' || Object.keys(others).length > 0)
    return { message: `expected ${SECRET_EXAMPLE}` };
  const text = process.env[env] ?? '';
  return text === '' ? { message: `expected the environment to have ${env}` } : { text };
}

/** A path, relative to the configuration file. */
export function path(description: string) {
  return text(`${description}; relative to the configuration file`);
}

/** Whether `host` is only reachable from this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
