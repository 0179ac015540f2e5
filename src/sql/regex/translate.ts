/** Prints a regular expression as JavaScript's, with PostgreSQL's meaning spelled out. */
import { lowerText, upperText } from '../functions/text.js';
import { refuseRegex } from './parse.js';
import type { CharacterSet, Regex } from './parse.js';

/** Classes as collation C.UTF-8 has them: digits are ASCII, letters are Unicode's. */
const CLASS_TEXT: Readonly<Record<string, string>> = {
  alpha: '\\p{Alphabetic}',
  digit: '0-9',
  alnum: '\\p{Alphabetic}0-9',
  upper: '\\p{Uppercase}',
  lower: '\\p{Lowercase}',
  space: '\\p{White_Space}',
  xdigit: '0-9A-Fa-f',
  word: '\\p{Alphabetic}0-9_',
};

const WORD = `[${CLASS_TEXT['word']}]`;

/** The source of a JavaScript expression with the flag `u` that matches where PostgreSQL's does. */
export function printRegex(tree: Regex, ignoreCase: boolean): string {
  const print = (child: Regex): string => printRegex(child, ignoreCase);
  switch (tree.kind) {
    case 'any':
      return '[^]';
    case 'set':
      return printSet(tree, ignoreCase);
    case 'concat':
      return tree.items.map((item) => (item.kind === 'alternate' ? `(?:${print(item)})` : print(item))).join('');
    case 'alternate':
      return tree.options.map(print).join('|');
    case 'group':
      return `${tree.capture ? '(' : '(?:'}${print(tree.body)})`;
    case 'repeat':
      return `${print(tree.body)}${printQuantifier(tree.min, tree.max)}${tree.greedy ? '' : '?'}`;
    case 'look':
      return `(?${tree.behind ? '<' : ''}${tree.negated ? '!' : '='}${print(tree.body)})`;
    case 'assert':
      return printAssertion(tree.at);
  }
}

function printQuantifier(min: number, max: number): string {
  if (max === Infinity) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  if (min === 0 && max === 1) return '?';
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

function printAssertion(at: Extract<Regex, { kind: 'assert' }>['at']): string {
  switch (at) {
    case 'start':
      return '^';
    case 'end':
      return '$';
    case 'wordStart':
      return `(?<!${WORD})(?=${WORD})`;
    case 'wordEnd':
      return `(?<=${WORD})(?!${WORD})`;
    case 'word':
      return `(?:(?<!${WORD})(?=${WORD})|(?<=${WORD})(?!${WORD}))`;
    case 'notWord':
      return `(?:(?<!${WORD})(?!${WORD})|(?<=${WORD})(?=${WORD}))`;
  }
}

function printSet(set: CharacterSet, ignoreCase: boolean): string {
  const ranges = ignoreCase ? set.ranges.flatMap(bothCases) : set.ranges;
  const [only] = ranges;
  if (!set.negated && set.classes.length === 0 && ranges.length === 1 && only![0] === only![1])
    return printCode(only![0]);
  const classes = set.classes.map((name) => printClass(name, ignoreCase));
  if (set.classes.length === 1 && ranges.length === 0 && set.classes[0]!.startsWith('^'))
    return set.negated ? `[${classes[0]}]` : `[^${classes[0]}]`;
  const parts = ranges.map(([low, high]) => (low === high ? printCode(low) : `${printCode(low)}-${printCode(high)}`));
  return `[${set.negated ? '^' : ''}${parts.join('')}${classes.join('')}]`;
}

function printClass(name: string, ignoreCase: boolean): string {
  const plain = name.replace('^', '');
  if (ignoreCase && (plain === 'upper' || plain === 'lower')) return CLASS_TEXT['alpha']!;
  return CLASS_TEXT[plain]!;
}

function printCode(code: number): string {
  const character = String.fromCodePoint(code);
  return /[A-Za-z0-9]/.test(character) ? character : `\\u{${code.toString(16)}}`;
}

/** A range with the other case of each of its characters. */
function bothCases([low, high]: readonly [number, number]): (readonly [number, number])[] {
  if (high - low > 1_000)
    throw refuseRegex('a wide range that ignores case', 'List both cases, or use lower(x) ~ pattern.');
  const points = new Set<number>();
  for (let code = low; code <= high; code++) {
    const character = String.fromCodePoint(code);
    points.add(code).add(lowerText(character).codePointAt(0)!).add(upperText(character).codePointAt(0)!);
  }
  const sorted = [...points].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const code of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === code - 1) last[1] = code;
    else ranges.push([code, code]);
  }
  return ranges;
}
