/** What computes one or more of an OVER's functions: the interface between the operator and its parts. */
import type { ByteReader, ByteWriter } from '../../../../util/bytes.js';
import type { Row } from '../../operator.js';
import type { Change } from './partition.js';
import type { Value } from '../../../../sql/value.js';

/** How far a row's values reach, in rows and, where the order is a time, in ms. Infinity: to the end. */
export interface Reach {
  readonly backRows: number;
  readonly backMs: number;
  readonly aheadRows: number;
  readonly aheadMs: number;
}

/** Reach of a part that sees rows alone, or keeps what it needs of those that were dropped. */
export const NO_REACH: Reach = { backRows: 0, backMs: 0, aheadRows: 0, aheadMs: 0 };

/** Reach of a part that needs all rows. */
export const FULL_REACH: Reach = {
  backRows: Number.POSITIVE_INFINITY,
  backMs: 0,
  aheadRows: 0,
  aheadMs: 0,
};

/** A range of rows. */
export interface Range {
  low: number;
  high: number;
}

/** What a part is told of its partition. `base`: as `fold` answered; undefined where nothing was dropped. */
export interface PartScope<Live, Base> {
  readonly rows: readonly Row[];
  readonly live: Live;
  readonly base: Base | undefined;
}

/** One part. `Live` is made again at will; `Base` is kept and saved. */
export interface Part<Live = unknown, Base = unknown> {
  /** Positions of its functions among the OVER's. */
  readonly outputs: readonly number[];
  readonly reach: Reach;
  createLive(): Live;
  /** Widens `range`, which begins as [change.from, change.to), to all rows whose values may change. */
  touch(scope: PartScope<Live, Base>, change: Change, range: Range): void;
  /**
   * Computes the values of the rows in `range`: `values[k][i - range.low]` for its k-th function. Called
   * once for each change, also where the range is empty.
   */
  compute(scope: PartScope<Live, Base>, change: Change, range: Range, values: Value[][]): void;
  /** The first `count` rows are about to go. Answers the new base; undefined where none is needed. */
  fold(scope: PartScope<Live, Base>, count: number): Base | undefined;
  /** How a base is saved; left out where `fold` answers none. */
  readonly codec?: {
    write(base: Base, writer: ByteWriter): void;
    read(reader: ByteReader): Base;
    bytes(base: Base): number;
  };
}
