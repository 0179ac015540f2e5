/** UNION ALL: rows pass as they are. What tells the rows of one input apart tells nothing of the other's. */
import type { Union } from '../../../sql/relation/relation.js';
import { BlockDeltas, type Block } from '../block.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import type { Deltas } from '../operator.js';
import { byBlock, passThrough } from './row-wise.js';

/** The operator of a union. */
export function unionOperator(_relation: Union, { output }: OperatorScope): BuiltOperator {
  const takeBlock = (block: Block, { stamps }: Deltas): void =>
    output(new BlockDeltas({ ...block, distinct: null }, stamps));
  return { operator: passThrough('union', byBlock(output, takeBlock)) };
}
