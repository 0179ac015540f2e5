import { aggregate } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';

interface Count {
  rows: number;
}

const counter: Aggregator<Count> = {
  create: () => ({ rows: 0 }),
  add: (state) => {
    state.rows++;
  },
  remove: (state) => {
    state.rows--;
  },
  merge: (into, from) => {
    into.rows += from.rows;
  },
  value: (state) => state.rows,
  bytes: () => 24,
  write: (state, writer) => writer.unsigned(state.rows),
  read: (reader) => ({ rows: reader.unsigned() }),
};

/** `count(*)` and `count(x)`. */
export const countAggregates: readonly AggregateDefinition[] = [
  aggregate({ name: 'count', params: [], result: 'bigint', help: 'How many rows.', create: () => counter }),
  aggregate({
    name: 'count',
    params: ['any'],
    result: 'bigint',
    help: 'How many rows have a value that is not NULL.',
    create: () => counter,
  }),
];
