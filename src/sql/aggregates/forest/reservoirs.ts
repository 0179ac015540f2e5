/**
 * Which leaves each tree keeps: a sample of the points so far in which newer ones are likelier, by a factor e
 * each 1 / decay points (P. Efraimidis, P. Spirakis, "Weighted random sampling with a reservoir", 2006).
 *
 * A point with number i and a uniform u has the key log(-log u) - decay * i; a tree keeps the `size` smallest,
 * in a heap with the largest on top. Every tree takes every point until it is full, so all have one size.
 */
export class Reservoirs {
  readonly count: number;
  /** Room of each tree. */
  capacity: number;
  /** Points that each tree has. */
  size = 0;
  keys: Float64Array<ArrayBuffer>;
  leaves: Int16Array<ArrayBuffer>;

  constructor(count: number, capacity: number) {
    this.count = count;
    this.capacity = capacity;
    this.keys = new Float64Array(count * capacity);
    this.leaves = new Int16Array(count * capacity);
  }

  /** The same with more room. */
  resized(capacity: number): Reservoirs {
    const copy = new Reservoirs(this.count, capacity);
    copy.size = this.size;
    for (let tree = 0; tree < this.count; tree++) {
      const from = tree * this.capacity;
      copy.keys.set(this.keys.subarray(from, from + this.size), tree * capacity);
      copy.leaves.set(this.leaves.subarray(from, from + this.size), tree * capacity);
    }
    return copy;
  }

  /** The largest key of a full tree: what a new one must be below. */
  topKey(tree: number): number {
    return this.keys[tree * this.capacity]!;
  }

  /** The leaf that leaves next. */
  topLeaf(tree: number): number {
    return this.leaves[tree * this.capacity]!;
  }

  /** Puts a leaf in place of the top. */
  replaceTop(tree: number, key: number, leaf: number): void {
    const base = tree * this.capacity;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && this.keys[base + child + 1]! > this.keys[base + child]!) child++;
      if (this.keys[base + child]! <= key) break;
      this.#move(base + child, base + at);
      at = child;
    }
    this.keys[base + at] = key;
    this.leaves[base + at] = leaf;
  }

  /** Puts a leaf in a tree that has `size` before; the caller raises `size` once all trees have it. */
  push(tree: number, key: number, leaf: number): void {
    const base = tree * this.capacity;
    let at = this.size;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.keys[base + parent]! >= key) break;
      this.#move(base + parent, base + at);
      at = parent;
    }
    this.keys[base + at] = key;
    this.leaves[base + at] = leaf;
  }

  #move(from: number, to: number): void {
    this.keys[to] = this.keys[from]!;
    this.leaves[to] = this.leaves[from]!;
  }

  bytes(): number {
    return 128 + this.keys.byteLength + this.leaves.byteLength;
  }
}
