/**
 * The frames of an OVER over blocks, and what is measured of them.
 *
 * A partition's frame stands at its last row. A row behind it moves the frame on: what leaves is taken back, what
 * comes is added, so that a row costs the same however long the frame is. Rows that come in between are put in their
 * place first; then the frame goes back to before them (`settle`), and on to the last row again.
 *
 * Sums are whole numbers in doubles: exact as long as none is larger than 2^53. `isExact` says whether that held.
 */
import { UNITS_MAX } from '../../block.js';
import type { PackedPlan } from './packed-plan.js';
import { FrameExtreme } from './frame-extreme.js';
import { NONE, WAITING, type PackedRows } from './packed-rows.js';

/** Half a microsecond, ms: times are exact to a microsecond, sums of doubles are not. */
const HALF_MICRO_MS = 0.0004;
const CAPACITY_MIN = 1_024;
/** Where a partition's numbers are. */
const [START_TIME, COUNT, VALUES] = [0, 1, 2];

/** Told of a row that was passed on and whose measures are about to become others. */
export type Changing = (slot: number) => void;

/** Where a measure is found among a partition's numbers. */
interface Measured {
  /** -1: it is a number for no values too. */
  readonly countAt: number;
  readonly numberAt: number;
  readonly extreme: FrameExtreme | null;
}

/** See the head of the file. */
export class PackedFrames {
  /** False once a sum was too large for a double. */
  isExact = true;
  readonly #rows: PackedRows;
  readonly #isRange: boolean;
  readonly #back: number;
  readonly #measures: readonly Measured[];
  readonly #extremes: readonly FrameExtreme[];
  /** By partition: the frame's first row, -1: it has none. */
  #starts = new Int32Array(0);
  /** By partition, `#width` numbers: the time of the first row, how many there are; by argument how many values and their sum. */
  #numbers = new Float64Array(0);
  readonly #width: number;
  readonly #now: Float64Array;

