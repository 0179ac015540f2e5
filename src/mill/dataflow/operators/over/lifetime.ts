/**
 * Which rows of an OVER can go.
 *
 * No row in time is before the horizon (the clock less lag and allowed lateness). So the rows that can still
 * change are those from the horizon on, and as many, or as long, before it as functions look ahead; what those
 * see reaches back by as much as functions look back. All before that can go, whole groups of peers at a time.
 */
import type { Over } from '../../../../sql/relation/relation.js';
import type { DataflowContext, Row } from '../../operator.js';
import type { Reach } from './part.js';

/** Times are exact to a microsecond, their differences are not. */
const SLACK_MS = 1;

/** The rule of one OVER. */
export class OverLifetime {
  /** How long before the horizon a row is kept, ms. */
  readonly reachMs: number;
  /** How long a row is kept from its time on, ms. */
  readonly lengthMs: number;
  readonly #time: number;
  readonly #graceMs: number;
  readonly #reach: Reach;

  private constructor(time: number, reach: Reach, graceMs: number) {
    this.#time = time;
    this.#reach = reach;
    this.#graceMs = graceMs;
    this.reachMs = reach.backMs + reach.aheadMs;
    this.lengthMs = this.reachMs + graceMs;
  }

  /** Null where all rows must be kept: the order is no rising time, or a function reaches without end. */
  static of({ order }: Over, reaches: readonly Reach[], context: DataflowContext): OverLifetime | null {
    const [first] = order;
    if (context.isBatch || first === undefined || first.descending || first.expression.kind !== 'column') return null;
    if (first.expression.type !== 'timestamptz' && first.expression.type !== 'timestamp') return null;
    const reach = {
      backRows: Math.max(...reaches.map(({ backRows }) => backRows)),
      backMs: Math.max(...reaches.map(({ backMs }) => backMs)),
      aheadRows: Math.max(...reaches.map(({ aheadRows }) => aheadRows)),
      aheadMs: Math.max(...reaches.map(({ aheadMs }) => aheadMs)),
    };
    if (!Object.values(reach).every(Number.isFinite)) return null;
    return new OverLifetime(first.expression.index, reach, context.lagMs + context.allowedLatenessMs);
  }

  /** A row's time, ms; null where it is NULL. */
  timeOf(row: Row): number | null {
    return row[this.#time] as number | null;
  }

  horizonMs(now: number): number {
    return now - this.#graceMs;
  }

  /** How many rows, from the first, can go. */
  expired(rows: readonly Row[], horizonMs: number): number {
    const { backRows, backMs, aheadRows, aheadMs } = this.#reach;
    if (rows.length === 0 || this.timeOf(rows[0]!) === null) return 0;
    const changeable = Math.max(0, this.#firstFrom(rows, horizonMs - aheadMs) - aheadRows);
    const earliest = Math.min(this.#timeAt(rows, changeable), horizonMs);
    let count = Math.min(this.#firstFrom(rows, earliest - backMs - SLACK_MS), changeable - backRows);
    while (count > 0 && this.#timeAt(rows, count - 1) === this.#timeAt(rows, count)) count--;
    return Math.max(0, count);
  }

  /** The first row at or behind a time. */
  #firstFrom(rows: readonly Row[], time: number): number {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#timeAt(rows, middle) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** NULLs stand last. */
  #timeAt(rows: readonly Row[], i: number): number {
    const row = rows[i];
    return row === undefined ? Number.POSITIVE_INFINITY : (this.timeOf(row) ?? Number.POSITIVE_INFINITY);
  }
}
