/** A block that an OVER holds while it needs some of its rows, and what was computed for them. */
import type { Block } from '../../block.js';

/** See the head of the file. */
export class HeldBlock {
  readonly number: number;
  readonly block: Block;
  readonly stamps: readonly number[] | number;
  /** The slot of each row; -1: it has none any more, or never had. */
  readonly slots: Int32Array;
  /** By measure, by row. */
  readonly measures: readonly Float64Array[];
  /** About how many bytes a row takes. */
  readonly rowBytes: number;
  /** Rows that are needed; of them those that wait to be passed on, and those that were published open. */
  live = 0;
  waiting = 0;
  open = 0;
  /** No row that waits, or that is open, has a time before this, ms. */
  waitingFrom = Number.POSITIVE_INFINITY;
  openFrom = Number.POSITIVE_INFINITY;
  isSparse = false;

  constructor(number: number, block: Block, stamps: readonly number[] | number, measures: number, rowBytes: number) {
    this.number = number;
    this.block = block;
    this.stamps = stamps;
    this.slots = new Int32Array(block.count).fill(-1);
    this.measures = Array.from({ length: measures }, () => new Float64Array(block.count));
    this.rowBytes = rowBytes;
  }

  stampOf(at: number): number {
    return typeof this.stamps === 'number' ? this.stamps : this.stamps[at]!;
  }
}
