/** DISTINCT over a frame: an aggregate that sees each value once. */
import type { Aggregator } from '../../../../sql/aggregates/definition.js';
import type { Value } from '../../../../sql/value.js';
import type { Key } from '../../state-table.js';

interface Distinct {
  readonly counts: Map<Key, { readonly args: readonly Value[]; count: number }>;
  readonly inner: unknown;
}

/**
 * The same aggregate over distinct arguments. It is never saved: rows under it are kept. `keyOf`: the key of
 * the arguments.
 */
export function distinctAggregator(
  aggregator: Aggregator<unknown>,
  keyOf: (args: readonly Value[]) => Key,
): Aggregator<unknown> {
  const add = (state: Distinct, args: readonly Value[]): void => {
    const key = keyOf(args);
    const known = state.counts.get(key);
    if (known !== undefined) known.count++;
    else {
      // The caller uses its array again.
      state.counts.set(key, { args: [...args], count: 1 });
      aggregator.add(state.inner, args);
    }
  };
  const unsaved = (): never => {
    throw new Error('an aggregate over distinct values of a frame has no saved state');
  };
  const { remove } = aggregator;
  const counting: Aggregator<Distinct> = {
    create: () => ({ counts: new Map(), inner: aggregator.create() }),
    add,
    value: ({ inner }) => aggregator.value(inner),
    bytes: ({ counts, inner }) => aggregator.bytes(inner) + counts.size * 96,
    write: unsaved,
    read: unsaved,
    ...(remove === undefined
      ? {}
      : {
          remove: (state: Distinct, args: readonly Value[]): void => {
            const key = keyOf(args);
            const known = state.counts.get(key)!;
            if (--known.count > 0) return;
            state.counts.delete(key);
            remove(state.inner, known.args);
          },
        }),
  };
  return counting as Aggregator<unknown>;
}