  constructor({ arguments: all, back, measures, mode }: PackedPlan, rows: PackedRows) {
    this.#rows = rows;
    this.#isRange = mode === 'range';
    this.#back = back;
    this.#measures = measures.map(({ argument, kind }) => {
      const isExtreme = kind === 'min' || kind === 'max';
      const extreme = isExtreme ? new FrameExtreme(kind === 'min' ? 1 : -1, argument, rows) : null;
      const at = VALUES + 2 * argument;
      if (kind === 'rows' || kind === 'count') return { countAt: -1, extreme, numberAt: kind === 'rows' ? COUNT : at };
      return { countAt: at, extreme, numberAt: at + 1 };
    });
    this.#extremes = this.#measures.flatMap(({ extreme }) => extreme ?? []);
    this.#width = VALUES + 2 * all.length;
    this.#now = new Float64Array(measures.length);
  }

  /** Makes room for partitions below a number, and for the slots that there are. */
  openTo(keys: number): void {
    for (const extreme of this.#extremes) extreme.openTo(keys);
    if (keys <= this.#starts.length) return;
    const capacity = Math.max(CAPACITY_MIN, keys, 2 * this.#starts.length);
    const starts = new Int32Array(capacity).fill(NONE);
    starts.set(this.#starts);
    this.#starts = starts;
    const numbers = new Float64Array(capacity * this.#width);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
  }

  /** Moves on to the first `count` of rows that were put behind their partitions' last, in that order. */
  append(slots: Int32Array, count: number): void {
    const { at, blocks, held, keys, times } = this.#rows;
    const starts = this.#starts;
    const numbers = this.#numbers;
    const reach = this.#back + HALF_MICRO_MS;
    const measured = this.#measures.length;
    // Rows that came together are in one block.
    let from = NONE;
    let measures: readonly Float64Array[] = [];
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      const key = keys[slot]!;
      const place = key * this.#width;
      if (starts[key] === NONE) this.#start(key, slot);
      else if (
        this.#isRange ? numbers[place + START_TIME]! < times[slot]! - reach : numbers[place + COUNT]! > this.#back
      )
        this.#moveStart(key, slot);
      this.#add(key, slot);
      if (held[slot] !== from) ({ measures } = blocks[(from = held[slot]!)]!);
      for (let m = 0; m < measured; m++) measures[m]![at[slot]!] = this.#measure(key, m);
    }
  }

  #start(key: number, slot: number): void {
    this.#starts[key] = slot;
    if (slot !== NONE) this.#numbers[key * this.#width + START_TIME] = this.#rows.times[slot]!;
  }

  /** Takes back what is before the frame of a row, which is not in it yet. */
  #moveStart(key: number, slot: number): void {
    const { times } = this.#rows;
    const place = key * this.#width;
    if (this.#isRange) {
      const from = times[slot]! - (this.#back + HALF_MICRO_MS);
      while (this.#numbers[place + START_TIME]! < from && this.#starts[key] !== slot) this.#evict(key);
    } else if (this.#numbers[place + COUNT]! > this.#back) this.#evict(key);
  }

  /** The frame's first row leaves it. */
  #evict(key: number): void {
    const slot = this.#starts[key]!;
    this.#subtract(key, slot);
    for (let i = 0; i < this.#extremes.length; i++) this.#extremes[i]!.evict(key, slot);
    this.#start(key, this.#rows.next[slot]!);
  }

  #add(key: number, slot: number): void {
    this.#sum(key, slot);
    for (let i = 0; i < this.#extremes.length; i++) this.#extremes[i]!.push(key, slot);
  }

  /** Counts a row in, and adds its values. */
  #sum(key: number, slot: number): void {
    const numbers = this.#numbers;
    const place = key * this.#width;
    numbers[place + COUNT]!++;
    const { values } = this.#rows;
    for (let i = 0, at = place + VALUES; i < values.length; i++, at += 2) {
      const value = values[i]![slot]!;
      if (value !== value) continue;
      numbers[at]!++;
      const sum = numbers[at + 1]! + value;
      numbers[at + 1] = sum;
      if (sum > UNITS_MAX || sum < -UNITS_MAX) this.isExact = false;
    }
  }

  #subtract(key: number, slot: number): void {
    const numbers = this.#numbers;
    const place = key * this.#width;
    numbers[place + COUNT]!--;
    const { values } = this.#rows;
    for (let i = 0, at = place + VALUES; i < values.length; i++, at += 2) {
      const value = values[i]![slot]!;
      if (value !== value) continue;
      numbers[at]!--;
      numbers[at + 1]! -= value;
    }
  }

  #measure(key: number, m: number): number {
    const place = key * this.#width;
    const { countAt, extreme, numberAt } = this.#measures[m]!;
    if (countAt >= 0 && this.#numbers[place + countAt] === 0) return Number.NaN;
    return extreme === null ? this.#numbers[place + numberAt]! : extreme.value(key);
  }

  /** Computes anew from a row on that was put before others, and all its peers. */
  settle(key: number, from: number, changing: Changing): void {
    const rows = this.#rows;
    const { next, times } = rows;
    let first = from;
    if (this.#isRange)
      for (
        let before = rows.before(from);
        before !== NONE && times[before] === times[from];
        before = rows.before(before)
      )
        first = before;
    this.#goBack(key, first);
    this.#notePeers(first);
    for (let slot = first; slot !== NONE;) {
      let end = next[slot]!;
      if (this.#isRange) while (end !== NONE && times[end] === times[slot]) end = next[end]!;
      this.#moveStart(key, slot);
      for (let peer = slot; peer !== end; peer = next[peer]!) {
        this.#add(key, peer);
        rows.loose[peer] = 0;
      }
      this.#rewrite(key, slot, end, changing);
      slot = end;
    }
  }

  /** Notes which rows have peers, from one on. */
  #notePeers(first: number): void {
    const { next, peers, times } = this.#rows;
    const before = this.#rows.before(first);
    for (let slot = before === NONE ? first : before; next[slot] !== NONE; slot = next[slot]!)
      if (times[slot] === times[next[slot]!]) peers[slot] = peers[next[slot]!] = 1;
  }

  /** Brings the frame to where it was before a row: its peers and what is behind it have not come yet. */
  #goBack(key: number, first: number): void {
    const rows = this.#rows;
    const { last, loose, next, times } = rows;
    const place = key * this.#width;
    let start = this.#starts[key]!;
    if (this.#isRange && start !== NONE && times[start]! < times[first]!) {
      for (let slot = last[key]!; ; slot = rows.before(slot)) {
        if (loose[slot] === 0) this.#subtract(key, slot);
        if (slot === first) break;
      }
    } else {
      this.#numbers.fill(0, place, place + this.#width);
      start = first;
    }
    const from = times[first]! - (this.#back + HALF_MICRO_MS);
    for (let before = rows.before(start); before !== NONE; before = rows.before(before)) {
      if (this.#isRange ? times[before]! < from : this.#numbers[place + COUNT]! >= this.#back) break;
      // Extremes are made anew.
      this.#sum(key, before);
      start = before;
    }
    this.#start(key, start);
    for (const extreme of this.#extremes) {
      extreme.clear(key);
      for (let slot = start; slot !== first; slot = next[slot]!) extreme.push(key, slot);
    }
  }

  /** Writes what is measured now for the rows from one to before another. */
  #rewrite(key: number, from: number, end: number, changing: Changing): void {
    const { at, blocks, held, next, states } = this.#rows;
    const now = this.#now;
    for (let m = 0; m < now.length; m++) now[m] = this.#measure(key, m);
    for (let slot = from; slot !== end; slot = next[slot]!) {
      const { measures } = blocks[held[slot]!]!;
      const place = at[slot]!;
      if (states[slot] !== WAITING && measures.some((values, m) => !Object.is(values[place], now[m]))) changing(slot);
      for (let m = 0; m < now.length; m++) measures[m]![place] = now[m]!;
    }
  }

  /** A row is about to be dropped, as are all before it: they leave the frame, if they are in it. */
  leave(key: number, slot: number): void {
    if (this.#starts[key] === slot) return this.#evict(key);
    if (!this.#isRange) return;
    const time = this.#rows.times[slot]!;
    while (this.#starts[key] !== NONE && this.#numbers[key * this.#width + START_TIME]! <= time) this.#evict(key);
  }
}
