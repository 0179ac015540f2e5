/**
 * Random cut trees (S. Guha, N. Mishra, G. Roy, O. Schrijvers, "Robust random cut forest based anomaly
 * detection on streams", ICML 2016), all trees of a forest in shared typed arrays.
 *
 * A tree parts its points by cuts: an inner node has a dimension and a value, points up to the value are
 * left, the others right. A dimension is cut in proportion to its side of the node's bounding box. Inserting
 * (algorithm 2 of the paper) and removing (algorithm 1) leave a tree that is distributed as one built anew
 * from the points it then has, so none is ever rebuilt.
 *
 * An inner node is one record, so that a step down a tree touches little memory; `dimensions` d gives
 * `RECORD + 2 d` doubles:
 *
 *   cut value · (i16 left, i16 right, i16 cut dimension, i16 points below) · low, high of each dimension
 *
 * A node's number is its place in its tree's part of the arrays; a leaf is `~slot`. A leaf holds one point
 * and how many times it was inserted. Boxes are exact at all times. Invariant: a tree of n leaves has n - 1
 * inner nodes; free places are chained through `left` and `leafPoint`.
 */
import type { Points } from './points.js';
import type { SeededRandom } from './random.js';

/** An empty tree's root, and the end of a chain. */
export const NONE = 0x7fff;

/** Most leaves a tree can have. */
export const LEAVES_MAX = 4096;

/** Doubles of a node before its box. */
export const RECORD = 2;
/** Where a node's numbers lie in `links`, from four times its first double. */
export const LINKS = { left: 4, right: 5, dimension: 6, mass: 7 } as const;
const { left: LEFT, right: RIGHT, dimension: DIMENSION, mass: MASS } = LINKS;

const path = new Int16Array(LEAVES_MAX);

/** Trees over one set of points. */
export class Trees {
  readonly count: number;
  readonly points: Points;
  /** Leaves that each tree has room for. */
  readonly capacity: number;
  readonly roots: Int16Array<ArrayBuffer>;
  /** Doubles a node. */
  readonly stride: number;
  readonly nodes: Float64Array<ArrayBuffer>;
  /** The same memory; see `LINKS`. */
  readonly links: Int16Array<ArrayBuffer>;
  readonly leafPoint: Int32Array<ArrayBuffer>;
  readonly leafMass: Uint16Array<ArrayBuffer>;
  readonly #freeNodes: Int16Array<ArrayBuffer>;
  readonly #freeLeaves: Int16Array<ArrayBuffer>;
  readonly #usedNodes: Int16Array<ArrayBuffer>;
  readonly #usedLeaves: Int16Array<ArrayBuffer>;
  /** The cut that was found last. */
  #dimension = 0;
  #value = 0;

  constructor(count: number, points: Points, capacity: number) {
    this.count = count;
    this.points = points;
    this.capacity = capacity;
    this.roots = new Int16Array(count).fill(NONE);
    this.stride = RECORD + points.dimensions * 2;
    this.nodes = new Float64Array(count * capacity * this.stride);
    this.links = new Int16Array(this.nodes.buffer);
    this.leafPoint = new Int32Array(count * capacity);
    this.leafMass = new Uint16Array(count * capacity);
    this.#freeNodes = new Int16Array(count).fill(NONE);
    this.#freeLeaves = new Int16Array(count).fill(NONE);
    this.#usedNodes = new Int16Array(count);
    this.#usedLeaves = new Int16Array(count);
  }

  /** The same trees with more room, over `points` or a copy of it. */
  resized(capacity: number, points: Points): Trees {
    const copy = new Trees(this.count, points, capacity);
    const move = <A extends { set(from: A, at: number): void; subarray(from: number, to: number): A }>(
      to: A,
      from: A,
      width: number,
    ): void => {
      for (let tree = 0; tree < this.count; tree++)
        to.set(
          from.subarray(tree * this.capacity * width, (tree + 1) * this.capacity * width),
          tree * capacity * width,
        );
    };
    move(copy.nodes, this.nodes, this.stride);
    move(copy.leafPoint, this.leafPoint, 1);
    move(copy.leafMass, this.leafMass, 1);
    copy.roots.set(this.roots);
    copy.#freeNodes.set(this.#freeNodes);
    copy.#freeLeaves.set(this.#freeLeaves);
    copy.#usedNodes.set(this.#usedNodes);
    copy.#usedLeaves.set(this.#usedLeaves);
    return copy;
  }

  /** Points of a node or leaf of a tree. */
  massOf(tree: number, node: number): number {
    if (node < 0) return this.leafMass[tree * this.capacity + ~node]!;
    return this.links[this.placeOf(tree, node) * 4 + MASS]!;
  }

