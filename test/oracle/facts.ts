/** What a standing plan says of a case: which rows can be late, what is read, which operators run. */
import type { CatalogRelation } from '../../src/sql/relation/catalog.js';
import type { Relation, RelationView } from '../../src/sql/relation/relation.js';
import { planRelationView } from '../../src/sql/relation/view.js';
import { inputsOf } from '../../src/sql/relation/walk-relation.js';
import { parseStatement } from '../../src/sql/statements/parse.js';
import type { Statement } from '../../src/sql/statements/statement.js';
import { splitStatements } from '../../src/sql/statements/statement-text.js';
import type { Case, Table } from './ast.js';
import type { Facts } from './feed.js';
import { createStandingView, createViews } from './script.js';

/** Facts, and the rules that the plan hits. */
export interface Planned {
  readonly plan: RelationView;
  readonly facts: Facts;
  readonly operators: readonly string[];
}

function parsed(text: string): Statement {
  return parseStatement(splitStatements(text)[0]!);
}

function catalogRelation({ columns, key, kind, name, tenant, time }: Table): CatalogRelation {
  const at = (column: string | null): number | null =>
    column === null ? null : columns.findIndex((each) => each.name === column);
  return {
    kind: kind === 'stream' ? 'stream' : 'table',
    name,
    fields: columns.map((column) => ({ name: column.name, type: column.type, nullable: !column.notNull })),
    key: kind === 'stream' ? null : key.map((each) => at(each)!),
    time: at(time),
    tenant: at(tenant),
  };
}

/** Plans a case's standing query. Throws SQL_*. */
export function planCase(of: Case): Planned {
  const catalog = new Map(of.tables.map((table) => [table.name, catalogRelation(table)]));
  for (const text of createViews(of)) {
    const view = parsed(text);
    if (view.kind !== 'createView') throw new Error('a view');
    catalog.set(view.name, {
      kind: 'view',
      name: view.name,
      fields: [],
      key: null,
      time: null,
      tenant: null,
      query: view,
    });
  }
  const statement = parsed(createStandingView(of));
  if (statement.kind !== 'createMaterializedView') throw new Error('a standing view');
  const plan = planRelationView(statement.view, catalog);
  const guards = new Map<string, Set<string>>();
  const operators = new Set<string>();
  collect(plan.relation, 'none', guards, operators);
  operators.add(`emit ${plan.emit.kind}`);
  const every = (kinds: readonly string[]): Set<string> =>
    new Set(
      [...guards].filter(([, found]) => [...found].every((guard) => kinds.includes(guard))).map(([name]) => name),
    );
  const looksUp = [...operators].some((operator) => /^operator join .*(lookup|asOf)/.test(operator));
  const facts = {
    lateStreams: every(['scan', 'window']),
    timedStreams: every(['scan']),
    reads: new Set(guards.keys()),
    looksUp,
  };
  return { plan, facts, operators: [...operators] };
}

function collect(relation: Relation, guard: string, guards: Map<string, Set<string>>, operators: Set<string>): void {
  operators.add(`operator ${operatorOf(relation)}`);
  if (relation.kind === 'scan') {
    const found = guards.get(relation.source) ?? new Set();
    guards.set(relation.source, found.add(relation.late ? 'scan' : guard));
  }
  const below = relation.kind === 'window' ? (relation.late ? 'window' : guard) : guard;
  for (const input of inputsOf(relation)) collect(input, below, guards, operators);
}

function operatorOf(relation: Relation): string {
  switch (relation.kind) {
    case 'join': {
      const life = relation.windowEnd !== null ? ' in windows' : relation.bound !== null ? ' in time' : '';
      return `join ${relation.type} ${relation.mode.kind}${life}`;
    }
    case 'window':
      return `window ${relation.window.kind}`;
    case 'aggregate':
      return `aggregate${relation.sets === null ? '' : ' sets'}${relation.windowEnd === null ? '' : ' until its window ends'}`;
    case 'top':
      return `top ${relation.ranking}${relation.windowEnd === null ? '' : ' until its window ends'}`;
    case 'scan':
      return `scan ${relation.key === null ? 'stream' : 'table'}${relation.late ? ' late' : ''}`;
    case 'intersect':
    case 'except':
      return `${relation.kind}${relation.all ? ' all' : ''}`;
    case 'expand':
      return `expand ${relation.calls.map(({ name }) => name).join(' ')}`;
    default:
      return relation.kind;
  }
}
