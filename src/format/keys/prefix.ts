/**
 * Prefixes of keys as Firehose has them: text with expressions.
 *
 * | expression | value |
 * |---|---|
 * | `!{timestamp:yyyy/MM/dd}` | arrival of the object's oldest record, by a pattern of `time-pattern.ts` |
 * | `!{firehose:random-string}` | eleven characters, others at each place |
 * | `!{firehose:error-output-type}` | why records failed; only in the prefix of errors, and there at least once |
 * | `!{partitionKeyFromQuery:k}`, `!{partitionKeyFromLambda:k}` | the partition key `k` |
 *
 * Firehose's rules hold: `!{` begins an expression and nothing else, and a prefix without a timestamp gets
 * `!{timestamp:yyyy/MM/dd/HH/}` at its end. So without any prefix keys begin with `2026/11/29/04/`.
 */
import { parseTimePattern, wrong, type TimePattern } from './time-pattern.js';
import { safeName } from './safe-name.js';

/** A prefix that was read. */
export interface KeyPrefix {
  readonly parts: readonly PrefixPart[];
  /** What every key begins with. */
  readonly fixed: string;
  /** Names of the partition keys in it, each once. */
  readonly partitionKeys: readonly string[];
}

/** A piece of a prefix. */
export type PrefixPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'time'; readonly pattern: TimePattern }
  | { readonly kind: 'partition'; readonly name: string }
  | { readonly kind: 'random' }
  | { readonly kind: 'errorType' };

/** What expressions are worth for one object. */
export interface PrefixValues {
  /** Arrival of its oldest record as the wall clock reads, ms as if that were UTC. */
  readonly localMs: number;
  readonly partition: (name: string) => string | null;
  /** Eleven characters for the nth place. */
  readonly random: (place: number) => string;
  readonly errorType: string;
}

/** What a prefix is for. */
export type PrefixUse = 'records' | 'errors';

const NAMESPACES = ['timestamp', 'firehose', 'partitionKeyFromQuery', 'partitionKeyFromLambda'];
const TIME_AT_END = 'yyyy/MM/dd/HH/';

/**
 * Reads a prefix.
 *
 * @throws CONFIG_INVALID with the position of what is wrong, counted from 1.
 */
export function parsePrefix(text: string, use: PrefixUse = 'records'): KeyPrefix {
  const parts: PrefixPart[] = [];
  for (let i = 0; i < text.length;) {
    const start = text.indexOf('!{', i);
    const end = start < 0 ? text.length : start;
    if (end > i) parts.push({ kind: 'text', text: text.slice(i, end) });
    if (start < 0) break;
    const close = text.indexOf('}', start);
    if (close < 0) throw wrong(start, "this '!{' is never closed with '}'");
    parts.push(expressionOf(text.slice(start + 2, close), start + 2, use));
    i = close + 1;
  }
  if (use === 'errors' && !parts.some(({ kind }) => kind === 'errorType'))
    throw wrong(0, 'expected !{firehose:error-output-type} somewhere in the prefix of errors');
  if (use === 'records' && !parts.some(({ kind }) => kind === 'time'))
    parts.push({ kind: 'time', pattern: parseTimePattern(TIME_AT_END) });
  const names = parts.flatMap((part) => (part.kind === 'partition' ? [part.name] : []));
  const fixed = parts[0]?.kind === 'text' ? parts[0].text : '';
  return { parts, fixed, partitionKeys: [...new Set(names)] };
}

function expressionOf(text: string, at: number, use: PrefixUse): PrefixPart {
  const colon = text.indexOf(':');
  const namespace = colon < 0 ? text : text.slice(0, colon);
  const value = colon < 0 ? '' : text.slice(colon + 1);
  const valueAt = at + colon + 1;
  if (!NAMESPACES.includes(namespace))
    throw wrong(at, `expected !{${NAMESPACES.join(':…}, !{')}:…}, found '!{${text}}'`);
  if (value === '') throw wrong(at, `expected a value behind '${namespace}:'`);
  if (namespace === 'timestamp') return { kind: 'time', pattern: parseTimePattern(value, valueAt) };
  if (namespace !== 'firehose') return { kind: 'partition', name: value };
  if (value === 'random-string') return { kind: 'random' };
  if (value !== 'error-output-type')
    throw wrong(valueAt, `expected random-string or error-output-type, found '${value}'`);
  if (use === 'records') throw wrong(at, '!{firehose:error-output-type} is for the prefix of errors only');
  return { kind: 'errorType' };
}

/** The prefix of one object. */
export function evaluatePrefix({ parts }: KeyPrefix, values: PrefixValues): string {
  let text = '';
  parts.forEach((part, place) => {
    text += evaluatePart(part, place, values);
  });
  return text;
}

function evaluatePart(part: PrefixPart, place: number, values: PrefixValues): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'time':
      return part.pattern.format(values.localMs);
    case 'partition':
      return safeName(values.partition(part.name));
    case 'random':
      return values.random(place);
    case 'errorType':
      return values.errorType;
  }
}
