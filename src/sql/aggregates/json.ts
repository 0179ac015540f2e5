/** `json_agg`, `json_object_agg` and the same for jsonb. */
import { normalizeJson } from '../json/document.js';
import type { ScalarType, SqlType } from '../plan.js';
import { isArray, SCALAR_TYPES } from '../types.js';
import { evaluationError } from '../value.js';
import { aggregate } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';
import { jsonOf } from './json-text.js';
import { readValue, valueBytes, writeValue } from './values.js';

type JsonType = 'json' | 'jsonb';

interface Written {
  /** The text without its last bracket; null until there is a row. */
  text: string | null;
  /** Whether a key was NULL: there is no value then. */
  hasNullKey: boolean;
}

const state: Pick<Aggregator<Written>, 'create' | 'bytes' | 'write' | 'read'> = {
  create: () => ({ text: null, hasNullKey: false }),
  bytes: ({ text }) => 24 + valueBytes(text),
  write: ({ text, hasNullKey }, writer) => {
    writeValue(text, 'text', writer);
    writer.byte(Number(hasNullKey));
  },
  read: (reader) => ({ text: readValue('text', reader) as string | null, hasNullKey: reader.byte() === 1 }),
};

/** jsonb has each key once and in order, spaces as PostgreSQL prints them. */
function finished(text: string, result: JsonType): string {
  return result === 'jsonb' ? normalizeJson(text) : text;
}

function list(type: SqlType, result: JsonType): Aggregator<Written> {
  const write = jsonOf(type);
  return {
    ...state,
    add: (into, [value]) => {
      // PostgreSQL begins a line for each array.
      const space = isArray(type) && value !== null ? ' \n ' : ' ';
      into.text = into.text === null ? `[${write(value!)}` : `${into.text},${space}${write(value!)}`;
    },
    value: ({ text }) => (text === null ? null : finished(`${text}]`, result)),
  };
}

const NULL_KEY: Readonly<Record<JsonType, string>> = {
  json: 'null value not allowed for object key',
  jsonb: 'field name must not be null',
};

function object(keyType: SqlType, valueType: SqlType, result: JsonType): Aggregator<Written> {
  const writeKey = jsonOf(keyType);
  const write = jsonOf(valueType);
  return {
    ...state,
    add: (into, [key, value]) => {
      if (key === null) {
        into.hasNullKey = true;
        return;
      }
      const written = writeKey(key!);
      const name = written.startsWith('"') ? written : `"${written}"`;
      into.text = `${into.text === null ? '{ ' : `${into.text}, `}${name} : ${write(value!)}`;
    },
    value: ({ text, hasNullKey }) => {
      if (hasNullKey) throw evaluationError(NULL_KEY[result]);
      return text === null ? null : finished(`${text} }`, result);
    },
  };
}

/** Types that can be a JSON object's key. */
const KEYS: readonly ScalarType[] = SCALAR_TYPES.filter((type) => type !== 'json' && type !== 'jsonb');

/** Aggregates that write JSON. */
export const jsonAggregates: readonly AggregateDefinition[] = (['json', 'jsonb'] as const).flatMap((result) => [
  aggregate({
    name: `${result}_agg`,
    params: ['any'],
    result,
    nulls: true,
    ordered: true,
    help: 'All values as a JSON array, NULLs too.',
    create: ([type]) => list(type!, result),
  }),
  ...KEYS.map((key) =>
    aggregate({
      name: `${result}_object_agg`,
      params: [key, 'any'],
      result,
      nulls: true,
      ordered: true,
      help: 'A JSON object of keys and values.',
      create: ([keyType, valueType]) => object(keyType!, valueType!, result),
    }),
  ),
]);
