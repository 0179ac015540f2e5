/** A small seeded generator (xorshift128, Marsaglia 2003), so that a run can be repeated. */
export interface Rng {
  /** A whole number from 0 up to but not including `limit`. */
  below(limit: number): number;
}

/** Makes a generator from a seed. */
export function createRng(seed: number): Rng {
  let [a, b, c, d] = [seed | 1, 0x9e3779b9 ^ seed, 0x85ebca6b, 0xc2b2ae35];
  const next = (): number => {
    let t = d!;
    d = c;
    c = b;
    b = a;
    t ^= t << 11;
    t ^= t >>> 8;
    a = t ^ a! ^ (a! >>> 19);
    return a >>> 0;
  };
  for (let i = 0; i < 20; i++) next();
  return { below: (limit) => Math.floor((next() / 2 ** 32) * limit) };
}
