import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Points } from '../../../../src/sql/aggregates/forest/points.js';
import { SeededRandom } from '../../../../src/sql/aggregates/forest/random.js';
import { attributeInTree, scoreInTree } from '../../../../src/sql/aggregates/forest/score.js';
import { LINKS, NONE, RECORD, Trees } from '../../../../src/sql/aggregates/forest/trees.js';

const CAPACITY = 64;

/** One tree, and the leaf of each point that was put in. */
class Grown {
  readonly points: Points;
  readonly trees: Trees;
  readonly random: SeededRandom;
  readonly held: { readonly point: readonly number[]; readonly leaf: number }[] = [];

  constructor(dimensions: number, seed: number) {
    this.points = new Points(dimensions);
    this.trees = new Trees(1, this.points, CAPACITY);
    this.random = SeededRandom.of(seed);
  }

  insert(point: readonly number[]): this {
    const place = this.points.add(point);
    this.held.push({ point, leaf: this.trees.insert(0, place, this.random) });
    this.points.dropUnheld(place);
    return this;
  }

  remove(index: number): this {
    const [gone] = this.held.splice(index, 1);
    this.trees.remove(0, gone!.leaf);
    return this;
  }

  pointOf(leaf: number): number[] {
    const { dimensions, coordinates } = this.points;
    const from = this.trees.leafPoint[~leaf]! * dimensions;
    return [...coordinates.subarray(from, from + dimensions)];
  }

  link(node: number, which: keyof typeof LINKS): number {
    return this.trees.links[this.trees.placeOf(0, node) * 4 + LINKS[which]]!;
  }

  /** All points below a node, once for each time they were put in. Checks masses, boxes and cuts on the way. */
  checked(node: number): number[][] {
    if (node < 0) return Array.from({ length: this.trees.massOf(0, node) }, () => this.pointOf(node));
    const at = this.trees.placeOf(0, node);
    const left = this.checked(this.link(node, 'left'));
    const right = this.checked(this.link(node, 'right'));
    const all = [...left, ...right];
    expect(this.trees.massOf(0, node)).toBe(all.length);
    const dimension = this.link(node, 'dimension');
    for (const point of left) expect(point[dimension]).toBeLessThanOrEqual(this.trees.nodes[at]!);
    for (const point of right) expect(point[dimension]).toBeGreaterThan(this.trees.nodes[at]!);
    for (let d = 0; d < this.points.dimensions; d++) {
      const side = all.map((point) => point[d]!);
      expect(this.trees.nodes[at + RECORD + d * 2]).toBe(Math.min(...side));
      expect(this.trees.nodes[at + RECORD + d * 2 + 1]).toBe(Math.max(...side));
    }
    return all;
  }

  check(): void {
    const root = this.trees.roots[0]!;
    const text = (all: readonly (readonly number[])[]): string[] => all.map((point) => point.join()).sort();
    expect(text(root === NONE ? [] : this.checked(root))).toEqual(text(this.held.map(({ point }) => point)));
  }
}

/** Few different ones, neighbours among the doubles, and any. */
const number = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(1, 1 + 2 ** -52, 1 + 2 ** -51),
  fc.double({ min: -1e300, max: 1e300, noNaN: true }).map((x) => x + 0),
);

