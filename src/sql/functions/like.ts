/** LIKE and ILIKE. */
import { MillraceError } from '../../util/errors.js';
import { evaluationError } from '../value.js';
import type { Value } from '../value.js';
import { define } from './registry.js';
import type { Evaluate, FunctionDefinition } from './registry.js';
import { lowerText } from './text.js';

/** `null` stands for `_`. */
type Segment = readonly (string | null)[];

/**
 * A matcher of a LIKE pattern. The pattern is cut at its `%`: the first and last piece are fixed to
 * the ends, those between are found from left to right, so that it is linear in the text.
 */
export function likeMatcher(pattern: string): (text: string) => boolean {
  const segments: (string | null)[][] = [[]];
  const points = [...pattern];
  for (let i = 0; i < points.length; i++) {
    const point = points[i]!;
    if (point === '%') segments.push([]);
    else if (point === '_') segments.at(-1)!.push(null);
    else if (point !== '\\') segments.at(-1)!.push(point);
    else if (i + 1 < points.length) segments.at(-1)!.push(points[++i]!);
    else throw evaluationError('LIKE pattern must not end with escape character');
  }
  const plain = plainMatcher(segments);
  return plain ?? ((text) => matchSegments(segments, [...text]));
}

/** Patterns without `_` and at most one piece between the ends, on strings as they are. */
function plainMatcher(segments: readonly Segment[]): ((text: string) => boolean) | undefined {
  if (segments.length > 3 || segments.some((segment) => segment.includes(null))) return undefined;
  const [first, ...rest] = segments.map((segment) => segment.join('')) as [string, ...string[]];
  const last = rest.at(-1);
  if (last === undefined) return (text) => text === first;
  const middle = rest.length === 2 ? rest[0]! : '';
  const least = first.length + middle.length + last.length;
  return (text) => {
    if (text.length < least || !text.startsWith(first) || !text.endsWith(last)) return false;
    const at = text.indexOf(middle, first.length);
    return at >= 0 && at + middle.length <= text.length - last.length;
  };
}

function matchSegments(segments: readonly Segment[], text: readonly string[]): boolean {
  const first = segments[0]!;
  if (!matchesAt(first, text, 0)) return false;
  if (segments.length === 1) return first.length === text.length;
  const last = segments.at(-1)!;
  const end = text.length - last.length;
  let at = first.length;
  for (const segment of segments.slice(1, -1)) {
    while (at + segment.length <= end && !matchesAt(segment, text, at)) at++;
    if (at + segment.length > end) return false;
    at += segment.length;
  }
  return at <= end && matchesAt(last, text, end);
}

function matchesAt(segment: Segment, text: readonly string[], at: number): boolean {
  if (at < 0 || at + segment.length > text.length) return false;
  return segment.every((point, i) => point === null || point === text[at + i]);
}

/** `LIKE … ESCAPE`: rewrites a pattern to the default escape, the backslash. */
function likeEscape(pattern: string, escape: string): string {
  const mark = [...escape];
  if (mark.length > 1) throw evaluationError('invalid escape string');
  if (escape === '\\') return pattern;
  let result = '';
  const points = [...pattern];
  for (let i = 0; i < points.length; i++) {
    if (points[i] === mark[0]) {
      result += '\\';
      if (++i < points.length) result += points[i];
    } else result += points[i] === '\\' ? '\\\\' : points[i];
  }
  return result;
}

/** Compiles a constant pattern once; the last dynamic pattern is kept. */
function matching(
  fold: (text: string) => string,
  negated: boolean,
): { evaluate: Evaluate; prepare: FunctionDefinition['prepare'] } {
  let kept: { pattern: string; matches: (text: string) => boolean } | undefined;
  const prepared = (pattern: string): Evaluate => {
    const matches = likeMatcher(fold(pattern));
    return (text: string) => matches(fold(text)) !== negated;
  };
  return {
    evaluate: (text: string, pattern: string) => {
      if (kept?.pattern !== pattern) kept = { pattern, matches: likeMatcher(fold(pattern)) };
      return kept.matches(fold(text)) !== negated;
    },
    prepare: ([, pattern]: readonly (Value | undefined)[]) => {
      if (typeof pattern !== 'string') return undefined;
      try {
        return prepared(pattern);
      } catch (error) {
        throw error instanceof MillraceError ? new MillraceError('SQL_TYPE', error.message, { cause: error }) : error;
      }
    },
  };
}

const asIs = (text: string): string => text;

function operator(name: string, fold: (text: string) => string, negated: boolean): FunctionDefinition {
  const { evaluate, prepare } = matching(fold, negated);
  return define(name, ['text', 'text'], 'boolean', evaluate, {
    fails: true,
    ...(prepare === undefined ? {} : { prepare }),
  });
}

/** LIKE and ILIKE. */
export const likeFunctions: readonly FunctionDefinition[] = [
  operator('like', asIs, false),
  operator('not like', asIs, true),
  operator('ilike', lowerText, false),
  operator('not ilike', lowerText, true),
  define('like_escape', ['text', 'text'], 'text', likeEscape, {
    fails: true,
    prepare: ([pattern, escape]: readonly (Value | undefined)[]) => {
      if (typeof escape === 'string') likeEscape(typeof pattern === 'string' ? pattern : '', escape);
      return undefined;
    },
  }),
];
