/**
 * A random cut forest over a stream of points: each is scored against those before it, then taken in.
 *
 * Limits: `trees` trees of `sampleSize` points each, whatever the length of the stream: with 50 and 256,
 * about half a MB for one dimension and 0.3 MB for each more. The arrays begin small and grow with the first points.
 * Everything random comes from a generator that is part of the state, so that equal points in equal order give
 * equal scores, also after a copy, or a snapshot and its recovery.
 */
import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import { Admission } from './admission.js';
import { readTrees, writeTrees } from './codec.js';
import { Points } from './points.js';
import { SeededRandom } from './random.js';
import { Reservoirs } from './reservoirs.js';
import { attributeInTree, scoreInTree } from './score.js';
import { Trees } from './trees.js';

/** What a forest is made to. */
export interface ForestOptions {
  readonly dimensions: number;
  readonly trees: number;
  /** Points a tree keeps. */
  readonly sampleSize: number;
  /** How fast old points leave: a point loses a factor e of its chance each 1 / decay points. */
  readonly decay: number;
  readonly seed: number;
}

const CAPACITY_MIN = 16;

/** The forest. */
export class RandomCutForest {
  readonly options: ForestOptions;
  #random: SeededRandom;
  #trees: Trees;
  #reservoirs: Reservoirs;
  readonly #admission: Admission;
  /** Points taken in. */
  #taken = 0;

  constructor(options: ForestOptions) {
    this.options = options;
    const capacity = Math.min(CAPACITY_MIN, options.sampleSize);
    this.#random = SeededRandom.of(options.seed);
    this.#trees = new Trees(options.trees, new Points(options.dimensions), capacity);
    this.#reservoirs = new Reservoirs(options.trees, capacity);
    this.#admission = new Admission(options.trees, options.decay);
  }

  /** How many points were taken in. */
  get taken(): number {
    return this.#taken;
  }

  /** The mean score of the trees: about 1 for a point like those before it, more the stranger it is. */
  score(point: Float64Array): number {
    const { trees } = this.options;
    let sum = 0;
    for (let tree = 0; tree < trees; tree++) sum += scoreInTree(this.#trees, tree, point);
    return sum / trees;
  }

  /** What each dimension has in the score, for being low and for being high: two numbers each. */
  attribution(point: Float64Array): Float64Array {
    const { trees, dimensions } = this.options;
    const shares = new Float64Array(dimensions * 2);
    for (let tree = 0; tree < trees; tree++) attributeInTree(this.#trees, tree, point, shares);
    return shares.map((share) => share / trees);
  }

  /** Takes a point in. */
  update(point: Float64Array): void {
    const { sampleSize, trees, decay } = this.options;
    const isFilling = this.#reservoirs.size < sampleSize;
    if (isFilling && this.#reservoirs.size === this.#reservoirs.capacity) this.#grow();
    if (!isFilling) this.#admission.begin(this.#taken, this.#reservoirs);
    const decayed = decay * this.#taken++;
    const place = this.#trees.points.add(point);
    for (let tree = 0; tree < trees; tree++) {
      const draw = this.#random.next();
      if (!isFilling && this.#admission.refuses(tree, draw)) continue;
      const key = Math.log(-Math.log(draw)) - decayed;
      if (isFilling) this.#reservoirs.push(tree, key, this.#trees.insert(tree, place, this.#random));
      else if (key < this.#reservoirs.topKey(tree)) {
        this.#trees.remove(tree, this.#reservoirs.topLeaf(tree));
        this.#reservoirs.replaceTop(tree, key, this.#trees.insert(tree, place, this.#random));
        this.#admission.replaced(tree, this.#reservoirs);
      }
    }
    if (isFilling) this.#reservoirs.size++;
    this.#trees.points.dropUnheld(place);
  }

  #grow(): void {
    const capacity = Math.min(this.#reservoirs.capacity * 2, this.options.sampleSize);
    this.#reservoirs = this.#reservoirs.resized(capacity);
    this.#trees = this.#trees.resized(capacity, this.#trees.points);
  }

  /** An independent forest that goes on as this one would. */
  copy(): RandomCutForest {
    const copy = new RandomCutForest(this.options);
    copy.#random = this.#random.copy();
    copy.#trees = this.#trees.resized(this.#trees.capacity, this.#trees.points.copy());
    copy.#reservoirs = this.#reservoirs.resized(this.#reservoirs.capacity);
    copy.#taken = this.#taken;
    return copy;
  }

  /** Bytes in memory. */
  bytes(): number {
    return 256 + this.#trees.bytes() + this.#trees.points.bytes() + this.#reservoirs.bytes();
  }

  write(writer: ByteWriter): void {
    writer.unsigned(this.#taken);
    this.#random.write(writer);
    writer.unsigned(this.#reservoirs.capacity);
    writer.unsigned(this.#reservoirs.size);
    writeTrees(this.#trees, this.#reservoirs, writer);
  }

  /** Reads what `write` wrote of a forest of the same options. */
  static read(options: ForestOptions, reader: ByteReader): RandomCutForest {
    const forest = new RandomCutForest(options);
    forest.#taken = reader.unsigned();
    forest.#random = SeededRandom.read(reader);
    const capacity = reader.unsigned();
    forest.#reservoirs = new Reservoirs(options.trees, capacity);
    forest.#reservoirs.size = reader.unsigned();
    forest.#trees = readTrees(options.trees, options.dimensions, capacity, forest.#reservoirs, reader);
    return forest;
  }
}
