/** `sum` and `avg` of intervals: months, days and microseconds apart, as PostgreSQL's `interval_avg`. */
import type { Interval } from '../value.js';
import type { Aggregator } from './definition.js';
import { IntegerTotal } from './integer-total.js';
import { intervalOf, scaledInterval } from './interval-scale.js';

interface IntervalTotal {
  rows: number;
  readonly months: IntegerTotal;
  readonly days: IntegerTotal;
  readonly micros: IntegerTotal;
}

function change(state: IntervalTotal, { months, days, ms }: Interval, sign: 1 | -1): void {
  state.rows += sign;
  state.months.add(sign * months);
  state.days.add(sign * days);
  const micros = Math.round(ms * 1000);
  state.micros.add(Number.isSafeInteger(micros) ? sign * micros : BigInt(sign) * BigInt(micros));
}

function sumOf(state: IntervalTotal): Interval {
  return intervalOf(Number(state.months.value()), Number(state.days.value()), Number(state.micros.value()));
}

function intervals(result: (state: IntervalTotal) => Interval): Aggregator<IntervalTotal> {
  return {
    create: () => ({ rows: 0, months: new IntegerTotal(), days: new IntegerTotal(), micros: new IntegerTotal() }),
    add: (state, args) => change(state, args[0] as Interval, 1),
    remove: (state, args) => change(state, args[0] as Interval, -1),
    merge: (into, from) => {
      into.rows += from.rows;
      into.months.merge(from.months);
      into.days.merge(from.days);
      into.micros.merge(from.micros);
    },
    value: (state) => (state.rows === 0 ? null : result(state)),
    bytes: () => 240,
    write: ({ rows, months, days, micros }, writer) => {
      writer.unsigned(rows);
      for (const total of [months, days, micros]) total.write(writer);
    },
    read: (reader) => ({
      rows: reader.unsigned(),
      months: IntegerTotal.read(reader),
      days: IntegerTotal.read(reader),
      micros: IntegerTotal.read(reader),
    }),
  };
}

/** `sum(interval)`. */
export const intervalTotal = intervals(sumOf);

/** `avg(interval)`. */
export const intervalAverage = intervals((state) => scaledInterval(sumOf(state), (amount) => amount / state.rows));
