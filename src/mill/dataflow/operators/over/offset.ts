/** `lag` and `lead`: a value of the row so many before or behind. */
import type { Value } from '../../../../sql/value.js';
import type { Row } from '../../operator.js';
import { FULL_REACH, type Part, type PartScope, type Range, type Reach } from './part.js';
import type { Change } from './partition.js';

/** What is asked for. */
export interface OffsetSpec {
  readonly value: (row: Row) => Value;
  /** How many rows before (`lag`: positive, `lead`: negative), where that is a constant. */
  readonly constant: number | null;
  /** The same for the row at hand; null: no row. */
  readonly distance: (row: Row) => number | null;
  /** The value where there is no such row. */
  readonly otherwise: (row: Row) => Value;
  readonly ignoreNulls: boolean;
}

/** One `lag` or `lead`. */
export class OffsetPart implements Part<null, never> {
  readonly outputs: readonly number[];
  readonly reach: Reach;
  readonly #spec: OffsetSpec;
  readonly #failed: (row: Row, error: unknown) => void;

  constructor(spec: OffsetSpec, output: number, failed: (row: Row, error: unknown) => void) {
    this.outputs = [output];
    this.#spec = spec;
    this.#failed = failed;
    const { constant, ignoreNulls } = spec;
    this.reach =
      constant === null || ignoreNulls
        ? FULL_REACH
        : { backRows: Math.max(0, constant), backMs: 0, aheadRows: Math.max(0, -constant), aheadMs: 0 };
  }

  createLive(): null {
    return null;
  }

  touch({ rows }: PartScope<null, never>, _change: Change, range: Range): void {
    const { constant, ignoreNulls } = this.#spec;
    const far = constant === null || ignoreNulls ? Number.POSITIVE_INFINITY : Math.abs(constant);
    if (constant === null || constant > 0) range.high = Math.min(rows.length, range.high + far);
    if (constant === null || constant < 0) range.low = Math.max(0, range.low - far);
  }

  compute({ rows }: PartScope<null, never>, _change: Change, { low, high }: Range, [values]: Value[][]): void {
    for (let i = low; i < high; i++) {
      try {
        values![i - low] = this.#value(rows, i);
      } catch (error) {
        values![i - low] = null;
        this.#failed(rows[i]!, error);
      }
    }
  }

  #value(rows: readonly Row[], i: number): Value {
    const row = rows[i]!;
    const distance = this.#spec.distance(row);
    if (distance === null) return null;
    const at = this.#spec.ignoreNulls ? this.#skip(rows, i, distance) : i - distance;
    const target = rows[at];
    return target === undefined ? this.#spec.otherwise(row) : this.#spec.value(target);
  }

  /** The position that many values before which are not NULL; -1: there is none. */
  #skip(rows: readonly Row[], i: number, distance: number): number {
    if (distance === 0) return i;
    const step = distance > 0 ? -1 : 1;
    let left = Math.abs(distance);
    for (let at = i + step; at >= 0 && at < rows.length; at += step)
      if (this.#spec.value(rows[at]!) !== null && --left === 0) return at;
    return -1;
  }

  fold(): undefined {}
}
