/** Regular expressions: `~`, `!~`, regexp_replace, substring(x from pattern). */
import { sameExtents, isExplosive } from '../regex/extents.js';
import { parseRegex, refuseRegex } from '../regex/parse.js';
import type { Regex } from '../regex/parse.js';
import { printRegex } from '../regex/translate.js';
import { checkLength } from '../limits.js';
import type { Value } from '../value.js';
import { MillraceError } from '../../util/errors.js';
import { atRunTime, define } from './registry.js';
import type { Evaluate, FunctionDefinition } from './registry.js';

/** A pattern that was read, and what JavaScript runs. */
export interface CompiledRegex {
  readonly tree: Regex;
  readonly pattern: RegExp;
  readonly groups: number;
  readonly ignoreCase: boolean;
}

/** Patterns that come from rows are kept, at most this many. */
const PATTERNS_MAX = 256;
const compiled = new Map<string, CompiledRegex>();

/** Compiles a pattern; with `all` its `lastIndex` counts. Patterns are kept. @throws SQL_UNSUPPORTED for what is refused. */
export function compilePattern(source: string, flags: { ignoreCase: boolean; all: boolean }): CompiledRegex {
  const key = `${flags.ignoreCase ? 'i' : ''}${flags.all ? 'g' : ''}/${source}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const { tree, ignoreCase: isSaid } = parseRegex(source);
  const ignoreCase = isSaid || flags.ignoreCase;
  if (isExplosive(tree, ignoreCase)) {
    throw refuseRegex(
      'a repeat inside a repeat that can split a text in many ways',
      'Such a pattern can take exponential time; repeat one set of characters instead.',
    );
  }
  const pattern = new RegExp(printRegex(tree, ignoreCase), flags.all ? 'gu' : 'u');
  const result = { tree, pattern, groups: countGroups(tree), ignoreCase };
  if (compiled.size >= PATTERNS_MAX) compiled.clear();
  compiled.set(key, result);
  return result;
}

function countGroups(tree: Regex): number {
  switch (tree.kind) {
    case 'concat':
      return tree.items.reduce((sum, item) => sum + countGroups(item), 0);
    case 'alternate':
      return tree.options.reduce((sum, option) => sum + countGroups(option), 0);
    case 'group':
      return (tree.capture ? 1 : 0) + countGroups(tree.body);
    case 'repeat':
    case 'look':
      return countGroups(tree.body);
    default:
      return 0;
  }
}

/** Refuses a pattern whose matched part, or with `groups` the part of a group, is not PostgreSQL's. */
export function requireExtents(regex: CompiledRegex, groups: boolean): void {
  if (!sameExtents(regex.tree, groups, regex.ignoreCase)) {
    throw refuseRegex(
      'a pattern whose longest match differs from its first',
      'PostgreSQL takes the longest match. Make alternatives begin differently, let no repeat be followed by what it also takes, or end the pattern with $.',
    );
  }
}

const once = { ignoreCase: false, all: false };

function matchOperator(name: string, ignoreCase: boolean, negated: boolean): FunctionDefinition {
  const test = (source: string): ((text: string) => boolean) => {
    const { pattern } = compilePattern(source, { ignoreCase, all: false });
    return (text) => pattern.test(text) !== negated;
  };
  return define(
    name,
    ['text', 'text'],
    'boolean',
    atRunTime((text: string, source: string) => test(source)(text)),
    {
      fails: true,
      prepare: ([, source]: readonly (Value | undefined)[]) =>
        typeof source === 'string' ? (test(source) as Evaluate) : undefined,
    },
  );
}

/** What replaces a match: texts, and numbers for groups (0 is the whole). */
export function parseReplacement(text: string): (string | number)[] {
  const parts: (string | number)[] = [];
  for (let i = 0; i < text.length; i++) {
    const next = text[i + 1];
    if (text[i] !== '\\' || next === undefined) parts.push(text[i]!);
    else if (/[1-9]/.test(next)) parts.push(Number(text[++i]));
    else if (next === '&') {
      parts.push(0);
      i++;
    } else if (next === '\\') {
      parts.push('\\');
      i++;
    } else parts.push('\\');
  }
  return parts;
}

function replacer(source: string, replacement: string, flags: string): (text: string) => string {
  if (/[^gi]/.test(flags)) {
    throw new MillraceError('SQL_UNSUPPORTED', `regexp_replace takes the flags g and i, not "${flags}"`);
  }
  const regex = compilePattern(source, { ignoreCase: flags.includes('i'), all: flags.includes('g') });
  const parts = parseReplacement(replacement);
  requireExtents(
    regex,
    parts.some((part) => typeof part === 'number' && part > 0 && part <= regex.groups),
  );
  return (text) => {
    let made = 0;
    return text.replace(regex.pattern, (...found: unknown[]) => {
      const replacement = parts
        .map((part) =>
          typeof part === 'string' ? part : part > regex.groups ? '' : ((found[part] as string | undefined) ?? ''),
        )
        .join('');
      made = checkLength(made + replacement.length);
      return replacement;
    });
  };
}

function finder(source: string): (text: string) => string | null {
  const regex = compilePattern(source, once);
  requireExtents(regex, regex.groups > 0);
  return (text) => regex.pattern.exec(text)?.[regex.groups > 0 ? 1 : 0] ?? null;
}

const replaceEvaluate = (text: string, source: string, replacement: string, flags = ''): string =>
  replacer(source, replacement, flags)(text);

const prepareReplace = (
  [, source, replacement, flags]: readonly (Value | undefined)[],
  given: boolean,
): Evaluate | undefined => {
  if (typeof source !== 'string' || typeof replacement !== 'string' || (given && typeof flags !== 'string'))
    return undefined;
  return replacer(source, replacement, given ? (flags as string) : '');
};

/** Functions of regular expressions. */
export const patternFunctions: readonly FunctionDefinition[] = [
  matchOperator('~', false, false),
  matchOperator('~*', true, false),
  matchOperator('!~', false, true),
  matchOperator('!~*', true, true),
  define('regexp_replace', ['text', 'text', 'text'], 'text', atRunTime(replaceEvaluate), {
    fails: true,
    prepare: (constants) => prepareReplace(constants, false),
  }),
  define('regexp_replace', ['text', 'text', 'text', 'text'], 'text', atRunTime(replaceEvaluate), {
    fails: true,
    prepare: (constants) => prepareReplace(constants, true),
  }),
  define(
    'substring',
    ['text', 'text'],
    'text',
    atRunTime((text: string, source: string) => finder(source)(text)),
    {
      fails: true,
      prepare: ([, source]: readonly (Value | undefined)[]) =>
        typeof source === 'string' ? finder(source) : undefined,
    },
  ),
];
