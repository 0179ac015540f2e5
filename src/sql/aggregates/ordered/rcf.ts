/**
 * `rcf_score` and `rcf_attribution`: how strange a row is against the rows before it, by a random cut forest
 * (`forest/`), and which of its numbers make it so.
 *
 * A point is the features of the last `shingle` rows, the oldest first. A row in which a number is NULL, NaN or
 * beyond 1e300 gives NULL and is no part of any point. There is no score while the forest has taken in fewer than
 * `after` points. Features are compared as they are: one that spans a thousand times more than another is cut
 * a thousand times more often, so scale them alike.
 */
import type { SqlType } from '../../plan.js';
import type { Value } from '../../value.js';
import { ordered } from '../define.js';
import type { OrderedDefinition, OrderedFunction } from '../definition.js';
import { RandomCutForest } from '../forest/forest.js';
import type { ForestOptions } from '../forest/forest.js';
import { DIMENSIONS_MAX, readRcfOptions } from './rcf-options.js';

/** Most features of a row. */
const FEATURES_MAX = 16;
/** Sizes beyond it would overflow where they are added up. */
const SIZE_MAX = 1e300;
/** Digits of an attribution. */
const DIGITS = 6;

interface State {
  forest: RandomCutForest;
  /** The point: features of the last rows. */
  readonly point: Float64Array;
  /** Rows in it so far, up to the shingle size. */
  rows: number;
}

/** Moves the features of a row into the point; false when it has a number that can't be used. */
function shift(point: Float64Array, features: number, args: readonly Value[]): boolean {
  for (let i = 0; i < features; i++) {
    const value = args[i];
    if (typeof value !== 'number' || !(Math.abs(value) <= SIZE_MAX)) return false;
  }
  point.copyWithin(0, features);
  for (let i = 0; i < features; i++) point[point.length - features + i] = args[i] as number;
  return true;
}

/** `read`: the value of a point that the forest has not taken in yet. */
function forestFunction(
  features: number,
  optionsText: string,
  read: (forest: RandomCutForest, point: Float64Array) => Value,
): OrderedFunction<State> {
  const { shingle, trees, sample, decay, after, seed } = readRcfOptions(optionsText);
  const dimensions = features * shingle;
  if (dimensions > DIMENSIONS_MAX)
    throw new Error(`${features} features of ${shingle} rows make ${dimensions} numbers; at most ${DIMENSIONS_MAX}`);
  const options: ForestOptions = { dimensions, trees, sampleSize: sample, decay, seed };
  return {
    create: () => ({ forest: new RandomCutForest(options), point: new Float64Array(dimensions), rows: 0 }),
    step: (state, args) => {
      const { forest, point } = state;
      if (!shift(point, features, args)) return null;
      if (state.rows < shingle && ++state.rows < shingle) return null;
      const result = forest.taken < after ? null : read(forest, point);
      forest.update(point);
      return result;
    },
    copy: ({ forest, point, rows }) => ({ forest: forest.copy(), point: point.slice(), rows }),
    bytes: ({ forest, point }) => 64 + point.byteLength + forest.bytes(),
    write: ({ forest, point, rows }, writer) => {
      writer.unsigned(rows);
      writer.array(point, point.length);
      forest.write(writer);
    },
    read: (reader) => {
      const rows = reader.unsigned();
      const point = new Float64Array(dimensions);
      reader.array(point);
      return { rows, point, forest: RandomCutForest.read(options, reader) };
    },
  };
}

/** `[{"low":…,"high":…},…]`, one for each feature: what it has in the score for being low, and for being high. */
function attributionJson(shares: Float64Array, features: number): string {
  const parts = Array.from({ length: features }, (_, feature) => {
    let low = 0;
    let high = 0;
    for (let d = feature; d * 2 < shares.length; d += features) {
      low += shares[d * 2]!;
      high += shares[d * 2 + 1]!;
    }
    return `{"low":${rounded(low)},"high":${rounded(high)}}`;
  });
  return `[${parts.join(',')}]`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}

/** Each number of features, with and without options. */
function overloads(
  name: string,
  result: SqlType,
  help: string,
  reader: (features: number) => (forest: RandomCutForest, point: Float64Array) => Value,
): OrderedDefinition[] {
  return Array.from({ length: FEATURES_MAX }, (_, i) => i + 1).flatMap((features) => {
    const params = Array.from({ length: features }, () => 'double precision' as const);
    return [
      ordered({ name, params, result, help, create: () => forestFunction(features, '', reader(features)) }),
      ordered({
        name,
        params: [...params, 'text'],
        constants: 1,
        result,
        help: `${help} The last argument has options: 'shingle 8, trees 100'.`,
        create: (_args, [options]) => forestFunction(features, (options ?? '') as string, reader(features)),
      }),
    ];
  });
}

/** The functions of random cut forests. */
export const forestFunctions: readonly OrderedDefinition[] = [
  ...overloads(
    'rcf_score',
    'double precision',
    'How strange a row is against those before it: about 1 for a usual one. NULL until a quarter of the sample is there.',
    () => (forest, point) => forest.score(point),
  ),
  ...overloads(
    'rcf_attribution',
    'json',
    'What each argument has in rcf_score: a JSON array with the part for being low and the part for being high.',
    (features) => (forest, point) => attributionJson(forest.attribution(point), features),
  ),
];
