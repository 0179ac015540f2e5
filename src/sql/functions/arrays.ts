/** Arrays: parts, length, search, and texts split and joined. The same for each type of items. */
import { checkItems, checkLength } from '../limits.js';
import type { ScalarType } from '../plan.js';
import { arrayOf, isComparable, SCALAR_TYPES } from '../types.js';
import { evaluationError } from '../value.js';
import type { Item, Value } from '../value.js';
import { castFunctions } from './casts.js';
import { compareOf } from './compare.js';
import { define } from './registry.js';
import type { EvaluateValues, FunctionDefinition } from './registry.js';

type Items = readonly Item[];
type Same = (a: Item, b: Item) => boolean;

const withNulls = { nulls: true } as const;
const fails = { fails: true } as const;

/** NULL stands for no array, but two NULLs make none. */
function concatenate(a: Items | null, b: Items | null): Items | null {
  if (a === null || b === null) return a ?? b;
  checkItems(a.length + b.length);
  return [...a, ...b];
}

const append = (items: Items | null, item: Item): Items => [...(items ?? []), item];
const prepend = (item: Item, items: Items | null): Items => [item, ...(items ?? [])];

function slice(items: Items, from: number, to: number): Items {
  return items.slice(Math.max(from, 1) - 1, Math.max(to, 0));
}

function trimArray(items: Items, count: number): Items {
  if (count < 0 || count > items.length)
    throw evaluationError(`number of elements to trim must be between 0 and ${items.length}`);
  return items.slice(0, items.length - count);
}

/** `array_fill(x, ARRAY[n])`. */
function fill(item: Item, dimensions: Items | null): Items {
  if (dimensions === null) throw evaluationError('dimension array or low bound array cannot be null');
  if (dimensions.length > 1) throw evaluationError('an array of arrays is not supported');
  const [count] = dimensions as readonly (number | null)[];
  if (count === undefined) return [];
  if (count === null) throw evaluationError('dimension values cannot be null');
  if (count < 0) throw evaluationError(`array size exceeds the maximum allowed (134217727)`);
  return Array.from({ length: checkItems(count) }, () => item);
}

function parts(type: ScalarType): FunctionDefinition[] {
  const array = arrayOf(type);
  const length = (items: Items, dimension: number): number | null =>
    dimension === 1 && items.length > 0 ? items.length : null;
  return [
    define('subscript', [array, 'integer'], type, (items: Items, i: number) => items[i - 1] ?? null),
    define('slice', [array, 'integer', 'integer'], array, slice),
    define('cardinality', [array], 'integer', (items: Items) => items.length),
    define('array_length', [array, 'integer'], 'integer', length),
    define('array_upper', [array, 'integer'], 'integer', length),
    define('array_lower', [array, 'integer'], 'integer', (items: Items, dimension: number) =>
      length(items, dimension) === null ? null : 1,
    ),
    define('array_ndims', [array], 'integer', (items: Items) => (items.length > 0 ? 1 : null)),
    define('array_dims', [array], 'text', (items: Items) => (items.length > 0 ? `[1:${items.length}]` : null)),
    ...['array_append', '||'].map((name) => define(name, [array, type], array, append, withNulls)),
    ...['array_prepend', '||'].map((name) => define(name, [type, array], array, prepend, withNulls)),
    ...['array_cat', '||'].map((name) =>
      define(name, [array, array], array, concatenate, { nulls: true, fails: true }),
    ),
    define('trim_array', [array, 'integer'], array, trimArray, fails),
    define('array_reverse', [array], array, (items: Items) => items.toReversed()),
    define('array_fill', [type, 'integer[]'], array, fill, { nulls: true, fails: true }),
  ];
}

function sorted(items: Items, order: (a: Value, b: Value) => number, descending: boolean, nullsFirst: boolean): Items {
  const sign = descending ? -1 : 1;
  return items.toSorted((a, b) => {
    if (a === null || b === null) return a === b ? 0 : (a === null) === nullsFirst ? -1 : 1;
    return order(a, b) * sign;
  });
}

function position(items: Items | null, item: Item, from: number | null, same: Same): number | null {
  if (items === null) return null;
  if (from === null) throw evaluationError('initial position must not be null');
  const start = Math.max(from, 1) - 1;
  const index = items.findIndex((each, i) => i >= start && same(each, item));
  return index < 0 ? null : index + 1;
}