  /** Where a node's record begins in `nodes`. */
  placeOf(tree: number, node: number): number {
    return (tree * this.capacity + node) * this.stride;
  }

  newLeaf(tree: number, point: number): number {
    const base = tree * this.capacity;
    let leaf = this.#freeLeaves[tree]!;
    if (leaf === NONE) leaf = this.#usedLeaves[tree]!++;
    else this.#freeLeaves[tree] = this.leafPoint[base + leaf]!;
    this.leafPoint[base + leaf] = point;
    this.leafMass[base + leaf] = 1;
    this.points.hold(point);
    return leaf;
  }

  newNode(tree: number): number {
    const node = this.#freeNodes[tree]!;
    if (node === NONE) return this.#usedNodes[tree]!++;
    this.#freeNodes[tree] = this.links[this.placeOf(tree, node) * 4 + LEFT]!;
    return node;
  }

  /** Inserts a point; answers its leaf. */
  insert(tree: number, point: number, random: SeededRandom): number {
    const base = tree * this.capacity;
    const { coordinates, dimensions } = this.points;
    const { nodes, links } = this;
    const from = point * dimensions;
    let node = this.roots[tree]!;
    if (node === NONE) {
      const leaf = this.newLeaf(tree, point);
      this.roots[tree] = ~leaf;
      return leaf;
    }
    let parent = NONE;
    let isRight = false;
    while (node >= 0) {
      const at = this.placeOf(tree, node);
      if (this.#isCutOff(at, from, random)) break;
      this.#widen(at, from);
      links[at * 4 + MASS]!++;
      parent = node;
      isRight = coordinates[from + links[at * 4 + DIMENSION]!]! > nodes[at]!;
      node = links[at * 4 + (isRight ? RIGHT : LEFT)]!;
    }
    if (node < 0) {
      const slot = base + ~node;
      if (this.points.equal(this.leafPoint[slot]!, point)) {
        this.leafMass[slot]!++;
        return ~node;
      }
      this.#cutApart(this.leafPoint[slot]! * dimensions, from, random);
    }
    const leaf = this.newLeaf(tree, point);
    this.#replace(tree, parent, isRight, this.#joined(tree, node, leaf));
    return leaf;
  }

  /** A new node over `node` and a new leaf, parted by the cut that was found. */
  #joined(tree: number, node: number, leaf: number): number {
    const base = tree * this.capacity;
    const { coordinates, dimensions } = this.points;
    const added = this.newNode(tree);
    const at = this.placeOf(tree, added);
    const isLeafLeft = coordinates[this.leafPoint[base + leaf]! * dimensions + this.#dimension]! <= this.#value;
    this.nodes[at] = this.#value;
    this.links[at * 4 + DIMENSION] = this.#dimension;
    this.links[at * 4 + LEFT] = isLeafLeft ? ~leaf : node;
    this.links[at * 4 + RIGHT] = isLeafLeft ? node : ~leaf;
    this.links[at * 4 + MASS] = this.massOf(tree, node) + 1;
    this.fitBox(tree, added);
    return added;
  }

  #replace(tree: number, parent: number, isRight: boolean, node: number): void {
    if (parent === NONE) this.roots[tree] = node;
    else this.links[this.placeOf(tree, parent) * 4 + (isRight ? RIGHT : LEFT)] = node;
  }

