/**
 * What becomes of a join's rows by how many rows they met: those of an outer, semi or anti join, over columns.
 *
 * A row that came since the last flush stands for nothing yet: whether it met any is seen at the flush. So a row that
 * meets its first in the round it came in is never passed on alone.
 * Recovery: counts are saved with the rows; between flushes there is nothing else.
 */
import type { Field, JoinKind } from '../../../sql/relation/relation.js';
import { BlockDeltas, nullVector, rowsOfBlock, type Block, type Vector } from '../block.js';
import type { Deltas, Output } from '../operator.js';
import type { Placing } from '../packed-columns.js';
import type { PackedRows } from './packed-rows.js';

/** What stands for a row that met none. */
type Alone =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'itself' }
  /** It with NULLs for the fields of the other side, before or behind it. */
  | { readonly kind: 'padded'; readonly fields: readonly Field[]; readonly isBehind: boolean };

/** See the head of the file. */
export class PackedStanding {
  readonly #rows: PackedRows;
  readonly #alone: Alone;
  readonly #output: Output;
  /** Slots of rows that came since the last flush, and by slot whether it is one. */
  #came: number[] = [];
  #isNew = new Uint8Array(0);
  /** Slots of rows that came before it and met their first since. */
  #turned: number[] = [];

  private constructor(rows: PackedRows, alone: Alone, output: Output) {
    this.#rows = rows;
    this.#alone = alone;
    this.#output = output;
  }

  /** Of a join's left side; null: counts are not needed. `fields`: of the other side. */
  static ofLeft(type: JoinKind, rows: PackedRows, fields: readonly Field[], output: Output): PackedStanding | null {
    switch (type) {
      case 'left':
      case 'full':
        return new PackedStanding(rows, { kind: 'padded', fields, isBehind: true }, output);
      case 'anti':
        return new PackedStanding(rows, { kind: 'itself' }, output);
      case 'semi':
        return new PackedStanding(rows, { kind: 'nothing' }, output);
      default:
        return null;
    }
  }

  /** Of a join's right side. */
  static ofRight(type: JoinKind, rows: PackedRows, fields: readonly Field[], output: Output): PackedStanding | null {
    if (type !== 'right' && type !== 'full') return null;
    return new PackedStanding(rows, { kind: 'padded', fields, isBehind: false }, output);
  }

  /** Rows were put into slots. */
  came({ count, slots }: Placing): void {
    const { length } = this.#rows.isTaken;
    if (this.#isNew.length < length) {
      const isNew = new Uint8Array(length);
      isNew.set(this.#isNew);
      this.#isNew = isNew;
    }
    for (let i = 0; i < count; i++) {
      this.#came.push(slots[i]!);
      this.#isNew[slots[i]!] = 1;
    }
  }

  /** Rows that can meet none. */
  standAlone({ block, stamps }: BlockDeltas): void {
    if (this.#alone.kind !== 'nothing') this.#output(new BlockDeltas(this.#shown(block), stamps));
  }

  /** The slots of pairs that met, at `selection`; null: all. */
  met(slots: Uint32Array, selection: Uint32Array | null, count: number): void {
    const { counts } = this.#rows;
    for (let i = 0; i < count; i++) {
      const slot = slots[selection === null ? i : selection[i]!]!;
      if (counts[slot] === 0 && this.#isNew[slot] !== 1) this.#turned.push(slot);
      this.#rows.setCount(slot, counts[slot]! + 1);
    }
  }

  flush(): void {
    if (this.#came.length === 0 && this.#turned.length === 0) return;
    const { counts } = this.#rows;
    for (const slot of this.#came) this.#isNew[slot] = 0;
    if (this.#alone.kind === 'nothing') {
      this.#pass([...this.#turned, ...this.#came.filter((slot) => counts[slot]! > 0)], 1);
    } else {
      this.#pass(this.#turned, -1);
      this.#pass(
        this.#came.filter((slot) => counts[slot] === 0),
        1,
      );
    }
    this.#came = [];
    this.#turned = [];
  }

  #pass(slots: readonly number[], weight: 1 | -1): void {
    if (slots.length === 0) return;
    const vectors = this.#rows.gather(Uint32Array.from(slots), slots.length);
    const block = this.#shown({ count: slots.length, vectors, distinct: null });
    const stamps = slots.map((slot) => this.#rows.stamps[slot]!);
    if (weight > 0) this.#output(new BlockDeltas(block, stamps));
    else this.#output({ rows: rowsOfBlock(block), stamps, weights: slots.map(() => weight) } satisfies Deltas);
  }

  /** Rows as they are passed on. */
  #shown(block: Block): Block {
    if (this.#alone.kind !== 'padded') return { ...block, distinct: null };
    const { fields, isBehind } = this.#alone;
    const nulls = fields.map(({ type }): Vector => nullVector(type, block.count));
    return {
      count: block.count,
      distinct: null,
      vectors: isBehind ? [...block.vectors, ...nulls] : [...nulls, ...block.vectors],
    };
  }
}