function search(type: ScalarType): FunctionDefinition[] {
  const array = arrayOf(type);
  const order = compareOf(type);
  const same: Same = (a, b) => (a === null || b === null ? a === b : order(a, b) === 0);
  const has = (items: Items, item: Item): boolean => item !== null && items.some((each) => same(each, item));
  const contains = (a: Items, b: Items): boolean => b.every((item) => has(a, item));
  const sort = (items: Items, descending = false, nullsFirst = descending): Items =>
    sorted(items, order, descending, nullsFirst);
  return [
    define('&&', [array, array], 'boolean', (a: Items, b: Items) => a.some((item) => has(b, item))),
    define('@>', [array, array], 'boolean', contains),
    define('<@', [array, array], 'boolean', (a: Items, b: Items) => contains(b, a)),
    define('array_position', [array, type], 'integer', (a: Items, x: Item) => position(a, x, 1, same), withNulls),
    define(
      'array_position',
      [array, type, 'integer'],
      'integer',
      (items: Items, item: Item, from: number) => position(items, item, from, same),
      { nulls: true, fails: true },
    ),
    define(
      'array_positions',
      [array, type],
      'integer[]',
      (items: Items | null, item: Item) => items && items.flatMap((each, i) => (same(each, item) ? [i + 1] : [])),
      withNulls,
    ),
    define(
      'array_remove',
      [array, type],
      array,
      (items: Items | null, item: Item) => items && items.filter((each) => !same(each, item)),
      withNulls,
    ),
    define(
      'array_replace',
      [array, type, type],
      array,
      (items: Items | null, from: Item, to: Item) => items && items.map((each) => (same(each, from) ? to : each)),
      withNulls,
    ),
    define('array_sort', [array], array, (items: Items) => sort(items)),
    define('array_sort', [array, 'boolean'], array, (items: Items, descending: boolean) => sort(items, descending)),
    define('array_sort', [array, 'boolean', 'boolean'], array, sort),
  ];
}

/** Items joined as their types print them; NULLs are left out, or become `nullText`. */
function join(print: (item: Item) => string, items: Items, delimiter: string, nullText: string | null): string {
  const texts = items.flatMap((item) => {
    const text = item === null ? nullText : print(item);
    return text === null ? [] : [text];
  });
  checkLength(texts.reduce((sum, text) => sum + text.length + delimiter.length, 0));
  return texts.join(delimiter);
}

function texts(type: ScalarType): FunctionDefinition[] {
  const array = arrayOf(type);
  const cast = castFunctions.find(({ params, result }) => params[0] === type && result === 'text');
  const print = (item: Item): string => {
    if (typeof item === 'boolean') return item ? 't' : 'f';
    return type === 'text' ? (item as string) : ((cast!.evaluate as EvaluateValues)(item) as string);
  };
  return [
    define(
      'array_to_string',
      [array, 'text'],
      'text',
      (items: Items, delimiter: string) => join(print, items, delimiter, null),
      fails,
    ),
    define(
      'array_to_string',
      [array, 'text', 'text'],
      'text',
      (items: Items | null, delimiter: string | null, nullText: string | null) =>
        items === null || delimiter === null ? null : join(print, items, delimiter, nullText),
      { nulls: true, fails: true },
    ),
  ];
}

/** Without a delimiter every letter is an item; with an empty one the text is. */
/** A text cut at a delimiter, or into its letters where that is NULL; parts that are `nullText` are NULL. */
export function split(
  text: string | null,
  delimiter: string | null,
  nullText: string | null,
): (string | null)[] | null {
  if (text === null) return null;
  const items = text === '' ? [] : delimiter === null ? [...text] : delimiter === '' ? [text] : text.split(delimiter);
  checkItems(items.length);
  return nullText === null ? items : items.map((item) => (item === nullText ? null : item));
}

/** Functions of arrays. */
export const arrayFunctions: readonly FunctionDefinition[] = [
  ...SCALAR_TYPES.flatMap((type) => [...parts(type), ...(isComparable(type) ? search(type) : []), ...texts(type)]),
  define(
    'string_to_array',
    ['text', 'text'],
    'text[]',
    (text: string, delimiter: string) => split(text, delimiter, null),
    {
      nulls: true,
      fails: true,
    },
  ),
  define('string_to_array', ['text', 'text', 'text'], 'text[]', split, { nulls: true, fails: true }),
];
