/**
 * HyperLogLog: how many different values, to within 2.3 % (one standard error, 1.04 / sqrt(2048)),
 * in about 2 KiB a group at most.
 *
 * A value gives a word (`hash.ts`): an index of 25 bits and a rank of 1 to 33, the candidate for its
 * register. Below 192 registers a group is *sparse*: a small open-addressing set of words, from which
 * linear counting over 2^25 is all but exact. Past that it is *dense*: 2,048 bytes, one a register
 * (the upper 11 bits of the index), and how many registers have each rank, estimated with the
 * improved raw estimator of O. Ertl, "New cardinality estimation algorithms for HyperLogLog
 * sketches", 2017 (arXiv:1702.01284), algorithm 6: no bias table, no switch between ranges.
 *
 * All groups of one window share an arena; a group that grows frees its block for the next one.
 * Thousands of sketches fit no cache, so a group's words wait in its *tail*, one cache line, and go
 * into its block fifteen at once. Whatever reads a group empties its tail first; `clearChanged` need
 * not: it is for a group that was read since its last word came.
 */
import type { ByteReader, ByteWriter } from '../../../util/bytes.js';

/** Registers of a dense sketch. */
export const REGISTERS = 2048;
/** Highest rank less one: bits of the second hash. */
const RANK_BITS = 32;
const REGISTER_WORDS = REGISTERS / 4;
/** Where in a word its register begins. */
const REGISTER_SHIFT = 20;
/** 16-bit counts of ranks 0 to 33, behind the registers. */
const DENSE_WORDS = REGISTER_WORDS + (RANK_BITS + 2) / 2;
/** Words of the classes 1, 2, 3: sparse (the first a cache line); then dense. */
const CLASS_WORDS = [0, 16, 64, 256, DENSE_WORDS];
const DENSE = 4;
/** Most words of a sparse sketch, and the highest rank. */
export const SPARSE_WORDS_MAX = 192;
export const RANK_MAX = RANK_BITS + 1;
const SPARSE_INDEXES = 2 ** 25;
/** Entries a group: where its block starts (in words), its class, how many values, whether it changed. */
const STRIDE = 4;
const CLASS = 1;
const COUNT = 2;
const CHANGED = 3;
/** Words of a tail: those that wait, and behind them how many. */
const TAIL = 16;
const WAITING = TAIL - 1;

/** Bytes that a group costs before it has a value. */
export const SKETCH_GROUP_BYTES = (STRIDE + TAIL) * 4;

/** What one sketch holds: words (`hash.ts`) while they are few, then a rank for each register. */
export type SketchContents = { readonly words: Uint32Array } | { readonly registers: Uint8Array };

/** The sketches of one aggregate in one window. */
export class Sketches {
  #arena: Uint32Array<ArrayBuffer>;
  #bytes: Uint8Array;
  #counts: Uint16Array;
  #used = 0;
  readonly #free: number[][] = [];
  #groups: Int32Array;
  #tails: Int32Array;
  /** What was read ahead; kept so that the reads can't be left out. */
  touched = 0;

  /** `arenaWords`: room to begin with; a few where there is one group. */
  constructor(capacity: number, arenaWords = 1024) {
    this.#arena = new Uint32Array(arenaWords);
    this.#bytes = new Uint8Array(this.#arena.buffer);
    this.#counts = new Uint16Array(this.#arena.buffer);
    this.#groups = new Int32Array(capacity * STRIDE);
    this.#tails = new Int32Array(capacity * TAIL);
  }

