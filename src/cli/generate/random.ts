/** Seeded randomness: the same seed gives the same numbers on every machine. */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** sfc32, seeded through splitmix32 so that near seeds differ at once. */
  constructor(seed: number) {
    let state = seed | 0;
    const split = () => {
      state = (state + 0x9e3779b9) | 0;
      let t = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      t = Math.imul(t ^ (t >>> 15), 0x735a2d97);
      return t ^ (t >>> 15);
    };
    [this.#a, this.#b, this.#c, this.#d] = [split(), split(), split(), split()];
  }

  /** 32 random bits, unsigned. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** 0 <= x < 1. */
  unit(): number {
    return this.bits() / 4_294_967_296;
  }

  /** A whole number 0 <= x < n. */
  below(n: number): number {
    return Math.floor(this.unit() * n);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** Exponentially distributed with this mean. */
  exponential(mean: number): number {
    return -Math.log(1 - this.unit()) * mean;
  }

  /** Log-normally distributed: `median`, and a spread (standard deviation of the logarithm). */
  logNormal(median: number, spread: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit());
    return median * Math.exp(normal * spread);
  }
}

/** Draws whole numbers by weight in constant time: Walker's alias table. */
export class WeightedChoice {
  readonly #random: SeededRandom;
  readonly #odds: Float64Array;
  readonly #alias: Uint32Array;

  constructor(random: SeededRandom, weights: readonly number[] | Float64Array) {
    this.#random = random;
    const n = weights.length;
    let sum = 0;
    for (const weight of weights) sum += weight;
    this.#odds = Float64Array.from(weights, (weight) => (weight * n) / sum);
    this.#alias = Uint32Array.from(weights, (_, i) => i);
    const small: number[] = [];
    const large: number[] = [];
    this.#odds.forEach((odds, i) => (odds < 1 ? small : large).push(i));
    while (small.length > 0 && large.length > 0) {
      const less = small.pop()!;
      const more = large.at(-1)!;
      this.#alias[less] = more;
      this.#odds[more]! -= 1 - this.#odds[less]!;
      if (this.#odds[more]! < 1) small.push(large.pop()!);
    }
    for (const rest of [...small, ...large]) this.#odds[rest] = 1;
  }

  /** The next index. */
  next(): number {
    const slot = this.#random.unit() * this.#odds.length;
    const i = Math.floor(slot);
    return slot - i < this.#odds[i]! ? i : this.#alias[i]!;
  }
}

/** Weights 1, 1/2^s, 1/3^s, …: few are large, many are small. */
export function zipfWeights(n: number, exponent: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => 1 / (i + 1) ** exponent);
}
