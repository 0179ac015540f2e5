/**
 * One aggregate's state in one window: arrays with an entry a group.
 *
 * Plain numbers are in the table's `Cells`, which kernels write directly; everything else goes through this interface. `save` and
 * `same` tell whether a group's state differs from what was last published, exactly: `save` is
 * called on the first change after a publication, `same` when the next one is due.
 */
import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import type { Value } from '../../../sql/value.js';

/** What all aggregates can do. */
export interface Accumulator {
  /** Bytes that every group costs. */
  readonly groupBytes: number;
  /** Makes room for `capacity` groups; new ones are empty. */
  grow(capacity: number): void;
  /** Adds a SQL value that is not null; throws nothing. */
  addValue(group: number, value: Value): void;
  /** The aggregate's SQL value. */
  value(group: number): Value;
  /** Bytes that a group costs beyond `groupBytes`. */
  extraBytes(group: number): number;
  /** Remembers a group's state in shadow slot `slot`. */
  save(group: number, slot: number): void;
  /** Whether a group's state is what `slot` remembers. */
  same(group: number, slot: number): boolean;
  /**
   * Adds what group `from` of `other` has, an accumulator of the same aggregate: as if its rows were added here.
   * Left out where the order of rows matters, or where it is not worth it.
   */
  merge?(group: number, other: this, from: number): void;
  writePartial(group: number, writer: ByteWriter): void;
  /** Sets an empty group to what `writePartial` wrote. */
  readPartial(group: number, reader: ByteReader): void;
  /** Writes what the first `groups` groups have outside the table's cells. */
  write(groups: number, writer: ByteWriter): void;
  /** Sets the first `groups` groups, which are empty, to what `write` wrote. */
  read(groups: number, reader: ByteReader): void;
}

/** What an accumulator whose value is an integer can do besides. */
export interface UnitSource {
  /** The value in units of the last digit, or null. */
  units(group: number): number | bigint | null;
}

/** `array` with room for `capacity`, the old entries kept. */
export function grownFloats(array: Float64Array, capacity: number, fill = 0): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity);
  larger.set(array);
  if (fill !== 0) larger.fill(fill, array.length);
  return larger;
}

/** `array` with room for `capacity`, the old entries kept. */
export function grownBytes(array: Uint8Array, capacity: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(capacity);
  larger.set(array);
  return larger;
}

/** A shadow array with room for `slot`. */
export function shadowFor(shadow: Float64Array<ArrayBuffer>, slot: number): Float64Array<ArrayBuffer> {
  return slot < shadow.length ? shadow : grownFloats(shadow, Math.max(64, slot * 2));
}
