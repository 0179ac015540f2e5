/** Reading and changing documents along paths, after `src/backend/utils/adt/jsonfuncs.c`. */
import { evaluationError } from '../value.js';
import { compareDocuments, isList, isObject, objectOf } from './document.js';
import type { Document } from './document.js';

const INDEX = /^\s*[+-]?\d+$/;

/** An item of an array, counted from the end where negative; undefined when there is none. A scalar is its own item. */
export function itemAt(document: Document, position: number): Document | undefined {
  if (isList(document)) return document.at(position);
  return isScalar(document) && (position === 0 || position === -1) ? document : undefined;
}

/** What a step leads to; undefined when that is nothing. */
export function stepInto(document: Document, step: string): Document | undefined {
  if (isObject(document)) return document.get(step);
  return isList(document) && INDEX.test(step) ? document.at(Number(step)) : undefined;
}

/** What a path leads to; undefined when that is nothing. */
export function follow(document: Document, steps: readonly string[]): Document | undefined {
  let at: Document | undefined = document;
  for (const step of steps) {
    if (at === undefined) return undefined;
    at = stepInto(at, step);
  }
  return at;
}

function isScalar(document: Document): boolean {
  return !isList(document) && !isObject(document);
}

function containsInside(a: Document, b: Document): boolean {
  if (isObject(a) && isObject(b)) {
    return [...b].every(([key, value]) => {
      const own = a.get(key);
      return own !== undefined && containsInside(own, value);
    });
  }
  if (isList(a) && isList(b)) {
    return b.every((item) =>
      a.some((own) =>
        isScalar(item) || isScalar(own) ? compareDocuments(own, item) === 0 : containsInside(own, item),
      ),
    );
  }
  return isScalar(a) && isScalar(b) && compareDocuments(a, b) === 0;
}

/** `a @> b`. At the top an array contains a scalar that is an item of it. */
export function contains(a: Document, b: Document): boolean {
  return containsInside(a, isList(a) && isScalar(b) ? [b] : b);
}

/** `document ? key`: a key, an item that is this text, or this text itself. */
export function hasKey(document: Document, key: string): boolean {
  if (isObject(document)) return document.has(key);
  return isList(document) ? document.includes(key) : document === key;
}

/** `a || b`. */
export function concatenate(a: Document, b: Document): Document {
  if (isObject(a) && isObject(b)) return objectOf([...a, ...b]);
  return [...(isList(a) ? a : [a]), ...(isList(b) ? b : [b])];
}

/** Without some keys of an object, or without items of an array that are these texts. */
export function withoutKeys(document: Document, keys: readonly (string | null)[]): Document {
  if (isObject(document)) return new Map([...document].filter(([key]) => !keys.includes(key)));
  if (!isList(document)) throw evaluationError('cannot delete from scalar');
  return document.filter((item) => typeof item !== 'string' || !keys.includes(item));
}

/** Without the item at a position. */
export function withoutItem(document: Document, position: number): Document {
  if (isObject(document)) throw evaluationError('cannot delete from object using integer index');
  if (!isList(document)) throw evaluationError('cannot delete from scalar');
  const at = position < 0 ? document.length + position : position;
  return document.filter((_, i) => i !== at);
}

/** What is done where a path ends: `delete`, `set`, `insert`. */
export type Change =
  | { readonly kind: 'delete' }
  | { readonly kind: 'set'; readonly value: Document; readonly create: boolean }
  | { readonly kind: 'insert'; readonly value: Document; readonly after: boolean };

/** A document changed where a path ends; the same one where the path leads nowhere. */
export function changeAt(document: Document, path: readonly (string | null)[], change: Change): Document {
  if (isScalar(document)) throw evaluationError(`cannot ${change.kind === 'delete' ? 'delete' : 'set'} path in scalar`);
  const isEmpty = isObject(document) ? document.size === 0 : (document as readonly Document[]).length === 0;
  const adds = change.kind === 'insert' || (change.kind === 'set' && change.create);
  return path.length === 0 || (isEmpty && !adds) ? document : changeInside(document, path, 0, change);
}

function changeInside(document: Document, path: readonly (string | null)[], level: number, change: Change): Document {
  if (isScalar(document)) return document;
  const step = path[level]!;
  if (step === null) throw evaluationError(`path element at position ${level + 1} is null`);
  const isLast = level === path.length - 1;
  const inside = (value: Document): Document => changeInside(value, path, level + 1, change);
  if (isObject(document)) {
    const own = document.get(step);
    if (!isLast) return own === undefined ? document : objectOf([...document, [step, inside(own)]]);
    return changeMember(document, step, own !== undefined, change);
  }
  return changeItem(document as readonly Document[], step, level, isLast ? change : undefined, inside);
}

function changeMember(object: ReadonlyMap<string, Document>, key: string, exists: boolean, change: Change): Document {
  if (change.kind === 'delete') return withoutKeys(object, [key]);
  if (change.kind === 'insert' && exists) throw evaluationError('cannot replace existing key');
  if (change.kind === 'set' && !exists && !change.create) return object;
  return objectOf([...object, [key, change.value]]);
}

const INT32 = 2 ** 31;

function changeItem(
  items: readonly Document[],
  step: string,
  level: number,
  change: Change | undefined,
  inside: (value: Document) => Document,
): Document {
  const position = Number(step);
  if (!INDEX.test(step) || position >= INT32 || position < -INT32)
    throw evaluationError(`path element at position ${level + 1} is not an integer: "${step}"`);
  const at = position < 0 ? items.length + position : position;
  const exists = at >= 0 && at < items.length;
  if (change === undefined) return exists ? items.with(at, inside(items[at]!)) : items;
  if (change.kind === 'delete') return exists ? items.toSpliced(at, 1) : items;
  if (change.kind === 'set' && exists) return items.with(at, change.value);
  if (change.kind === 'set' && !change.create) return items;
  if (!exists) return at < 0 ? [change.value, ...items] : [...items, change.value];
  return items.toSpliced(change.kind === 'insert' && change.after ? at + 1 : at, 0, change.value);
}

/** Without members that are null, at every depth; with `inLists`, without such items too. */
export function withoutNulls(document: Document, inLists = false): Document {
  if (isList(document))
    return document.filter((item) => !inLists || item !== null).map((item) => withoutNulls(item, inLists));
  if (!isObject(document)) return document;
  return new Map(
    [...document].filter(([, value]) => value !== null).map(([key, value]) => [key, withoutNulls(value, inLists)]),
  );
}
