/**
 * HyperLogLog: how many different values, to within 2.3 % (one standard error, 1.04 / sqrt(2048)),
 * in at most 2 KiB a group.
 *
 * A value gives two 32-bit hashes. The first picks the register, the second's leading zeros + 1 is
 * the register's candidate (1 to 33). Below 192 registers a group is *sparse*: a small open-addressing
 * set of `index25 << 6 | rank`, from which linear counting over 2^25 is all but exact. Past that it
 * is *dense*: 2,048 bytes, one a register (the upper 11 bits of index25), estimated with the
 * improved raw estimator of O. Ertl, "New cardinality estimation algorithms for HyperLogLog
 * sketches", 2017 (arXiv:1702.01284), algorithm 6: no bias table, no switch between ranges.
 *
 * All groups of one window share an arena; a group that grows frees its block for the next one.
 */
import type { ByteReader, ByteWriter } from './bytes.js';

/** Registers of a dense sketch. */
export const REGISTERS = 2048;
const DENSE_WORDS = REGISTERS / 4;
/** Words of the classes 1, 2, 3: sparse (the first a cache line); then dense. */
const CLASS_WORDS = [0, 16, 64, 256, DENSE_WORDS];
const DENSE = 4;
const SPARSE_INDEXES = 2 ** 25;
/** Highest rank less one: bits of the second hash. */
const RANK_BITS = 32;
/** Entries a group: where its block starts (in words), its class, how many values, whether it changed. */
const STRIDE = 4;
const CLASS = 1;
const COUNT = 2;
const CHANGED = 3;

/** The sketches of one aggregate in one window. */
export class Sketches {
  #arena = new Uint32Array(1024);
  #bytes = new Uint8Array(this.#arena.buffer);
  #used = 0;
  readonly #free: number[][] = [];
  #groups: Int32Array;

  constructor(capacity: number) {
    this.#groups = new Int32Array(capacity * STRIDE);
  }

