/**
 * Aggregates that answer about right in little room: `approx_count_distinct`, `approx_percentile`,
 * `approx_top_k`, and the same as sketches, bytea values that are merged later (`sketches/readers.ts`).
 */
import type { SqlType } from '../plan.js';
import { isComparable } from '../types.js';
import type { Value } from '../value.js';
import { aggregate } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';
import { DDSketch, RELATIVE_ERROR, relativeErrorOf } from './sketches/ddsketch.js';
import { countersFor, FrequentItems, topJson } from './sketches/frequent-items.js';
import { sketchBytes } from './sketches/hyperloglog-bytes.js';
import { SKETCH_GROUP_BYTES, Sketches } from './sketches/hyperloglog.js';
import { valueWord } from './sketches/value-word.js';

/** Bytes of a sketch's objects beside what it holds. */
const OBJECT_BYTES = 700;
/** Words of the arena of one sketch while it is small. */
const ARENA_WORDS = 16;

/** Refuses json, which has no equality. */
function comparable(type: SqlType): SqlType {
  if (!isComparable(type))
    throw new Error(`could not identify an equality operator for type ${type}: cast it to text first`);
  return type;
}

function distinct(type: SqlType, result: (sketch: Sketches) => Value): Aggregator<Sketches> {
  return {
    create: () => new Sketches(1, ARENA_WORDS),
    add: (state, args) => state.add(0, valueWord(args[0]!, type)),
    merge: (into, from) => into.mergeContents(0, from.contents(0)),
    value: result,
    bytes: (state) => OBJECT_BYTES + SKETCH_GROUP_BYTES + state.bytesOf(0),
    write: (state, writer) => state.write(0, writer),
    read: (reader) => {
      const state = new Sketches(1, ARENA_WORDS);
      state.read(0, reader);
      return state;
    },
  };
}

function percentiles(relativeError: number, result: (sketch: DDSketch) => Value): Aggregator<DDSketch> {
  return {
    create: () => new DDSketch(relativeError),
    add: (state, args) => state.add(args[0] as number, 1),
    remove: (state, args) => state.add(args[0] as number, -1),
    merge: (into, from) => into.merge(from),
    value: result,
    bytes: (state) => state.bytes(),
    write: (state, writer) => state.write(writer),
    read: (reader) => DDSketch.read(reader),
  };
}

function frequent(type: SqlType, places: number, result: (items: FrequentItems) => Value): Aggregator<FrequentItems> {
  const counters = countersFor(places);
  return {
    create: () => new FrequentItems(comparable(type), counters),
    add: (state, args) => state.add(args[0]!),
    merge: (into, from) => into.merge(from),
    value: result,
    bytes: (state) => state.bytes(),
    write: (state, writer) => state.write(writer),
    read: (reader) => FrequentItems.read(reader),
  };
}

function fractionOf(value: Value | undefined): number {
  const fraction = value as number;
  if (!(fraction >= 0 && fraction <= 1)) throw new Error(`percentile value ${fraction} is not between 0 and 1`);
  return fraction;
}

function errorOf(value: Value | undefined): number {
  return value === undefined ? RELATIVE_ERROR : relativeErrorOf(value as number);
}

const distinctAggregates: readonly AggregateDefinition[] = [
  aggregate({
    name: 'approx_count_distinct',
    params: ['any'],
    result: 'bigint',
    idempotent: true,
    help: 'About how many different values there are: within 2.3 % (one standard error), exact below some hundred.',
    create: ([type]) => distinct(comparable(type!), (sketch) => sketch.estimate(0)),
  }),
  aggregate({
    name: 'approx_count_distinct_sketch',
    params: ['any'],
    result: 'bytea',
    idempotent: true,
    help: 'The sketch behind approx_count_distinct, to be merged with others later.',
    create: ([type]) => distinct(comparable(type!), (sketch) => sketchBytes(sketch.contents(0))),
  }),
];

/** With and without the relative error. */
const percentileAggregates: readonly AggregateDefinition[] = [0, 1].flatMap((extra) => {
  const errors = Array.from({ length: extra }, () => 'double precision' as const);
  return [
    aggregate({
      name: 'approx_percentile',
      params: ['double precision', 'double precision', ...errors],
      constants: 1 + extra,
      result: 'double precision',
      help: `The value that a fraction of the others lie below, within ${extra === 0 ? '1 %' : 'the relative error that the third argument says'}.`,
      create: (_, [fraction, relativeError]) => {
        const place = fractionOf(fraction);
        return percentiles(errorOf(relativeError), (sketch) => sketch.quantile(place));
      },
    }),
    aggregate({
      name: 'approx_percentile_sketch',
      params: ['double precision', ...errors],
      constants: extra,
      result: 'bytea',
      help: 'The sketch behind approx_percentile, to be merged with others later.',
      create: (_, [relativeError]) => percentiles(errorOf(relativeError), (sketch) => sketch.toBytes()),
    }),
  ];
});

const topAggregates: readonly AggregateDefinition[] = [
  aggregate({
    name: 'approx_top_k',
    params: ['any', 'integer'],
    constants: 1,
    result: 'json',
    help: 'The k most frequent values with their counts; exact while there are fewer than 512 different ones.',
    create: ([type], [places]) =>
      frequent(comparable(type!), places as number, (items) => topJson(items, places as number)),
  }),
  aggregate({
    name: 'approx_top_k_sketch',
    params: ['any', 'integer'],
    constants: 1,
    result: 'bytea',
    help: 'The sketch behind approx_top_k, to be merged with others later.',
    create: ([type], [places]) => frequent(comparable(type!), places as number, (items) => items.toBytes()),
  }),
];

/** The approximate aggregates. */
export const approximateAggregates: readonly AggregateDefinition[] = [
  ...distinctAggregates,
  ...percentileAggregates,
  ...topAggregates,
];