  grow(capacity: number): void {
    const groups = new Int32Array(capacity * STRIDE);
    groups.set(this.#groups);
    this.#groups = groups;
    const tails = new Int32Array(capacity * TAIL);
    tails.set(this.#tails);
    this.#tails = tails;
  }

  /** Bytes that a group's sketch takes, by what it holds alone. */
  bytesOf(group: number): number {
    this.#merge(group);
    return CLASS_WORDS[this.#groups[group * STRIDE + CLASS]!]! * 4;
  }

  /** Whether a register rose since `clearChanged`. */
  changed(group: number): boolean {
    this.#merge(group);
    return this.#groups[group * STRIDE + CHANGED] === 1;
  }

  clearChanged(group: number): void {
    this.#groups[group * STRIDE + CHANGED] = 0;
  }

  /** Adds a value by its word. */
  add(group: number, word: number): void {
    const tails = this.#tails;
    const at = group * TAIL;
    const waiting = tails[at + WAITING]!;
    tails[at + waiting] = word;
    if (waiting + 1 === WAITING) this.#mergeTail(group, WAITING);
    else tails[at + WAITING] = waiting + 1;
  }

  #merge(group: number): void {
    const waiting = this.#tails[group * TAIL + WAITING]!;
    if (waiting > 0) this.#mergeTail(group, waiting);
  }

  /** Brings the first `count` words of a group's tail into its block. */
  #mergeTail(group: number, count: number): void {
    const from = group * TAIL;
    this.#tails[from + WAITING] = 0;
    this.#insert(group * STRIDE, this.#tails, from, from + count);
  }

  /** Brings `words[from .. to]` into a group's block. */
  #insert(meta: number, words: Int32Array | Uint32Array, from: number, to: number): void {
    const groups = this.#groups;
    if (groups[meta + CLASS] === 0) {
      groups[meta] = this.#allocate(1);
      groups[meta + CLASS] = 1;
    }
    let at = from;
    while (at < to && groups[meta + CLASS] !== DENSE) {
      at = this.#insertSparse(meta, words, at, to);
      if (at < to) this.#enlarge(meta);
    }
    for (; at < to; at++) if (this.#raise(groups[meta]!, words[at]!)) groups[meta + CHANGED] = 1;
  }

  /** As `#insert`, up to the first word that a sparse block has no room for; answers its place. */
  #insertSparse(meta: number, words: Int32Array | Uint32Array, from: number, to: number): number {
    const groups = this.#groups;
    const arena = this.#arena;
    const base = groups[meta]!;
    const mask = CLASS_WORDS[groups[meta + CLASS]!]! - 1;
    const most = ((mask + 1) * 3) >> 2;
    let count = groups[meta + COUNT]!;
    let changed = groups[meta + CHANGED]!;
    // Reads that wait for nothing, so that the memory comes all at once.
    let touched = 0;
    for (let i = from; i < to; i++) touched ^= arena[base + (slotOf(words[i]! >>> 6) & mask)]!;
    this.touched = touched;
    let at = from;
    for (; at < to; at++) {
      const word = words[at]!;
      const index = word >>> 6;
      let slot = slotOf(index) & mask;
      let held = arena[base + slot]!;
      while (held !== 0 && held >>> 6 !== index) {
        slot = (slot + 1) & mask;
        held = arena[base + slot]!;
      }
      if (held >= word) continue;
      if (held === 0 && count++ === most) {
        count--;
        break;
      }
      arena[base + slot] = word;
      changed = 1;
    }
    groups[meta + COUNT] = count;
    groups[meta + CHANGED] = changed;
    return at;
  }

