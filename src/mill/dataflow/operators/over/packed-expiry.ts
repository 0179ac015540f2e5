/**
 * Drops the rows of an OVER over blocks that no row in time can see any more.
 *
 * RANGE: a held block is looked through once most of its rows are due. ROWS: a partition is, once its first row is
 * that can still change; the last rows before it are kept.
 */
import { bucketWidthMs, Expiry } from '../expiry.js';
import type { HeldBlock } from './held-block.js';
import type { PackedFrames } from './packed-frames.js';
import type { PackedPlan } from './packed-plan.js';
import { NONE, type PackedRows } from './packed-rows.js';

/** Times are exact to a microsecond, their differences are not. */
const SLACK_MS = 1;
/** A block waits for rows this much later than its first, as a share of how long rows are kept. */
const SPAN_SHARE = 0.25;

/** See the head of the file. */
export class PackedExpiry {
  readonly #rows: PackedRows;
  readonly #frames: PackedFrames;
  readonly #isRange: boolean;
  /** How long, and how many, rows before the horizon are kept. */
  readonly #backMs: number;
  readonly #backRows: number;
  readonly #spanMs: number;
  readonly #blocks: Expiry<HeldBlock>;
  readonly #keys: Expiry<number>;
  /** By partition: 1 while it is filed. */
  #filed = new Uint8Array(0);

  constructor({ back, mode }: PackedPlan, rows: PackedRows, frames: PackedFrames, graceMs: number) {
    this.#rows = rows;
    this.#frames = frames;
    this.#isRange = mode === 'range';
    this.#backMs = (this.#isRange ? back : 0) + SLACK_MS;
    this.#backRows = this.#isRange ? 0 : back;
    this.#spanMs = (this.#backMs + graceMs) * SPAN_SHARE;
    const widthMs = bucketWidthMs(this.#backMs + graceMs);
    this.#blocks = new Expiry(widthMs);
    this.#keys = new Expiry(widthMs);
  }

  /** Makes room for partitions below a number. */
  openTo(keys: number): void {
    if (this.#isRange || keys <= this.#filed.length) return;
    const filed = new Uint8Array(Math.max(keys, 2 * this.#filed.length));
    filed.set(this.#filed);
    this.#filed = filed;
  }

  /** A block has rows; those without a time are kept for ever. */
  file(held: HeldBlock): void {
    const { keys, times } = this.#rows;
    let from = Number.POSITIVE_INFINITY;
    let to = Number.NEGATIVE_INFINITY;
    for (const slot of held.slots) {
      if (slot === NONE || times[slot] === Number.POSITIVE_INFINITY) continue;
      const time = times[slot]!;
      if (time < from) from = time;
      if (time > to) to = time;
      if (!this.#isRange) this.#fileKey(keys[slot]!, time);
    }
    if (this.#isRange && to >= from) this.#blocks.add(Math.min(to, from + this.#spanMs) + this.#backMs, held);
  }

  #fileKey(key: number, time: number): void {
    if (this.#filed[key] === 1) return;
    this.#filed[key] = 1;
    this.#keys.add(time + this.#backMs, key);
  }

  /** Drops what no row at or behind the horizon can see; `emptied` is told of partitions that have no rows any more. */
  drop(horizonMs: number, emptied: (key: number) => void): void {
    const from = horizonMs - this.#backMs;
    this.#blocks.due(horizonMs, (held) => {
      // It may have been made anew, or have gone.
      if (this.#rows.blocks[held.number] !== held) return;
      this.#dropOfBlock(held, from, emptied);
      if (held.live > 0) this.file(held);
    });
    this.#keys.due(horizonMs, (key) => {
      this.#filed[key] = 0;
      this.#dropOfKey(key, from, emptied);
      this.#fileAgain(key, from);
    });
  }

  #dropOfBlock({ slots }: HeldBlock, from: number, emptied: (key: number) => void): void {
    const { keys, last, times } = this.#rows;
    for (let at = 0; at < slots.length; at++) {
      const slot = slots[at]!;
      if (slot === NONE || !(times[slot]! < from)) continue;
      const key = keys[slot]!;
      const isLast = last[key] === slot;
      this.#frames.leave(key, slot);
      this.#rows.drop(slot);
      if (isLast) emptied(key);
    }
  }

  /** The last so many rows that can't change are seen by the first that can. */
  #dropOfKey(key: number, from: number, emptied: (key: number) => void): void {
    const rows = this.#rows;
    let kept = rows.last[key]!;
    while (kept !== NONE && !(rows.times[kept]! < from)) kept = rows.before(kept);
    for (let i = 1; i < this.#backRows && kept !== NONE; i++) kept = rows.before(kept);
    // Where none is seen, the last that can't change goes too.
    let slot = kept === NONE || this.#backRows === 0 ? kept : rows.before(kept);
    while (slot !== NONE) {
      const before = rows.before(slot);
      if (rows.last[key] === slot) emptied(key);
      this.#frames.leave(key, slot);
      rows.drop(slot);
      slot = before;
    }
  }

  /** Files a partition for its first row that is not due yet. */
  #fileAgain(key: number, from: number): void {
    const rows = this.#rows;
    let found = NONE;
    for (let slot = rows.last[key]!; slot !== NONE && !(rows.times[slot]! < from); slot = rows.before(slot))
      found = slot;
    if (found !== NONE && rows.times[found]! < Number.POSITIVE_INFINITY) this.#fileKey(key, rows.times[found]!);
  }
}