describe('a random cut tree', () => {
  test('keeps masses, boxes and cuts right through inserting and removing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer(),
        fc.array(fc.record({ point: fc.tuple(number, number, number), remove: fc.option(fc.nat(63)) }), {
          maxLength: 120,
          size: 'max',
        }),
        (dimensions, seed, steps) => {
          const grown = new Grown(dimensions, seed);
          for (const { point, remove } of steps) {
            if (grown.held.length === CAPACITY || (remove !== null && grown.held.length > 0))
              grown.remove((remove ?? 0) % grown.held.length);
            grown.insert(point.slice(0, dimensions));
          }
          grown.check();
          while (grown.held.length > 0) grown.remove(grown.held.length >> 1);
          expect(grown.trees.roots[0]).toBe(NONE);
        },
      ),
    );
  });

  test('parts two neighbours among the doubles', () => {
    for (let seed = 0; seed < 50; seed++)
      new Grown(1, seed)
        .insert([1])
        .insert([1 + 2 ** -52])
        .check();
  });

  /** How often the root parts 10 from 0 and 1: its cut falls between 1 and 10. */
  function share(build: (seed: number) => Grown): number {
    let parted = 0;
    for (let seed = 0; seed < 4000; seed++) {
      const grown = build(seed);
      const cut = grown.trees.nodes[grown.trees.placeOf(0, grown.trees.roots[0]!)]!;
      if (cut >= 1) parted++;
    }
    return parted / 4000;
  }

  // Theorem 1 of the paper: the tree's distribution depends on its points alone. 0.9 ± 4 standard errors.
  test.each([
    ['in rising order', (seed: number) => new Grown(1, seed).insert([0]).insert([1]).insert([10])],
    ['in falling order', (seed: number) => new Grown(1, seed).insert([10]).insert([1]).insert([0])],
    ['the far one between', (seed: number) => new Grown(1, seed).insert([1]).insert([10]).insert([0])],
    [
      'after others were taken out',
      (seed: number) =>
        new Grown(1, seed).insert([-40]).insert([0]).insert([5]).insert([1]).insert([10]).remove(2).remove(0),
    ],
  ] as const)('is cut in proportion to lengths: %s', (_, build) => {
    expect(Math.abs(share(build) - 0.9)).toBeLessThan(0.019);
  });

  test('cuts dimensions in proportion to their sides', () => {
    let second = 0;
    for (let seed = 0; seed < 4000; seed++) {
      const grown = new Grown(2, seed).insert([0, 0]).insert([1, 3]).insert([0.5, 1]);
      second += grown.link(grown.trees.roots[0]!, 'dimension');
    }
    expect(Math.abs(second / 4000 - 0.75)).toBeLessThan(0.028);
  });
});

/** The score from the leaves up, as AWS's library words it. */
function reference(grown: Grown, node: number, depth: number, x: readonly number[], total: number): number {
  if (node < 0) {
    const mass = grown.trees.massOf(0, node);
    const isEqual = grown.pointOf(node).every((value, d) => value === x[d]);
    return isEqual ? (1 - mass / (2 * total)) / (depth + Math.log2(mass + 1)) : 1 / (depth + 1);
  }
  const at = grown.trees.placeOf(0, node);
  const child = x[grown.link(node, 'dimension')]! <= grown.trees.nodes[at]! ? 'left' : 'right';
  const below = reference(grown, grown.link(node, child), depth + 1, x, total);
  let before = 0;
  let after = 0;
  x.forEach((value, d) => {
    const low = grown.trees.nodes[at + RECORD + d * 2]!;
    const high = grown.trees.nodes[at + RECORD + d * 2 + 1]!;
    before += high - low;
    after += Math.max(high, value) - Math.min(low, value);
  });
  const parted = (after - before) / after;
  return parted / (depth + 1) + (1 - parted) * below;
}

const small = fc.integer({ min: -3, max: 3 });

test('the score is that of the recursive definition, and the attribution adds up to it', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(fc.tuple(small, small), { minLength: 1, maxLength: 60, size: 'max' }),
      fc.tuple(small, small),
      (seed, all, x) => {
        const grown = new Grown(2, seed);
        for (const point of all) grown.insert(point);
        const wanted = reference(grown, grown.trees.roots[0]!, 0, x, all.length) * Math.log2(all.length + 1);
        const point = Float64Array.from(x);
        expect(scoreInTree(grown.trees, 0, point)).toBeCloseTo(wanted, 9);
        const shares = new Float64Array(4);
        attributeInTree(grown.trees, 0, point, shares);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(wanted, 9);
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
      },
    ),
  );
});