  /** Brings a word into the dense block at `base`; says whether its register rose. */
  #raise(base: number, word: number): boolean {
    const register = base * 4 + (word >>> REGISTER_SHIFT);
    const rank = word & 63;
    const held = this.#bytes[register]!;
    if (held >= rank) return false;
    this.#bytes[register] = rank;
    const counts = (base + REGISTER_WORDS) * 2;
    this.#counts[counts + held]!--;
    this.#counts[counts + rank]!++;
    return true;
  }

  /** Adds what is not there yet and fits. */
  #put(meta: number, word: number): void {
    const base = this.#groups[meta]!;
    const kind = this.#groups[meta + CLASS]!;
    if (kind === DENSE) {
      this.#raise(base, word);
      return;
    }
    const mask = CLASS_WORDS[kind]! - 1;
    let slot = slotOf(word >>> 6);
    while (this.#arena[base + (slot & mask)] !== 0) slot++;
    this.#arena[base + (slot & mask)] = word;
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
      if (word !== 0) this.#put(meta, word);
    }
    (this.#free[kind] ??= []).push(from);
  }

  /** An empty block. */
  #allocate(kind: number): number {
    const size = CLASS_WORDS[kind]!;
    let at = this.#free[kind]?.pop();
    if (at !== undefined) this.#arena.fill(0, at, at + size);
    else {
      at = this.#used;
      this.#used = at + size;
      if (this.#used > this.#arena.length) this.#growArena();
    }
    if (kind === DENSE) this.#counts[(at + REGISTER_WORDS) * 2] = REGISTERS;
    return at;
  }

  #growArena(): void {
    const larger = new Uint32Array(Math.max(this.#used, this.#arena.length * 2));
    larger.set(this.#arena);
    this.#arena = larger;
    this.#bytes = new Uint8Array(larger.buffer);
    this.#counts = new Uint16Array(larger.buffer);
  }

  /** How many different values, rounded. */
  estimate(group: number): number {
    this.#merge(group);
    const meta = group * STRIDE;
    const kind = this.#groups[meta + CLASS]!;
    if (kind === 0) return 0;
    if (kind !== DENSE)
      return Math.round(SPARSE_INDEXES * Math.log(SPARSE_INDEXES / (SPARSE_INDEXES - this.#groups[meta + COUNT]!)));
    return Math.round(estimateDense(this.#counts, (this.#groups[meta]! + REGISTER_WORDS) * 2));
  }

  /** Writes a group's sketch: 0 none, 1 sparse with its words in rising order, 2 dense with its registers. */
  write(group: number, writer: ByteWriter): void {
    const contents = this.contents(group);
    if ('registers' in contents) {
      writer.byte(2);
      writer.raw(contents.registers);
      return;
    }
    const { words } = contents;
    writer.byte(words.length === 0 ? 0 : 1);
    if (words.length === 0) return;
    writer.unsigned(words.length);
    writer.raw(new Uint8Array(words.buffer));
  }

  /** Sets a group that has no value yet to what `write` wrote. */
  read(group: number, reader: ByteReader): void {
    const meta = group * STRIDE;
    const kind = reader.byte();
    if (kind === 0) return;
    if (kind === 2) {
      this.#groups[meta] = this.#allocate(DENSE);
      this.#groups[meta + CLASS] = DENSE;
      this.#readRegisters(this.#groups[meta]!, reader.raw(REGISTERS));
      return;
    }
    const count = reader.unsigned();
    const words = new Uint32Array(reader.raw(count * 4).slice().buffer);
    this.#insert(meta, words, 0, count);
    this.#groups[meta + CHANGED] = 0;
  }

  /** What a group holds: its words in rising order, or its registers once it is dense. Copies. */
  contents(group: number): SketchContents {
    this.#merge(group);
    const meta = group * STRIDE;
    const kind = this.#groups[meta + CLASS]!;
    const at = this.#groups[meta]!;
    if (kind === DENSE) return { registers: this.#bytes.slice(at * 4, at * 4 + REGISTERS) };
    const words = new Uint32Array(this.#groups[meta + COUNT]!);
    for (let from = at, to = 0; to < words.length; from++)
      if (this.#arena[from] !== 0) words[to++] = this.#arena[from]!;
    return { words: words.sort() };
  }

  /** Brings what another sketch holds into a group: the result is the sketch of the values of both. */
  mergeContents(group: number, contents: SketchContents): void {
    this.#merge(group);
    const meta = group * STRIDE;
    if ('words' in contents) {
      if (contents.words.length > 0) this.#insert(meta, contents.words, 0, contents.words.length);
      return;
    }
    while (this.#groups[meta + CLASS] !== DENSE) {
      if (this.#groups[meta + CLASS] === 0) {
        this.#groups[meta] = this.#allocate(DENSE);
        this.#groups[meta + CLASS] = DENSE;
      } else this.#enlarge(meta);
    }
    if (this.#raiseAll(this.#groups[meta]!, contents.registers)) this.#groups[meta + CHANGED] = 1;
  }

  /** As `#raise` for every register; one loop without calls, because thousands of sketches are merged at once. */
  #raiseAll(base: number, ranks: Uint8Array): boolean {
    const registers = this.#bytes;
    const counts = this.#counts;
    const from = base * 4;
    const at = (base + REGISTER_WORDS) * 2;
    let rose = false;
    for (let register = 0; register < REGISTERS; register++) {
      const rank = ranks[register]!;
      const held = registers[from + register]!;
      if (rank <= held) continue;
      registers[from + register] = rank;
      counts[at + held]!--;
      counts[at + rank]!++;
      rose = true;
    }
    return rose;
  }

  /** Empties a group. */
  clear(group: number): void {
    const meta = group * STRIDE;
    this.#tails[group * TAIL + WAITING] = 0;
    const kind = this.#groups[meta + CLASS]!;
    if (kind !== 0) (this.#free[kind] ??= []).push(this.#groups[meta]!);
    this.#groups.fill(0, meta, meta + STRIDE);
  }

  #readRegisters(base: number, registers: Uint8Array): void {
    this.#bytes.set(registers, base * 4);
    const counts = (base + REGISTER_WORDS) * 2;
    this.#counts[counts] = 0;
    for (const rank of registers) this.#counts[counts + rank]!++;
  }
}

/** Where probing begins. */
function slotOf(index: number): number {
  return Math.imul(index, 0x9e3779b1) >>> 16;
}

/** The estimate of registers of which `counts[at + r]` have rank r. */
function estimateDense(counts: Uint16Array, at: number): number {
  let z = REGISTERS * tau(1 - counts[at + RANK_BITS + 1]! / REGISTERS);
  for (let rank = RANK_BITS; rank >= 1; rank--) z = 0.5 * (z + counts[at + rank]!);
  z += REGISTERS * sigma(counts[at]! / REGISTERS);
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
