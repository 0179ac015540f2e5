/**
 * What an aggregate over windows reads of its rows, a block at a time: those that its conditions let through, their
 * keys and arguments.
 *
 * Where an expression fails for a row of a block, its rows are evaluated one by one: those that can't be are
 * reported, the others are a block again.
 */
import type { Expression, SqlType } from '../../../../sql/plan.js';
import type { Relation } from '../../../../sql/relation/relation.js';
import { blockOfRows, rowAt, rowsOfBlock, selectRows, type Block } from '../../block.js';
import { compileBlockCondition } from '../../block-expressions.js';
import { compileCondition } from '../../expressions.js';
import type { Deltas, Row } from '../../operator.js';
import type { Accumulator } from '../accumulators.js';
import { packedInputs, type AggregateInput, type PackedInputs } from '../packed-sessions/inputs.js';
import { selectStamps } from '../row-wise.js';

/** What is read of a relation's rows. */
export interface GroupedShape {
  readonly input: Relation;
  /** The field that has the time. */
  readonly time: number;
  /** Rows for which one is not true are left out. */
  readonly conditions: readonly Expression[];
  readonly keys: readonly Expression[];
  readonly accumulators: readonly Accumulator[];
}

/** Rows that take part. */
export interface GroupedRows {
  /** The rows as they came: for times, and for reports. */
  readonly block: Block;
  readonly stamps: Deltas['stamps'];
  /** The keys alone, as fields. */
  readonly keys: Block;
  /** By aggregate. */
  readonly inputs: readonly AggregateInput[];
}

type Stamped = Pick<GroupedRows, 'block' | 'stamps'>;

/** See the head of the file. `failed` is told of rows that can't be evaluated. */
export class GroupedReader {
  readonly #types: readonly SqlType[];
  readonly #failed: (row: Row, error: unknown) => void;
  readonly #conditions: ReturnType<typeof compileBlockCondition>[];
  readonly #isIn: readonly ((row: Row) => boolean)[];
  readonly #inputs: PackedInputs;

  constructor(
    { accumulators, conditions, input, keys, time }: GroupedShape,
    failed: (row: Row, error: unknown) => void,
  ) {
    const { name, nullable, type } = input.fields[time]!;
    this.#failed = failed;
    this.#types = input.fields.map((field) => field.type);
    this.#conditions = conditions.map(compileBlockCondition);
    this.#isIn = conditions.map(compileCondition);
    this.#inputs = packedInputs({
      keys,
      time: { kind: 'column', index: time, name, type, nullable },
      aggregates: accumulators,
    });
  }

  /** The rows that take part. All are added. */
  read(deltas: Deltas): GroupedRows {
    // Rows of a block are made on the first look at them.
    const whole = { block: deltas.block ?? blockOfRows(deltas.rows, this.#types), stamps: deltas.stamps };
    const kept = this.#keptOfBlock(whole) ?? this.#keptOfRows(whole);
    const read = this.#inputs.ofBlock(kept.block);
    if (read !== null) return { ...kept, keys: read.keys, inputs: read.inputs };
    const { inputs, keys, places } = this.#inputs.ofRows(rowsOfBlock(kept.block), this.#failed);
    const some = places === null ? kept : selected(kept, Uint32Array.from(places), places.length);
    return { ...some, keys, inputs };
  }

  #keptOfBlock(whole: Stamped): Stamped | null {
    let kept = whole;
    for (const condition of this.#conditions) {
      const selection = new Uint32Array(kept.block.count);
      const count = condition(kept.block, selection);
      if (count === null) return null;
      kept = selected(kept, selection, count);
    }
    return kept;
  }

  #keptOfRows(whole: Stamped): Stamped {
    const selection = new Uint32Array(whole.block.count);
    let count = 0;
    for (let i = 0; i < whole.block.count; i++) {
      const row = rowAt(whole.block, i);
      try {
        if (this.#isIn.every((isTrue) => isTrue(row))) selection[count++] = i;
      } catch (error) {
        this.#failed(row, error);
      }
    }
    return selected(whole, selection, count);
  }
}

function selected(from: Stamped, selection: Uint32Array, count: number): Stamped {
  if (count === from.block.count) return from;
  return { block: selectRows(from.block, selection, count), stamps: selectStamps(from.stamps, selection, count) };
}
