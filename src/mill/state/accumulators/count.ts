import type { ByteReader, ByteWriter } from '../bytes.js';
import { grownFloats, shadowFor } from './accumulator.js';
import type { Accumulator } from './accumulator.js';

/** `count(*)` and `count(x)`: exact up to 2^53. */
export class CountAccumulator implements Accumulator {
  readonly groupBytes = 8;
  counts: Float64Array;
  #shadow = new Float64Array(0);

  constructor(capacity: number) {
    this.counts = new Float64Array(capacity);
  }

  grow(capacity: number): void {
    this.counts = grownFloats(this.counts, capacity);
  }

  addValue(group: number): void {
    this.counts[group]!++;
  }

  value(group: number): number {
    return this.counts[group]!;
  }

  extraBytes(): number {
    return 0;
  }

  save(group: number, slot: number): void {
    this.#shadow = shadowFor(this.#shadow, slot);
    this.#shadow[slot] = this.counts[group]!;
  }

  same(group: number, slot: number): boolean {
    return this.#shadow[slot] === this.counts[group];
  }

  writePartial(group: number, writer: ByteWriter): void {
    writer.unsigned(this.counts[group]!);
  }

  readPartial(group: number, reader: ByteReader): void {
    this.counts[group] = reader.unsigned();
  }

  write(groups: number, writer: ByteWriter): void {
    writer.array(this.counts, groups);
  }

  read(_groups: number, reader: ByteReader): void {
    reader.array(this.counts);
  }
}
