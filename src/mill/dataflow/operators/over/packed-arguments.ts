/** The arguments of an OVER's aggregates as numbers, a block at a time. */
import type { Expression, SqlType } from '../../../../sql/plan.js';
import { compileBlockCondition, compileBlockExpression } from '../../block-expressions.js';
import { rowsOfBlock, vectorOfValues, type Block, type Vector } from '../../block.js';
import { compileCondition, compileExpression } from '../../expressions.js';
import type { PackedArgument } from './packed-plan.js';

/** An expression that can't fail, over blocks. */
export type BlockValues = (block: Block) => Vector;

/** The values of an expression that can't fail. */
export function blockValues(expression: Expression): BlockValues {
  const blockwise = compileBlockExpression(expression);
  const one = compileExpression(expression);
  // What does not fit the form that was printed does by row.
  return (block) => blockwise(block) ?? vectorOfValues(rowsOfBlock(block).map(one), expression.type);
}

/** See the head of the file. */
export class PackedArguments {
  /** By argument: digits behind the point of its units; -1: none was seen yet. */
  readonly scales: number[];
  readonly #read: readonly ((block: Block) => Float64Array | null)[];

  constructor(all: readonly PackedArgument[]) {
    this.scales = all.map(() => -1);
    this.#read = all.map((argument, i) => this.#reader(argument, i));
  }

  /** By argument the number of each row, NaN where it does not count; null where numbers can't hold them. */
  of(block: Block): Float64Array[] | null {
    const all: Float64Array[] = [];
    for (const read of this.#read) {
      const numbers = read(block);
      if (numbers === null) return null;
      all.push(numbers);
    }
    return all;
  }

  #reader({ expression, filter, isValue }: PackedArgument, argument: number): (block: Block) => Float64Array | null {
    const values = expression === null ? null : blockValues(expression);
    const read = (block: Block): Float64Array | null => {
      if (values === null) return new Float64Array(block.count);
      const vector = values(block);
      return isValue ? this.#numbers(vector, expression!.type, block.count, argument) : presence(vector, block.count);
    };
    return filter === null ? read : filtered(read, filter);
  }

  #numbers(vector: Vector, type: SqlType, count: number, argument: number): Float64Array | null {
    if (vector.kind === 'numbers') return withNulls(vector.values, vector.nulls, count);
    if (vector.kind === 'decimals') {
      if (vector.nulls === null || vector.nulls.subarray(0, count).includes(0)) {
        if (this.scales[argument] === -1) this.scales[argument] = vector.scale;
        else if (this.scales[argument] !== vector.scale) return null;
      }
      return withNulls(vector.units, vector.nulls, count);
    }
    if (vector.kind === 'texts') return null;
    const packed = vectorOfValues(vector.values.slice(0, count), type);
    return packed.kind === 'values' ? null : this.#numbers(packed, type, count, argument);
  }
}

function withNulls(values: Float64Array, nulls: Uint8Array | null, count: number): Float64Array {
  if (nulls === null) return values;
  const numbers = values.slice(0, count);
  for (let i = 0; i < count; i++) if (nulls[i] === 1) numbers[i] = Number.NaN;
  return numbers;
}

/** 0 where there is a value. */
function presence(vector: Vector, count: number): Float64Array {
  const numbers = new Float64Array(count);
  if (vector.kind === 'texts') for (let i = 0; i < count; i++) numbers[i] = vector.codes[i]! < 0 ? Number.NaN : 0;
  else if (vector.kind === 'values')
    for (let i = 0; i < count; i++) numbers[i] = vector.values[i] === null ? Number.NaN : 0;
  else if (vector.nulls !== null) for (let i = 0; i < count; i++) numbers[i] = vector.nulls[i] === 1 ? Number.NaN : 0;
  return numbers;
}

function filtered(
  read: (block: Block) => Float64Array | null,
  filter: Expression,
): (block: Block) => Float64Array | null {
  const blockwise = compileBlockCondition(filter);
  const isTrue = compileCondition(filter);
  return (block) => {
    const numbers = read(block);
    if (numbers === null) return null;
    const kept = new Float64Array(block.count).fill(Number.NaN);
    const selection = new Uint32Array(block.count);
    const count = blockwise(block, selection);
    if (count === null) rowsOfBlock(block).forEach((row, i) => isTrue(row) && (kept[i] = numbers[i]!));
    else for (let i = 0; i < count; i++) kept[selection[i]!] = numbers[selection[i]!]!;
    return kept;
  };
}
