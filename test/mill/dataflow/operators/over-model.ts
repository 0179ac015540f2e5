/** Window functions as they are defined: each row's frame is looked up among all rows of its partition. */
import { orderComparator, rowComparator } from '../../../../src/mill/dataflow/order.js';
import { compileCondition, compileExpression } from '../../../../src/mill/dataflow/expressions.js';
import type { Row } from '../../../../src/mill/dataflow/operator.js';
import { wholeRowKey } from '../../../../src/mill/dataflow/keys.js';
import { findAggregate, findOrdered } from '../../../../src/sql/aggregates/index.js';
import { addDecimal, compareDecimal, Decimal, parseDecimal } from '../../../../src/sql/decimal.js';
import type { FrameBound, Over, OverSpec } from '../../../../src/sql/relation/relation.js';
import type { Value } from '../../../../src/sql/value.js';
import { grouped, type Change } from './support.js';

/** The rows of an OVER over these rows. */
export function overRows(over: Over, rows: readonly Change[]): { row: Row; stamp: number }[] {
  const compare = rowComparator(over.order, over.input.fields);
  return [...grouped(rows, ({ row }) => row[0]).values()].flatMap((partition) => {
    const sorted = partition.toSorted((a, b) => compare(a.row, b.row) || a.stamp - b.stamp);
    const all = sorted.map(({ row }) => row);
    const columns = over.functions.map((spec) => columnOf(over, spec, all));
    return sorted.map(({ row, stamp }, i) => ({ row: [...row, ...columns.map((values) => values[i]!)], stamp }));
  });
}

function columnOf(over: Over, spec: OverSpec, rows: readonly Row[]): Value[] {
  const peers = orderComparator(over.order);
  const groups = spec.name === 'dense_rank' || spec.frame.mode === 'groups' ? groupsOf(rows, peers) : [];
  const [first, second, third] = spec.args.map(compileExpression);
  const before = (i: number) => rows.filter((other) => peers(other, rows[i]!) < 0).length;
  const upTo = (i: number) => rows.filter((other) => peers(other, rows[i]!) <= 0).length;
  if (
    findOrdered(
      spec.name,
      spec.args.map(({ type }) => type),
    ) !== undefined
  )
    return orderedColumn(over, spec, rows);
  return rows.map((row, i) => {
    switch (spec.name) {
      case 'row_number':
        return i + 1;
      case 'rank':
        return before(i) + 1;
      case 'dense_rank':
        return groups[i]! + 1;
      case 'percent_rank':
        return rows.length === 1 ? 0 : before(i) / (rows.length - 1);
      case 'cume_dist':
        return upTo(i) / rows.length;
      case 'ntile':
        return tile(rows.length, first!(rows[0]!) as number, i);
      case 'lag':
      case 'lead': {
        const by = second === undefined ? 1 : (second(row) as number | null);
        if (by === null) return null;
        const target = shifted(rows, i, spec.name === 'lag' ? -by : by, spec.ignoreNulls ? first! : null);
        return target !== undefined ? first!(target) : third === undefined ? null : third(row);
      }
      default: {
        const frame = frameOf(over, spec, rows, groups, i);
        const values = frame.map((member) => (first === undefined ? null : first(member)));
        const counted = spec.ignoreNulls ? values.filter((value) => value !== null) : values;
        if (spec.name === 'first_value') return counted[0] ?? null;
        if (spec.name === 'last_value') return counted.at(-1) ?? null;
        if (spec.name === 'nth_value') return counted[(second!(row) as number) - 1] ?? null;
        return aggregateOf(spec, frame);
      }
    }
  });
}

/** How many groups of peers are before each row's. */
function groupsOf(rows: readonly Row[], peers: (a: Row, b: Row) => number): number[] {
  const firsts = rows.filter((row, i) => rows.findIndex((other) => peers(other, row) === 0) === i);
  return rows.map((row) => firsts.filter((first) => peers(first, row) < 0).length);
}

function tile(count: number, tiles: number, i: number): number {
  const sizes = Array.from({ length: tiles }, (_, k) => Math.floor(count / tiles) + (k < count % tiles ? 1 : 0));
  let left = i;
  return sizes.findIndex((size) => (left -= size) < 0) + 1;
}

