/** Reports groups whose value is an error. */
import type { Field } from '../../../sql/relation/relation.js';
import { failureReason } from '../expressions.js';
import type { DataflowContext, Row } from '../operator.js';

/** Reports a group by its key fields: the first ones of `fields`, as many as `keys`. */
export function groupFailure(
  fields: readonly Field[],
  keys: { readonly length: number },
  context: DataflowContext,
): (row: Row, error: unknown, windowStart: number) => void {
  const shown = fields.slice(0, keys.length);
  return (row, error, windowStart) =>
    context.late({
      source: context.view,
      row: row.slice(0, shown.length),
      fields: shown,
      reason: failureReason(error),
      time: Number.NaN,
      windowStart,
      lateByMs: Number.NaN,
    });
}
