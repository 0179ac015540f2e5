/** Regular expressions that count, find and cut: regexp_match, regexp_count, regexp_substr and the like. */
import { MillraceError } from '../../util/errors.js';
import { checkItems, checkLength } from '../limits.js';
import { evaluationError } from '../value.js';
import type { Value } from '../value.js';
import { compilePattern, parseReplacement, requireExtents } from './pattern.js';
import type { CompiledRegex } from './pattern.js';
import { atRunTime, define } from './registry.js';
import type { Evaluate, EvaluateValues, FunctionDefinition } from './registry.js';
import { textLength } from './text.js';

/** A compiled pattern with its flags; `c` takes `i` back. */
function compileFlags(name: string, source: string, flags: string): CompiledRegex {
  if (/[^gic]/.test(flags))
    throw new MillraceError('SQL_UNSUPPORTED', `${name} takes the flags i and c, not "${flags}"`);
  if (flags.includes('g')) throw evaluationError(`${name}() does not support the "global" option`);
  const ignoreCase = flags.lastIndexOf('i') > flags.lastIndexOf('c');
  return compilePattern(source, { ignoreCase, all: true });
}

/** Where code point `start` of a text begins, counted from 1; undefined beyond its end. */
function indexOfPoint(text: string, start: number): number | undefined {
  let index = 0;
  for (let i = 1; i < start; i++) {
    if (index >= text.length) return undefined;
    index += text.codePointAt(index)! > 0xffff ? 2 : 1;
  }
  return index;
}

/** Every match from `start` on. An empty one moves on by a letter. */
function* matchesFrom({ pattern }: CompiledRegex, text: string, start: number): Generator<RegExpExecArray> {
  const from = indexOfPoint(text, start);
  if (from === undefined) return;
  for (let at = from; at <= text.length;) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return;
    yield match;
    const end = match.index + match[0].length;
    at = match[0] === '' ? end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1) : end;
  }
}

function requirePositive(name: string, value: number): void {
  if (value <= 0) throw evaluationError(`invalid value for parameter "${name}": ${value}`);
}

/** The nth match; undefined when there are fewer. */
function nth(regex: CompiledRegex, text: string, start: number, n: number): RegExpExecArray | undefined {
  let count = 0;
  for (const match of matchesFrom(regex, text, start)) if (++count === n) return match;
  return undefined;
}

function count(text: string, source: string, start = 1, flags = ''): number {
  requirePositive('start', start);
  const regex = compileFlags('regexp_count', source, flags);
  requireExtents(regex, false);
  let found = 0;
  for (const _ of matchesFrom(regex, text, start)) found++;
  return found;
}

function isLike(text: string, source: string, flags = ''): boolean {
  const { pattern } = compileFlags('regexp_like', source, flags);
  pattern.lastIndex = 0;
  return pattern.test(text);
}

function substr(text: string, source: string, start = 1, n = 1, flags = '', group = 0): string | null {
  requirePositive('start', start);
  requirePositive('n', n);
  if (group < 0) throw evaluationError(`invalid value for parameter "subexpr": ${group}`);
  const regex = compileFlags('regexp_substr', source, flags);
  requireExtents(regex, group > 0);
  // Without groups the whole match is the first.
  const part = regex.groups === 0 && group === 1 ? 0 : group;
  return nth(regex, text, start, n)?.[part] ?? null;
}

/** Where the nth match begins, or with `end` what follows it, in code points from 1; 0 when there is none. */
function instr(text: string, source: string, start = 1, n = 1, end = 0, flags = ''): number {
  requirePositive('start', start);
  requirePositive('n', n);
  if (end !== 0 && end !== 1) throw evaluationError(`invalid value for parameter "endoption": ${end}`);
  const regex = compileFlags('regexp_instr', source, flags);
  requireExtents(regex, false);
  const match = nth(regex, text, start, n);
  if (match === undefined) return 0;
  return textLength(text.slice(0, match.index + (end === 1 ? match[0].length : 0))) + 1;
}

/** The groups of the first match, or the whole of it. */
function match(text: string, source: string, flags = ''): (string | null)[] | null {
  if (flags.includes('g')) throw evaluationError('regexp_match() does not support the "global" option');
  const regex = compileFlags('regexp_match', source, flags);
  requireExtents(regex, regex.groups > 0);
  const found = nth(regex, text, 1, 1);
  if (found === undefined) return null;
  const groups = regex.groups > 0 ? found.slice(1) : [found[0]];
  return groups.map((group) => group ?? null);
}