  /**
   * Draws a cut of the box of a node and the point at `from` together, each side in proportion to its length;
   * says whether it parts the two. A point in the box can't be parted from it: nothing is drawn.
   */
  #isCutOff(at: number, from: number, random: SeededRandom): boolean {
    const { coordinates, dimensions } = this.points;
    const { nodes } = this;
    let total = 0;
    let outside = 0;
    for (let d = 0, b = at + RECORD; d < dimensions; d++, b += 2) {
      const value = coordinates[from + d]!;
      const low = nodes[b]!;
      const high = nodes[b + 1]!;
      if (value < low) outside += low - value;
      else if (value > high) outside += value - high;
      total += high - low;
    }
    if (outside === 0) return false;
    let rest = random.next() * (total + outside);
    for (let d = 0, b = at + RECORD; d < dimensions; d++, b += 2) {
      const value = coordinates[from + d]!;
      const low = Math.min(nodes[b]!, value);
      const high = Math.max(nodes[b + 1]!, value);
      const length = high - low;
      if (rest >= length) {
        rest -= length;
        continue;
      }
      const cut = cutBetween(low, high, rest);
      this.#dimension = d;
      this.#value = cut;
      return (value <= cut && cut < nodes[b]!) || (nodes[b + 1]! <= cut && cut < value);
    }
    return false;
  }

  /** Draws a cut between two different points. */
  #cutApart(a: number, b: number, random: SeededRandom): void {
    const { coordinates, dimensions } = this.points;
    let total = 0;
    for (let d = 0; d < dimensions; d++) total += Math.abs(coordinates[a + d]! - coordinates[b + d]!);
    let rest = random.next() * total;
    for (let d = 0; d < dimensions; d++) {
      const low = Math.min(coordinates[a + d]!, coordinates[b + d]!);
      const high = Math.max(coordinates[a + d]!, coordinates[b + d]!);
      if (low === high) continue;
      // Rounding may leave a rest behind the last side: the last that has a length is taken then.
      this.#dimension = d;
      this.#value = cutBetween(low, high, rest);
      if (rest < high - low) return;
      rest -= high - low;
    }
  }

  #widen(at: number, from: number): void {
    const { coordinates, dimensions } = this.points;
    const { nodes } = this;
    for (let d = 0, b = at + RECORD; d < dimensions; d++, b += 2) {
      const value = coordinates[from + d]!;
      if (value < nodes[b]!) nodes[b] = value;
      if (value > nodes[b + 1]!) nodes[b + 1] = value;
    }
  }

  /** Sets a node's box to that of its children. */
  fitBox(tree: number, node: number): void {
    const at = this.placeOf(tree, node);
    const { dimensions } = this.points;
    const { nodes } = this;
    const left = this.links[at * 4 + LEFT]!;
    const right = this.links[at * 4 + RIGHT]!;
    for (let d = 0, b = at + RECORD; d < dimensions; d++, b += 2) {
      nodes[b] = Math.min(this.#bound(tree, left, d, 0), this.#bound(tree, right, d, 0));
      nodes[b + 1] = Math.max(this.#bound(tree, left, d, 1), this.#bound(tree, right, d, 1));
    }
  }

  #bound(tree: number, node: number, dimension: number, end: 0 | 1): number {
    if (node >= 0) return this.nodes[this.placeOf(tree, node) + RECORD + dimension * 2 + end]!;
    const { coordinates, dimensions } = this.points;
    return coordinates[this.leafPoint[tree * this.capacity + ~node]! * dimensions + dimension]!;
  }

  /** Takes one point of a leaf out. */
  remove(tree: number, leaf: number): void {
    const base = tree * this.capacity;
    const { coordinates, dimensions } = this.points;
    const { links } = this;
    const from = this.leafPoint[base + leaf]! * dimensions;
    let depth = 0;
    let node = this.roots[tree]!;
    while (node >= 0) {
      path[depth++] = node;
      const at = this.placeOf(tree, node);
      links[at * 4 + MASS]!--;
      node = links[at * 4 + (coordinates[from + links[at * 4 + DIMENSION]!]! > this.nodes[at]! ? RIGHT : LEFT)]!;
    }
    if (--this.leafMass[base + leaf]! > 0) return;
    if (depth === 0) this.roots[tree] = NONE;
    else {
      const parent = path[depth - 1]!;
      const link = this.placeOf(tree, parent) * 4;
      const sibling = links[link + LEFT] === ~leaf ? links[link + RIGHT]! : links[link + LEFT]!;
      const above = depth > 1 ? path[depth - 2]! : NONE;
      this.#replace(tree, above, above !== NONE && links[this.placeOf(tree, above) * 4 + RIGHT] === parent, sibling);
      links[link + LEFT] = this.#freeNodes[tree]!;
      this.#freeNodes[tree] = parent;
      let level = depth - 2;
      while (level >= 0 && !this.#isInside(this.placeOf(tree, path[level]!), from)) this.fitBox(tree, path[level--]!);
    }
    this.points.release(this.leafPoint[base + leaf]!);
    this.leafPoint[base + leaf] = this.#freeLeaves[tree]!;
    this.#freeLeaves[tree] = leaf;
  }

  /** Whether a point touches no side of a node's box, nor then of any box around it. */
  #isInside(at: number, from: number): boolean {
    const { coordinates, dimensions } = this.points;
    for (let d = 0, b = at + RECORD; d < dimensions; d++, b += 2) {
      const value = coordinates[from + d]!;
      if (value <= this.nodes[b]! || value >= this.nodes[b + 1]!) return false;
    }
    return true;
  }

  bytes(): number {
    return 512 + this.nodes.byteLength + this.leafPoint.byteLength + this.leafMass.byteLength + this.count * 10;
  }
}

/** `low + length`, below `high` even where rounding would reach it. */
function cutBetween(low: number, high: number, length: number): number {
  const cut = low + length;
  return cut < high ? cut : low;
}
