/**
 * How strange a point is to a tree, as AWS's Random Cut Forest scores it: the expected inverse of the depth at
 * which a random cut would part the point from the others, over all cuts that inserting it could draw.
 *
 * On the way down from the root (depth 0), at a node whose box the point would widen from total length L by l,
 * a cut parts it with probability l / (L + l), which is worth 1 / (depth + 1). At a leaf with other coordinates
 * the rest of the probability is worth 1 / (depth + 1); at a leaf of m equal points, 1 / (depth + log2(m + 1)),
 * damped by 1 - m / 2n. The sum is scaled by log2(n + 1), n the tree's points: about 1 for a point like the
 * others, whatever the sample size.
 */
import { LINKS, NONE, RECORD } from './trees.js';
import type { Trees } from './trees.js';

/** The score of `x` in one tree; 0 in an empty one. */
export function scoreInTree(trees: Trees, tree: number, x: Float64Array): number {
  const { nodes, links } = trees;
  const { dimensions } = trees.points;
  const base = tree * trees.capacity;
  const root = trees.roots[tree]!;
  if (root === NONE) return 0;
  let node = root;
  let depth = 0;
  let score = 0;
  // Probability that no cut so far parted the point.
  let rest = 1;
  while (node >= 0) {
    const at = (base + node) * trees.stride;
    let total = 0;
    let outside = 0;
    for (let d = 0, b = at + RECORD; d < dimensions; d++, b += 2) {
      const value = x[d]!;
      const low = nodes[b]!;
      const high = nodes[b + 1]!;
      if (value < low) outside += low - value;
      else if (value > high) outside += value - high;
      total += high - low;
    }
    depth++;
    if (outside > 0) {
      const parted = outside / (total + outside);
      score += (rest * parted) / depth;
      rest *= 1 - parted;
    }
    const link = at * 4;
    node = links[link + (x[links[link + LINKS.dimension]!]! <= nodes[at]! ? LINKS.left : LINKS.right)]!;
  }
  return (score + rest * leafWorth(trees, tree, ~node, depth, x)) * Math.log2(trees.massOf(tree, root) + 1);
}

function leafWorth(trees: Trees, tree: number, leaf: number, depth: number, x: Float64Array): number {
  if (!isAt(trees, tree, leaf, x)) return 1 / (depth + 1);
  const mass = trees.massOf(tree, ~leaf);
  const damped = 1 - mass / (2 * trees.massOf(tree, trees.roots[tree]!));
  return damped / (depth + Math.log2(mass + 1));
}

function isAt(trees: Trees, tree: number, leaf: number, x: Float64Array): boolean {
  const { coordinates, dimensions } = trees.points;
  const from = trees.leafPoint[tree * trees.capacity + leaf]! * dimensions;
  for (let d = 0; d < dimensions; d++) if (coordinates[from + d] !== x[d]) return false;
  return true;
}

/**
 * Adds what each dimension has in the score of `x` in one tree: `shares[2 d]` for being low, `shares[2 d + 1]`
 * for being high. A cut's worth is shared among the sides that the point would lengthen; at a leaf of equal
 * points there are none, and all dimensions share alike. All shares together are the score.
 */
export function attributeInTree(trees: Trees, tree: number, x: Float64Array, shares: Float64Array): void {
  const { nodes, links } = trees;
  const { dimensions } = trees.points;
  const base = tree * trees.capacity;
  const root = trees.roots[tree]!;
  if (root === NONE) return;
  const scale = Math.log2(trees.massOf(tree, root) + 1);
  let node = root;
  let depth = 0;
  let rest = 1;
  while (node >= 0) {
    const at = (base + node) * trees.stride;
    let total = 0;
    let outside = 0;
    for (let d = 0, b = at + RECORD; d < dimensions; d++, b += 2) {
      outside += Math.max(0, nodes[b]! - x[d]!, x[d]! - nodes[b + 1]!);
      total += nodes[b + 1]! - nodes[b]!;
    }
    depth++;
    if (outside > 0) {
      const worth = (rest * scale) / depth / (total + outside);
      for (let d = 0, b = at + RECORD; d < dimensions; d++, b += 2) {
        if (x[d]! < nodes[b]!) shares[d * 2]! += worth * (nodes[b]! - x[d]!);
        if (x[d]! > nodes[b + 1]!) shares[d * 2 + 1]! += worth * (x[d]! - nodes[b + 1]!);
      }
      rest *= 1 - outside / (total + outside);
    }
    const link = at * 4;
    node = links[link + (x[links[link + LINKS.dimension]!]! <= nodes[at]! ? LINKS.left : LINKS.right)]!;
  }
  shareLeaf(trees, base + ~node, x, rest * scale * leafWorth(trees, tree, ~node, depth, x), shares);
}

function shareLeaf(trees: Trees, slot: number, x: Float64Array, worth: number, shares: Float64Array): void {
  const { coordinates, dimensions } = trees.points;
  const from = trees.leafPoint[slot]! * dimensions;
  let total = 0;
  for (let d = 0; d < dimensions; d++) total += Math.abs(x[d]! - coordinates[from + d]!);
  for (let d = 0; d < dimensions; d++) {
    const distance = x[d]! - coordinates[from + d]!;
    if (total === 0) {
      shares[d * 2]! += worth / dimensions / 2;
      shares[d * 2 + 1]! += worth / dimensions / 2;
    } else if (distance < 0) shares[d * 2]! -= (worth * distance) / total;
    else shares[d * 2 + 1]! += (worth * distance) / total;
  }
}
