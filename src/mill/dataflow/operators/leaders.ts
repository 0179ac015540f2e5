/**
 * What a Top-N over rows that are only added need not look at: rows of a block that come behind all that are shown.
 *
 * Of each partition it knows the first order key of the last row that is shown. A block's rows are compared with it
 * as numbers; only those that are not surely behind are made.
 *
 * Limits: two numbers a partition. Recovery: none; what is not known lets rows through.
 */
import type { TopN } from '../../../sql/relation/relation.js';
import { DECIMAL_SCALE } from '../../../event/schema.js';
import type { SqlType } from '../../../sql/plan.js';
import { compileBlockExpression, type BlockExpression } from '../block-expressions.js';
import { BlockKeys, canBeBlockKeys } from '../block-keys.js';
import type { Block, DecimalVector, NumberVector, Vector } from '../block.js';

/** Types whose values are numbers, or come as units of one scale. */
const ORDERED: ReadonlySet<SqlType> = new Set<SqlType>([
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'date',
  'time',
  'timestamp',
  'timestamptz',
]);

/** A block's rows as the filter sees them. */
export interface LedBlock {
  /** By row: its partition's id, and its first order key. */
  readonly ids: Int32Array;
  readonly values: Float64Array;
  readonly nulls: Uint8Array | null;
}

/** See the head of the file. */
export class Leaders {
  readonly #partition: readonly BlockExpression[];
  readonly #order: BlockExpression;
  readonly #sign: 1 | -1;
  readonly #keys: BlockKeys;
  /** By partition id; NaN: any row may be shown. */
  #last = new Float64Array(0);

  /** Null where the order is no number's. */
  static of({ order, partition, ranking }: TopN): Leaders | null {
    const [first] = order;
    if (first === undefined || ranking === 'dense_rank' || !ORDERED.has(first.expression.type)) return null;
    return canBeBlockKeys(partition.map(({ type }) => type)) ? new Leaders({ order, partition }) : null;
  }

  private constructor({ order, partition }: Pick<TopN, 'order' | 'partition'>) {
    this.#partition = partition.map(compileBlockExpression);
    this.#order = compileBlockExpression(order[0]!.expression);
    this.#sign = order[0]!.descending ? -1 : 1;
    this.#keys = new BlockKeys(
      [...partition.keys()],
      partition.map(({ type }) => type),
    );
  }

  /** Null where the rows must be taken one by one. */
  read(block: Block): LedBlock | null {
    const order = this.#order(block);
    // Units of one scale are compared with each other alone.
    const isUnits = order?.kind === 'decimals' && order.scale === DECIMAL_SCALE;
    if (order?.kind !== 'numbers' && !isUnits) return null;
    const vectors: Vector[] = [];
    for (const part of this.#partition) {
      const vector = part(block);
      if (vector === null) return null;
      vectors.push(vector);
    }
    const ids = new Int32Array(block.count);
    this.#keys.idsOf({ count: block.count, vectors, distinct: null }, ids);
    if (this.#last.length < this.#keys.size) {
      const known = this.#last.length;
      const larger = new Float64Array(2 * this.#keys.size + 64).fill(Number.NaN, known);
      larger.set(this.#last);
      this.#last = larger;
    }
    const { nulls } = order as NumberVector | DecimalVector;
    return { ids, values: order.kind === 'numbers' ? order.values : (order as DecimalVector).units, nulls };
  }

  /** Whether a row is surely behind all that are shown. */
  isBehind({ ids, nulls, values }: LedBlock, row: number): boolean {
    if (nulls !== null && nulls[row] === 1) return false;
    return (values[row]! - this.#last[ids[row]!]!) * this.#sign > 0;
  }

  /** A row is shown now, and no other of its partition that is behind it. */
  lead({ ids, nulls, values }: LedBlock, row: number): void {
    this.#last[ids[row]!] = nulls !== null && nulls[row] === 1 ? Number.NaN : values[row]!;
  }

  /** A row was not added. */
  pass({ ids }: LedBlock, row: number): void {
    if (Number.isNaN(this.#last[ids[row]!]!)) this.#keys.rest(ids[row]!);
  }

  /** Nothing is known of a partition any more. */
  forget(id: number): void {
    this.#last[id] = Number.NaN;
    this.#keys.rest(id);
  }

  /** Ends a round. */
  settle(): void {
    this.#keys.settle();
  }
}
