/**
 * All functions of an OVER that have one frame: its ends are found once for all of them.
 *
 * A partition's frame stays where the last row left it, so that a row at the end moves it on by what came
 * and went. A change before its end makes it anew.
 */
import type { Value } from '../../../../sql/value.js';
import type { Frame } from '../../../../sql/relation/relation.js';
import { FULL_REACH, type Part, type PartScope, type Range, type Reach } from './part.js';
import type { FrameBounds } from './frame-bounds.js';
import type { FrameMember } from './frame-members.js';
import type { Row } from '../../operator.js';
import type { Change } from './partition.js';

/** Where a partition's frame stands. */
export interface FrameLive {
  start: number;
  end: number;
  /** The row whose frame it is. */
  last: number;
  readonly members: readonly unknown[];
}

/** The functions of one frame. */
export class FramePart implements Part<FrameLive, unknown[]> {
  readonly outputs: readonly number[];
  readonly reach: Reach;
  readonly codec?: NonNullable<Part<FrameLive, unknown[]>['codec']>;
  readonly #bounds: FrameBounds;
  readonly #members: readonly FrameMember[];
  readonly #failed: (row: Row, error: unknown) => void;

  constructor(
    frame: Frame,
    bounds: FrameBounds,
    members: readonly { readonly output: number; readonly member: FrameMember }[],
    failed: (row: Row, error: unknown) => void,
  ) {
    this.outputs = members.map(({ output }) => output);
    this.#bounds = bounds;
    this.#members = members.map(({ member }) => member);
    this.#failed = failed;
    const isOpen = frame.start.kind === 'unboundedPreceding';
    const folds = this.#members.every(({ fold }) => fold !== undefined);
    this.reach = isOpen && !folds ? FULL_REACH : bounds.reach;
    if (isOpen && folds) this.codec = this.#codec();
  }

  #codec(): NonNullable<FramePart['codec']> {
    const codecs = this.#members.map(({ codec }) => codec!);
    return {
      write: (base, writer) => codecs.forEach((codec, k) => codec.write(base[k], writer)),
      read: (reader) => codecs.map((codec) => codec.read(reader)),
      bytes: (base) => codecs.reduce((sum, codec, k) => sum + codec.bytes(base[k]), 32),
    };
  }

  createLive(): FrameLive {
    return { start: 0, end: -1, last: -1, members: this.#members.map((member) => member.createLive()) };
  }

  touch({ rows }: PartScope<FrameLive, unknown[]>, change: Change, range: Range): void {
    this.#bounds.prepare(rows);
    this.#bounds.touch(rows, change, range);
  }

  compute(
    { rows, live, base }: PartScope<FrameLive, unknown[]>,
    change: Change,
    { low, high }: Range,
    values: Value[][],
  ): void {
    const bounds = this.#bounds;
    const members = this.#members;
    // What the frame has seen must still be there.
    if (change.from < live.end) live.end = -1;
    if (low === high) return;
    if (!this.#canGoOn(rows, live, low)) this.#begin(rows, live, low, base);
    let { start, end } = live;
    for (let i = low; i < high; i++) {
      while (start < rows.length && bounds.isBefore(rows, i, start)) start++;
      while (end < rows.length && !bounds.isBeyond(rows, i, end)) end++;
      for (let k = 0; k < members.length; k++) {
        try {
          values[k]![i - low] = members[k]!.value(rows, i, start, end, live.members[k], base?.[k]);
        } catch (error) {
          values[k]![i - low] = null;
          this.#failed(rows[i]!, error);
        }
      }
    }
    live.start = start;
    live.end = Math.max(end, start);
    live.last = high - 1;
  }

  /** Whether the frame of a row begins and ends no earlier than the one at hand. */
  #canGoOn(rows: readonly Row[], { start, end, last }: FrameLive, i: number): boolean {
    if (end === -1) return false;
    if (i > last) return true;
    if (start > 0 && !this.#bounds.isBefore(rows, i, start - 1)) return false;
    return end === 0 || !this.#bounds.isBeyond(rows, i, end - 1);
  }

  #begin(rows: readonly Row[], live: FrameLive, i: number, base: unknown[] | undefined): void {
    live.start = this.#first(rows, (j) => this.#bounds.isBefore(rows, i, j));
    live.end = live.start;
    for (let k = 0; k < this.#members.length; k++) this.#members[k]!.reset(live.members[k], live.start, base?.[k]);
  }

  #first(rows: readonly Row[], isBefore: (j: number) => boolean): number {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  fold({ rows, live, base }: PartScope<FrameLive, unknown[]>, count: number): unknown[] | undefined {
    const isPast = live.end < count || (this.codec === undefined && live.start < count);
    if (isPast) live.end = -1;
    else {
      live.start = Math.max(0, live.start - count);
      live.end -= count;
      live.last -= count;
      for (let k = 0; k < this.#members.length; k++) this.#members[k]!.shift(live.members[k], count);
    }
    if (this.codec === undefined) return undefined;
    return this.#members.map((member, k) => member.fold!(rows, count, base?.[k]));
  }
}
