/** Operators and functions of jsonb. */
import { isList, isObject, objectOf, parseDocument, printDocument, quoteJson } from '../json/document.js';
import type { Document } from '../json/document.js';
import {
  changeAt,
  concatenate,
  contains,
  follow,
  hasKey,
  itemAt,
  withoutItem,
  withoutKeys,
  withoutNulls,
} from '../json/edit.js';
import { evaluationError } from '../value.js';
import { kindOf } from './json-casts.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

type Texts = readonly (string | null)[];

const print = (document: Document | undefined): string | null =>
  document === undefined ? null : printDocument(document);

/** As text: a string without its quotes, JSON null as NULL. */
export function asText(document: Document | undefined): string | null {
  if (document === undefined || document === null) return null;
  return typeof document === 'string' ? document : printDocument(document);
}

const member = (json: string, key: string): Document | undefined => {
  const document = parseDocument(json);
  return isObject(document) ? document.get(key) : undefined;
};
const item = (json: string, position: number): Document | undefined => itemAt(parseDocument(json), position);
const path = (json: string, steps: Texts): Document | undefined =>
  steps.includes(null) ? undefined : follow(parseDocument(json), steps as readonly string[]);

function arrayLength(json: string): number {
  const document = parseDocument(json);
  if (isList(document)) return document.length;
  throw evaluationError(`cannot get array length of a ${isObject(document) ? 'non-array' : 'scalar'}`);
}

const INDENT = '    ';

function pretty(document: Document, indent = ''): string {
  const inner = indent + INDENT;
  if (isList(document)) {
    const lines = document.map((each) => inner + pretty(each, inner));
    return lines.length === 0 ? `[\n${indent}]` : `[\n${lines.join(',\n')}\n${indent}]`;
  }
  if (!isObject(document)) return printDocument(document);
  const lines = [...document].map(([key, value]) => `${inner}${quoteJson(key)}: ${pretty(value, inner)}`);
  return lines.length === 0 ? `{\n${indent}}` : `{\n${lines.join(',\n')}\n${indent}}`;
}

/** An object of keys and values in turn, or of keys and their values beside them. */
function pairsOfTexts(keys: Texts, values?: Texts): readonly (readonly [string, string | null])[] {
  if (values === undefined && keys.length % 2 !== 0) throw evaluationError('array must have even number of elements');
  if (values !== undefined && (values.length === 0) !== (keys.length === 0))
    throw evaluationError('wrong number of array subscripts');
  if (values !== undefined && values.length !== keys.length) throw evaluationError('mismatched array dimensions');
  const pairs =
    values === undefined
      ? keys.flatMap((key, i) => (i % 2 === 0 ? [[key, keys[i + 1]!] as const] : []))
      : keys.map((key, i) => [key, values[i]!] as const);
  if (pairs.some(([key]) => key === null)) throw evaluationError('null value not allowed for object key');
  return pairs as readonly (readonly [string, string | null])[];
}

const objectOfTexts = (keys: Texts, values?: Texts): string => printDocument(objectOf(pairsOfTexts(keys, values)));

/** The same as json, which keeps each key as it is written. */
function jsonOfTexts(keys: Texts, values?: Texts): string {
  const pairs = pairsOfTexts(keys, values);
  return `{${pairs.map(([key, value]) => `${quoteJson(key)} : ${value === null ? 'null' : quoteJson(value)}`).join(', ')}}`;
}

const fails = { fails: true } as const;

