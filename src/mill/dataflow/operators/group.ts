/** A group of a GROUP BY, and how it is kept. */
import type { Expression } from '../../../sql/plan.js';
import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import type { Row } from '../operator.js';
import { rowCodec } from '../rows.js';
import type { Key, StateCodec } from '../state-table.js';
import { readStates, statesBytes, writeStates } from './accumulators.js';
import type { Accumulator } from './accumulators.js';

/** Bytes of a group beside its keys and states, and of an aggregate's value in its row. */
const GROUP_BYTES = 136;
const VALUE_BYTES = 40;

/** One group. */
export class Group {
  key: Key = 0;
  /** Values of all keys; NULL for those that are not in its grouping set. */
  keys: Row;
  /** Position of its grouping set. */
  readonly set: number;
  /** How many rows it has. */
  rows = 0;
  readonly states: unknown[];
  /** Stamp of its newest row, ms; kept where the policy is `shed`. */
  stamp = Number.NEGATIVE_INFINITY;
  /** What was passed on last. */
  passed: Row | null = null;
  isDirty = false;
  isBroken = false;

  constructor(keys: Row, set: number, states: unknown[]) {
    this.keys = keys;
    this.set = set;
    this.states = states;
  }
}

/** How groups with these aggregates and keys are kept. `isStamped`: with their stamps. */
export function groupCodec(
  accumulators: readonly Accumulator[],
  keyTypes: readonly Expression[],
  isStamped: boolean,
): StateCodec<Group> {
  const keys = rowCodec(keyTypes);
  return {
    write: (group: Group, writer: ByteWriter) => {
      writer.unsigned(group.set);
      writer.integer(group.rows);
      writer.byte(Number(group.isBroken));
      keys.write(group.keys, writer);
      if (isStamped) writer.double(group.stamp);
      writeStates(accumulators, group.states, writer);
    },
    read: (reader: ByteReader) => {
      const set = reader.unsigned();
      const rows = Number(reader.integer());
      const isBroken = reader.byte() === 1;
      const shown = keys.read(reader);
      const stamp = isStamped ? reader.double() : Number.NEGATIVE_INFINITY;
      const group = new Group(shown, set, readStates(accumulators, reader));
      group.stamp = stamp;
      group.rows = rows;
      group.isBroken = isBroken;
      return group;
    },
    // The row that was passed on has the keys, and values of its own.
    bytes: ({ keys: shown, states }: Group) =>
      GROUP_BYTES + keys.bytes(shown) * 2 + accumulators.length * VALUE_BYTES + statesBytes(accumulators, states),
  };
}
