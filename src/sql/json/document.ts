/**
 * JSON documents as PostgreSQL's `jsonb` keeps them: numbers are exact decimals, an object has each key
 * once (the last one written), keys are ordered by length in bytes, then by bytes.
 *
 * A `jsonb` value is the text that `printDocument` makes; functions parse it, work on the document and print
 * again. Documents nest at most `DEPTH_MAX` deep: parsing, printing and comparing recurse.
 */
import { compareDecimal, Decimal, parseDecimal } from '../decimal.js';
import { byteLength, compareText, evaluationError } from '../value.js';

/** A JSON value. An object's keys are in jsonb's order. */
export type Document = null | boolean | string | Decimal | readonly Document[] | JsonObject;

/** An object. */
export type JsonObject = ReadonlyMap<string, Document>;

const DEPTH_MAX = 2_000;

/** An object of entries; of entries with one key the last counts. */
export function objectOf(entries: Iterable<readonly [string, Document]>): JsonObject {
  return new Map([...new Map(entries)].sort(([a], [b]) => compareKeys(a, b)));
}

/** The order of keys: shorter ones first. */
function compareKeys(a: string, b: string): number {
  return byteLength(a) - byteLength(b) || compareText(a, b);
}

/** Whether a document is an object. */
export function isObject(document: Document): document is JsonObject {
  return document instanceof Map;
}

/** Whether a document is an array. */
export function isList(document: Document): document is readonly Document[] {
  return Array.isArray(document);
}

/** The error of a text that is no JSON. */
export function invalidJson(): Error {
  return evaluationError('invalid input syntax for type json');
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORDS: readonly (readonly [string, Document])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

/** Reads one text. */
class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Document {
    const document = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw invalidJson();
    return document;
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #value(depth: number): Document {
    if (depth > DEPTH_MAX) throw evaluationError('stack depth limit exceeded');
    this.#space();
    const first = this.#text[this.#at];
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#list(depth);
    if (first === '"') return this.#string();
    const digits = this.#take(NUMBER);
    if (digits !== undefined) return parseDecimal(digits)!;
    for (const [word, document] of WORDS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return document;
    }
    throw invalidJson();
  }

  #string(): string {
    const written = this.#take(STRING);
    if (written === undefined) throw invalidJson();
    if (!written.includes('\\')) return written.slice(1, -1);
    const text = JSON.parse(written) as string;
    if (text.includes('\0')) throw evaluationError('unsupported Unicode escape sequence');
    if (/\p{Surrogate}/u.test(text)) throw invalidJson();
    return text;
  }

  /** Steps over the character behind an item; false: it was the closing one. */
  #continues(close: string): boolean {
    this.#space();
    const next = this.#text[this.#at++];
    if (next === close) return false;
    if (next !== ',') throw invalidJson();
    return true;
  }

  /** Steps over the opening character; true: the closing one follows at once. */
  #isEmpty(close: string): boolean {
    this.#at++;
    this.#space();
    if (this.#text[this.#at] !== close) return false;
    this.#at++;
    return true;
  }

  #list(depth: number): readonly Document[] {
    const items: Document[] = [];
    if (this.#isEmpty(']')) return items;
    do items.push(this.#value(depth + 1));
    while (this.#continues(']'));
    return items;
  }

  #object(depth: number): JsonObject {
    const entries: [string, Document][] = [];
    if (this.#isEmpty('}')) return new Map();
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') throw invalidJson();
      const key = this.#string();
      this.#space();
      if (this.#text[this.#at++] !== ':') throw invalidJson();
      entries.push([key, this.#value(depth + 1)]);
    } while (this.#continues('}'));
    return objectOf(entries);
  }
}

let last: { readonly text: string; readonly document: Document } | undefined;

/** The document of a text; the last one is kept, since one row's expressions often read one column again. */
export function parseDocument(text: string): Document {
  if (last?.text === text) return last.document;
  const document = new Parser(text).whole();
  last = { text, document };
  return document;
}

/** Quotes, backslashes and control characters below 32. */
const ESCAPED = /["\\]|[^\P{Cc}\x7f-\x9f]/gu;
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** A text in JSON's quotes, as PostgreSQL's `escape_json` writes it. */
export function quoteJson(text: string): string {
  const body = text.replace(ESCAPED, (c) => SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `"${body}"`;
}

/** A document as PostgreSQL prints jsonb. */
export function printDocument(document: Document): string {
  if (typeof document === 'string') return quoteJson(document);
  if (isList(document)) return `[${document.map(printDocument).join(', ')}]`;
  if (!isObject(document)) return String(document);
  return `{${[...document].map(([key, value]) => `${quoteJson(key)}: ${printDocument(value)}`).join(', ')}}`;
}

/** A text brought into jsonb's form. */
export function normalizeJson(text: string): string {
  return printDocument(parseDocument(text));
}

/** The order of kinds: null, string, number, boolean, array, object. */
function rankOf(document: Document): number {
  if (document === null) return 0;
  if (typeof document === 'string') return 1;
  if (document instanceof Decimal) return 2;
  if (typeof document === 'boolean') return 3;
  return isList(document) ? 4 : 5;
}

/** The order of two documents inside others. */
export function compareDocuments(a: Document, b: Document): number {
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0) return rank;
  if (typeof a === 'string') return compareText(a, b as string);
  if (a instanceof Decimal) return compareDecimal(a, b as Decimal);
  if (typeof a === 'boolean') return Number(a) - Number(b);
  if (isList(a)) {
    const other = b as readonly Document[];
    return a.length - other.length || firstDifference(a.map((item, i) => compareDocuments(item, other[i]!)));
  }
  if (!isObject(a)) return 0;
  const pairs = [...(b as JsonObject)];
  if (a.size !== pairs.length) return a.size - pairs.length;
  let i = 0;
  for (const [key, value] of a) {
    const [otherKey, otherValue] = pairs[i++]!;
    const order = compareText(key, otherKey) || compareDocuments(value, otherValue);
    if (order !== 0) return order;
  }
  return 0;
}

function firstDifference(orders: readonly number[]): number {
  return orders.find((order) => order !== 0) ?? 0;
}

/** The order of two jsonb texts. At the top, an array of no items comes before everything, as in PostgreSQL. */
export function compareJsonb(a: string, b: string): number {
  if (a === b) return 0;
  const x = parseDocument(a);
  const y = parseDocument(b);
  if (isList(x) !== isList(y)) {
    const [list, other, sign] = isList(x) ? [x, y, 1] : [y as readonly Document[], x, -1];
    if (!isObject(other)) return list.length === 0 ? -sign : sign;
  }
  return compareDocuments(x, y);
}
