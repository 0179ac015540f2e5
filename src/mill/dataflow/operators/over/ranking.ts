/** `row_number`, `rank`, `dense_rank`, `percent_rank`, `cume_dist` and `ntile`. */
import type { Value } from '../../../../sql/value.js';
import { evaluationError } from '../../../../sql/value.js';
import type { Row } from '../../operator.js';
import { FULL_REACH, NO_REACH, type Part, type PartScope, type Range } from './part.js';
import type { Change } from './partition.js';

/** Rows and groups of peers that were dropped. */
export interface Dropped {
  readonly rows: number;
  readonly groups: number;
}

const NONE: Dropped = { rows: 0, groups: 0 };

type IsPeer = (a: Row, b: Row) => boolean;
type Scope = PartScope<null, Dropped>;

/** The numbers that follow from the rows before: `row_number`, `rank`, `dense_rank`. */
export class NumberingPart implements Part<null, Dropped> {
  readonly outputs: readonly number[];
  readonly reach = NO_REACH;
  readonly #name: 'row_number' | 'rank' | 'dense_rank';
  readonly #isPeer: IsPeer;
  /** Where the value stands in a row that was passed on. */
  readonly #field: number;

  constructor(name: 'row_number' | 'rank' | 'dense_rank', output: number, width: number, isPeer: IsPeer) {
    this.outputs = [output];
    this.#name = name;
    this.#isPeer = isPeer;
    this.#field = width + output;
  }

  createLive(): null {
    return null;
  }

  touch({ rows }: Scope, _change: Change, range: Range): void {
    range.high = rows.length;
  }

  compute({ rows, base = NONE }: Scope, _change: Change, { low, high }: Range, [values]: Value[][]): void {
    const isRowNumber = this.#name === 'row_number';
    let previous = low === 0 || low === high ? 0 : (rows[low - 1]![this.#field] as number);
    for (let i = low; i < high; i++) {
      if (isRowNumber) previous = base.rows + i + 1;
      else if (i === 0) previous = (this.#name === 'rank' ? base.rows : base.groups) + 1;
      else if (!this.#isPeer(rows[i - 1]!, rows[i]!))
        previous = this.#name === 'rank' ? base.rows + i + 1 : previous + 1;
      values![i - low] = previous;
    }
  }

  /** Only whole groups of peers go. */
  fold({ rows, base = NONE }: Scope, count: number): Dropped {
    let groups = 1;
    for (let i = 1; i < count; i++) if (!this.#isPeer(rows[i - 1]!, rows[i]!)) groups++;
    return { rows: base.rows + count, groups: base.groups + groups };
  }

  readonly codec: NonNullable<Part<null, Dropped>['codec']> = {
    write: ({ rows, groups }, writer) => {
      writer.unsigned(rows);
      writer.unsigned(groups);
    },
    read: (reader) => ({ rows: reader.unsigned(), groups: reader.unsigned() }),
    bytes: () => 32,
  };
}

/** A value that depends on how many rows there are. */
export interface ShareSpec {
  readonly name: 'percent_rank' | 'cume_dist' | 'ntile';
  /** Number of buckets of `ntile`, taken from the partition's first row. */
  readonly argument: ((row: Row) => Value) | null;
}

/** Computes one over the whole partition at each change. */
export class SharePart implements Part<null, never> {
  readonly outputs: readonly number[];
  readonly reach = FULL_REACH;
  readonly #share: ShareSpec;
  readonly #isPeer: IsPeer;
  readonly #failed: (row: Row, error: unknown) => void;

  constructor(share: ShareSpec, output: number, isPeer: IsPeer, failed: (row: Row, error: unknown) => void) {
    this.outputs = [output];
    this.#share = share;
    this.#isPeer = isPeer;
    this.#failed = failed;
  }

  createLive(): null {
    return null;
  }

  touch({ rows }: PartScope<null, never>, _change: Change, range: Range): void {
    range.low = 0;
    range.high = rows.length;
  }

  compute({ rows }: PartScope<null, never>, _change: Change, { high }: Range, [values]: Value[][]): void {
    if (this.#share.name === 'ntile') return this.#tiles(rows, values!);
    let start = 0;
    for (let i = 0; i < high; i++) {
      if (i > 0 && !this.#isPeer(rows[i - 1]!, rows[i]!)) start = i;
      if (this.#share.name === 'percent_rank') values![i] = high === 1 ? 0 : start / (high - 1);
      else if (i === start) {
        let end = i + 1;
        while (end < high && this.#isPeer(rows[end]!, rows[i]!)) end++;
        for (let j = start; j < end; j++) values![j] = end / high;
      }
    }
  }

  #tiles(rows: readonly Row[], values: Value[]): void {
    const count = rows.length;
    if (count === 0) return;
    let tiles: number | null = null;
    try {
      tiles = this.#share.argument!(rows[0]!) as number | null;
      if (tiles !== null && tiles <= 0) throw evaluationError('argument of ntile must be greater than zero');
    } catch (error) {
      tiles = null;
      this.#failed(rows[0]!, error);
    }
    const size = tiles === null ? 0 : Math.floor(count / tiles);
    const larger = tiles === null ? 0 : count % tiles;
    const inLarger = larger * (size + 1);
    for (let i = 0; i < count; i++) {
      if (tiles === null) values[i] = null;
      else if (i < inLarger) values[i] = Math.floor(i / (size + 1)) + 1;
      else values[i] = larger + Math.floor((i - inLarger) / size) + 1;
    }
  }

  fold(): undefined {}
}
