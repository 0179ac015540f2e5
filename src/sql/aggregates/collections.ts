/** Aggregates whose value depends on the order of rows: `string_agg`, `array_agg`, `first_value`, `last_value`. */
import type { ScalarType, SqlType } from '../plan.js';
import { arrayOf, SCALAR_TYPES } from '../types.js';
import type { Item, Value } from '../value.js';
import { aggregate } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';
import { readValue, valueBytes, writeValue } from './values.js';

interface Joined {
  /** Null until there is a value. */
  text: string | null;
}

/** The first value stands alone; each other comes behind its own delimiter. */
const joinTexts: Aggregator<Joined> = {
  create: () => ({ text: null }),
  add: (state, [value, delimiter]) => {
    if (value === null) return;
    state.text =
      state.text === null ? (value as string) : `${state.text}${(delimiter ?? '') as string}${value as string}`;
  },
  value: (state) => state.text,
  bytes: (state) => 24 + valueBytes(state.text),
  write: (state, writer) => writeValue(state.text, 'text', writer),
  read: (reader) => ({ text: readValue('text', reader) as string | null }),
};

interface JoinedBytes {
  /** Null until there is a value. */
  parts: Uint8Array[] | null;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const joinBytes: Aggregator<JoinedBytes> = {
  create: () => ({ parts: null }),
  add: (state, [value, delimiter]) => {
    if (value === null) return;
    if (state.parts === null) state.parts = [value as Uint8Array];
    else {
      if (delimiter !== null) state.parts.push(delimiter as Uint8Array);
      state.parts.push(value as Uint8Array);
    }
  },
  value: (state) => (state.parts === null ? null : concatenated(state.parts)),
  bytes: (state) => (state.parts ?? []).reduce((sum, part) => sum + valueBytes(part), 32),
  write: (state, writer) => writeValue(state.parts === null ? null : concatenated(state.parts), 'bytea', writer),
  read: (reader) => {
    const bytes = readValue('bytea', reader) as Uint8Array | null;
    return { parts: bytes === null ? null : [bytes] };
  },
};

interface Items {
  readonly items: Item[];
  bytes: number;
}

function listItems(type: ScalarType): Aggregator<Items> {
  return {
    create: () => ({ items: [], bytes: 48 }),
    add: (state, [value]) => {
      state.items.push(value as Item);
      state.bytes += valueBytes(value!);
    },
    value: (state) => (state.items.length === 0 ? null : [...state.items]),
    bytes: (state) => state.bytes,
    write: (state, writer) => {
      writer.unsigned(state.bytes);
      writeValue(state.items, arrayOf(type), writer);
    },
    read: (reader) => ({ bytes: reader.unsigned(), items: [...(readValue(arrayOf(type), reader) as readonly Item[])] }),
  };
}

interface Kept {
  seen: boolean;
  value: Value;
}

function keep(type: SqlType, which: 'first' | 'last'): Aggregator<Kept> {
  return {
    create: () => ({ seen: false, value: null }),
    add: (state, [value]) => {
      if (which === 'first' && state.seen) return;
      state.seen = true;
      state.value = value!;
    },
    value: (state) => state.value,
    bytes: (state) => 32 + valueBytes(state.value),
    write: (state, writer) => {
      writer.byte(Number(state.seen));
      writeValue(state.value, type, writer);
    },
    read: (reader) => ({ seen: reader.byte() === 1, value: readValue(type, reader) }),
  };
}

/** Aggregates that put values together in their order. */
export const collectionAggregates: readonly AggregateDefinition[] = [
  aggregate({
    name: 'string_agg',
    params: ['text', 'text'],
    result: 'text',
    nulls: true,
    ordered: true,
    help: 'The texts that are not NULL, joined; the second argument stands between them.',
    create: () => joinTexts,
  }),
  aggregate({
    name: 'string_agg',
    params: ['bytea', 'bytea'],
    result: 'bytea',
    nulls: true,
    ordered: true,
    help: 'The bytes that are not NULL, joined; the second argument stands between them.',
    create: () => joinBytes,
  }),
  ...SCALAR_TYPES.map((type) =>
    aggregate({
      name: 'array_agg',
      params: [type],
      result: arrayOf(type),
      nulls: true,
      ordered: true,
      help: 'All values as an array, NULLs too.',
      create: () => listItems(type),
    }),
  ),
  ...(['first', 'last'] as const).map((which) =>
    aggregate({
      name: `${which}_value`,
      params: ['any'],
      result: ([type]) => type!,
      nulls: true,
      ordered: true,
      help: `The value of the ${which} row, in the order that ORDER BY in the call says; it may be NULL.`,
      create: ([type]) => keep(type!, which),
    }),
  ),
];
