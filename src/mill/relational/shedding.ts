/**
 * Lets go of a view's oldest state when it is beyond its budget (`state_policy = 'shed'`).
 *
 * What is let go of must be the same after a restart, whenever that comes. So state is saved first, and nothing is
 * read until that is on disk; then the oldest goes, and where the cut was lies in the log with the next commit. A
 * start that finds the state from before the cut makes the same cut in it. There is at most one between two
 * states on disk. Where no state is left (its files are gone), the last cut is made behind nothing: groups that were
 * let go of before it are counted from all that the log has.
 *
 * Bounds: state is let go of down to three quarters of the budget, the newest apart; beyond twice the
 * budget rows are refused.
 */
import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { Dataflow } from '../dataflow/dataflow.js';
import type { ShedCut } from '../dataflow/operator.js';

/** How much more state there must be than when nothing could be let go of, to look again. */
const GROWN = 1.05;

/** The last cut, as it lies in the log: its number, and how far it went; null: not at all. */
export type ShedMark = readonly [number: number, time: number | null, stamp: number | null];

/** See the head of the file. */
export class Shedding {
  #mark: ShedMark | null = null;
  /** The next cut, while the state before it is being saved. */
  #cut: ShedCut | null = null;
  /** Bytes for which there was nothing to let go of. */
  #stuckAt = 0;

  /** Whether nothing may be read: the state that is being saved must stay as it is. */
  get waits(): boolean {
    return this.#cut !== null;
  }

  /** The last cut, for the log. */
  get mark(): ShedMark | null {
    return this.#mark;
  }

  write(writer: ByteWriter): void {
    writer.unsigned(this.#mark?.[0] ?? 0);
  }

  /** State was loaded: makes the cut that came behind it. `reader`: null where there was none. */
  restored(dataflow: Dataflow, mark: ShedMark | null, reader: ByteReader | null): void {
    this.#mark = mark;
    this.#cut = null;
    this.#stuckAt = 0;
    const number = reader?.unsigned() ?? 0;
    if (mark !== null && mark[0] > number && reader !== null) dataflow.shed(cutOf(mark));
  }

  /** A replay without a state is over: makes the last cut. */
  replayedAll(dataflow: Dataflow): void {
    if (this.#mark !== null) dataflow.shed(cutOf(this.#mark));
  }

  /** Looks whether state has to go; answers whether it has to be saved for that, now. */
  look(dataflow: Dataflow): boolean {
    if (this.#cut !== null || dataflow.bytes <= this.#stuckAt * GROWN) return false;
    this.#cut = dataflow.shedCut();
    this.#stuckAt = this.#cut === null && dataflow.isBeyondBudget ? dataflow.bytes : 0;
    return this.#cut !== null;
  }

  /** The state before the cut is on disk: makes it. Answers whether there was one to make. */
  make(dataflow: Dataflow): boolean {
    const cut = this.#cut;
    if (cut === null) return false;
    this.#cut = null;
    dataflow.shed(cut);
    this.#mark = [(this.#mark?.[0] ?? 0) + 1, finite(cut.time), finite(cut.stamp)];
    return true;
  }
}

function finite(at: number): number | null {
  return Number.isFinite(at) ? at : null;
}

function cutOf([, time, stamp]: ShedMark): ShedCut {
  return { time: time ?? Number.NEGATIVE_INFINITY, stamp: stamp ?? Number.NEGATIVE_INFINITY };
}
