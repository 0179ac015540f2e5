/**
 * Finds joins of rows with the largest (or smallest) value of their own group:
 *
 *     FROM bids b JOIN (SELECT max(price) AS best, w FROM bids GROUP BY w) m ON b.w = m.w AND b.price = m.best
 *
 * These are the rows of rank 1. As a Top-N the rows are read once, and only those that lead are kept, where the join
 * would keep them all. (Zuzarte et al.: WinMagic, SIGMOD 2003, §3: a subquery over the same rows is a window.)
 *
 * A key or value that is NULL meets nothing in a join, so such rows are left out first.
 */
import type { Expression, SqlType } from '../plan.js';
import { allOf, columnOf, conjuncts, keyOf, replaceColumns, shifted } from './columns.js';
import { sideOf } from './join-of.js';
import type { Aggregate, Join, Project, Relation, TopN } from './relation.js';
import { numericShape } from './scale.js';
import { mapInputs } from './walk-relation.js';

/** Types whose equal values are one. */
const EXACT: ReadonlySet<SqlType> = new Set<SqlType>([
  'boolean',
  'smallint',
  'integer',
  'bigint',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'text',
  'uuid',
]);

/** A relation in which such joins are Top-N. */
export function findOwnExtremes(relation: Relation): Relation {
  const inner = mapInputs(relation, findOwnExtremes);
  if (inner.kind !== 'join' || inner.type !== 'inner' || inner.mode.kind !== 'both') return inner;
  return leadersOf(inner, false) ?? leadersOf(inner, true) ?? inner;
}

/** A relation without its projections, and its fields over what is below them. */
interface Peeled {
  readonly base: Relation;
  below(expression: Expression): Expression;
}

function peel(relation: Relation): Peeled {
  if (relation.kind !== 'project') return { base: relation, below: (expression) => expression };
  const { base, below } = peel(relation.input);
  const expressions = relation.expressions.map(below);
  return { base, below: (expression) => replaceColumns(expression, ({ index }) => expressions[index]!) };
}

/** What a join says of rows and their groups: each over its side's own fields. */
interface Pairs {
  readonly rows: Relation;
  readonly groups: Relation;
  readonly equal: readonly { readonly row: Expression; readonly group: Expression }[];
  /** The parts of the rest: `row >= group` and what else there is. */
  readonly atLeast: readonly Compared[];
  readonly rest: readonly Expression[];
}

interface Compared {
  readonly row: Expression;
  readonly group: Expression;
  readonly name: string;
}

function pairsOf({ condition, equal, left, right }: Join, isSwapped: boolean): Pairs {
  const width = left.fields.length;
  const atLeast: Compared[] = [];
  const rest: Expression[] = [];
  for (const part of conjuncts(condition)) {
    const compared = comparedOf(part, width, isSwapped);
    if (compared === null) rest.push(part);
    else atLeast.push(compared);
  }
  return {
    rows: isSwapped ? right : left,
    groups: isSwapped ? left : right,
    equal: equal.map((pair) => ({
      row: isSwapped ? pair.right : pair.left,
      group: isSwapped ? pair.left : pair.right,
    })),
    atLeast,
    rest,
  };
}

/** `row >= group` or `row <= group`, either way round. */
function comparedOf(part: Expression, width: number, isSwapped: boolean): Compared | null {
  if (part.kind !== 'call' || (part.name !== '>=' && part.name !== '<=')) return null;
  const [a, b] = part.args as [Expression, Expression];
  const isLeftFirst = sideOf(a, width) === 'left' && sideOf(b, width) === 'right';
  if (!isLeftFirst && !(sideOf(a, width) === 'right' && sideOf(b, width) === 'left')) return null;
  const [left, right] = isLeftFirst ? [a, shifted(b, -width)] : [b, shifted(a, -width)];
  const isRowFirst = isLeftFirst !== isSwapped;
  const name = isRowFirst ? part.name : part.name === '>=' ? '<=' : '>=';
  return isSwapped ? { row: right, group: left, name } : { row: left, group: right, name };
}

