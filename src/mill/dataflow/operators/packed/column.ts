/**
 * An aggregate's partials as numbers in arrays: what `accumulators.ts` keeps as objects.
 *
 * A partial lies in a *cell*: the columns of one operator's slices, of its running totals and of the rows that it is
 * about to pass on are of one kind, so that one is added to the other.
 *
 * Numbers are exact or refused: sums are whole units of at most 2^52. Where a column refuses, its owner puts a
 * `GeneralColumn` in its place, which takes everything.
 */
import type { ByteReader, ByteWriter } from '../../../../util/bytes.js';
import type { Vector } from '../../block.js';
import type { AggregateInput } from '../packed-sessions/inputs.js';
import { grown } from '../../../../util/typed-arrays.js';

/** Partials of one aggregate. */
export interface PackedColumn {
  /** Whether what was added can be taken away again. */
  readonly isInvertible: boolean;
  /** Makes room for cells below `capacity`; new ones are empty. */
  grow(capacity: number): void;
  /** Empties a cell. */
  reset(cell: number): void;
  /** Adds rows `from` to before `count` to their cells, below 0: to none. Answers the first row that it refuses; `count`: none. */
  add(cells: Int32Array, from: number, count: number, input: AggregateInput): number;
  /** Adds a cell of another column of the kind to one of this; false: refused, nothing was changed. */
  plus(cell: number, other: PackedColumn, from: number): boolean;
  /** Takes a cell of another column away from one of this. */
  minus(cell: number, other: PackedColumn, from: number): void;
  /** The values of the cells below `count`. `failed` is told of those that are errors; they are NULL. */
  vector(count: number, failed: (cell: number, error: unknown) => void): Vector;
  /** Writes a cell as the aggregate's own state is written. */
  write(cell: number, writer: ByteWriter): void;
  /** Reads a cell; false: refused. */
  read(cell: number, reader: ByteReader): boolean;
}

/** `count(*)` and `count(x)`. */
export class CountColumn implements PackedColumn {
  readonly isInvertible = true;
  #rows = new Float64Array(0);

  grow(capacity: number): void {
    this.#rows = grown(this.#rows, capacity);
  }

  reset(cell: number): void {
    this.#rows[cell] = 0;
  }

  add(cells: Int32Array, from: number, count: number, { absent }: AggregateInput): number {
    const rows = this.#rows;
    for (let i = from; i < count; i++) {
      const cell = cells[i]!;
      if (cell >= 0 && (absent === null || absent[i] === 0)) rows[cell]!++;
    }
    return count;
  }

  plus(cell: number, other: PackedColumn, from: number): boolean {
    this.#rows[cell]! += (other as CountColumn).#rows[from]!;
    return true;
  }

  minus(cell: number, other: PackedColumn, from: number): void {
    this.#rows[cell]! -= (other as CountColumn).#rows[from]!;
  }

  vector(count: number): Vector {
    return { kind: 'numbers', values: this.#rows.slice(0, count), nulls: null };
  }

  write(cell: number, writer: ByteWriter): void {
    writer.unsigned(this.#rows[cell]!);
  }

  read(cell: number, reader: ByteReader): boolean {
    this.#rows[cell] = reader.unsigned();
    return true;
  }
}
