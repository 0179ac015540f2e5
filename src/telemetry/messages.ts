/**
 * What the process says about itself, by pino: one JSON object a line, or on a terminal one
 * readable line each. Words that may hold secrets (keys, authorization, cookies) are replaced.
 */
import type { Writable } from 'node:stream';
import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
import { sourceStack } from '../util/source-stack.js';

/** How much is said. */
export type MessageLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** How it is said: `auto` is text on a terminal and JSON otherwise. */
export type MessageFormat = 'auto' | 'text' | 'json';

/** A logger; `child({ part: 'log' })` names the part that speaks. */
export type Messages = Logger;

/** Fields whose values never leave the process. */
const SECRETS = [
  'key',
  'apiKey',
  'secret',
  'token',
  'authorization',
  'cookie',
  'headers.authorization',
  'headers.cookie',
  '*.secret',
  '*.authorization',
];

/** Makes the logger of a thread. Writes to `target`, standard error when left out. */
export function createMessages(
  options: { readonly level?: MessageLevel; readonly format?: MessageFormat } = {},
  target: Writable & { isTTY?: boolean } = process.stderr,
): Messages {
  const { level = 'info', format = 'auto' } = options;
  const text = format === 'text' || (format === 'auto' && target.isTTY === true);
  const redact = { paths: SECRETS, censor: '[hidden]' };
  const settings = { level, base: null, redact, serializers: { err: errorFields } };
  return pino(settings, text ? textStream(target) : (target as DestinationStream));
}

/** An error as pino writes it, its stack in terms of the sources. */
function errorFields(error: Error): object {
  const fields = stdSerializers.err(error);
  return typeof fields.stack === 'string' ? { ...fields, stack: sourceStack(fields.stack) } : fields;
}

function textStream(target: Writable & { isTTY?: boolean }): DestinationStream {
  const color = target.isTTY === true && process.env['NO_COLOR'] === undefined;
  return { write: (line: string) => void target.write(`${formatMessage(line, color)}\n`) };
}

const LEVELS: Readonly<Record<number, readonly [name: string, color: number]>> = {
  20: ['debug', 90],
  30: ['info ', 32],
  40: ['warn ', 33],
  50: ['error', 31],
  60: ['fatal', 31],
};

/** One line of pino's JSON as `12:00:01.123 info  part: message  name=value …`. */
export function formatMessage(line: string, color = false): string {
  const { level, time, msg, part, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const [name, code] = LEVELS[level as number] ?? ['?    ', 0];
  const paint = (text: string, paintCode: number) => (color ? `\u001b[${paintCode}m${text}\u001b[0m` : text);
  const clock = new Date(time as number).toISOString().slice(11, 23);
  const fields = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const parts = [
    paint(clock, 90),
    paint(name, code),
    `${part === undefined ? '' : `${String(part)}: `}${String(msg ?? '')}`,
  ];
  if (fields.length > 0) parts.push(paint(fields.join(' '), 90));
  const stack = (err as { stack?: string } | undefined)?.stack;
  return parts.join(' ') + (stack === undefined ? '' : `\n${stack}`);
}
