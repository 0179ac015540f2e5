/** The operator of window functions. */
import type { Over } from '../../../../sql/relation/relation.js';
import type { BuiltOperator, OperatorScope } from '../../build.js';
import { OverOperator } from './over.js';
import { PackedOver } from './packed-over.js';
import { packedPlan } from './packed-plan.js';

/** Over blocks where that can be, else row by row: a batch, which ends at once, and what is shed or spilled. */
export function overOperator(over: Over, scope: OperatorScope): BuiltOperator {
  const { isBatch, statePolicy } = scope.context;
  const plan = isBatch || statePolicy !== undefined ? null : packedPlan(over);
  return { operator: plan === null ? new OverOperator(over, scope) : new PackedOver(over, plan, scope) };
}
