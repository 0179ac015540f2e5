/** Blocks as a source makes them. */
import { blockOfRows, type Block, type TextVector, type Vector } from '../../../src/mill/dataflow/block.js';
import type { Row } from '../../../src/mill/dataflow/operator.js';
import type { SqlType } from '../../../src/sql/plan.js';
import type { Value } from '../../../src/sql/value.js';

/** Rows as a block whose texts are codes of a table. */
export function textBlock(
  rows: readonly Row[],
  types: readonly SqlType[],
  distinct: readonly number[] | null = null,
): Block {
  const block = blockOfRows(rows, types, distinct);
  const vectors = block.vectors.map((vector, field): Vector =>
    types[field] === 'text' && vector.kind === 'values' ? textsOf(vector.values) : vector,
  );
  return { ...block, vectors };
}

function textsOf(values: readonly Value[]): TextVector {
  const texts = [...new Set(values.filter((value) => value !== null))] as string[];
  return {
    kind: 'texts',
    codes: Int32Array.from(values, (value) => texts.indexOf(value as string)),
    texts: { size: texts.length, stringOf: (code) => texts[code]! },
  };
}
