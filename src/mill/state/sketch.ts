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
const DENSE = 255;
/** Words of the sparse classes 1, 2, …: 4, 8, … 256. */
const SPARSE_CLASSES = 7;
const SPARSE_INDEXES = 2 ** 25;
/** Highest rank less one: bits of the second hash. */
const RANK_BITS = 32;

/** The sketches of one aggregate in one window. */
export class Sketches {
  #arena = new Uint32Array(1024);
  #bytes = new Uint8Array(this.#arena.buffer);
  #used = 0;
  readonly #free: number[][] = [];
  /** Where each group's block starts, in words. */
  #at: Int32Array;
  /** 0: no value yet; 1 to 7: sparse; 255: dense. */
  #classes: Uint8Array;
  #counts: Uint16Array;
  /** 1 where a register rose since the flag was last cleared. */
  changed: Uint8Array;

  constructor(capacity: number) {
    this.#at = new Int32Array(capacity);
    this.#classes = new Uint8Array(capacity);
    this.#counts = new Uint16Array(capacity);
    this.changed = new Uint8Array(capacity);
  }

  grow(capacity: number): void {
    const at = new Int32Array(capacity);
    at.set(this.#at);
    this.#at = at;
    const classes = new Uint8Array(capacity);
    classes.set(this.#classes);
    this.#classes = classes;
    const counts = new Uint16Array(capacity);
    counts.set(this.#counts);
    this.#counts = counts;
    const changed = new Uint8Array(capacity);
    changed.set(this.changed);
    this.changed = changed;
  }

  /** Bytes that a group's sketch takes, by what it holds alone. */
  bytesOf(group: number): number {
    const kind = this.#classes[group]!;
    return kind === DENSE ? REGISTERS : kind === 0 ? 0 : 8 << kind;
  }

  /** Adds a value by its two hashes. */
  add(group: number, first: number, second: number): void {
    const rank = Math.clz32(second) + 1;
    if (this.#classes[group] === DENSE) {
      const register = this.#at[group]! * 4 + (first >>> 21);
      if (this.#bytes[register]! >= rank) return;
      this.#bytes[register] = rank;
      this.changed[group] = 1;
    } else {
      this.#addSparse(group, first >>> 7, rank);
    }
  }

  #addSparse(group: number, index: number, rank: number): void {
    const kind = this.#classes[group]!;
    if (kind === 0) this.#start(group);
    const base = this.#at[group]!;
    const mask = (2 << this.#classes[group]!) - 1;
    let slot = Math.imul(index, 0x9e3779b1) >>> 16;
    for (; ; slot++) {
      const word = this.#arena[base + (slot & mask)]!;
      if (word === 0) break;
      if (word >>> 6 !== index) continue;
      if ((word & 63) >= rank) return;
      this.#arena[base + (slot & mask)] = (index << 6) | rank;
      this.changed[group] = 1;
      return;
    }
    this.changed[group] = 1;
    if (this.#counts[group]! + 1 > ((mask + 1) * 3) >> 2) {
      this.#enlarge(group);
      this.#put(group, index, rank);
      return;
    }
    this.#arena[base + (slot & mask)] = (index << 6) | rank;
    this.#counts[group]!++;
  }

  #start(group: number): void {
    this.#at[group] = this.#allocate(1);
    this.#classes[group] = 1;
  }

  #put(group: number, index: number, rank: number): void {
    if (this.#classes[group] === DENSE) {
      const register = this.#at[group]! * 4 + (index >>> 14);
      if (this.#bytes[register]! < rank) this.#bytes[register] = rank;
      return;
    }
    const base = this.#at[group]!;
    const mask = (2 << this.#classes[group]!) - 1;
    let slot = Math.imul(index, 0x9e3779b1) >>> 16;
    while (this.#arena[base + (slot & mask)] !== 0) slot++;
    this.#arena[base + (slot & mask)] = (index << 6) | rank;
    this.#counts[group]!++;
  }

  /** Moves a group to the next class and frees its old block. */
  #enlarge(group: number): void {
    const kind = this.#classes[group]!;
    const from = this.#at[group]!;
    const words = this.#arena.slice(from, from + (2 << kind));
    const next = kind === SPARSE_CLASSES ? DENSE : kind + 1;
    this.#at[group] = this.#allocate(next);
    this.#classes[group] = next;
    this.#counts[group] = 0;
    (this.#free[kind] ??= []).push(from);
    for (const word of words) if (word !== 0) this.#put(group, word >>> 6, word & 63);
  }

  #allocate(kind: number): number {
    const size = kind === DENSE ? DENSE_WORDS : 2 << kind;
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
    const kind = this.#classes[group]!;
    if (kind === 0) return 0;
    if (kind !== DENSE) return Math.round(SPARSE_INDEXES * Math.log(SPARSE_INDEXES / (SPARSE_INDEXES - this.#counts[group]!)));
    const at = this.#at[group]! * 4;
    return Math.round(estimateDense(this.#bytes, at));
  }

  /** Writes a group's sketch: class 0, sparse words in rising order, or the registers. */
  write(group: number, writer: ByteWriter): void {
    const kind = this.#classes[group]!;
    const at = this.#at[group]!;
    if (kind === DENSE) {
      writer.byte(DENSE);
      writer.raw(this.#bytes.subarray(at * 4, at * 4 + REGISTERS));
      return;
    }
    writer.byte(kind === 0 ? 0 : 1);
    if (kind === 0) return;
    const words = this.#arena.slice(at, at + (2 << kind)).sort();
    const count = this.#counts[group]!;
    writer.unsigned(count);
    let last = 0;
    for (const word of words.subarray(words.length - count)) {
      writer.unsigned(word - last);
      last = word;
    }
  }

  /** Sets a group that has no value yet to what `write` wrote. */
  read(group: number, reader: ByteReader): void {
    const kind = reader.byte();
    if (kind === 0) return;
    if (kind === DENSE) {
      this.#at[group] = this.#allocate(DENSE);
      this.#classes[group] = DENSE;
      this.#bytes.set(reader.raw(REGISTERS), this.#at[group]! * 4);
      return;
    }
    let word = 0;
    for (let left = reader.unsigned(); left > 0; left--) {
      word += reader.unsigned();
      this.#addSparse(group, word >>> 6, word & 63);
    }
    this.changed[group] = 0;
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
  for (let last = NaN; z !== last; ) {
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
  for (let last = NaN; z !== last; ) {
    root = Math.sqrt(root);
    last = z;
    y *= 0.5;
    z -= (1 - root) ** 2 * y;
  }
  return z / 3;
}
