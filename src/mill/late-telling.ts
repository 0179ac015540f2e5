/**
 * Which rows a definition of a view tells as late.
 *
 * Two definitions of a view read the same rows; were both to tell, a row would be in the late stream twice. The
 * one that answers to the name tells: the definition before below the positions of the swap, the newest from
 * there on. The positions are remembered with the swap, so that a restart on either side of them changes nothing.
 */
import type { LogBatch, Position } from '../log/log.js';
import { place } from './offsets.js';

/** Offsets by partition, as `place` names it. */
export type Places = Readonly<Record<string, number>>;

/** From where to where a definition tells. */
export interface LateRange {
  /** Null: nothing yet. A partition left out: from its beginning. */
  readonly from: Places | null;
  /** Null, or a partition left out: without an end. */
  readonly to: Places | null;
}

/** All of it: the range of a view with one definition. */
export const ALL_LATE: LateRange = { from: {}, to: null };

/** See the head of the file. */
export class LateTelling {
  #range: LateRange;
  /** Whether the rows that were asked about last are told; for late rows that come with none. */
  isTelling: boolean;

  constructor(range: LateRange) {
    this.#range = range;
    this.isTelling = range.from !== null && range.to === null;
  }

  /** Whether late rows of a batch are this definition's to tell. A swap never lies within a batch. */
  tells({ baseOffset, partition, stream }: Pick<LogBatch, 'stream' | 'partition' | 'baseOffset'>): boolean {
    const { from, to } = this.#range;
    const name = place({ stream, partition });
    this.isTelling = from !== null && baseOffset >= (from[name] ?? 0) && baseOffset < (to?.[name] ?? Infinity);
    return this.isTelling;
  }

  /** It tells from here on. */
  begin(at: Places): void {
    this.#range = { ...this.#range, from: at };
    this.isTelling = true;
  }

  /** It tells up to here. */
  end(at: Places): void {
    this.#range = { ...this.#range, to: at };
    this.isTelling = false;
  }
}

/** The later of two sets of positions. */
export function laterOf(a: readonly Position[], b: readonly Position[]): Places {
  const places: Record<string, number> = {};
  for (const position of [...a, ...b]) {
    const name = place(position);
    places[name] = Math.max(places[name] ?? 0, position.offset);
  }
  return places;
}
