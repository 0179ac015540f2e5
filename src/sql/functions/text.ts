/** Text functions; positions and lengths count code points. */
import { checkLength } from '../limits.js';
import { byteLength, evaluationError } from '../value.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

/** Whether every UTF-16 unit is a code point. */
function isSimple(text: string): boolean {
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xf800) === 0xd800) return false;
  return true;
}

/** How many code points a text has. */
export function textLength(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xd800) count--;
  return count;
}

/** Code points from..to, counted from 0. */
function sliceText(text: string, from: number, to: number): string {
  if (isSimple(text)) return text.slice(from, to);
  return [...text].slice(from, to).join('');
}

// Greek letters with iota subscript: their one-to-one capital is a title-case letter.
const CAPITALS = new Map<string, string>(
  [
    [0x1f80, 8],
    [0x1f90, 8],
    [0x1fa0, 8],
  ].flatMap(([start, count]) =>
    Array.from(
      { length: count! },
      (_, i) => [String.fromCodePoint(start! + i), String.fromCodePoint(start! + i + 8)] as const,
    ),
  ),
);
for (const [small, capital] of [
  [0x1fb3, 0x1fbc],
  [0x1fc3, 0x1fcc],
  [0x1ff3, 0x1ffc],
] as const) {
  CAPITALS.set(String.fromCodePoint(small), String.fromCodePoint(capital));
}

/** One code point's one-to-one small letter. */
function lowerPoint(point: string): string {
  if (point === '\u0130') return 'i';
  const small = point.toLowerCase();
  return textLength(small) === 1 ? small : point;
}

/** One code point's one-to-one capital. */
function upperPoint(point: string): string {
  const listed = CAPITALS.get(point);
  if (listed !== undefined) return listed;
  const capital = point.toUpperCase();
  return textLength(capital) === 1 ? capital : point;
}

const ASCII = /^[\0-\x7f]*$/;

/** Small letters, code point by code point (no final sigma, no `ß` to `SS`), as PostgreSQL's C.UTF-8. */
export function lowerText(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  let result = '';
  for (const point of text) result += lowerPoint(point);
  return result;
}

/** Capitals, code point by code point. */
export function upperText(text: string): string {
  if (ASCII.test(text)) return text.toUpperCase();
  let result = '';
  for (const point of text) result += upperPoint(point);
  return result;
}

function substr(text: string, start: number, length?: number): string {
  if (length !== undefined && length < 0) throw evaluationError('negative substring length not allowed');
  const from = Math.max(start - 1, 0);
  const to = length === undefined ? Infinity : Math.max(start - 1 + length, 0);
  return sliceText(text, from, to);
}

function strpos(text: string, part: string): number {
  const index = text.indexOf(part);
  if (index < 0) return 0;
  return textLength(text.slice(0, index)) + 1;
}

function left(text: string, count: number): string {
  return sliceText(text, 0, count >= 0 ? count : Math.max(0, textLength(text) + count));
}

/** PostgreSQL negates the count in 32 bits: the smallest integer stays negative and drops nothing. */
const RIGHT_ALL = -2_147_483_648;

function right(text: string, count: number): string {
  if (count === RIGHT_ALL) return text;
  const length = textLength(text);
  return sliceText(text, count >= 0 ? Math.max(0, length - count) : Math.min(length, -count), length);
}

function splitPart(text: string, delimiter: string, field: number): string {
  if (field === 0) throw evaluationError('field position must not be zero');
  if (text === '') return '';
  const parts = delimiter === '' ? [text] : text.split(delimiter);
  return parts.at(field > 0 ? field - 1 : field) ?? '';
}

function replaceText(text: string, from: string, to: string): string {
  if (from === '') return text;
  const parts = text.split(from);
  checkLength(text.length + (parts.length - 1) * Math.max(0, to.length - from.length));
  return parts.join(to);
}

/** Strips the characters of `set` from the ends. */
function trim(start: boolean, end: boolean): (text: string, set?: string) => string {
  return (text, set = ' ') => {
    const points = isSimple(text) ? text : [...text];
    const drop = new Set(set);
    let from = 0;
    let to = points.length;
    if (start) while (from < to && drop.has(points[from]!)) from++;
    if (end) while (to > from && drop.has(points[to - 1]!)) to--;
    return typeof points === 'string' ? points.slice(from, to) : points.slice(from, to).join('');
  };
}

const trims = (name: string, start: boolean, end: boolean): FunctionDefinition[] => {
  const strip = trim(start, end);
  return [
    define(name, ['text'], 'text', (text: string) => strip(text)),
    define(name, ['text', 'text'], 'text', (text: string, set: string) => strip(text, set)),
  ];
};

const lengths = ['length', 'char_length', 'character_length'].map((name) =>
  define(name, ['text'], 'integer', textLength),
);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that bytes are in an encoding; UTF-8 is the only one. */
function convertFrom(bytes: Uint8Array, encoding: string): string {
  if (!/^(utf-?8|unicode)$/i.test(encoding)) throw evaluationError(`invalid source encoding name "${encoding}"`);
  try {
    if (!bytes.includes(0)) return utf8.decode(bytes);
  } catch {
    // Said below, together with the byte that no text can have.
  }
  throw evaluationError('invalid byte sequence for encoding "UTF8"');
}

/** Text functions. */
export const textFunctions: readonly FunctionDefinition[] = [
  define('lower', ['text'], 'text', lowerText),
  define('upper', ['text'], 'text', upperText),
  ...lengths,
  define('length', ['bytea'], 'integer', (bytes: Uint8Array) => bytes.length),
  define('octet_length', ['text'], 'integer', byteLength),
  define('convert_from', ['bytea', 'text'], 'text', convertFrom, { fails: true }),
  ...['substr', 'substring'].flatMap((name) => [
    define(name, ['text', 'integer'], 'text', (text: string, start: number) => substr(text, start)),
    define(name, ['text', 'integer', 'integer'], 'text', substr, { fails: true }),
  ]),
  define('position', ['text', 'text'], 'integer', strpos),
  define('strpos', ['text', 'text'], 'integer', strpos),
  define('left', ['text', 'integer'], 'text', left),
  define('right', ['text', 'integer'], 'text', right),
  define('starts_with', ['text', 'text'], 'boolean', (text: string, part: string) => text.startsWith(part)),
  define('replace', ['text', 'text', 'text'], 'text', replaceText, { fails: true }),
  ...trims('btrim', true, true),
  ...trims('ltrim', true, false),
  ...trims('rtrim', false, true),
  define('split_part', ['text', 'text', 'integer'], 'text', splitPart, { fails: true }),
  define('||', ['text', 'text'], 'text', (a: string, b: string) => a + b, { inline: ([a, b]) => `(${a} + ${b})` }),
  define('concat', [], 'text', (...parts: (string | null)[]) => parts.map((part) => part ?? '').join(''), {
    variadic: 1,
    nulls: true,
  }),
  define(
    'concat_ws',
    [],
    'text',
    (separator: string | null, ...parts: (string | null)[]) =>
      separator === null ? null : parts.filter((part) => part !== null).join(separator),
    { variadic: 2, nulls: true },
  ),
];
