/**
 * Trees and reservoirs as bytes: points in use, then each tree from the root, an inner node before its two
 * sides, then its reservoir as it lies in the heap. Boxes and masses follow from the points and are made anew;
 * places are numbered anew, which changes no score.
 *
 *   points: count · doubles
 *   tree: node · for each of `size` entries: double key · leaf, by its number on the way
 *   node: 0 nothing | 1 inner: u8 dimension · double value · left node · right node | 2 leaf: point · mass
 */
import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import { Points } from './points.js';
import type { Reservoirs } from './reservoirs.js';
import { LINKS, NONE, Trees } from './trees.js';

const EMPTY = 0;
const INNER = 1;
const LEAF = 2;

/** Writes trees and what they keep. */
export function writeTrees(trees: Trees, reservoirs: Reservoirs, writer: ByteWriter): void {
  const numbers = writePoints(trees, writer);
  for (let tree = 0; tree < trees.count; tree++) {
    const base = tree * trees.capacity;
    const leaves = new Map<number, number>();
    const writeNode = (node: number): void => {
      if (node < 0) {
        leaves.set(~node, leaves.size);
        writer.byte(LEAF);
        writer.unsigned(numbers.get(trees.leafPoint[base + ~node]!)!);
        writer.unsigned(trees.leafMass[base + ~node]!);
        return;
      }
      const at = trees.placeOf(tree, node);
      writer.byte(INNER);
      writer.byte(trees.links[at * 4 + LINKS.dimension]!);
      writer.double(trees.nodes[at]!);
      writeNode(trees.links[at * 4 + LINKS.left]!);
      writeNode(trees.links[at * 4 + LINKS.right]!);
    };
    if (trees.roots[tree] === NONE) writer.byte(EMPTY);
    else writeNode(trees.roots[tree]!);
    for (let i = 0; i < reservoirs.size; i++) {
      writer.double(reservoirs.keys[tree * reservoirs.capacity + i]!);
      writer.unsigned(leaves.get(reservoirs.leaves[tree * reservoirs.capacity + i]!)!);
    }
  }
}

/** Writes every point that a leaf has; answers their numbers by their places. */
function writePoints(trees: Trees, writer: ByteWriter): Map<number, number> {
  const numbers = new Map<number, number>();
  const visit = (tree: number, node: number): void => {
    if (node >= 0) {
      const link = trees.placeOf(tree, node) * 4;
      visit(tree, trees.links[link + LINKS.left]!);
      visit(tree, trees.links[link + LINKS.right]!);
      return;
    }
    const place = trees.leafPoint[tree * trees.capacity + ~node]!;
    if (!numbers.has(place)) numbers.set(place, numbers.size);
  };
  for (let tree = 0; tree < trees.count; tree++) if (trees.roots[tree] !== NONE) visit(tree, trees.roots[tree]!);
  writer.unsigned(numbers.size);
  const { coordinates, dimensions } = trees.points;
  for (const place of numbers.keys())
    for (let d = 0; d < dimensions; d++) writer.double(coordinates[place * dimensions + d]!);
  return numbers;
}

/** Reads trees that have room for `capacity` leaves; fills the reservoirs up to their `size`. */
export function readTrees(
  count: number,
  dimensions: number,
  capacity: number,
  reservoirs: Reservoirs,
  reader: ByteReader,
): Trees {
  const points = new Points(dimensions);
  for (let left = reader.unsigned(); left > 0; left--)
    points.add(Array.from({ length: dimensions }, () => reader.double()));
  const trees = new Trees(count, points, capacity);
  for (let tree = 0; tree < count; tree++) {
    const leaves: number[] = [];
    trees.roots[tree] = readNode(trees, tree, leaves, reader);
    for (let i = 0; i < reservoirs.size; i++) {
      reservoirs.keys[tree * reservoirs.capacity + i] = reader.double();
      reservoirs.leaves[tree * reservoirs.capacity + i] = leaves[reader.unsigned()]!;
    }
  }
  return trees;
}

function readNode(trees: Trees, tree: number, leaves: number[], reader: ByteReader): number {
  const base = tree * trees.capacity;
  const kind = reader.byte();
  if (kind === EMPTY) return NONE;
  if (kind === LEAF) {
    const leaf = trees.newLeaf(tree, reader.unsigned());
    trees.leafMass[base + leaf] = reader.unsigned();
    leaves.push(leaf);
    return ~leaf;
  }
  const node = trees.newNode(tree);
  const at = trees.placeOf(tree, node);
  trees.links[at * 4 + LINKS.dimension] = reader.byte();
  trees.nodes[at] = reader.double();
  const left = readNode(trees, tree, leaves, reader);
  const right = readNode(trees, tree, leaves, reader);
  trees.links[at * 4 + LINKS.left] = left;
  trees.links[at * 4 + LINKS.right] = right;
  trees.links[at * 4 + LINKS.mass] = trees.massOf(tree, left) + trees.massOf(tree, right);
  trees.fitBox(tree, node);
  return node;
}