/** The groups of every match, or the whole of each: of the first alone without the flag g. */
export function matches(text: string, source: string, flags = ''): (string | null)[][] {
  const regex = compileFlags('regexp_matches', source, flags.replaceAll('g', ''));
  requireExtents(regex, regex.groups > 0);
  const found: (string | null)[][] = [];
  for (const each of matchesFrom(regex, text, 1)) {
    const groups = regex.groups > 0 ? each.slice(1) : [each[0]];
    checkItems(found.push(groups.map((group) => group ?? null)));
    if (!flags.includes('g')) break;
  }
  return found;
}

/** Parts between matches. Empty matches at either end, or right behind a match, cut nothing. */
export function splitToArray(text: string, source: string, flags = ''): string[] {
  const regex = compileFlags('regexp_split_to_array', source, flags);
  requireExtents(regex, false);
  const parts: string[] = [];
  let from = 0;
  let last = 0;
  for (const found of matchesFrom(regex, text, 1)) {
    const end = found.index + found[0].length;
    if (found.index < text.length && end > last) {
      parts.push(text.slice(from, found.index));
      from = end;
    }
    last = end;
  }
  checkItems(parts.length);
  return [...parts, text.slice(from)];
}

/** Replaces the nth match from `start` on, every one where n is 0. */
function replaceNth(text: string, source: string, to: string, start: number, n = 1, flags = ''): string {
  requirePositive('start', start);
  if (n < 0) throw evaluationError(`invalid value for parameter "n": ${n}`);
  const regex = compileFlags('regexp_replace', source, flags.replaceAll('g', ''));
  const parts = parseReplacement(to);
  requireExtents(
    regex,
    parts.some((part) => typeof part === 'number' && part > 0 && part <= regex.groups),
  );
  let result = '';
  let from = 0;
  let count = 0;
  for (const found of matchesFrom(regex, text, start)) {
    if (++count < n) continue;
    const replacement = parts.map((part) => (typeof part === 'string' ? part : (found[part] ?? '')));
    result += text.slice(from, found.index) + replacement.join('');
    from = found.index + found[0].length;
    checkLength(result.length);
    if (n > 0) break;
  }
  return result + text.slice(from);
}

/** Refuses a constant pattern that cannot work while binding: it is tried on the empty text. */
function searching(
  name: string,
  params: readonly ('text' | 'integer')[],
  result: FunctionDefinition['result'],
  evaluate: Evaluate,
): FunctionDefinition {
  const flagsAt = params.findIndex((type, i) => i > 1 && type === 'text');
  return define(name, params, result, atRunTime(evaluate), {
    fails: true,
    prepare: (constants: readonly (Value | undefined)[]) => {
      if (typeof constants[1] === 'string') {
        const rest = params.slice(2).map((type, i) => (type === 'integer' ? 1 : (constants[i + 2] ?? '')));
        if (flagsAt < 0 || typeof constants[flagsAt] === 'string')
          (evaluate as EvaluateValues)('', constants[1], ...rest);
      }
      return undefined;
    },
  });
}

/** The overloads of a function whose arguments may be left out from the last. */
function overloads(
  name: string,
  optional: readonly ('text' | 'integer')[],
  result: FunctionDefinition['result'],
  evaluate: Evaluate,
): FunctionDefinition[] {
  return Array.from({ length: optional.length + 1 }, (_, i) =>
    searching(name, ['text', 'text', ...optional.slice(0, i)], result, evaluate),
  );
}

/** Functions that search by regular expressions. */
export const patternSearchFunctions: readonly FunctionDefinition[] = [
  ...overloads('regexp_count', ['integer', 'text'], 'integer', count),
  ...overloads('regexp_like', ['text'], 'boolean', isLike),
  ...overloads('regexp_substr', ['integer', 'integer', 'text', 'integer'], 'text', substr),
  ...overloads('regexp_instr', ['integer', 'integer', 'integer', 'text'], 'integer', instr),
  ...overloads('regexp_match', ['text'], 'text[]', match),
  ...([['integer'], ['integer', 'integer'], ['integer', 'integer', 'text']] as const).map((more) =>
    define('regexp_replace', ['text', 'text', 'text', ...more], 'text', atRunTime(replaceNth), { fails: true }),
  ),
  ...overloads('regexp_split_to_array', ['text'], 'text[]', splitToArray),
];
