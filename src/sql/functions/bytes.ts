/** Functions of bytes: parts, encodings, digests. */
import { createHash } from 'node:crypto';
import { checkLength } from '../limits.js';
import { evaluationError } from '../value.js';
import { parseEscapedBytes, parseHex } from './casts.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

const fails = { fails: true } as const;

/** base64 with a line break after 76 letters. */
function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('base64')
    .replace(/(.{76})(?!$)/g, '$1\n');
}

function toEscaped(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    if (byte === 0x5c) return '\\\\';
    return byte === 0 || byte > 127 ? `\\${byte.toString(8).padStart(3, '0')}` : String.fromCharCode(byte);
  }).join('');
}

function fromBase64(text: string): Uint8Array {
  const wrong = /[^A-Za-z0-9+/= \t\n\r]/u.exec(text);
  if (wrong !== null) throw evaluationError(`invalid symbol "${wrong[0]}" found while decoding base64 sequence`);
  const body = text.replace(/[ \t\n\r]/g, '');
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(body)) {
    if (/^[A-Za-z0-9+/]*=+[A-Za-z0-9+/]/.test(body) || /=.*=.*=|^=|^(?:[^=]{4})*=/.test(body))
      throw evaluationError('unexpected "=" while decoding base64 sequence');
    throw evaluationError('invalid base64 end sequence');
  }
  return Uint8Array.from(Buffer.from(body, 'base64'));
}

interface Encoding {
  readonly encode: (bytes: Uint8Array) => string;
  readonly decode: (text: string) => Uint8Array;
}

const ENCODINGS: Readonly<Record<string, Encoding>> = {
  hex: { encode: (bytes) => Buffer.from(bytes).toString('hex'), decode: parseHex },
  base64: { encode: toBase64, decode: fromBase64 },
  escape: { encode: toEscaped, decode: parseEscapedBytes },
};

function encodingOf(name: string): Encoding {
  const key = name.toLowerCase();
  if (!Object.hasOwn(ENCODINGS, key)) throw evaluationError(`unrecognized encoding: "${name}"`);
  return ENCODINGS[key]!;
}

const digest =
  (algorithm: string) =>
  (data: Uint8Array | string): Uint8Array =>
    Uint8Array.from(createHash(algorithm).update(data).digest());
const md5 = (data: Uint8Array | string): string => createHash('md5').update(data).digest('hex');

function requireIndex(bytes: Uint8Array, index: number): void {
  if (index < 0 || index >= bytes.length)
    throw evaluationError(`index ${index} out of valid range, 0..${bytes.length - 1}`);
}

function getByte(bytes: Uint8Array, index: number): number {
  requireIndex(bytes, index);
  return bytes[index]!;
}

function setByte(bytes: Uint8Array, index: number, value: number): Uint8Array {
  requireIndex(bytes, index);
  return bytes.with(index, value & 255);
}

function part(bytes: Uint8Array, start: number, length?: number): Uint8Array {
  if (length !== undefined && length < 0) throw evaluationError('negative substring length not allowed');
  const end = length === undefined ? bytes.length : Math.max(start - 1 + length, 0);
  return bytes.slice(Math.max(start - 1, 0), end);
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  checkLength(a.length + b.length);
  return Uint8Array.from([...a, ...b]);
}

const position = (bytes: Uint8Array, wanted: Uint8Array): number => Buffer.from(bytes).indexOf(wanted) + 1;

function convertTo(text: string, encoding: string): Uint8Array {
  if (!/^(utf-?8|unicode)$/i.test(encoding)) throw evaluationError(`encoding "${encoding}" is not supported: UTF8 is`);
  return new TextEncoder().encode(text);
}

/** Functions of bytes. */
export const byteFunctions: readonly FunctionDefinition[] = [
  define('||', ['bytea', 'bytea'], 'bytea', join, fails),
  define('octet_length', ['bytea'], 'integer', (bytes: Uint8Array) => bytes.length),
  define('bit_length', ['bytea'], 'integer', (bytes: Uint8Array) => bytes.length * 8),
  define('get_byte', ['bytea', 'integer'], 'integer', getByte, fails),
  define('set_byte', ['bytea', 'integer', 'integer'], 'bytea', setByte, fails),
  define('reverse', ['bytea'], 'bytea', (bytes: Uint8Array) => bytes.toReversed()),
  ...['substr', 'substring'].flatMap((name) => [
    define(name, ['bytea', 'integer'], 'bytea', (bytes: Uint8Array, start: number) => part(bytes, start)),
    define(name, ['bytea', 'integer', 'integer'], 'bytea', part, fails),
  ]),
  define('position', ['bytea', 'bytea'], 'integer', position),
  define(
    'encode',
    ['bytea', 'text'],
    'text',
    (bytes: Uint8Array, name: string) => encodingOf(name).encode(bytes),
    fails,
  ),
  define('decode', ['text', 'text'], 'bytea', (text: string, name: string) => encodingOf(name).decode(text), fails),
  define('convert_to', ['text', 'text'], 'bytea', convertTo, fails),
  define('md5', ['text'], 'text', md5),
  define('md5', ['bytea'], 'text', md5),
  ...['sha224', 'sha256', 'sha384', 'sha512'].map((name) => define(name, ['bytea'], 'bytea', digest(name))),
];
