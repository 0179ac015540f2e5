/** RETURNING: a query over the rows that a statement changed. */
import { planSelect } from '../../sql/relation/view.js';
import type { Returning, StatementSource } from '../../sql/statements/statement.js';
import type { Row } from '../dataflow/operator.js';
import type { SessionCatalog, TableEntry } from './catalog.js';
import type { Result } from './result.js';
import { runQuery } from './run-query.js';
import type { QueryInputs } from './run-query.js';
import { selectTargets } from './trees.js';

/** The changed rows go by a name that no statement can write. */
const CHANGED = ' changed';

/**
 * Plans RETURNING before anything is changed; answers what gives its result. Null where there is none.
 *
 * @throws SQL_*.
 */
export function planReturning(
  statement: StatementSource & { readonly returning: Returning },
  target: { readonly name: string; readonly alias: string | null; readonly location: number },
  table: TableEntry,
  catalog: SessionCatalog,
  inputs: QueryInputs,
): ((changed: readonly Row[]) => Pick<Result, 'columns' | 'rows'>) | null {
  const { returning } = statement;
  if (returning === null) return null;
  const { fields } = table;
  const named = new Map([
    ...catalog.forQueries(),
    [CHANGED, { kind: 'stream', name: CHANGED, fields, key: null, time: null, tenant: null }] as const,
  ]);
  const from = { name: CHANGED, alias: target.alias ?? target.name, location: target.location };
  const plan = planSelect(selectTargets(returning, from), statement, named);
  const columns = plan.relation.fields.slice(0, plan.width).map(({ name, type }) => ({ name, type }));
  return (changed) => {
    const rows = changed.map((row) => ({ row: row.slice(0, fields.length), stamp: -Infinity }));
    const of: QueryInputs['of'] = (name) => (name === CHANGED ? { fields, rows } : inputs.of(name));
    return { columns, rows: runQuery(plan, { ...inputs, of }) };
  };
}