const readers: readonly FunctionDefinition[] = [
  define('->', ['jsonb', 'text'], 'jsonb', (json: string, key: string) => print(member(json, key))),
  define('->', ['jsonb', 'integer'], 'jsonb', (json: string, position: number) => print(item(json, position))),
  define('->>', ['jsonb', 'text'], 'text', (json: string, key: string) => asText(member(json, key))),
  define('->>', ['jsonb', 'integer'], 'text', (json: string, position: number) => asText(item(json, position))),
  define('#>', ['jsonb', 'text[]'], 'jsonb', (json: string, steps: Texts) => print(path(json, steps))),
  define('#>>', ['jsonb', 'text[]'], 'text', (json: string, steps: Texts) => asText(path(json, steps))),
  define('@>', ['jsonb', 'jsonb'], 'boolean', (a: string, b: string) => contains(parseDocument(a), parseDocument(b))),
  define('<@', ['jsonb', 'jsonb'], 'boolean', (a: string, b: string) => contains(parseDocument(b), parseDocument(a))),
  define('?', ['jsonb', 'text'], 'boolean', (json: string, key: string) => hasKey(parseDocument(json), key)),
  define('?|', ['jsonb', 'text[]'], 'boolean', (json: string, keys: Texts) =>
    keys.some((key) => key !== null && hasKey(parseDocument(json), key)),
  ),
  define('?&', ['jsonb', 'text[]'], 'boolean', (json: string, keys: Texts) =>
    keys.every((key) => key === null || hasKey(parseDocument(json), key)),
  ),
  define('jsonb_typeof', ['jsonb'], 'text', (json: string) => kindOf(parseDocument(json))),
  define('jsonb_array_length', ['jsonb'], 'integer', arrayLength, fails),
  define('jsonb_pretty', ['jsonb'], 'text', (json: string) => pretty(parseDocument(json))),
];

const edit = (json: string, change: (document: Document) => Document): string =>
  printDocument(change(parseDocument(json)));

const set = (json: string, steps: Texts, value: string, create = true): string =>
  edit(json, (document) => changeAt(document, steps, { kind: 'set', value: parseDocument(value), create }));

const insert = (json: string, steps: Texts, value: string, after = false): string =>
  edit(json, (document) => changeAt(document, steps, { kind: 'insert', value: parseDocument(value), after }));

const writers: readonly FunctionDefinition[] = [
  define('||', ['jsonb', 'jsonb'], 'jsonb', (a: string, b: string) =>
    printDocument(concatenate(parseDocument(a), parseDocument(b))),
  ),
  define(
    '-',
    ['jsonb', 'text'],
    'jsonb',
    (json: string, key: string) => edit(json, (it) => withoutKeys(it, [key])),
    fails,
  ),
  define(
    '-',
    ['jsonb', 'text[]'],
    'jsonb',
    (json: string, keys: Texts) => edit(json, (it) => withoutKeys(it, keys)),
    fails,
  ),
  define(
    '-',
    ['jsonb', 'integer'],
    'jsonb',
    (json: string, at: number) => edit(json, (it) => withoutItem(it, at)),
    fails,
  ),
  define(
    '#-',
    ['jsonb', 'text[]'],
    'jsonb',
    (json: string, steps: Texts) => edit(json, (document) => changeAt(document, steps, { kind: 'delete' })),
    fails,
  ),
  define('jsonb_set', ['jsonb', 'text[]', 'jsonb'], 'jsonb', set, fails),
  define('jsonb_set', ['jsonb', 'text[]', 'jsonb', 'boolean'], 'jsonb', set, fails),
  define('jsonb_insert', ['jsonb', 'text[]', 'jsonb'], 'jsonb', insert, fails),
  define('jsonb_insert', ['jsonb', 'text[]', 'jsonb', 'boolean'], 'jsonb', insert, fails),
  define('jsonb_strip_nulls', ['jsonb'], 'jsonb', (json: string) => edit(json, (it) => withoutNulls(it))),
  define('jsonb_strip_nulls', ['jsonb', 'boolean'], 'jsonb', (json: string, inLists: boolean) =>
    edit(json, (it) => withoutNulls(it, inLists)),
  ),
  define('json_object', ['text[]'], 'json', (keys: Texts) => jsonOfTexts(keys), fails),
  define('json_object', ['text[]', 'text[]'], 'json', jsonOfTexts, fails),
  define('jsonb_object', ['text[]'], 'jsonb', (keys: Texts) => objectOfTexts(keys), fails),
  define('jsonb_object', ['text[]', 'text[]'], 'jsonb', objectOfTexts, fails),
];

/** Operators and functions of jsonb. */
export const jsonbFunctions: readonly FunctionDefinition[] = [...readers, ...writers];
