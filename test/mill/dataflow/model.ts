/** Relations evaluated from scratch, as plainly as possible: what the dataflow is held against. */
import type { Row } from '../../../src/mill/dataflow/operator.js';
import { addDecimal, Decimal } from '../../../src/sql/decimal.js';
import { compile } from '../../../src/sql/evaluate.js';
import type { Expression } from '../../../src/sql/plan.js';
import type { Aggregate, AggregateSpec, Relation, Windowed } from '../../../src/sql/relation/relation.js';
import { compareText } from '../../../src/sql/value.js';
import type { Value } from '../../../src/sql/value.js';

/** A row and when it came. */
export interface Stamped {
  readonly row: Row;
  readonly stamp: number;
}

/** Rows of each source: all of a stream's, those in force of a table. */
export type Sources = ReadonlyMap<string, readonly Stamped[]>;

/** Values of a row as text: equal rows, equal texts. */
export function textOf(row: readonly Value[]): string {
  return JSON.stringify(row.map((value) => (value instanceof Decimal ? `n${value.toString()}` : value)));
}

/** Evaluates an expression over a row. */
export function valueOf(expression: Expression, row: Row): Value {
  const none = (): never => {
    throw new Error('a row has fields alone');
  };
  return compile(expression)({
    column: (index) => row[index]!,
    key: none,
    aggregate: none,
    windowStart: Number.NaN,
    windowEnd: Number.NaN,
  });
}

/** A relation's rows; `graceMs` is the lag and the allowed lateness. */
export function evaluate(relation: Relation, sources: Sources, graceMs: number): Stamped[] {
  const of = (input: Relation): Stamped[] => evaluate(input, sources, graceMs);
  switch (relation.kind) {
    case 'scan':
      return sources
        .get(relation.source)!
        .map(({ row, stamp }) => ({ row: relation.columns.map((column) => row[column]!), stamp }))
        .filter(({ row, stamp }) => {
          if (!relation.late) return true;
          const time = row[relation.time!] as number | null;
          return time !== null && stamp <= time + graceMs;
        });
    case 'values':
      return relation.rows.map((row) => ({ row: row.map((one) => valueOf(one, [])), stamp: -Infinity }));
    case 'filter':
      return of(relation.input).filter(({ row }) => valueOf(relation.condition, row) === true);
    case 'project':
      return of(relation.input).map(({ row, stamp }) => ({
        row: relation.expressions.map((one) => valueOf(one, row)),
        stamp,
      }));
    case 'union':
      return relation.inputs.flatMap(of);
    case 'window':
      return windowed(relation, of(relation.input), graceMs);
    case 'aggregate':
      return aggregated(relation, of(relation.input)).map((row) => ({ row, stamp: -Infinity }));
    default:
      throw new Error(`the model has no ${relation.kind}`);
  }
}

function windowed(relation: Windowed, rows: readonly Stamped[], graceMs: number): Stamped[] {
  const { late, time: field, window } = relation;
  const timed = rows.filter(({ row }) => row[field] !== null);
  const at = ({ row }: Stamped): number => row[field] as number;
  if (window.kind === 'session' || window.kind === 'stagger') {
    const inTime = timed.filter((row) => !late || row.stamp <= at(row) + graceMs);
    return [...groupBy(inTime, ({ row }) => textOf(window.keys.map((key) => valueOf(key, row)))).values()].flatMap(
      (group) => {
        const runs: Stamped[][] = [];
        for (const row of group.toSorted((a, b) => at(a) - at(b))) {
          const run = runs.at(-1);
          const limit =
            run === undefined
              ? -Infinity
              : window.kind === 'session'
                ? at(run.at(-1)!) + window.gapMs
                : at(run[0]!) + window.sizeMs;
          if (run !== undefined && at(row) < limit) run.push(row);
          else runs.push([row]);
        }
        return runs.flatMap((run) => {
          const start = at(run[0]!);
          const end = window.kind === 'session' ? at(run.at(-1)!) + window.gapMs : start + window.sizeMs;
          return run.map(({ row, stamp }) => ({ row: [...row, start, end], stamp }));
        });
      },
    );
  }
  const step = window.kind === 'hop' ? window.slideMs : window.kind === 'cumulate' ? window.stepMs : window.sizeMs;
  return timed.flatMap((row) => {
    const made: Stamped[] = [];
    const around = Math.floor((at(row) - window.offsetMs) / step);
    const reach = Math.ceil(window.sizeMs / step) + 1;
    for (let i = around - reach; i <= around + reach; i++) {
      let start = i * step + window.offsetMs;
      let end = start + window.sizeMs;
      if (window.kind === 'cumulate') {
        end = start + step;
        start = Math.floor((start - window.offsetMs) / window.sizeMs) * window.sizeMs + window.offsetMs;
      }
      if (start <= at(row) && at(row) < end && (!late || row.stamp <= end + graceMs))
        made.push({ row: [...row.row, start, end], stamp: row.stamp });
    }
    return made;
  });
}

function groupBy<T>(rows: readonly T[], key: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return groups;
}

function aggregated(relation: Aggregate, rows: readonly Stamped[]): Row[] {
  const { aggregates, always, keys, sets } = relation;
  const all = sets ?? [[...keys.keys()]];
  return all.flatMap((positions) => {
    const groups = groupBy(rows, ({ row }) => textOf(positions.map((position) => valueOf(keys[position]!, row))));
    if (groups.size === 0 && positions.length === 0 && (sets !== null || always)) groups.set('', []);
    return [...groups.values()].map((group) => {
      const shown = keys.map((key, i) => (positions.includes(i) ? valueOf(key, group[0]!.row) : null));
      const bits = keys.reduce((sum, _, i) => sum * 2 + (positions.includes(i) ? 0 : 1), 0);
      const values = aggregates.map((spec) =>
        aggregate(
          spec,
          group.map(({ row }) => row),
        ),
      );
      return [...shown, ...values, ...(all.length > 1 ? [bits] : [])];
    });
  });
}

function aggregate({ args, distinct, filter, name, order }: AggregateSpec, rows: readonly Row[]): Value {
  const taken = rows.filter((row) => filter === null || valueOf(filter, row) === true);
  if (args.length === 0) return taken.length;
  const sorted = taken.toSorted((a, b) => {
    for (const { descending, expression } of order) {
      const c = compare(valueOf(expression, a), valueOf(expression, b));
      if (c !== 0) return descending ? -c : c;
    }
    return compare(valueOf(args[0]!, a), valueOf(args[0]!, b));
  });
  let values = sorted.map((row) => valueOf(args[0]!, row)).filter((value) => value !== null);
  if (distinct) values = values.filter((value, i) => values.findIndex((other) => compare(value, other) === 0) === i);
  if (name === 'count') return values.length;
  if (values.length === 0) return null;
  if (name === 'string_agg') return values.join('-');
  if (name === 'min') return values.reduce((a, b) => (compare(b, a) < 0 ? b : a));
  if (name === 'max') return values.reduce((a, b) => (compare(b, a) > 0 ? b : a));
  if (name !== 'sum') throw new Error(`the model has no ${name}`);
  if (values[0] instanceof Decimal) return values.reduce((a, b) => addDecimal(a as Decimal, b as Decimal));
  return (values as number[]).reduce((a, b) => a + b);
}

/** NULL last, as the relations of the test ask for. */
function compare(a: Value, b: Value): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === 'string') return compareText(a, b as string);
  if (a instanceof Decimal) return Number(a.toString()) - Number(String(b));
  return Number(a) - Number(b);
}
