/**
 * Aggregates and window functions that a query can call, with PostgreSQL's result types.
 */
import { averageOf } from './numbers.js';
import { SKETCH_UNION } from './sketch-functions.js';
import { constantOf, type Signature } from './signature.js';
import { numericOf, type Type } from './types.js';

/** What comes with an aggregate call, printed: DISTINCT, ORDER BY, FILTER, OVER. */
export interface AggregateParts {
  /** `DISTINCT ` or empty. */
  readonly distinct: string;
  /** ` ORDER BY …` inside the parentheses, or empty. */
  readonly order: string;
  /** ` FILTER (WHERE …)` and ` OVER (…)`, or empty. */
  readonly tail: string;
}

/** An aggregate: printed with its parts. */
export interface AggregateSignature extends Omit<Signature, 'print'> {
  readonly print: (args: readonly string[], parts: AggregateParts, types: readonly Type[]) => string;
  /** Takes ORDER BY inside its parentheses. */
  readonly ordered?: boolean;
  /** `percentile_cont(f) WITHIN GROUP (ORDER BY x)`: the ordered expression comes as the last argument. */
  readonly withinGroup?: boolean;
  /** Only with OVER. */
  readonly windowOnly?: boolean;
}

const call =
  (name: string) =>
  (args: readonly string[], { distinct, order, tail }: AggregateParts) =>
    `${name}(${distinct}${args.join(', ')}${order})${tail}`;

const first = (types: readonly Type[]): Type => types[0]!;

const ORDERABLE = [
  'integer',
  'bigint',
  'numeric',
  'double precision',
  'text',
  'timestamptz',
  'timestamp',
  'date',
  'interval',
  'uuid',
  'boolean',
] as const;

function extreme(name: 'min' | 'max'): AggregateSignature[] {
  return ORDERABLE.filter((type) => type !== 'boolean' && type !== 'uuid').map((type) => ({
    args: [type],
    result: first,
    print: call(name),
  }));
}

const SUM: AggregateSignature[] = [
  { args: ['integer'], result: 'bigint', print: (args, parts) => `CAST(${call('sum')(args, parts)} AS BIGINT)` },
  {
    args: ['bigint'],
    result: () => numericOf(0),
    print: (args, parts) => `CAST(${call('sum')(args, parts)} AS DECIMAL(38,0))`,
  },
  { args: ['numeric'], result: first, print: call('sum') },
  { args: ['double precision'], result: 'double precision', print: call('sum') },
  { args: ['interval'], result: 'interval', print: call('sum') },
];

const AVG: AggregateSignature[] = [
  ...(['integer', 'bigint', 'numeric'] as const).map((type): AggregateSignature => ({
    args: [type],
    result: () => numericOf(16),
    print: (args, parts, types) => averageOf(call('sum')(args, parts), call('count')(args, parts), types[0]!.scale),
  })),
  { args: ['double precision'], result: 'double precision', print: call('avg') },
];

const onDouble = (name: string): AggregateSignature[] => [
  { args: ['double precision'], result: 'double precision', print: call(name) },
];
const onBoolean = (name: string): AggregateSignature[] => [{ args: ['boolean'], result: 'boolean', print: call(name) }];

function percentile(name: string, duck: string): AggregateSignature[] {
  const check: NonNullable<Signature['check']> = (args) => {
    const share = Number(constantOf(args[0]) ?? NaN);
    return share >= 0 && share <= 1 ? null : `${name} takes a constant between 0 and 1`;
  };
  const print: AggregateSignature['print'] = ([share, value], { tail }) => `${duck}(${value}, ${share})${tail}`;
  return [
    { args: ['double precision', 'double precision'], result: 'double precision', print, withinGroup: true, check },
  ];
}

/** A window function without a frame of its own. */
const ranking = (name: string, type: 'bigint' | 'double precision'): AggregateSignature[] => [
  { args: [], result: type, print: call(name), windowOnly: true },
];

function shifted(name: string): AggregateSignature[] {
  return [
    { args: ['any'], result: first, print: call(name), windowOnly: true },
    { args: ['any', 'integer'], result: first, print: call(name), windowOnly: true },
  ];
}

const positional = (name: string): AggregateSignature[] => [
  { args: ['any'], result: first, print: call(name), windowOnly: true },
];

/** Every aggregate and window function by name; `count(*)` has no arguments. */
export const AGGREGATES: ReadonlyMap<string, readonly AggregateSignature[]> = new Map<
  string,
  readonly AggregateSignature[]
>([
  [
    'count',
    [
      { args: [], result: 'bigint', print: (_args, { tail }) => `count(*)${tail}` },
      { args: ['any'], result: 'bigint', print: call('count') },
    ],
  ],
  ['sum', SUM],
  ['avg', AVG],
  ['min', extreme('min')],
  ['max', extreme('max')],
  ['bool_and', onBoolean('bool_and')],
  ['bool_or', onBoolean('bool_or')],
  ['every', onBoolean('bool_and')],
  ['string_agg', [{ args: ['text', 'text'], result: 'text', print: call('string_agg'), ordered: true }]],
  ['array_agg', [{ args: ['text'], result: 'text[]', print: call('list'), ordered: true }]],
  ['stddev', onDouble('stddev_samp')],
  ['stddev_samp', onDouble('stddev_samp')],
  ['stddev_pop', onDouble('stddev_pop')],
  ['variance', onDouble('var_samp')],
  ['var_samp', onDouble('var_samp')],
  ['var_pop', onDouble('var_pop')],
  ['corr', [{ args: ['double precision', 'double precision'], result: 'double precision', print: call('corr') }]],
  ['percentile_cont', percentile('percentile_cont', 'quantile_cont')],
  ['percentile_disc', percentile('percentile_disc', 'quantile_disc')],
  ['approx_count_distinct', [{ args: ['any'], result: 'bigint', print: call('approx_count_distinct') }]],
  [
    'sketch_merge',
    [
      {
        args: ['bytea'],
        result: 'bytea',
        print: (args, parts) => `${SKETCH_UNION}(${call('list')(args, parts)})`,
      },
    ],
  ],
  ['row_number', ranking('row_number', 'bigint')],
  ['rank', ranking('rank', 'bigint')],
  ['dense_rank', ranking('dense_rank', 'bigint')],
  ['percent_rank', ranking('percent_rank', 'double precision')],
  ['cume_dist', ranking('cume_dist', 'double precision')],
  [
    'ntile',
    [
      {
        args: ['integer'],
        result: 'integer',
        print: (args, parts) => `CAST(${call('ntile')(args, parts)} AS INTEGER)`,
        windowOnly: true,
      },
    ],
  ],
  ['lag', shifted('lag')],
  ['lead', shifted('lead')],
  ['first_value', positional('first_value')],
  ['last_value', positional('last_value')],
  ['nth_value', [{ args: ['any', 'integer'], result: first, print: call('nth_value'), windowOnly: true }]],
]);