  grow(capacity: number): void {
    const groups = new Int32Array(capacity * STRIDE);
    groups.set(this.#groups);
    this.#groups = groups;
  }

  /** Bytes that a group's sketch takes, by what it holds alone. */
  bytesOf(group: number): number {
    return CLASS_WORDS[this.#groups[group * STRIDE + CLASS]!]! * 4;
  }

  /** Whether a register rose since `clearChanged`. */
  changed(group: number): boolean {
    return this.#groups[group * STRIDE + CHANGED] === 1;
  }

  clearChanged(group: number): void {
    this.#groups[group * STRIDE + CHANGED] = 0;
  }

  /** Adds a value by its two hashes. */
  add(group: number, first: number, second: number): void {
    const rank = Math.clz32(second) + 1;
    const meta = group * STRIDE;
    if (this.#groups[meta + CLASS] !== DENSE) return this.#addSparse(meta, first >>> 7, rank);
    const register = this.#groups[meta]! * 4 + (first >>> 21);
    if (this.#bytes[register]! >= rank) return;
    this.#bytes[register] = rank;
    this.#groups[meta + CHANGED] = 1;
  }

  #addSparse(meta: number, index: number, rank: number): void {
    const groups = this.#groups;
    let kind = groups[meta + CLASS]!;
    if (kind === 0) {
      groups[meta] = this.#allocate(1);
      groups[meta + CLASS] = kind = 1;
    }
    const arena = this.#arena;
    const base = groups[meta]!;
    const mask = CLASS_WORDS[kind]! - 1;
    let slot = Math.imul(index, 0x9e3779b1) >>> 16;
    for (; ; slot++) {
      const word = arena[base + (slot & mask)]!;
      if (word === 0) break;
      if (word >>> 6 !== index) continue;
      if ((word & 63) >= rank) return;
      arena[base + (slot & mask)] = (index << 6) | rank;
      groups[meta + CHANGED] = 1;
      return;
    }
    groups[meta + CHANGED] = 1;
    if (groups[meta + COUNT]! + 1 > ((mask + 1) * 3) >> 2) {
      this.#enlarge(meta);
      this.#put(meta, index, rank);
      return;
    }
    arena[base + (slot & mask)] = (index << 6) | rank;
    groups[meta + COUNT]!++;
  }

  /** Adds what is not there yet and fits. */
  #put(meta: number, index: number, rank: number): void {
    const base = this.#groups[meta]!;
    const kind = this.#groups[meta + CLASS]!;
    if (kind === DENSE) {
      const register = base * 4 + (index >>> 14);
      if (this.#bytes[register]! < rank) this.#bytes[register] = rank;
      return;
    }
    const mask = CLASS_WORDS[kind]! - 1;
    let slot = Math.imul(index, 0x9e3779b1) >>> 16;
    while (this.#arena[base + (slot & mask)] !== 0) slot++;
    this.#arena[base + (slot & mask)] = (index << 6) | rank;
    this.#groups[meta + COUNT]!++;
  }

  /** Moves a group to the next class and frees its old block. */
  #enlarge(meta: number): void {
    const kind = this.#groups[meta + CLASS]!;
    const from = this.#groups[meta]!;
    const to = from + CLASS_WORDS[kind]!;
    this.#groups[meta] = this.#allocate(kind + 1);
    this.#groups[meta + CLASS] = kind + 1;
    this.#groups[meta + COUNT] = 0;
    for (let at = from; at < to; at++) {
      const word = this.#arena[at]!;
      if (word !== 0) this.#put(meta, word >>> 6, word & 63);
    }
    (this.#free[kind] ??= []).push(from);
  }

  #allocate(kind: number): number {
    const size = CLASS_WORDS[kind]!;
    const free = this.#free[kind]?.pop();
    if (free !== undefined) {
      this.#arena.fill(0, free, free + size);
      return free;
    }
    const at = this.#used;
    this.#used = at + size;
    if (this.#used > this.#arena.length) {
      const larger = new Uint32Array(Math.max(this.#used, this.#arena.length * 2));
      larger.set(this.#arena);
      this.#arena = larger;
      this.#bytes = new Uint8Array(larger.buffer);
    }
    return at;
  }

  /** How many different values, rounded. */
  estimate(group: number): number {
    const meta = group * STRIDE;
    const kind = this.#groups[meta + CLASS]!;
    if (kind === 0) return 0;
    if (kind !== DENSE)
      return Math.round(SPARSE_INDEXES * Math.log(SPARSE_INDEXES / (SPARSE_INDEXES - this.#groups[meta + COUNT]!)));
    return Math.round(estimateDense(this.#bytes, this.#groups[meta]! * 4));
  }

  /** Writes a group's sketch: 0 none, 1 sparse with its words in rising order, 2 dense with its registers. */
  write(group: number, writer: ByteWriter): void {
    const meta = group * STRIDE;
    const kind = this.#groups[meta + CLASS]!;
    const at = this.#groups[meta]!;
    if (kind === DENSE) {
      writer.byte(2);
      writer.raw(this.#bytes.subarray(at * 4, at * 4 + REGISTERS));
      return;
    }
    writer.byte(kind === 0 ? 0 : 1);
    if (kind === 0) return;
    const count = this.#groups[meta + COUNT]!;
    const words = new Uint32Array(count);
    for (let from = at, to = 0; to < count; from++) {
      const word = this.#arena[from]!;
      if (word !== 0) words[to++] = word;
    }
    writer.unsigned(count);
    writer.raw(new Uint8Array(words.sort().buffer));
  }

  /** Sets a group that has no value yet to what `write` wrote. */
  read(group: number, reader: ByteReader): void {
    const meta = group * STRIDE;
    const kind = reader.byte();
    if (kind === 0) return;
    if (kind === 2) {
      this.#groups[meta] = this.#allocate(DENSE);
      this.#groups[meta + CLASS] = DENSE;
      this.#bytes.set(reader.raw(REGISTERS), this.#groups[meta]! * 4);
      return;
    }
    const count = reader.unsigned();
    const words = new Uint32Array(reader.raw(count * 4).slice().buffer);
    for (const word of words) this.#addSparse(meta, word >>> 6, word & 63);
    this.#groups[meta + CHANGED] = 0;
  }
}

/** The estimate of 2,048 registers at `at`. */
function estimateDense(bytes: Uint8Array, at: number): number {
  const counts = new Float64Array(RANK_BITS + 2);
  for (let i = 0; i < REGISTERS; i++) counts[bytes[at + i]!]!++;
  let z = REGISTERS * tau(1 - counts[RANK_BITS + 1]! / REGISTERS);
  for (let rank = RANK_BITS; rank >= 1; rank--) z = 0.5 * (z + counts[rank]!);
  z += REGISTERS * sigma(counts[0]! / REGISTERS);
  return (REGISTERS * REGISTERS) / (2 * Math.LN2 * z);
}

function sigma(x: number): number {
  if (x === 1) return Infinity;
  let power = x;
  let y = 1;
  let z = x;
  for (let last = NaN; z !== last;) {
    power *= power;
    last = z;
    z += power * y;
    y += y;
  }
  return z;
}

function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let root = x;
  let y = 1;
  let z = 1 - x;
  for (let last = NaN; z !== last;) {
    root = Math.sqrt(root);
    last = z;
    y *= 0.5;
    z -= (1 - root) ** 2 * y;
  }
  return z / 3;
}
