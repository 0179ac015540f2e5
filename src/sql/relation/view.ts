/** Plans statements: a SELECT that is asked once, and a standing query. */
import type { SelectStmt } from 'libpg-query';
import { bindError } from '../context.js';
import type { ViewStatement } from '../parse.js';
import { readOptions } from '../plan-options.js';
import type { Expression } from '../plan.js';
import { locationOf } from '../tree.js';
import { boundJoins, growing, growthOf, markLate } from './bounds.js';
import type { QuerySource, RelationCatalog } from './catalog.js';
import { columnOf } from './columns.js';
import { finishJoins } from './finish-joins.js';
import { checkStatePolicy } from './state-policy.js';
import { renamed } from './named.js';
import { withFollower, type Followed } from './follower.js';
import { closingTime, fieldOf, later, uniqueKey } from './identity.js';
import { scopeContext } from './scope-context.js';
import { originOf } from './lineage.js';
import { findOwnExtremes } from './own-extremes.js';
import { prune } from './prune.js';
import { planOrdered, planRelation, queryContext } from './query.js';
import type { Field, Project, QueryPlan, Relation, RelationView } from './relation.js';
import { scopeOf } from './scope.js';
import { findTopN } from './top-n.js';
import { inputsOf, streamsOf } from './walk-relation.js';

/** Plans a SELECT over what is there now. */
export function planSelect(select: SelectStmt, source: QuerySource, catalog: RelationCatalog): QueryPlan {
  const context = queryContext(source, catalog, true);
  const plan = planOrdered(context, select);
  const relation = findTopN(findOwnExtremes(finishJoins(plan.relation)));
  if (plan.limit !== null || plan.offset > 0) return { ...plan, relation: prune(relation) };
  // Rows that an order leaves equal are told apart by all that is read of them: as much as the standing query reads.
  const hidden = withHidden(relation, catalog, () => scopeContext(context, scopeOf('', [])));
  const isAdded = hidden.relation.fields.length > relation.fields.length;
  return { ...plan, relation: prune(isAdded ? hidden.relation : relation) };
}

/**
 * Plans a standing query. `lags`: the delays of sources with WATERMARK FOR, ms. A view of such streams alone waits for
 * the longest and takes nothing later, unless it says otherwise.
 *
 * @throws SQL_* with file, line, column, a caret, and what to write instead.
 */
export function planRelationView(
  view: ViewStatement,
  catalog: RelationCatalog,
  lags: ReadonlyMap<string, number> = new Map(),
): RelationView {
  const context = queryContext(view, catalog, false);
  const planned = renamedColumns(view, planRelation(context, view.select));
  const bounded = boundJoins(findTopN(findOwnExtremes(finishJoins(planned))), view);
  const scope = (): ReturnType<typeof scopeContext> => scopeContext(context, scopeOf('', []));
  const identified = withHidden(bounded, catalog, scope);
  const times = eventTimes(identified.relation);
  const options = readOptions(view, times, bounded.fields, patienceOf(identified.relation, lags));
  const isHeld = options.emit.kind === 'close' && identified.closes === null;
  const { relation, key, closes, tenant } = isHeld ? withHidden(bounded, catalog, scope, withFollower) : identified;
  if (options.emit.kind === 'close' && closes === null) throw neverFinal(view);
  if (options.statePolicy !== undefined) checkStatePolicy(view, options.statePolicy, relation);
  return {
    name: view.name,
    text: view.sql,
    relation: prune(markLate(relation, options.emit.kind === 'close')),
    width: bounded.fields.length,
    key,
    closes,
    tenant,
    notices: growing(relation),
    ...options,
  };
}

/** What the watermarks of a view's streams say of waiting; undefined where one of them has none. */
function patienceOf(
  relation: Relation,
  lags: ReadonlyMap<string, number>,
): Parameters<typeof readOptions>[3] | undefined {
  const delays = streamsOf(relation).map((stream) => lags.get(stream));
  if (delays.length === 0 || delays.includes(undefined)) return undefined;
  return { lagMs: Math.max(...delays.map(Number)), allowedLatenessMs: 0 };
}

