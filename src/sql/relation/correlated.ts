/**
 * A subquery for one value that reads the query around it: `(SELECT max(x) FROM b WHERE b.k = a.k)`.
 *
 * It is grouped by what is compared with the query around it, and joined by that. Where there is no group its value
 * is that over no rows: NULL, or what counts of nothing come to. Where it compares in other ways than by `=`, it is first
 * joined with the values that the query around it has: each once, however many rows have it.
 */
import type { SubLink } from 'libpg-query';
import { literal } from '../context.js';
import type { Expression } from '../plan.js';
import { visit } from '../walk.js';
import { allOf, columnOf, isReference, OUTER, replaceColumns, shifted } from './columns.js';
import { joinOf } from './join-of.js';
import { readsFurther, readsOuter, visitOuter } from './outer-fields.js';
import type { BegunSelect } from './query-context.js';
import type { AggregateSpec, Field, Relation } from './relation.js';

/** A subquery for one value, ready to be joined. */
export interface Scalar {
  /** Its keys, then the value; without keys the value alone, of one row at most. */
  readonly relation: Relation;
  /** What each key must equal, over the fields of the query around it. */
  readonly outer: readonly Expression[];
  /** From this one on NULL meets NULL; the relation has then `true` in front. Where it is left out none does. */
  readonly nullSafe?: number;
  /** The value where no row is. */
  readonly empty: Expression | null;
}

/**
 * Plans a subquery whose FROM and WHERE are planned, and whose conditions read the query around it; undefined where it
 * reads that elsewhere too, or has several rows of a key.
 *
 * @param around rows of the query around it, its FROM first.
 * @param more conditions beside those of its WHERE, by `=`.
 */
export function planCorrelated(
  planner: BegunSelect,
  around: Relation,
  more: readonly Expression[] = [],
): Scalar | undefined {
  if (readsOuter(planner.relation)) return undefined;
  const conditions = [...planner.correlated, ...more];
  const pairs = conditions.flatMap((condition) => pairOf(condition) ?? []);
  const rest = conditions.filter((condition) => pairOf(condition) === undefined);
  // Asked once, what is compared by = finds the rows that are compared otherwise: `dependent.ts` joins by it.
  if (planner.context.isBatch && pairs.length > 0 && rest.length > 0) return undefined;
  if (conditions.some(readsFurther) || rest.some((condition) => more.includes(condition))) return undefined;
  const fields = rest.length === 0 ? [] : fieldsAround(rest);
  const width = planner.relation.fields.length;
  if (fields.length > 0) planner.relation = withValues(planner.relation, around, fields, rest);
  const met = fields.map((_, i) => columnOf(planner.relation.fields, width + i));
  const grouped = planner.grouped([...pairs.map((pair) => pair.inner), ...met]);
  if (grouped === undefined) return undefined;
  const { empty, relation } = grouped;
  const outer = [...pairs.map((pair) => pair.outer), ...fields.map((field) => columnOf(around.fields, field))];
  return fields.length === 0
    ? { relation, outer, empty }
    : { relation: found(relation), outer, nullSafe: pairs.length, empty };
}

/** A relation with `true` in front of its fields: what tells a row with NULL in all of them from none. */
export function found(input: Relation): Relation {
  const fields: Field[] = [{ name: '_found', type: 'boolean', nullable: false }, ...input.fields];
  const expressions = [literal(true, 'boolean'), ...input.fields.map((_, i) => columnOf(input.fields, i))];
  return { kind: 'project', fields, input, expressions };
}

/** Fields of the query around a subquery that conditions read. */
function fieldsAround(conditions: readonly Expression[]): number[] {
  const fields = new Set<number>();
  for (const condition of conditions) visitOuter(condition, (field) => fields.add(field));
  return [...fields];
}

/** A subquery's rows, each with the values of the query around it that it meets, behind its fields. */
function withValues(
  inside: Relation,
  around: Relation,
  fields: readonly number[],
  conditions: readonly Expression[],
): Relation {
  const width = inside.fields.length;
  const keys = fields.map((field) => columnOf(around.fields, field));
  const values: Relation = {
    kind: 'aggregate',
    fields: fields.map((field) => around.fields[field]!),
    input: around,
    keys,
    sets: null,
    aggregates: [],
    always: false,
    windowEnd: null,
  };
  const parts = conditions.map((condition) =>
    replaceColumns(condition, (column) =>
      isReference(column, OUTER) ? { ...column, index: width + fields.indexOf(column.index - OUTER) } : column,
    ),
  );
  return joinOf(inside, values, 'inner', allOf(parts));
}

/** `inner = outer`, either way round. */
function pairOf(condition: Expression): { inner: Expression; outer: Expression } | undefined {
  if (condition.kind !== 'call' || condition.name !== '=') return undefined;
  const [a, b] = condition.args as [Expression, Expression];
  const [sideA, sideB] = [sideOf(a), sideOf(b)];
  if (sideA === 'inner' && isAround(sideB)) return { inner: a, outer: fromOuter(b) };
  return isAround(sideA) && sideB === 'inner' ? { inner: b, outer: fromOuter(a) } : undefined;
}

function sideOf(expression: Expression): 'inner' | 'outer' | 'both' | 'none' {
  const sides = new Set<'inner' | 'outer'>();
  visit(expression, (node) => {
    if (node.kind === 'column') sides.add(isReference(node, OUTER) ? 'outer' : 'inner');
  });
  return sides.size === 2 ? 'both' : ([...sides][0] ?? 'none');
}

/** A constant is as good as what the query around it has. */
function isAround(side: ReturnType<typeof sideOf>): boolean {
  return side === 'outer' || side === 'none';
}

function fromOuter(expression: Expression): Expression {
  return replaceColumns(expression, (column) => ({ ...column, index: column.index - OUTER }));
}

const COUNTS: readonly string[] = ['count', 'approx_count_distinct', 'regr_count'];

/** The value of an aggregate over no rows. */
export function emptyValue({ name, type }: AggregateSpec): Expression {
  return literal(COUNTS.includes(name) ? 0 : null, type);
}

/** A relation with the one value of a subquery behind its fields. */
export function withScalar(
  relation: Relation,
  { empty, nullSafe, outer, relation: right }: Scalar,
  link: SubLink,
): Relation {
  const width = relation.fields.length;
  const first = nullSafe === undefined ? 0 : 1;
  const parts = outer.map((expression, i): Expression => {
    const key = shifted(columnOf(right.fields, first + i), width);
    const call = (name: string): Expression => ({ kind: 'call', name, args: [expression, key], type: 'boolean' });
    return nullSafe === undefined || i < nullSafe
      ? call('=')
      : { kind: 'not', arg: call('isDistinct'), type: 'boolean' };
  });
  const condition: Expression | null =
    parts.length < 2 ? (parts[0] ?? null) : { kind: 'and', args: parts, type: 'boolean' };
  const { location } = link;
  const join = { ...joinOf(relation, right, 'left', condition), ...(location === undefined ? {} : { location }) };
  if (outer.length === 0) return join;
  const value = columnOf(join.fields, join.fields.length - 1);
  const isMissing: Expression = { kind: 'isNull', arg: columnOf(join.fields, width), negated: false, type: 'boolean' };
  const whole: Expression =
    empty === null
      ? value
      : { kind: 'case', branches: [{ when: isMissing, result: empty }], otherwise: value, type: value.type };
  const field: Field = { ...right.fields.at(-1)!, nullable: true };
  return {
    kind: 'project',
    fields: [...relation.fields, field],
    input: join,
    expressions: [...relation.fields.map((_, i) => columnOf(join.fields, i)), whole],
  };
}
