/** EXPLAIN of a view: how it stands. */
import { explainRelation } from '../../sql/relation/explain.js';
import { planSelect } from '../../sql/relation/view.js';
import type { Explain } from '../../sql/statements/statement.js';
import { kindOf } from './catalog.js';
import type { SessionCatalog } from './catalog.js';
import { planStanding } from './create.js';
import { listing } from './result.js';
import type { Result } from './result.js';
import type { StandingView } from './standing-view.js';

/** How a standing query stands: its plan, its clock, its state, its late rows. */
export function explainView(view: StandingView): string[] {
  const { plan } = view;
  const emit = plan.emit.kind === 'every' ? `every ${plan.emit.ms} ms` : plan.emit.kind;
  const reasons = new Map<string, number>();
  for (const { reason } of view.late()) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const late = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ');
  return [
    ...explainRelation(plan.relation),
    `emit ${emit}, lag ${plan.lagMs} ms, allowed lateness ${plan.allowedLatenessMs} ms`,
    `clock ${clockText(view.now)}; a row is final once the clock is beyond ${plan.closes === null ? 'nothing: rows stay open' : `${plan.relation.fields[plan.closes]!.name} + lag`}`,
    ...view
      .stats()
      .map(({ name, rows, keys, bytes }) => `state of ${name}: ${keys} keys, ${bytes} bytes, ${rows} rows taken`),
    `late rows: ${late === '' ? 'none' : late}`,
  ];
}

function clockText(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'not begun';
}

/** EXPLAIN: a line of the plan a row. Throws SQL_*. */
export function explained(statement: Explain, catalog: SessionCatalog): Result {
  return listing(
    ['plan'],
    linesOf(statement, catalog).map((line) => [line]),
    'EXPLAIN',
  );
}

function linesOf({ statement, name, ...source }: Explain, catalog: SessionCatalog): string[] {
  if (name !== null) {
    const entry = catalog.require(source, name.name, name.location);
    if (entry.kind === 'table') return [`${kindOf(entry)} ${entry.name}: ${entry.rows.size} rows`];
    if (entry.kind !== 'view') return explainView(entry.standing);
    return explainRelation(planSelect(entry.statement.select, entry.statement, catalog.forQueries()).relation);
  }
  if (statement!.kind === 'createMaterializedView')
    return explainRelation(planStanding(statement!.view, catalog).plan.relation);
  return explainRelation(planSelect(statement!.select, statement!, catalog.forQueries()).relation);
}
