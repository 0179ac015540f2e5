/** The one value of a subquery that may have more rows: no query can call it, so no reference lists it. */
import type { SqlType } from '../plan.js';
import { evaluationError } from '../value.js';
import type { Value } from '../value.js';
import { aggregate } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';
import { readValue, valueBytes, writeValue } from './values.js';

/** Its name, which no grammar gives a function. */
export const SINGLE_VALUE = ' single value';

interface Single {
  rows: number;
  value: Value;
}

function single(type: SqlType): Aggregator<Single> {
  return {
    create: () => ({ rows: 0, value: null }),
    add: (state, [value]) => {
      state.rows++;
      state.value = value!;
    },
    value: ({ rows, value }) => {
      if (rows > 1) throw evaluationError('more than one row returned by a subquery used as an expression');
      return value;
    },
    bytes: ({ value }) => 32 + valueBytes(value),
    write: (state, writer) => {
      writer.unsigned(state.rows);
      writeValue(state.value, type, writer);
    },
    read: (reader) => ({ rows: reader.unsigned(), value: readValue(type, reader) }),
  };
}

/** See the head of the file. */
export const singleValue: AggregateDefinition = aggregate({
  name: SINGLE_VALUE,
  params: ['any'],
  result: ([type]) => type!,
  nulls: true,
  help: 'The only value; NULL where there is none.',
  create: ([type]) => single(type!),
});
