/**
 * An ordered function: one that sees a partition's rows in order, and answers one value a row.
 *
 * The state behind the last row is kept, so a row at the end is one step. A row in between starts over
 * from the last checkpoint before it: one each 64 rows where a state is small, else what the rows that
 * are gone left. Checkpoints are derived; that one is saved.
 */
import type { OrderedFunction } from '../../../../sql/aggregates/definition.js';
import type { Value } from '../../../../sql/value.js';
import type { Row } from '../../operator.js';
import { NO_REACH, type Part, type PartScope, type Range } from './part.js';
import type { Change } from './partition.js';

/** Rows between checkpoints, and the largest state that gets any. */
const CHECKPOINT_ROWS = 64;
const CHECKPOINT_BYTES_MAX = 4096;

/** A state, and how many rows it has seen. */
interface Checkpoint {
  readonly position: number;
  readonly state: unknown;
}

/** A partition's states. */
export interface OrderedLive {
  /** The state behind the row before `position`; -1: none. */
  position: number;
  state: unknown;
  checkpoints: Checkpoint[];
}

/** An ordered function and what it takes of a row. */
export interface OrderedSpec {
  readonly ordered: OrderedFunction<unknown>;
  readonly argsOf: (row: Row) => readonly Value[];
  /** Whether a row takes part; others have NULL. */
  readonly takes: (row: Row) => boolean;
  /** The row's time, ms; NaN where the order is none. */
  readonly timeOf: (row: Row) => number;
}

/** One ordered function. */
export class OrderedPart implements Part<OrderedLive, unknown> {
  readonly outputs: readonly number[];
  readonly reach = NO_REACH;
  readonly codec: NonNullable<Part<OrderedLive, unknown>['codec']>;
  readonly #spec: OrderedSpec;
  readonly #failed: (row: Row, error: unknown) => void;

  constructor(spec: OrderedSpec, output: number, failed: (row: Row, error: unknown) => void) {
    this.outputs = [output];
    this.#spec = spec;
    this.#failed = failed;
    this.codec = spec.ordered;
  }

  createLive(): OrderedLive {
    return { position: -1, state: undefined, checkpoints: [] };
  }

  touch({ rows }: PartScope<OrderedLive, unknown>, _change: Change, range: Range): void {
    range.high = rows.length;
  }

  compute(scope: PartScope<OrderedLive, unknown>, change: Change, { low, high }: Range, [values]: Value[][]): void {
    const { rows, live } = scope;
    if (change.from < live.position) live.position = -1;
    while ((live.checkpoints.at(-1)?.position ?? 0) > change.from) live.checkpoints.pop();
    if (live.position !== low) this.#goTo(scope, low);
    for (let i = low; i < high; i++) values![i - low] = this.#step(live.state, rows[i]!, true);
    live.position = high;
    this.#checkpoint(live);
  }

  #step(state: unknown, row: Row, isNew: boolean): Value {
    const { ordered, argsOf, takes, timeOf } = this.#spec;
    if (!takes(row)) return null;
    try {
      return ordered.step(state, argsOf(row), timeOf(row));
    } catch (error) {
      if (isNew) this.#failed(row, error);
      return null;
    }
  }

  /** Brings the state to before a row. */
  #goTo({ rows, live, base }: PartScope<OrderedLive, unknown>, position: number): void {
    const { ordered } = this.#spec;
    const near = live.checkpoints.findLast((checkpoint) => checkpoint.position <= position);
    if (near !== undefined) live.state = ordered.copy(near.state);
    else live.state = base === undefined ? ordered.create() : ordered.copy(base);
    for (let i = near?.position ?? 0; i < position; i++) this.#step(live.state, rows[i]!, false);
    live.position = position;
  }

  #checkpoint(live: OrderedLive): void {
    const last = live.checkpoints.at(-1)?.position ?? 0;
    if (live.position - last < CHECKPOINT_ROWS) return;
    if (this.#spec.ordered.bytes(live.state) > CHECKPOINT_BYTES_MAX) return;
    live.checkpoints.push({ position: live.position, state: this.#spec.ordered.copy(live.state) });
  }

  fold(scope: PartScope<OrderedLive, unknown>, count: number): unknown {
    const { live, rows } = scope;
    const end = { position: live.position, state: live.state, checkpoints: live.checkpoints };
    this.#goTo({ ...scope, live: end }, count);
    live.position = live.position < count ? -1 : live.position - count;
    live.checkpoints = live.checkpoints
      .filter(({ position }) => position >= count)
      .map(({ position, state }) => ({ position: position - count, state }));
    if (live.position > rows.length - count) live.position = -1;
    return end.state;
  }
}
