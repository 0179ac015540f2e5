/**
 * `mode`, `percentile_disc` and `percentile_cont … WITHIN GROUP (ORDER BY x)`: they count every value, so
 * their state grows with the number of different values. `approx_percentile` does not.
 */
import { compareOf } from '../functions/compare.js';
import { roundMicros } from '../interval.js';
import type { SqlType } from '../plan.js';
import { arrayOf, isArray } from '../types.js';
import { evaluationError } from '../value.js';
import type { Interval, Item, Value } from '../value.js';
import { aggregate } from './define.js';
import type { AggregateDefinition, Aggregator } from './definition.js';
import { scaledInterval } from './interval-scale.js';
import { Multiset } from './multiset.js';
import { ORDERED_TYPES } from './values.js';

function overMultiset(type: SqlType, result: (values: Multiset) => Value): Aggregator<Multiset> {
  return {
    create: () => new Multiset(type),
    add: (state, args) => state.add(args[0]!, 1),
    remove: (state, args) => state.add(args[0]!, -1),
    merge: (into, from) => into.merge(from),
    value: (state) => (state.size === 0 ? null : result(state)),
    bytes: (state) => state.bytes(),
    write: (state, writer) => state.write(writer),
    read: (reader) => Multiset.read(type, reader),
  };
}

/** The most frequent value; of several, the first in the order. Equal values in different spellings count as one. */
function modeOf(values: Multiset, type: SqlType, descending: boolean): Value {
  const isSame = sameValue(type);
  const entries = descending ? values.sorted().toReversed() : values.sorted();
  let best: Value = null;
  let most = 0;
  for (let i = 0; i < entries.length;) {
    const first = entries[i]!;
    let count = 0;
    for (; i < entries.length && isSame(first.value, entries[i]!.value); i++) count += entries[i]!.count;
    if (count > most) {
      most = count;
      best = first.value;
    }
  }
  return best;
}

function sameValue(type: SqlType): (a: Value, b: Value) => boolean {
  const compare = compareOf(type);
  return (a, b) => compare(a, b) === 0;
}

/** A fraction of 0 to 1, or null for NULL. */
function fractionOf(value: Value): number | null {
  if (value === null) return null;
  const fraction = value as number;
  if (!(fraction >= 0 && fraction <= 1)) throw evaluationError(`percentile value ${fraction} is not between 0 and 1`);
  return fraction;
}

function discrete(values: Multiset, fraction: number, descending: boolean): Value {
  const index = Math.max(1, Math.ceil(fraction * values.size)) - 1;
  return values.at(descending ? values.size - 1 - index : index);
}

type Between = (low: never, high: never, part: number) => Value;

const betweenDoubles: Between = (low: number, high: number, part) => low + part * (high - low);

/** `low + (high - low) * part`, as PostgreSQL multiplies an interval. */
const betweenIntervals: Between = (low: Interval, high: Interval, part) => {
  const difference = { months: high.months - low.months, days: high.days - low.days, ms: high.ms - low.ms };
  const step = scaledInterval(difference, (amount) => amount * part);
  return { months: low.months + step.months, days: low.days + step.days, ms: roundMicros(low.ms + step.ms) };
};

function continuous(values: Multiset, fraction: number, descending: boolean, between: Between): Value {
  const place = fraction * (values.size - 1);
  const at = (index: number): Value => values.at(descending ? values.size - 1 - index : index);
  const low = at(Math.floor(place));
  if (Math.floor(place) === Math.ceil(place)) return low;
  return between(low as never, at(Math.ceil(place)) as never, place - Math.floor(place));
}

type ReadPercentile = (values: Multiset, fraction: number, descending: boolean) => Value;

/** A percentile, of one fraction and of a list; the constants are the fraction and whether the order is DESC. */
function percentile(name: string, type: SqlType, help: string, read: ReadPercentile): AggregateDefinition[] {
  const one = aggregate({
    name,
    params: [type, 'double precision'],
    constants: 1,
    withinGroup: true,
    result: type,
    help,
    create: (_, constants) => {
      const fraction = fractionOf(constants[0] ?? null);
      const descending = constants[1] === true;
      return overMultiset(type, (values) => (fraction === null ? null : read(values, fraction, descending)));
    },
  });
  if (isArray(type)) return [one];
  const several = aggregate({
    name,
    params: [type, 'double precision[]'],
    constants: 1,
    withinGroup: true,
    result: arrayOf(type),
    help: `${help} A list of fractions gives a list.`,
    create: (_, constants) => {
      const fractions = constants[0] === null ? null : (constants[0] as readonly Value[]).map(fractionOf);
      const descending = constants[1] === true;
      const readItem = (values: Multiset, fraction: number | null): Item =>
        fraction === null ? null : (read(values, fraction, descending) as Item);
      return overMultiset(type, (values) => fractions && fractions.map((fraction) => readItem(values, fraction)));
    },
  });
  return [one, several];
}

/** The ordered-set aggregates. */
export const orderedSetAggregates: readonly AggregateDefinition[] = [
  ...ORDERED_TYPES.flatMap((type) => [
    aggregate({
      name: 'mode',
      params: [type],
      withinGroup: true,
      result: type,
      help: 'The most frequent value; of several, the first in the order.',
      create: (_, constants) => overMultiset(type, (values) => modeOf(values, type, constants[0] === true)),
    }),
    ...percentile(
      'percentile_disc',
      type,
      'The first value at or beyond the fraction of the rows. Its state holds every different value.',
      discrete,
    ),
  ]),
  ...(
    [
      ['double precision', betweenDoubles],
      ['interval', betweenIntervals],
    ] as const
  ).flatMap(([type, between]) =>
    percentile(
      'percentile_cont',
      type,
      'The value at the fraction of the rows, between two values if need be. Its state holds every different value.',
      (values, fraction, descending) => continuous(values, fraction, descending, between),
    ),
  ),
];
