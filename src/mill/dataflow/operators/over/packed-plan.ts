/**
 * Which OVERs are computed over blocks, and what of: aggregates that can be taken back exactly, over a frame that ends
 * with the current row, of rows that are only added, in the order of their stream's time.
 */
import type { Expression, SqlType } from '../../../../sql/plan.js';
import type { Over, OverSpec } from '../../../../sql/relation/relation.js';
import { settlesAfterMs } from '../../../../sql/relation/settle.js';
import { canFail } from '../../../../sql/walk.js';
import { canBeBlockKeys } from '../../block-keys.js';
import { isAppendOnly } from '../../../../sql/relation/append-only.js';

/** What an aggregate takes of a row. */
export interface PackedArgument {
  /** Null: the row itself, as in `count(*) FILTER (…)`. */
  readonly expression: Expression | null;
  readonly filter: Expression | null;
  /** Whether its value counts; else only that it is not NULL. */
  readonly isValue: boolean;
}

/** A number that is kept for each frame: how many rows, how many values, their sum, or the smallest or largest. */
export interface Measure {
  readonly kind: 'rows' | 'count' | 'sum' | 'min' | 'max';
  /** Position of the argument; -1 for rows. */
  readonly argument: number;
}

/** A function, from its measures. */
export interface PackedFunction {
  readonly name: 'count' | 'sum' | 'avg' | 'min' | 'max';
  readonly type: SqlType;
  /** Position of its measure, and of the count of values that an average divides by. */
  readonly measure: number;
  readonly count: number;
  /** Position of its argument; -1: it has none. */
  readonly argument: number;
}

/** What is computed of an OVER. */
export interface PackedPlan {
  /** The field that has the time. */
  readonly time: number;
  readonly partition: readonly Expression[];
  readonly mode: 'range' | 'rows';
  /** How far a frame reaches back: ms, or rows. */
  readonly back: number;
  readonly arguments: readonly PackedArgument[];
  readonly measures: readonly Measure[];
  readonly functions: readonly PackedFunction[];
}

const INTEGERS: ReadonlySet<SqlType> = new Set<SqlType>(['smallint', 'integer', 'bigint']);
/** Types whose values are numbers that `<` orders as SQL does, and that print one way. */
const ORDERED: ReadonlySet<SqlType> = new Set<SqlType>([...INTEGERS, 'numeric', 'timestamptz', 'timestamp', 'date']);
/** Widest ROWS frame: each row that is put in its place late counts its frame anew. */
const BACK_ROWS_MAX = 10_000;

/** The plan of an OVER; null where it must be run row by row. */
export function packedPlan(over: Over): PackedPlan | null {
  const { functions, input, partition } = over;
  const time = timeOf(over);
  const frame = frameOf(functions);
  if (time === null || frame === null || !isAppendOnly(input)) return null;
  if (partition.some(canFail) || !canBeBlockKeys(partition.map(({ type }) => type))) return null;
  const builder = new PlanBuilder();
  const packed: PackedFunction[] = [];
  for (const spec of functions) {
    const one = builder.add(spec);
    if (one === null) return null;
    packed.push(one);
  }
  const { measures } = builder;
  return { time, partition, ...frame, arguments: builder.arguments, measures, functions: packed };
}

function timeOf({ input, order }: Over): number | null {
  const [item] = order;
  if (item === undefined || order.length > 1 || item.descending || item.nullsFirst) return null;
  const { expression } = item;
  if (expression.kind !== 'column' || (expression.type !== 'timestamptz' && expression.type !== 'timestamp'))
    return null;
  return settlesAfterMs(input, expression.index) === 0 ? expression.index : null;
}

function frameOf(functions: readonly OverSpec[]): Pick<PackedPlan, 'mode' | 'back'> | null {
  const [first] = functions;
  if (first === undefined) return null;
  const name = JSON.stringify(first.frame);
  if (functions.some(({ frame }) => JSON.stringify(frame) !== name)) return null;
  const { end, exclude, mode, start } = first.frame;
  if (mode === 'groups' || exclude !== 'none' || end.kind !== 'currentRow') return null;
  if (start.kind !== 'preceding' && start.kind !== 'currentRow') return null;
  const back = start.kind === 'preceding' ? start.offset : 0;
  return mode === 'rows' && back > BACK_ROWS_MAX ? null : { mode, back };
}

class PlanBuilder {
  readonly arguments: PackedArgument[] = [];
  readonly measures: Measure[] = [];
  readonly #places = new Map<string, number>();

  add({ args, distinct, filter, name, type }: OverSpec): PackedFunction | null {
    const [expression = null] = args;
    if (args.length > 1 || (filter !== null && canFail(filter)) || (expression !== null && canFail(expression)))
      return null;
    if (name === 'count') {
      if (distinct) return null;
      const isAll = expression === null && filter === null;
      const argument = isAll ? -1 : this.#argument({ expression, filter, isValue: false });
      const measure = this.#measure({ kind: isAll ? 'rows' : 'count', argument });
      return { name, type, measure, count: -1, argument };
    }
    if (expression === null) return null;
    const isExtreme = name === 'min' || name === 'max';
    const isSum = !distinct && (name === 'sum' || name === 'avg');
    if (!isExtreme && !isSum) return null;
    const types = isExtreme ? ORDERED : SUMMED;
    if (!types.has(expression.type)) return null;
    const argument = this.#argument({ expression, filter, isValue: true });
    const measure = this.#measure({ kind: isExtreme ? name : 'sum', argument });
    const count = name === 'avg' ? this.#measure({ kind: 'count', argument }) : -1;
    return { name: name as PackedFunction['name'], type, measure, count, argument };
  }

  #argument(argument: PackedArgument): number {
    return this.#place(this.arguments, argument);
  }

  #measure(measure: Measure): number {
    return this.#place(this.measures, measure);
  }

  /** Where an item is in a list; it is added where it is not. */
  #place<T>(list: T[], item: T): number {
    const name = JSON.stringify(item);
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    this.#places.set(name, list.push(item) - 1);
    return list.length - 1;
  }
}

const SUMMED: ReadonlySet<SqlType> = new Set<SqlType>([...INTEGERS, 'numeric']);
