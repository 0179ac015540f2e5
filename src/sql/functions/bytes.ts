/** Functions of bytes: parts, encodings, digests. */
import { createHash } from 'node:crypto';
import { checkLength } from '../limits.js';
import { evaluationError, intOf } from '../value.js';
import type { Int } from '../value.js';
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

/** The place of a bit: from the first byte's lowest on. */
function placeOf(bytes: Uint8Array, index: Int): { byte: number; bit: number } {
  const at = Number(index);
  if (at < 0 || at >= bytes.length * 8)
    throw evaluationError(`index ${index} out of valid range, 0..${bytes.length * 8 - 1}`);
  return { byte: at >> 3, bit: at & 7 };
}

function getBit(bytes: Uint8Array, index: Int): number {
  const { bit, byte } = placeOf(bytes, index);
  return (bytes[byte]! >> bit) & 1;
}

function setBit(bytes: Uint8Array, index: Int, value: number): Uint8Array {
  const { bit, byte } = placeOf(bytes, index);
  if (value !== 0 && value !== 1) throw evaluationError('new bit must be 0 or 1');
  return bytes.with(byte, (bytes[byte]! & ~(1 << bit)) | (value << bit));
}

/** Bytes with others in place of those from `start` on. */
function overlaid(bytes: Uint8Array, other: Uint8Array, start: number, length = other.length): Uint8Array {
  if (start <= 0) throw evaluationError('negative substring length not allowed');
  if (start + length > 2_147_483_647) throw evaluationError('integer out of range');
  return join(join(part(bytes, 1, start - 1), other), part(bytes, start + length));
}

/** A cyclic redundancy check of 32 bits: its polynomial, lowest bit first. */
const crc = (polynomial: number): ((bytes: Uint8Array) => Int) => {
  const table = Uint32Array.from({ length: 256 }, (_, index) => {
    let rest = index;
    for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 0 ? rest >>> 1 : (rest >>> 1) ^ polynomial;
    return rest;
  });
  return (bytes) => {
    let sum = 0xffffffff;
    for (const byte of bytes) sum = table[(sum ^ byte) & 255]! ^ (sum >>> 8);
    return intOf(BigInt((sum ^ 0xffffffff) >>> 0));
  };
};

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
  define('get_bit', ['bytea', 'bigint'], 'integer', getBit, fails),
  define('set_bit', ['bytea', 'bigint', 'integer'], 'bytea', setBit, fails),
  define('overlay', ['bytea', 'bytea', 'integer'], 'bytea', overlaid, fails),
  define('overlay', ['bytea', 'bytea', 'integer', 'integer'], 'bytea', overlaid, fails),
  define('crc32', ['bytea'], 'bigint', crc(0xedb88320)),
  define('crc32c', ['bytea'], 'bigint', crc(0x82f63b78)),
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
