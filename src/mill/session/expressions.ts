/** Expressions of a statement that are computed for one row: DEFAULT, generated columns, VALUES. */
import type { Node } from 'libpg-query';
import { bindError } from '../../sql/context.js';
import { compile, literalValue } from '../../sql/evaluate.js';
import type { Expression, SqlType } from '../../sql/plan.js';
import type { QuerySource, RelationCatalog } from '../../sql/relation/catalog.js';
import type { Field } from '../../sql/relation/relation.js';
import { planSelect } from '../../sql/relation/view.js';
import type { Value } from '../../sql/value.js';
import { compileRow } from '../dataflow/expressions.js';
import type { Row } from '../dataflow/operator.js';
import { selectFrom } from './trees.js';

const NO_ROW = { column: none, key: none, aggregate: none, windowStart: 0, windowEnd: 0 };

function none(): never {
  throw new Error('a constant reads no row');
}

/** The value of an expression that reads no row. Throws SQL_RUNTIME. */
export function constantValue(expression: Expression): Value {
  if (expression.kind === 'literal') return literalValue(expression.value, expression.type);
  return compile(expression)(NO_ROW);
}

/** Expressions over rows of some fields. */
export interface RowExpressions {
  readonly types: readonly SqlType[];
  /** Throws SQL_RUNTIME. */
  of(row: Row): Row;
}

/**
 * Binds expressions over a relation's columns.
 *
 * @throws SQL_* where they are more than expressions over one row.
 */
export function bindOverRow(
  nodes: readonly Node[],
  source: QuerySource,
  relation: { readonly name: string; readonly fields: readonly Field[]; readonly location: number },
): RowExpressions {
  const { name, fields } = relation;
  const catalog: RelationCatalog = new Map([
    [name, { kind: 'stream', name, fields, key: null, time: null, tenant: null }],
  ]);
  const plan = planSelect(selectFrom(nodes, relation), source, catalog).relation;
  if (plan.kind === 'scan') return { types: plan.fields.map(({ type }) => type), of: picked(plan.columns) };
  if (plan.kind !== 'project' || plan.input.kind !== 'scan')
    throw bindError(
      source,
      'SQL_UNSUPPORTED',
      'only an expression over the other columns of the row can stand here',
      relation.location,
      'Leave aggregates and subqueries out.',
    );
  const pick = picked(plan.input.columns);
  const compute = compileRow(plan.expressions);
  return { types: plan.expressions.map(({ type }) => type), of: (row) => compute(pick(row)) };
}

function picked(columns: readonly number[]): (row: Row) => Row {
  return (row) => columns.map((column) => row[column]!);
}
