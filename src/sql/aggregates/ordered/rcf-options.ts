/** The last argument of `rcf_score` and `rcf_attribution`: `'shingle 8, trees 100'`. */
import { LEAVES_MAX } from '../forest/trees.js';

/** What a forest over features is made to. */
export interface RcfOptions {
  /** Rows in a row that make up one point. */
  readonly shingle: number;
  readonly trees: number;
  /** Points that each tree keeps. */
  readonly sample: number;
  /** Old points lose a factor e of their chance to be kept each 1 / decay rows. */
  readonly decay: number;
  /** Points before the first score. */
  readonly after: number;
  readonly seed: number;
}

/** Most numbers in a point: features times shingle. */
export const DIMENSIONS_MAX = 128;

const LIMITS: Readonly<Record<keyof RcfOptions, readonly [number, number]>> = {
  shingle: [1, DIMENSIONS_MAX],
  trees: [1, 500],
  sample: [16, LEAVES_MAX],
  decay: [0, 1],
  after: [1, 1_000_000],
  seed: [0, 2 ** 32 - 1],
};

/** Trees and sample sizes as AWS has them. */
const TREES = 50;
const SAMPLE = 256;
const DECAY_SAMPLES = 10;
const AFTER_FRACTION = 0.25;

/** Parses `name number, …`. Throws a plain Error that says what is wrong. */
export function readRcfOptions(text: string): RcfOptions {
  const given: Partial<Record<keyof RcfOptions, number>> = {};
  for (const part of text.split(',').filter((each) => each.trim() !== '')) {
    const match = /^\s*([a-z]+)\s*[= ]\s*([\d.e+-]+)\s*$/i.exec(part);
    const name = match?.[1]!.toLowerCase() as keyof RcfOptions | undefined;
    if (name === undefined || !(name in LIMITS))
      throw new Error(
        `'${part.trim()}' is no option of a random cut forest; there are ${Object.keys(LIMITS).join(', ')}, as 'shingle 8, trees 100'`,
      );
    const value = Number(match![2]);
    const [least, most] = LIMITS[name];
    if (!(value >= least && value <= most) || (name !== 'decay' && !Number.isInteger(value)))
      throw new Error(
        `${name} is ${name === 'decay' ? 'a' : 'a whole'} number of ${least} to ${most}, not ${match![2]}`,
      );
    given[name] = value;
  }
  const sample = given.sample ?? SAMPLE;
  return {
    shingle: given.shingle ?? 1,
    trees: given.trees ?? TREES,
    sample,
    decay: given.decay ?? 1 / (DECAY_SAMPLES * sample),
    after: given.after ?? Math.ceil(sample * AFTER_FRACTION),
    seed: given.seed ?? 0,
  };
}