function shifted(rows: readonly Row[], i: number, by: number, nonNull: ((row: Row) => Value) | null): Row | undefined {
  if (nonNull === null || by === 0) return rows[i + by];
  const side = by < 0 ? rows.slice(0, i).toReversed() : rows.slice(i + 1);
  return side.filter((row) => nonNull(row) !== null)[Math.abs(by) - 1];
}

function distanceOf(bound: FrameBound): number {
  if (bound.kind === 'preceding') return -bound.offset;
  return bound.kind === 'following' ? bound.offset : 0;
}

/** The members of a row's frame, in order. */
function frameOf(over: Over, { frame }: OverSpec, rows: readonly Row[], groups: readonly number[], i: number): Row[] {
  const peers = orderComparator(over.order);
  const within = (bound: FrameBound, j: number, side: -1 | 1): boolean => {
    if (bound.kind === 'unboundedPreceding' || bound.kind === 'unboundedFollowing') return true;
    const by = distanceOf(bound);
    if (frame.mode === 'rows') return (j - (i + by)) * side <= 0;
    if (frame.mode === 'groups') return (groups[j]! - (groups[i]! + by)) * side <= 0;
    if (bound.kind === 'currentRow') return peers(rows[j]!, rows[i]!) * side <= 0;
    return inRange(over, rows[i]!, rows[j]!, by, side);
  };
  return rows.filter((row, j) => {
    if (!within(frame.start, j, -1) || !within(frame.end, j, 1)) return false;
    const arePeers = peers(row, rows[i]!) === 0;
    if (frame.exclude === 'currentRow') return i !== j;
    if (frame.exclude === 'group') return !arePeers;
    return frame.exclude !== 'ties' || i === j || !arePeers;
  });
}

/** As PostgreSQL's `in_range`: -1: not before the start, 1: not behind the end. */
function inRange({ order }: Over, row: Row, other: Row, by: number, side: -1 | 1): boolean {
  const [{ expression, descending, nullsFirst }] = order as [Over['order'][0]];
  const valueOf = compileExpression(expression);
  const [a, b] = [valueOf(row), valueOf(other)];
  const sign = descending ? -1 : 1;
  if (a === null || b === null) {
    if (a === null && b === null) return true;
    // Where NULLs stand, seen from the other.
    const at = (b === null) === nullsFirst ? -1 : 1;
    return at * side < 0;
  }
  if (Number.isNaN(a) || Number.isNaN(b)) {
    if (Number.isNaN(a) && Number.isNaN(b)) return true;
    const at = Number.isNaN(b) ? sign : -sign;
    return at * side < 0;
  }
  if (a instanceof Decimal)
    return compareDecimal(b as Decimal, addDecimal(a, parseDecimal(String(sign * by))!)) * sign * side <= 0;
  return ((b as number) - ((a as number) + sign * by)) * sign * side <= 0;
}

function aggregateOf(spec: OverSpec, frame: readonly Row[]): Value {
  const types = spec.args.map(({ type }) => type);
  const definition = findAggregate(spec.name, types)!;
  const aggregator = definition.create(types, []);
  const state = aggregator.create();
  const args = spec.args.map(compileExpression);
  const takes = spec.filter === null ? () => true : compileCondition(spec.filter);
  const key = wholeRowKey(types);
  const seen = new Set<unknown>();
  for (const row of frame) {
    const values = args.map((arg) => arg(row));
    if (!takes(row) || (definition.nulls !== true && values.includes(null))) continue;
    if (spec.distinct && seen.has(key(values))) continue;
    seen.add(key(values));
    aggregator.add(state, values);
  }
  return aggregator.value(state);
}

function orderedColumn(over: Over, spec: OverSpec, rows: readonly Row[]): Value[] {
  const types = spec.args.map(({ type }) => type);
  const definition = findOrdered(spec.name, types)!;
  const constants = spec.args.slice(spec.args.length - (definition.constants ?? 0));
  const ordered = definition.create(
    types,
    constants.map((constant) => compileExpression(constant)([])),
  );
  const state = ordered.create();
  const args = spec.args.map(compileExpression);
  const timeOf = compileExpression(over.order[0]!.expression);
  return rows.map((row) =>
    ordered.step(
      state,
      args.map((arg) => arg(row)),
      (timeOf(row) as number | null) ?? Number.NaN,
    ),
  );
}
