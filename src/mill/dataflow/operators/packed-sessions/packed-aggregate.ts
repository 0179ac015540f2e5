/** One aggregate over groups that are slots. */
import type { Vector } from '../../block.js';
import type { AggregateInput } from './inputs.js';

/** One aggregate over groups that are slots. A slot is cleared before it is used. */
export interface PackedAggregate {
  /** Makes room for slots below `capacity`. */
  resize(capacity: number): void;
  /** Makes a slot's state that of no rows. */
  clear(slot: number): void;
  /** Adds the rows from `from` to before `to`, each to its slot; those whose slot is negative are left out. */
  add(input: AggregateInput, slots: Int32Array, from: number, to: number): void;
  /** Adds all of a slot to another. */
  merge(into: number, from: number): void;
  /** Gives a slot that was cleared the state of another. */
  copy(from: number, into: number): void;
  /** Whether two slots have one value. */
  isSame(a: number, b: number): boolean;
  /** The values of the first `count` slots. */
  vector(slots: Int32Array, count: number): Vector;
  /** The general aggregate's state of a slot; to be read, not changed. */
  stateOf(slot: number): unknown;
  /** Gives a slot that was cleared the general aggregate's state. */
  load(slot: number, state: unknown): void;
}
