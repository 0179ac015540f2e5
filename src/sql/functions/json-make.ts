/** json and jsonb made of SQL values: `to_json`, `json_build_array`, `json_build_object`, and the same for jsonb. */
import { dateText, timestampText } from '../calendar.js';
import { Decimal } from '../decimal.js';
import {
  isList,
  isObject,
  normalizeJson,
  objectOf,
  parseDocument,
  printDocument,
  quoteJson,
} from '../json/document.js';
import type { Document } from '../json/document.js';
import type { ScalarType, SqlType } from '../plan.js';
import { isArray, itemOf, SQL_TYPES } from '../types.js';
import { evaluationError } from '../value.js';
import type { Item, Value } from '../value.js';
import { castFunctions } from './casts.js';
import { define } from './registry.js';
import type { EvaluateValues, FunctionDefinition } from './registry.js';

const isoText = (text: string): string => quoteJson(text.replace(' ', 'T'));

/** The JSON of a value that is no array and not NULL. */
function scalarPrinter(type: ScalarType): (value: Item) => string {
  switch (type) {
    case 'json':
    case 'jsonb':
      return (value) => value as string;
    case 'text':
      return (value) => quoteJson(value as string);
    case 'date':
      return (value) => quoteJson(dateText(value as number));
    case 'timestamp':
      return (value) => isoText(timestampText(value as number));
    case 'timestamptz':
      return (value) => isoText(timestampText(value as number, '+00:00'));
    default: {
      const print = castFunctions.find(({ params, result }) => params[0] === type && result === 'text')!;
      const text = (value: Item): string => (print.evaluate as EvaluateValues)(value) as string;
      const isPlain = ['boolean', 'smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision'].includes(
        type,
      );
      if (!isPlain) return (value) => quoteJson(text(value));
      return (value) => (typeof value === 'number' && !Number.isFinite(value) ? quoteJson(text(value)) : text(value));
    }
  }
}

/** The JSON of a value that is not NULL. */
function printer(type: SqlType): (value: Value) => string {
  if (!isArray(type)) return scalarPrinter(type) as (value: Value) => string;
  const print = scalarPrinter(itemOf(type));
  return (value) => `[${(value as readonly Item[]).map((item) => (item === null ? 'null' : print(item))).join(',')}]`;
}

function evenly(values: readonly unknown[]): void {
  if (values.length % 2 !== 0) throw evaluationError('argument list must have even number of elements');
}

/** The text of a key. */
function keyText(json: string): string {
  const document = parseDocument(json);
  if (isList(document) || isObject(document))
    throw evaluationError('key value must be scalar, not array, composite, or json');
  if (typeof document === 'string') return document;
  return document instanceof Decimal ? json : String(document);
}

function jsonObject(...values: (string | null)[]): string {
  evenly(values);
  const pairs: string[] = [];
  for (let i = 0; i < values.length; i += 2) {
    const key = values[i]!;
    if (key === null) throw evaluationError('null value not allowed for object key');
    pairs.push(`${quoteJson(keyText(key))} : ${values[i + 1] ?? 'null'}`);
  }
  return `{${pairs.join(', ')}}`;
}

function jsonbObject(...values: (string | null)[]): string {
  evenly(values);
  const entries: [string, Document][] = [];
  for (let i = 0; i < values.length; i += 2) {
    const key = values[i]!;
    if (key === null) throw evaluationError(`argument ${i + 1}: key must not be null`);
    const value = values[i + 1]!;
    entries.push([keyText(key), value === null ? null : parseDocument(value)]);
  }
  return printDocument(objectOf(entries));
}

const listed = (...values: (string | null)[]): string => `[${values.map((value) => value ?? 'null').join(', ')}]`;

/** Functions that make json and jsonb. */
export const jsonMakeFunctions: readonly FunctionDefinition[] = [
  ...SQL_TYPES.flatMap((type) => {
    const print = printer(type);
    return [
      define('to_json', [type], 'json', print as (value: never) => string),
      ...(isArray(type) ? [define('array_to_json', [type], 'json', print as (value: never) => string)] : []),
      define('to_jsonb', [type], 'jsonb', (value: Value) => normalizeJson(print(value)), { fails: true }),
    ];
  }),
  define('json_build_array', [], 'json', listed, { variadic: 0, nulls: true, converts: 'to_json' }),
  define('json_build_object', [], 'json', jsonObject, { variadic: 0, nulls: true, fails: true, converts: 'to_json' }),
  define('jsonb_build_array', [], 'jsonb', listed, { variadic: 0, nulls: true, converts: 'to_jsonb' }),
  define('jsonb_build_object', [], 'jsonb', jsonbObject, {
    variadic: 0,
    nulls: true,
    fails: true,
    converts: 'to_jsonb',
  }),
];
