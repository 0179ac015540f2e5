/**
 * Filter and project: operators that look at one row at a time and keep nothing.
 *
 * A row that can't be evaluated goes to the late stream and takes no part. When it is taken back (its
 * weight is -1) it is left out again, without a second report. A block with such a row is taken row by row.
 */
import { inputsOf } from '../../../sql/relation/walk-relation.js';
import type { Expression } from '../../../sql/plan.js';
import type { Filter, Project, Relation } from '../../../sql/relation/relation.js';
import { BlockDeltas, selectRows, type Block, type Vector } from '../block.js';
import { compileBlockCondition, compileBlockExpression } from '../block-expressions.js';
import { compileCondition, compileRow, failureReason } from '../expressions.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import type { DataflowContext, Deltas, Operator, Output, Row } from '../operator.js';
import { originOf } from '../relations.js';

/** Rows that an operator is about to pass on. */
export class Outgoing {
  rows: Row[] = [];
  weights: number[] = [];
  stamps: number[] = [];

  clear(): void {
    this.rows.length = 0;
    this.weights.length = 0;
    this.stamps.length = 0;
  }
}

/** Reports rows that can't be evaluated. */
export function failureReport(relation: Relation, context: DataflowContext): (row: Row, error: unknown) => void {
  const { fields } = relation;
  const source = originOf(relation, context.view);
  return (row, error) =>
    context.late({
      source,
      row,
      fields,
      reason: failureReason(error),
      time: Number.NaN,
      windowStart: Number.NaN,
      lateByMs: Number.NaN,
    });
}

/** An operator without state. */
export function passThrough(name: string, take: Output): Operator {
  return {
    name,
    tables: [],
    take: (_input, deltas) => take(deltas),
    flush: () => {},
    advance: () => {},
    restored: () => {},
  };
}

/** The operator of a filter. */
export function filterOperator(relation: Filter, { context, output }: OperatorScope): BuiltOperator {
  const isTrue = compileCondition(relation.condition);
  const failed = failureReport(inputsOf(relation)[0]!, context);
  const out = new Outgoing();
  const take = ({ rows, weights, stamps }: Deltas): void => {
    out.clear();
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      try {
        if (!isTrue(row)) continue;
      } catch (error) {
        if (weights === null || weights[i]! > 0) failed(row, error);
        continue;
      }
      out.rows.push(row);
      if (weights !== null) out.weights.push(weights[i]!);
      if (typeof stamps !== 'number') out.stamps.push(stamps[i]!);
    }
    if (out.rows.length > 0) output(selected(out, weights, stamps));
  };
  const blockwise = compileBlockCondition(relation.condition);
  const takeBlock = (block: Block, deltas: Deltas): void => {
    const selection = new Uint32Array(block.count);
    const count = blockwise(block, selection);
    if (count === null) return take(deltas);
    if (count > 0) output(count === block.count ? deltas : selectDeltas(block, deltas.stamps, selection, count));
  };
  return { operator: passThrough('filter', byBlock(take, takeBlock)) };
}

/** Takes a block as such where there is one. */
export function byBlock(take: Output, takeBlock: (block: Block, deltas: Deltas) => void): Output {
  return (deltas) => (deltas.block === undefined ? take(deltas) : takeBlock(deltas.block, deltas));
}

/** The first `count` rows at `selection`. */
export function selectDeltas(
  block: Block,
  stamps: Deltas['stamps'],
  selection: Uint32Array,
  count: number,
): BlockDeltas {
  return new BlockDeltas(selectRows(block, selection, count), selectStamps(stamps, selection, count));
}

/** The stamps of the first `count` rows at `selection`. */
export function selectStamps(stamps: Deltas['stamps'], selection: Uint32Array, count: number): Deltas['stamps'] {
  return typeof stamps === 'number' ? stamps : Array.from(selection.subarray(0, count), (i) => stamps[i]!);
}

/** What was kept of some deltas, in the shape that they had. */
export function selected(out: Outgoing, weights: Deltas['weights'], stamps: Deltas['stamps']): Deltas {
  return {
    rows: out.rows,
    weights: weights === null ? null : out.weights,
    stamps: typeof stamps === 'number' ? stamps : out.stamps,
  };
}

/** The operator of a projection. */
export function projectOperator(relation: Project, { context, output }: OperatorScope): BuiltOperator {
  const project = compileRow(relation.expressions);
  const failed = failureReport(relation.input, context);
  const out = new Outgoing();
  const take = ({ rows, weights, stamps }: Deltas): void => {
    out.clear();
    for (let i = 0; i < rows.length; i++) {
      let made: Row;
      try {
        made = project(rows[i]!);
      } catch (error) {
        if (weights === null || weights[i]! > 0) failed(rows[i]!, error);
        continue;
      }
      out.rows.push(made);
      if (weights !== null) out.weights.push(weights[i]!);
      if (typeof stamps !== 'number') out.stamps.push(stamps[i]!);
    }
    if (out.rows.length > 0) output(selected(out, weights, stamps));
  };
  const blockwise = relation.expressions.map(compileBlockExpression);
  const takeBlock = (block: Block, deltas: Deltas): void => {
    const vectors: Vector[] = [];
    for (const expression of blockwise) {
      const vector = expression(block);
      if (vector === null) return take(deltas);
      vectors.push(vector);
    }
    const distinct = distinctOf(block, relation.expressions);
    output(new BlockDeltas({ count: block.count, vectors, distinct }, deltas.stamps));
  };
  return { operator: passThrough('project', byBlock(take, takeBlock)) };
}

/** Where the fields that tell a block's rows apart are among what is made of them; null where one is not. */
function distinctOf({ distinct }: Block, expressions: readonly Expression[]): number[] | null {
  if (distinct === null) return null;
  const places = distinct.map((field) =>
    expressions.findIndex((expression) => expression.kind === 'column' && expression.index === field),
  );
  return places.includes(-1) ? null : places;
}
