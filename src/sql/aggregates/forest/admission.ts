/**
 * Which draws can't bring a point into a full tree's sample, told without a logarithm.
 *
 * A point comes in if `log(-log u) - decayed` is below the sample's largest key, which is to say if `u` is above
 * `exp(-exp(largest + decayed))`. `decayed` only grows and with it the chance, so a bound made with what it will be
 * `SPAN` points on holds until then; most draws are below it. Whoever is above is compared by its key.
 *
 * Derived from the sample: no part of the state.
 */
import type { Reservoirs } from './reservoirs.js';

/** Points for which a bound holds. */
const SPAN = 32;
/** More than what rounding can do to the exponentials, relative to `-log u` of draws in steps of 2 ** -32. */
const MARGIN = 1e-6;

/** Bounds of the draws of each tree. */
export class Admission {
  readonly #decay: number;
  readonly #bounds: Float64Array;
  /** The first point for which they do not hold. */
  #until = -1;

  constructor(trees: number, decay: number) {
    this.#decay = decay;
    this.#bounds = new Float64Array(trees);
  }

  /** A point's turn, the `taken`th, in full trees. */
  begin(taken: number, reservoirs: Reservoirs): void {
    if (taken < this.#until) return;
    this.#until = taken + SPAN;
    for (let tree = 0; tree < this.#bounds.length; tree++) this.replaced(tree, reservoirs);
  }

  /** A tree's largest key is another one. */
  replaced(tree: number, reservoirs: Reservoirs): void {
    const key = reservoirs.topKey(tree) + this.#decay * this.#until + MARGIN;
    this.#bounds[tree] = Math.exp(-Math.exp(key));
  }

  /** Whether a draw can't bring a point into a tree. */
  refuses(tree: number, draw: number): boolean {
    return draw <= this.#bounds[tree]!;
  }
}
