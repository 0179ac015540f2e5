import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import type { Cells } from '../cells.js';
import { shadowFor } from './accumulator.js';
import type { Accumulator, UnitSource } from './accumulator.js';

/** `count(*)` and `count(x)`: exact up to 2^53. One cell: the count. */
export class CountAccumulator implements Accumulator, UnitSource {
  static readonly CELLS = 1;
  readonly groupBytes = 8;
  readonly #cells: Cells;
  readonly #at: number;
  #shadow = new Float64Array(0);

  constructor(cells: Cells, at: number) {
    this.#cells = cells;
    this.#at = at;
  }

  #index(group: number): number {
    return group * this.#cells.stride + this.#at;
  }

  grow(): void {}

  addValue(group: number): void {
    this.#cells.data[this.#index(group)]!++;
  }

  units(group: number): number {
    return this.value(group);
  }

  value(group: number): number {
    return this.#cells.data[this.#index(group)]!;
  }

  extraBytes(): number {
    return 0;
  }

  save(group: number, slot: number): void {
    this.#shadow = shadowFor(this.#shadow, slot);
    this.#shadow[slot] = this.value(group);
  }

  same(group: number, slot: number): boolean {
    return this.#shadow[slot] === this.value(group);
  }

  merge(group: number, other: CountAccumulator, from: number): void {
    this.#cells.data[this.#index(group)]! += other.value(from);
  }

  writePartial(group: number, writer: ByteWriter): void {
    writer.unsigned(this.value(group));
  }

  readPartial(group: number, reader: ByteReader): void {
    this.#cells.data[this.#index(group)] = reader.unsigned();
  }

  write(): void {}

  read(): void {}
}
