/** Rows made of one by `unnest`, `generate_series` and the like, their values as last fields. Keeps nothing. */
import type { Expand, SetCall } from '../../../sql/relation/relation.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import { compileRow, failureReason } from '../expressions.js';
import type { Value } from '../../../sql/value.js';
import type { Deltas, Row } from '../operator.js';
import { RowOutput } from './row-output.js';
import { LeftOut } from './left-out.js';
import { passThrough } from './row-wise.js';
import { valuesFunction } from './series.js';

/** The operator of set-returning functions. A row for which one fails goes to the late stream. */
export function expandOperator(relation: Expand, { context, output }: OperatorScope): BuiltOperator {
  const valuesOf = relation.calls.map(compileCall);
  const made = relation.fields.length - relation.input.fields.length;
  const nothing = new Array<Value>(made).fill(null);
  const out = new RowOutput(output);
  const leftOut = new LeftOut(context, relation.input, relation.input.fields);
  const expand = (row: Row, weight: number, stamp: number): void => {
    const columns = valuesOf.map((values) => values(row));
    const count = Math.max(...columns.map((values) => values.length));
    if (count === 0 && relation.outer) out.emit([...row, ...nothing], weight, stamp);
    for (let i = 0; i < count; i++) {
      const values = columns.map((column) => column[i] ?? null);
      out.emit(relation.ordinality ? [...row, ...values, i + 1] : [...row, ...values], weight, stamp);
    }
  };
  const take = ({ rows, weights, stamps }: Deltas): void => {
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const weight = weights === null ? 1 : weights[i]!;
      try {
        expand(row, weight, typeof stamps === 'number' ? stamps : stamps[i]!);
      } catch (error) {
        const reason = failureReason(error);
        if (weight > 0) leftOut.report(row, reason);
      }
    }
    out.send();
  };
  return { operator: passThrough('expand', take) };
}

function compileCall({ name, args }: SetCall): (row: Row) => readonly Value[] {
  const argsOf = compileRow(args);
  const make = valuesFunction(
    name,
    args.map(({ type }) => type),
  );
  return (row) => make(argsOf(row));
}
