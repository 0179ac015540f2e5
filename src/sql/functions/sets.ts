/** Functions that make several rows of one, beside `unnest` and `generate_series`: one list of their overloads. */
import { isList, isObject, parseDocument, printDocument } from '../json/document.js';
import type { Document } from '../json/document.js';
import type { SqlType } from '../plan.js';
import { arrayOf, SCALAR_TYPES } from '../types.js';
import { evaluationError } from '../value.js';
import type { Item, Value } from '../value.js';
import { split } from './arrays.js';
import { asText as jsonText, itemsOf, membersOf, typeOfJson } from './json.js';
import { asText } from './jsonb.js';
import { matches, splitToArray } from './pattern-search.js';
import { atRunTime } from './registry.js';
import type { EvaluateValues } from './registry.js';

/** One overload. */
export interface SetFunction {
  readonly name: string;
  readonly params: readonly SqlType[];
  /** The type of each row's value. */
  readonly result: SqlType;
  /** What its column is called, where that is not the function's name. */
  readonly label?: string;
  /** The values for arguments of which none is NULL, unless `nulls` is there. */
  readonly values: (...args: Value[]) => readonly Value[];
  readonly nulls?: boolean;
}

/** A NULL among the arguments gives no row. */
function makes(
  name: string,
  params: readonly SqlType[],
  result: SqlType,
  values: (...args: never[]) => readonly Value[],
  extra: Pick<SetFunction, 'label' | 'nulls'> = {},
): SetFunction {
  return { name, params, result, values: values as SetFunction['values'], ...extra };
}

/** With patterns from rows: what binding would refuse is an error of the row. */
function searched(values: (...args: never[]) => readonly Value[]): (...args: never[]) => readonly Value[] {
  return atRunTime(values as unknown as EvaluateValues) as unknown as (...args: never[]) => readonly Value[];
}

function listOf(json: string): readonly Document[] {
  const document = parseDocument(json);
  if (isList(document)) return document;
  throw evaluationError(`cannot extract elements from ${isObject(document) ? 'an object' : 'a scalar'}`);
}

function pairsOf(name: string, json: string): [string, Document][] {
  const document = parseDocument(json);
  if (isObject(document)) return [...document];
  throw evaluationError(`cannot call ${name} on ${isList(document) ? 'an array' : 'a scalar'}`);
}

function writtenItems(name: string, json: string): string[] {
  const kind = typeOfJson(json);
  if (kind === 'array') return itemsOf(json);
  throw evaluationError(`cannot call ${name} on a ${kind === 'object' ? 'non-array' : 'scalar'}`);
}

function writtenPairs(name: string, json: string): [string, string][] {
  const kind = typeOfJson(json);
  if (kind === 'object') return membersOf(json);
  throw evaluationError(`cannot call ${name} on ${kind === 'array' ? 'an array' : 'a scalar'}`);
}

const value = { label: 'value' } as const;

const ofJson: readonly SetFunction[] = [
  makes('json_array_elements', ['json'], 'json', (json: string) => writtenItems('json_array_elements', json), value),
  makes(
    'json_array_elements_text',
    ['json'],
    'text',
    (json: string) => writtenItems('json_array_elements_text', json).map(jsonText),
    value,
  ),
  makes('json_object_keys', ['json'], 'text', (json: string) =>
    writtenPairs('json_object_keys', json).map(([key]) => key),
  ),
  makes('jsonb_array_elements', ['jsonb'], 'jsonb', (json: string) => listOf(json).map(printDocument), value),
  makes('jsonb_array_elements_text', ['jsonb'], 'text', (json: string) => listOf(json).map(asText), value),
  makes('jsonb_object_keys', ['jsonb'], 'text', (json: string) =>
    pairsOf('jsonb_object_keys', json).map(([key]) => key),
  ),
];

/** The two columns of `json_each` and the like; each is a function of its own. */
const pairs: readonly SetFunction[] = (['', '_text'] as const).flatMap((suffix) => {
  const [json, jsonb] = [`json_each${suffix}`, `jsonb_each${suffix}`];
  const isText = suffix !== '';
  return [
    makes(`${json}.key`, ['json'], 'text', (text: string) => writtenPairs(json, text).map(([key]) => key)),
    makes(`${json}.value`, ['json'], isText ? 'text' : 'json', (text: string) =>
      writtenPairs(json, text).map(([, each]) => (isText ? jsonText(each) : each)),
    ),
    makes(`${jsonb}.key`, ['jsonb'], 'text', (text: string) => pairsOf(jsonb, text).map(([key]) => key)),
    makes(`${jsonb}.value`, ['jsonb'], isText ? 'text' : 'jsonb', (text: string) =>
      pairsOf(jsonb, text).map(([, each]) => (isText ? asText(each) : printDocument(each))),
    ),
  ];
});

/** Functions that give two columns, `key` and `value`. */
export const PAIR_FUNCTIONS: ReadonlySet<string> = new Set([
  'json_each',
  'json_each_text',
  'jsonb_each',
  'jsonb_each_text',
]);

function subscripts(items: readonly Item[], dimension: number, reverse = false): number[] {
  const all = dimension === 1 ? items.map((_, i) => i + 1) : [];
  return reverse ? all.toReversed() : all;
}

const withNulls = { nulls: true } as const;

/** Every overload. */
export const setFunctions: readonly SetFunction[] = [
  ...ofJson,
  ...pairs,
  makes('regexp_matches', ['text', 'text'], 'text[]', searched(matches)),
  makes('regexp_matches', ['text', 'text', 'text'], 'text[]', searched(matches)),
  makes('regexp_split_to_table', ['text', 'text'], 'text', searched(splitToArray)),
  makes('regexp_split_to_table', ['text', 'text', 'text'], 'text', searched(splitToArray)),
  makes(
    'string_to_table',
    ['text', 'text'],
    'text',
    (text: string | null, delimiter: string | null) => split(text, delimiter, null) ?? [],
    withNulls,
  ),
  makes(
    'string_to_table',
    ['text', 'text', 'text'],
    'text',
    (...args: [string | null, string | null, string | null]) => split(...args) ?? [],
    withNulls,
  ),
  ...SCALAR_TYPES.map(arrayOf).flatMap((array) => [
    makes('generate_subscripts', [array, 'integer'], 'integer', subscripts),
    makes('generate_subscripts', [array, 'integer', 'boolean'], 'integer', subscripts),
  ]),
];