/** A view that would wait for ever: it is refused, for it would show nothing. */
function neverFinal(view: ViewStatement): Error {
  return bindError(
    view,
    'SQL_UNSUPPORTED',
    "emit = 'close' would publish nothing: the rows of this view are never final",
    view.options.get('emit')?.location,
    "Group by window_start or window_end of a window, keep the event time among the rows, or write emit = 'change'.",
  );
}

/** `CREATE MATERIALIZED VIEW v (a, b)`; each name once. */
function renamedColumns(view: ViewStatement, relation: Relation): Relation {
  const location = locationOf(view.select.targetList?.[0]);
  if (view.columnNames.length > relation.fields.length)
    throw bindError(view, 'SQL_TYPE', 'too many column names were specified', location);
  const named = renamed(relation, view.columnNames);
  const names = new Set<string>();
  named.fields.forEach((field, i) => {
    const target = view.select.targetList?.[i];
    if (names.has(field.name))
      throw bindError(
        view,
        'SQL_TYPE',
        `column "${field.name}" specified more than once`,
        locationOf(target) ?? location,
        'Name one of them with AS.',
      );
    names.add(field.name);
  });
  return named;
}

interface Identified {
  readonly relation: Relation;
  readonly key: readonly number[] | null;
  readonly closes: number | null;
  readonly tenant: number | null;
}

/**
 * Adds the fields that tell rows apart, when they are final, and whose they are, where they are not shown. `follow`: finds
 * a time that closes rows where their own fields have none.
 */
function withHidden(
  relation: Relation,
  catalog: RelationCatalog,
  context: () => ReturnType<typeof scopeContext>,
  follow: (relation: Relation) => Followed | null = () => null,
): Identified {
  const top: Project =
    relation.kind === 'project'
      ? relation
      : {
          kind: 'project',
          fields: relation.fields,
          input: relation,
          expressions: relation.fields.map((_, i) => columnOf(relation.fields, i)),
        };
  const followed = follow(top.input);
  const input = followed?.relation ?? top.input;
  const expressions: Expression[] = [...top.expressions];
  const fields: Field[] = [...top.fields];
  const placeOf = (expression: Expression, name: string): number => {
    const at = expression.kind === 'column' ? fieldOf(expressions, expression.index) : -1;
    if (at >= 0) return at;
    fields.push({ name, type: expression.type, nullable: expression.kind !== 'column' || expression.nullable });
    return expressions.push(expression) - 1;
  };
  const unique = uniqueKey(input);
  const key = unique?.map((field, i) => placeOf(columnOf(input.fields, field), `_key_${i}`)) ?? null;
  const closing =
    followed === null
      ? closingTime(context(), input)
      : later(context(), columnOf(input.fields, followed.field), followed.afterMs);
  const closes = closing === null || growthOf(input) === 'table' ? null : placeOf(closing, '_closes');
  const tenantField = input.fields.findIndex((_, field) => isTenant(input, field, catalog));
  const tenant = tenantField < 0 ? null : placeOf(columnOf(input.fields, tenantField), '_tenant');
  return { relation: { ...top, input, fields, expressions }, key, closes, tenant };
}

function isTenant(relation: Relation, field: number, catalog: RelationCatalog): boolean {
  const origin = originOf(relation, field);
  return origin?.kind === 'column' && catalog.get(origin.source)?.tenant === origin.column;
}

/** Names of the columns that windows and waiting are over. */
function eventTimes(relation: Relation): string[] {
  const own =
    relation.kind === 'window'
      ? [relation.input.fields[relation.time]!.name]
      : relation.kind === 'scan' && relation.time !== null
        ? [relation.fields[relation.time]!.name]
        : [];
  return [...own, ...inputsOf(relation).flatMap(eventTimes)];
}
