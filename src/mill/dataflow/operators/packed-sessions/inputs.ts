/**
 * What the aggregates of a GROUP BY need of rows, as columns: keys, arguments, and which rows FILTER leaves out.
 *
 * A block in which an expression fails, and rows that come as rows, are evaluated one by one: those that fail are
 * reported and left out.
 */
import type { Expression } from '../../../../sql/plan.js';
import type { AggregateSpec } from '../../../../sql/relation/relation.js';
import type { Value } from '../../../../sql/value.js';
import { vectorOfValues, type Block, type Vector } from '../../block.js';
import { compileBlockCondition, compileBlockExpression } from '../../block-expressions.js';
import { compileCondition, compileExpression, compileRow } from '../../expressions.js';
import type { Row } from '../../operator.js';

/** What an aggregate takes of some rows. */
export interface AggregateInput {
  /** The argument; null where there is none. */
  readonly vector: Vector | null;
  /** A byte a row, 1: it is not added, for its argument is NULL or FILTER leaves it out; null: all are. */
  readonly absent: Uint8Array | null;
}

/** Some rows, evaluated. */
export interface PackedInput {
  /** The keys. */
  readonly keys: Block;
  /** The field that has the time; null where none is wanted. */
  readonly time: Vector | null;
  /** By aggregate. */
  readonly inputs: readonly AggregateInput[];
  /** Where each row is among those that came; null: as they are. */
  readonly places: Int32Array | null;
}

/** What rows are evaluated to. */
export interface PackedInputSpec {
  readonly keys: readonly Expression[];
  /** The field that has the time, where it is wanted. */
  readonly time: Extract<Expression, { kind: 'column' }> | null;
  readonly aggregates: readonly Pick<AggregateSpec, 'args' | 'filter'>[];
}

/** Evaluates rows. */
export interface PackedInputs {
  /** Null where a row fails. */
  ofBlock(block: Block): PackedInput | null;
  /** `failed` is told of rows that are left out. */
  ofRows(rows: readonly Row[], failed: (row: Row, error: unknown) => void): PackedInput;
}

/** The evaluation of rows for a GROUP BY. */
export function packedInputs(spec: PackedInputSpec): PackedInputs {
  return { ofBlock: blockEvaluation(spec), ofRows: rowEvaluation(spec) };
}

function blockEvaluation({ aggregates, keys, time }: PackedInputSpec): PackedInputs['ofBlock'] {
  const keyVectors = keys.map(compileBlockExpression);
  const evaluations = aggregates.map(({ args, filter }) => ({
    argument: args.length === 0 ? null : compileBlockExpression(args[0]!),
    condition: filter === null ? null : compileBlockCondition(filter),
  }));
  return (block) => {
    const vectors: Vector[] = [];
    for (const keyVector of keyVectors) {
      const vector = keyVector(block);
      if (vector === null) return null;
      vectors.push(vector);
    }
    const inputs: AggregateInput[] = [];
    for (const { argument, condition } of evaluations) {
      const vector = argument === null ? null : argument(block);
      const leftOut = condition === null ? null : leftOutBy(condition, block);
      if ((argument !== null && vector === null) || (condition !== null && leftOut === null)) return null;
      inputs.push({ vector, absent: vector === null ? leftOut : absentOf(vector, block.count, leftOut) });
    }
    const { count } = block;
    return {
      keys: { count, vectors, distinct: null },
      time: time === null ? null : block.vectors[time.index]!,
      inputs,
      places: null,
    };
  };
}

/** A byte a row, 1: the condition is not true; null where it fails. */
function leftOutBy(condition: ReturnType<typeof compileBlockCondition>, block: Block): Uint8Array | null {
  const selection = new Uint32Array(block.count);
  const count = condition(block, selection);
  if (count === null) return null;
  const leftOut = new Uint8Array(block.count).fill(1);
  for (let i = 0; i < count; i++) leftOut[selection[i]!] = 0;
  return leftOut;
}

/** Rows whose entry is NULL, and those that are left out. */
function absentOf(vector: Vector, count: number, leftOut: Uint8Array | null): Uint8Array | null {
  if (vector.kind === 'numbers' || vector.kind === 'decimals') {
    if (leftOut === null || vector.nulls === null) return leftOut ?? vector.nulls;
    for (let i = 0; i < count; i++) leftOut[i]! |= vector.nulls[i]!;
    return leftOut;
  }
  const absent = leftOut ?? new Uint8Array(count);
  if (vector.kind === 'texts') for (let i = 0; i < count; i++) absent[i]! |= vector.codes[i]! < 0 ? 1 : 0;
  else for (let i = 0; i < count; i++) absent[i]! |= vector.values[i] === null ? 1 : 0;
  return absent;
}

function rowEvaluation({ aggregates, keys, time }: PackedInputSpec): PackedInputs['ofRows'] {
  const keysOf = compileRow(keys);
  const evaluations = aggregates.map(({ args, filter }) => {
    const argument = args.length === 0 ? (): Value => true : compileExpression(args[0]!);
    const isTrue = filter === null ? null : compileCondition(filter);
    // A row that the filter leaves out does not have its arguments evaluated, as in PostgreSQL.
    return (row: Row): Value => (isTrue !== null && !isTrue(row) ? null : argument(row));
  });
  const types = aggregates.map(({ args }) => args[0]?.type ?? 'boolean');
  return (rows, failed) => {
    const keyRows: Row[] = [];
    const values: Value[][] = aggregates.map(() => []);
    const places: number[] = [];
    rows.forEach((row, place) => {
      try {
        const key = keysOf(row);
        const own = evaluations.map((evaluate) => evaluate(row));
        keyRows.push(key);
        own.forEach((value, i) => values[i]!.push(value));
        places.push(place);
      } catch (error) {
        failed(row, error);
      }
    });
    const count = places.length;
    const columnOf = (all: readonly Row[], field: number): Value[] => all.map((row) => row[field]!);
    const vectors = keys.map(({ type }, i) => vectorOfValues(columnOf(keyRows, i), type));
    const inputs = values.map((own, i): AggregateInput => {
      const vector = vectorOfValues(own, types[i]!);
      return { vector: aggregates[i]!.args.length === 0 ? null : vector, absent: absentOf(vector, count, null) };
    });
    return {
      keys: { count, vectors, distinct: null },
      time:
        time === null
          ? null
          : vectorOfValues(
              places.map((place) => rows[place]![time.index]!),
              time.type,
            ),
      inputs,
      places: count === rows.length ? null : Int32Array.from(places),
    };
  };
}
