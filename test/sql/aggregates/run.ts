/** Runs aggregates by hand, as the dataflow does. */
import type { AggregateDefinition, Aggregator } from '../../../src/sql/aggregates/definition.js';
import type { SqlType } from '../../../src/sql/plan.js';
import type { Value } from '../../../src/sql/value.js';
import { ByteReader, ByteWriter } from '../../../src/util/bytes.js';

/** Arguments of one row. */
export type Args = readonly Value[];

/** An aggregate on concrete types. */
export interface Case {
  readonly definition: AggregateDefinition;
  readonly types: readonly SqlType[];
  readonly constants: readonly Value[];
}

/** Types that stand for `any`, in turn. */
const ANY: readonly SqlType[] = [
  'text',
  'bigint',
  'numeric',
  'real',
  'double precision',
  'timestamptz',
  'time',
  'interval',
  'jsonb',
  'numeric[]',
];

/** Constants to try, by aggregate. */
const CONSTANTS: Readonly<Record<string, readonly (readonly Value[])[]>> = {
  percentile_cont: [
    [0.5, false],
    [0.9, true],
    [0, false],
    [[0.25, null, 1], false],
  ],
  percentile_disc: [
    [0.5, false],
    [0.33, true],
    [1, false],
    [null, false],
    [[0.9, 0.1], true],
  ],
  mode: [[false], [true]],
  approx_percentile: [[0.5], [0.99, 0.02]],
  approx_percentile_sketch: [[], [0.05]],
  approx_top_k: [[3]],
  approx_top_k_sketch: [[10]],
};

function constantsOf({ name, params, constants = 0, withinGroup }: AggregateDefinition): readonly (readonly Value[])[] {
  const all = CONSTANTS[name] ?? [[]];
  if (withinGroup !== true) return all.filter(({ length }) => length === constants);
  return constants === 0 ? all : all.filter(([first]) => Array.isArray(first) === params[1]!.endsWith('[]'));
}

/** The cases of an aggregate. */
export function casesOf(definition: AggregateDefinition): Case[] {
  const variants = definition.params.includes('any') ? ANY : [null];
  const given = definition.params.length - (definition.constants ?? 0);
  return variants.flatMap((any) =>
    constantsOf(definition).map((constants) => ({
      definition,
      types: definition.params.slice(0, given).map((param) => (param === 'any' ? any! : param)),
      constants,
    })),
  );
}

/** For test names: `percentile_disc(text) [0.5,false]`. */
export function nameOf({ definition, types, constants }: Case): string {
  return `${definition.name}(${types.join(', ')})${constants.length === 0 ? '' : ` ${JSON.stringify(constants)}`}`;
}

/** The aggregator of a case. */
export function aggregatorOf({ definition, types, constants }: Case): Aggregator<unknown> {
  const given = definition.params.length - types.length;
  return definition.create(
    [...types, ...definition.params.slice(types.length, types.length + given)] as SqlType[],
    constants,
  );
}

/** The rows that reach `add`. */
export function taken({ definition }: Case, rows: readonly Args[]): readonly Args[] {
  return definition.nulls === true ? rows : rows.filter((args) => !args.includes(null));
}

/** A state of some rows. */
export function stateOf(aggregator: Aggregator<unknown>, rows: readonly Args[]): unknown {
  const state = aggregator.create();
  for (const args of rows) aggregator.add(state, args);
  return state;
}

/** The value, or the message of its error. */
export function resultOf(aggregator: Aggregator<unknown>, state: unknown): unknown {
  try {
    return aggregator.value(state);
  } catch (error) {
    return `error: ${(error as Error).message}`;
  }
}

/** A state written and read; throws when bytes are left over. */
export function reread(aggregator: Aggregator<unknown>, state: unknown): unknown {
  const writer = new ByteWriter();
  aggregator.write(state, writer);
  const reader = new ByteReader(writer.copy());
  const copy = aggregator.read(reader);
  if (reader.position !== reader.end) throw new Error(`${reader.end - reader.position} bytes are left over`);
  return copy;
}
