/** Texts padded, repeated, replaced letter by letter, and single code points. */
import { checkLength } from '../limits.js';
import { byteLength, evaluationError, intOf } from '../value.js';
import type { Int } from '../value.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';
import { lowerText, textLength, upperText } from './text.js';

const fails = { fails: true } as const;

/** Fills up to a length in code points, or cuts to it. */
function pad(text: string, length: number, fill: string, atStart: boolean): string {
  checkLength(length);
  const points = [...text];
  if (points.length >= length) return points.slice(0, Math.max(0, length)).join('');
  const pattern = [...fill];
  if (pattern.length === 0) return text;
  const missing = Array.from({ length: length - points.length }, (_, i) => pattern[i % pattern.length]!).join('');
  return atStart ? missing + text : text + missing;
}

function repeat(text: string, count: number): string {
  if (count <= 0) return '';
  checkLength(text.length * count);
  return text.repeat(count);
}

function translate(text: string, from: string, to: string): string {
  const targets = [...to];
  const map = new Map<string, string>();
  [...from].forEach((point, i) => {
    if (!map.has(point)) map.set(point, targets[i] ?? '');
  });
  return Array.from(text, (point) => map.get(point) ?? point).join('');
}

const INT32_MAX = 2_147_483_647;

/** Puts a part in the place of `length` code points from `start` on, counted from 1. */
function overlay(text: string, part: string, start: number, length = textLength(part)): string {
  if (start <= 0) throw evaluationError('negative substring length not allowed');
  const end = start + length;
  if (end > INT32_MAX) throw evaluationError('integer out of range');
  const points = [...text];
  checkLength(text.length + part.length);
  return points.slice(0, start - 1).join('') + part + points.slice(Math.max(0, end - 1)).join('');
}

const LETTER = /^[\p{Alphabetic}0-9]$/u;
/** Letters whose title case is not their capital: digraphs, and Georgian, which has none. */
const TITLES = new Map([...'ǄǅǆǇǈǉǊǋǌǱǲǳ'].map((point, i) => [point, 'ǅǈǋǲ'[Math.floor(i / 3)]!]));

function titlePoint(point: string): string {
  const isGeorgian = point >= '\u10d0' && point <= '\u10ff';
  return isGeorgian ? point : (TITLES.get(point) ?? upperText(point));
}

/** The first letter of each word as a title, the others small. */
function initcap(text: string): string {
  let inWord = false;
  return Array.from(text, (point) => {
    const isFirst = !inWord;
    inWord = LETTER.test(point);
    return isFirst ? titlePoint(point) : lowerText(point);
  }).join('');
}

function character(code: number): string {
  if (code < 0) throw evaluationError('character number must be positive');
  if (code === 0) throw evaluationError('null character not permitted');
  if (code > 0x10ffff) throw evaluationError(`requested character too large for encoding: ${code}`);
  if (code >= 0xd800 && code < 0xe000) throw evaluationError(`requested character not valid for encoding: ${code}`);
  return String.fromCodePoint(code);
}

/** Letters of a letter at most: normalization to a decomposed form makes no more. */
const DECOMPOSED_MAX = 18;

function normalize(text: string, form = 'NFC'): string {
  const name = form.toUpperCase();
  if (!/^NFK?[CD]$/.test(name)) throw evaluationError(`invalid normalization form: ${form}`);
  checkLength(text.length * DECOMPOSED_MAX);
  return text.normalize(name);
}

/** A whole number in a base; a negative one as its two's complement. */
function digits(width: number, base: number): (value: Int) => string {
  return (value) => BigInt.asUintN(width, BigInt(value)).toString(base);
}

const pads = (name: string, atStart: boolean): FunctionDefinition[] => [
  define(name, ['text', 'integer'], 'text', (text: string, length: number) => pad(text, length, ' ', atStart), fails),
  define(
    name,
    ['text', 'integer', 'text'],
    'text',
    (text: string, length: number, fill: string) => pad(text, length, fill, atStart),
    fails,
  ),
];

/** Functions that edit texts. */
export const textEditFunctions: readonly FunctionDefinition[] = [
  ...pads('lpad', true),
  ...pads('rpad', false),
  define('repeat', ['text', 'integer'], 'text', repeat, fails),
  define('reverse', ['text'], 'text', (text: string) => [...text].toReversed().join('')),
  define('translate', ['text', 'text', 'text'], 'text', translate),
  define('overlay', ['text', 'text', 'integer'], 'text', overlay, fails),
  define('overlay', ['text', 'text', 'integer', 'integer'], 'text', overlay, fails),
  define('initcap', ['text'], 'text', initcap),
  define('ascii', ['text'], 'integer', (text: string) => text.codePointAt(0) ?? 0),
  define('chr', ['integer'], 'text', character, fails),
  define('bit_length', ['text'], 'integer', (text: string) => byteLength(text) * 8),
  define('normalize', ['text'], 'text', (text: string) => normalize(text), fails),
  define('normalize', ['text', 'text'], 'text', normalize, fails),
  define('is_normalized', ['text'], 'boolean', (text: string) => normalize(text) === text, fails),
  define(
    'is_normalized',
    ['text', 'text'],
    'boolean',
    (text: string, form: string) => normalize(text, form) === text,
    fails,
  ),
  define('^@', ['text', 'text'], 'boolean', (text: string, part: string) => text.startsWith(part)),
  ...(
    [
      ['to_hex', 16],
      ['to_oct', 8],
      ['to_bin', 2],
    ] as const
  ).flatMap(([name, base]) => [
    define(name, ['integer'], 'text', digits(32, base)),
    define(name, ['bigint'], 'text', digits(64, base)),
  ]),
  define('bit_count', ['bytea'], 'bigint', (bytes: Uint8Array) =>
    intOf(bytes.reduce((sum, byte) => sum + BigInt(byte.toString(2).replaceAll('0', '').length), 0n)),
  ),
];