function leadersOf(join: Join, isSwapped: boolean): Relation | null {
  const pairs = pairsOf(join, isSwapped);
  if (join.equal.some(({ nullSafe }) => nullSafe)) return null;
  const groups = peel(pairs.groups);
  const { base: aggregate } = groups;
  if (aggregate.kind !== 'aggregate' || aggregate.sets !== null || aggregate.keys.length === 0) return null;
  const found = matched(pairs, groups, aggregate);
  if (found === null) return null;
  const top = topOf(pairs.rows, found);
  const values = [...found.keys, found.value];
  const ofGroup = pairs.groups.fields.map((_, field) =>
    replaceColumns(groups.below(columnOf(pairs.groups.fields, field)), ({ index }) => values[index]!),
  );
  const ofRow = pairs.rows.fields.map((_, field) => columnOf(pairs.rows.fields, field));
  const expressions = isSwapped ? [...ofGroup, ...ofRow] : [...ofRow, ...ofGroup];
  const project: Project = { kind: 'project', fields: join.fields, input: top, expressions };
  const condition = allOf(found.rest);
  return condition === null ? project : { kind: 'filter', fields: join.fields, input: project, condition };
}

/** Keys and the extreme value, over the rows' fields. */
interface Found {
  readonly keys: readonly Expression[];
  readonly value: Expression;
  readonly isLargest: boolean;
  readonly rest: readonly Expression[];
}

/** How rows meet the groups that they are in; null where the groups are of other rows, or are met in another way. */
function matched(pairs: Pairs, groups: Peeled, aggregate: Aggregate): Found | null {
  const [spec] = aggregate.aggregates;
  if (spec === undefined || aggregate.aggregates.length > 1 || spec.filter !== null) return null;
  if (spec.name !== 'max' && spec.name !== 'min') return null;
  const isLargest = spec.name === 'max';
  const own = peel(pairs.rows);
  const inside = peel(aggregate.input);
  if (shapeOf(own.base) !== shapeOf(inside.base)) return null;
  const isSame = (row: Expression, of: Expression): boolean =>
    shapeOf(own.below(row)) === shapeOf(inside.below(of)) && isExact(own, row);
  const keys: (Expression | null)[] = aggregate.keys.map(() => null);
  const values: Expression[] = [];
  for (const { group, row } of pairs.equal) {
    const field = groups.below(group);
    if (field.kind !== 'column') return null;
    if (field.index < keys.length) keys[field.index] = row;
    else values.push(row);
  }
  const rest = [...pairs.rest];
  for (const { group, name, row } of pairs.atLeast) {
    const field = groups.below(group);
    if (field.kind !== 'column' || field.index !== keys.length || name !== (isLargest ? '>=' : '<=')) return null;
    values.push(row);
  }
  const [value] = values;
  if (value === undefined || values.length > 1 || !isSame(value, spec.args[0]!)) return null;
  if (!keys.every((key, i) => key !== null && isSame(key, aggregate.keys[i]!))) return null;
  return { keys: keys as Expression[], value, isLargest, rest };
}

/** Whether values that are equal show as one, so that each may stand for the other. */
function isExact({ base, below }: Peeled, row: Expression): boolean {
  if (EXACT.has(row.type)) return true;
  const inside = below(row);
  return row.type === 'numeric' && inside.kind === 'column' && numericShape(base, inside.index) !== null;
}

function topOf(rows: Relation, { isLargest, keys, value }: Found): TopN {
  const known = [...keys, value].filter((each) => each.kind !== 'column' || each.nullable);
  const condition = allOf(known.map((arg) => ({ kind: 'isNull', arg, negated: true, type: 'boolean' })));
  const { fields } = rows;
  return {
    kind: 'top',
    fields,
    input: condition === null ? rows : { kind: 'filter', fields, input: rows, condition },
    partition: keys,
    order: [{ expression: value, descending: isLargest, nullsFirst: false }],
    ranking: 'rank',
    offset: 0,
    limit: 1,
    windowEnd: null,
    numbered: false,
  };
}

/** A text that is the same for relations, and expressions, that say the same under whatever names. */
function shapeOf(value: Relation | Expression): string {
  const bare = (each: unknown): unknown => {
    if (Array.isArray(each)) return each.map(bare);
    if (each === null || typeof each !== 'object') return each;
    const entries = Object.entries(each).filter(
      ([name]) =>
        name !== 'fields' && name !== 'location' && name !== 'nullable' && !(name === 'name' && isNamed(each)),
    );
    return Object.fromEntries(entries.map(([name, inside]) => [name, bare(inside)]));
  };
  return keyOf(bare(value) as object);
}

/** Whether a name is what people call it, not what it does. */
function isNamed(node: object): boolean {
  return 'kind' in node && node.kind === 'column';
}
