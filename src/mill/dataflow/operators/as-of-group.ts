/** Rows of one key of an ASOF join, each side in the order of its value. */
import type { SqlType } from '../../../sql/plan.js';
import type { Field } from '../../../sql/relation/relation.js';
import type { Value } from '../../../sql/value.js';
import type { Row } from '../operator.js';
import { rowCodec, valueCodec } from '../rows.js';
import type { StateCodec } from '../state-table.js';

/** Bytes of a key beside its rows, and of a place beside its row. */
const GROUP_BYTES = 360;
const PLACED_BYTES = 120;

/** A row by the value that it is compared by; a row of null: from that value on there is none. */
export interface Placed {
  readonly value: Value;
  readonly row: Row | null;
  readonly stamp: number;
}

/** One key. Both lists rise by value as the join compares it, then by row. */
export interface AsOfGroup {
  readonly left: Placed[];
  readonly right: Placed[];
  /** Bytes of both. */
  bytes: number;
}

/** The first position whose entry `isBefore` does not hold for. */
export function position(list: readonly Placed[], isBefore: (placed: Placed) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(list[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How a side's entry is written and counted: value, stamp, whether there is a row, row. */
export function placedCodec(type: SqlType, fields: readonly Field[]): StateCodec<Placed> {
  const values = valueCodec(type);
  const rows = rowCodec(fields);
  return {
    write: ({ value, row, stamp }, writer) => {
      values.write(value, writer);
      writer.double(stamp);
      writer.byte(row === null ? 0 : 1);
      if (row !== null) rows.write(row, writer);
    },
    read: (reader) => ({
      value: values.read(reader),
      stamp: reader.double(),
      row: reader.byte() === 0 ? null : rows.read(reader),
    }),
    bytes: ({ row }) => PLACED_BYTES + (row === null ? 0 : rows.bytes(row)),
  };
}

/** How a key is written: each side's count and entries. */
export function groupCodec(left: StateCodec<Placed>, right: StateCodec<Placed>): StateCodec<AsOfGroup> {
  return {
    write: (group, writer) => {
      for (const [list, codec] of [
        [group.left, left],
        [group.right, right],
      ] as const) {
        writer.unsigned(list.length);
        for (const placed of list) codec.write(placed, writer);
      }
    },
    read: (reader) => {
      const [lefts, rights] = [left, right].map((codec) =>
        Array.from({ length: reader.unsigned() }, () => codec.read(reader)),
      ) as [Placed[], Placed[]];
      const bytes =
        lefts.reduce((sum, placed) => sum + left.bytes(placed), 0) +
        rights.reduce((sum, placed) => sum + right.bytes(placed), 0);
      return { left: lefts, right: rights, bytes };
    },
    bytes: ({ bytes }) => GROUP_BYTES + bytes,
  };
}
