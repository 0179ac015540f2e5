/** Literal rows: passed on once, at the first flush of a dataflow's life. */
import type { Values } from '../../../sql/relation/relation.js';
import { compileRow } from '../expressions.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import { StateTable } from '../state-table.js';

/** The operator of literal rows. What they throw is thrown here: it is an error of the statement. */
export function valuesOperator(relation: Values, { context, path, output }: OperatorScope): BuiltOperator {
  const rows = relation.rows.map((expressions) => compileRow(expressions)([]));
  const codec = { write: () => {}, read: () => true, bytes: () => 0 };
  const passed = new StateTable<boolean>(`${path}.passed`, codec, context.budget);
  const flush = (): void => {
    if (passed.size > 0) return;
    passed.set(0, true);
    if (rows.length > 0) output({ rows, weights: null, stamps: Number.NEGATIVE_INFINITY });
  };
  return {
    operator: { name: 'values', tables: [passed], take: () => {}, flush, advance: () => {}, restored: () => {} },
  };
}
