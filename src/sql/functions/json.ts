/**
 * `->`, `->>` and `#>>` on json, whose text is kept as it was written: an object inside comes out
 * with its own spaces and number spelling. So the text is scanned for the part that is wanted;
 * only strings are decoded.
 */
import { evaluationError } from '../value.js';
import { define } from './registry.js';
import { jsonbFunctions } from './jsonb.js';
import type { EvaluateValues, FunctionDefinition } from './registry.js';

const SPACE = /[ \t\n\r]*/y;

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.exec(text);
  return SPACE.lastIndex;
}

const STRING = /"(?:[^"\\]|\\.)*"/sy;
const SCALAR = /[^,\]}\s]+/y;

/** The end of the value that starts at `at`. */
function valueEnd(text: string, at: number): number {
  const first = text[at];
  if (first !== '{' && first !== '[') {
    const pattern = first === '"' ? STRING : SCALAR;
    pattern.lastIndex = at;
    pattern.exec(text);
    return pattern.lastIndex;
  }
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const character = text[i];
    if (character === '"') {
      STRING.lastIndex = i;
      STRING.exec(text);
      i = STRING.lastIndex - 1;
    } else if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && --depth === 0) return i + 1;
  }
  return text.length;
}

/** A member of an object as it is written, the last of that name; null when there is none. */
function member(json: string, key: string): string | null {
  return members(json, key).at(-1) ?? null;
}

/** All members of a name, in their order. */
function members(json: string, key: string): string[] {
  return membersOf(json).flatMap(([name, value]) => (name === key ? [value] : []));
}

/** The members of an object, as they are written and in their order; of anything else none. */
export function membersOf(json: string): [string, string][] {
  const found: [string, string][] = [];
  let at = skipSpace(json, 0);
  if (json[at] !== '{') return found;
  at = skipSpace(json, at + 1);
  while (json[at] === '"') {
    const nameEnd = valueEnd(json, at);
    const name = JSON.parse(json.slice(at, nameEnd)) as string;
    const start = skipSpace(json, skipSpace(json, nameEnd) + 1);
    const end = valueEnd(json, start);
    found.push([name, json.slice(start, end)]);
    at = skipSpace(json, end);
    if (json[at] !== ',') break;
    at = skipSpace(json, at + 1);
  }
  return found;
}

/** An item of an array; negative positions count from the end. */
function item(json: string, position: number): string | null {
  return itemsOf(json, position < 0 ? Number.POSITIVE_INFINITY : position).at(position) ?? null;
}

/** The items of an array as they are written, up to a position; of anything else none. */
export function itemsOf(json: string, last = Number.POSITIVE_INFINITY): string[] {
  let at = skipSpace(json, 0);
  if (json[at] !== '[') return [];
  const items: string[] = [];
  at = skipSpace(json, at + 1);
  while (at < json.length && json[at] !== ']') {
    const end = valueEnd(json, at);
    items.push(json.slice(at, end));
    at = skipSpace(json, end);
    if (json[at] === ',') at = skipSpace(json, at + 1);
    if (items.length > last) break;
  }
  return items;
}

/** A value as text: a string without its quotes, JSON null as NULL. */
export function asText(json: string | null): string | null {
  if (json === null || json.trim() === 'null') return null;
  const body = json.trim();
  if (!body.startsWith('"')) return json;
  const text = JSON.parse(body) as string;
  if (text.includes('\0')) throw evaluationError('unsupported Unicode escape sequence');
  return text;
}

function path(json: string, steps: readonly (string | null)[]): string | null {
  return steps.includes(null) ? null : asText(follow(json, steps as readonly string[]));
}

/** What a path leads to. Of members with one name, the last that has the rest of the path counts. */
function follow(json: string, steps: readonly string[]): string | null {
  const [step, ...rest] = steps;
  if (step === undefined) return json;
  if (!json.trimStart().startsWith('[')) {
    return members(json, step).reduce<string | null>((found, each) => follow(each, rest) ?? found, null);
  }
  const next = /^\s*[+-]?\d+$/.test(step) ? item(json, Number(step)) : null;
  return next === null ? null : follow(next, rest);
}

/** What kind of value a JSON text is. */
export function typeOfJson(json: string): string {
  const first = json.trimStart()[0]!;
  const kinds: Readonly<Record<string, string>> = {
    '{': 'object',
    '[': 'array',
    '"': 'string',
    t: 'boolean',
    f: 'boolean',
    n: 'null',
  };
  return kinds[first] ?? 'number';
}

function arrayLength(json: string): number {
  const kind = typeOfJson(json);
  if (kind !== 'array')
    throw evaluationError(`cannot get array length of a ${kind === 'object' ? 'non-array' : 'scalar'}`);
  let count = 0;
  for (let at = skipSpace(json, json.indexOf('[') + 1); json[at] !== ']'; count++) {
    at = skipSpace(json, valueEnd(json, at));
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  return count;
}

const part = (json: string, steps: readonly (string | null)[]): string | null =>
  steps.includes(null) ? null : follow(json, steps as readonly string[]);

const operators: readonly FunctionDefinition[] = [
  define('->', ['json', 'text'], 'json', member),
  define('->', ['json', 'integer'], 'json', item),
  define('->>', ['json', 'text'], 'text', (json: string, key: string) => asText(member(json, key)), { fails: true }),
  define('->>', ['json', 'integer'], 'text', (json: string, position: number) => asText(item(json, position)), {
    fails: true,
  }),
  define('#>', ['json', 'text[]'], 'json', part),
  define('#>>', ['json', 'text[]'], 'text', path, { fails: true }),
  define('json_typeof', ['json'], 'text', typeOfJson),
  define('json_array_length', ['json'], 'integer', arrayLength, { fails: true }),
];

/** Steps that an `…_extract_path` takes at most: beyond them the path is an array of `#>`. */
const STEPS_MAX = 6;

/** `json_extract_path(x, 'a', 'b')` and the like, over `#>` and `#>>`. */
const pathFunctions: readonly FunctionDefinition[] = (['json', 'jsonb'] as const).flatMap((type) =>
  (['', '_text'] as const).flatMap((suffix) => {
    const result = suffix === '' ? type : 'text';
    const operator = type === 'jsonb' ? jsonbFunctions : operators;
    const entry = operator.find(({ name, params }) => name === (suffix === '' ? '#>' : '#>>') && params[0] === type)!;
    const evaluate = entry.evaluate as EvaluateValues;
    return Array.from({ length: STEPS_MAX }, (_, i) =>
      define(
        `${type}_extract_path${suffix}`,
        [type, ...Array.from({ length: i + 1 }, () => 'text' as const)],
        result,
        (json: string, ...steps: string[]) => evaluate(json, steps),
        { fails: entry.fails === true },
      ),
    );
  }),
);

/** Operators and functions of json. */
export const jsonFunctions: readonly FunctionDefinition[] = [...operators, ...pathFunctions];
