/** Aggregates and window functions: templates as in `productions.ts`. */
import type { SqlType } from '../../src/sql/plan.js';

const D: SqlType = 'double precision';

/** An aggregate. `@`: where DISTINCT may stand. */
export interface AggregateForm {
  readonly rule: string;
  readonly type: SqlType;
  readonly args: readonly SqlType[];
  readonly sql: string;
  readonly duck: string | null;
  /** Takes columns with extreme values too. */
  readonly takesWild: boolean;
  /** Can be used with OVER. */
  readonly slides: boolean;
}

function form(type: SqlType, args: readonly SqlType[], sql: string, more: Partial<AggregateForm> = {}): AggregateForm {
  const rule = `aggregate ${more.rule ?? /^\w+/.exec(sql)![0]}`;
  return { type, args, sql, duck: sql, takesWild: false, slides: true, ...more, rule };
}

const own = { duck: null } as const;
const grouped = { slides: false } as const;

const PLAIN: readonly AggregateForm[] = [
  form('bigint', [], 'count(*)', { rule: 'count(*)' }),
  ...(
    [
      'integer',
      'bigint',
      'numeric',
      D,
      'text',
      'boolean',
      'uuid',
      'timestamp',
      'timestamptz',
      'interval',
      'bytea',
      'text[]',
    ] as const
  ).map((type) => form('bigint', [type], 'count(@$0)', { takesWild: true })),
  form('bigint', ['smallint'], 'sum(@$0)', { takesWild: true }),
  form('bigint', ['integer'], 'sum(@$0)'),
  form('numeric', ['bigint'], 'sum(@$0)', { takesWild: true }),
  form('numeric', ['numeric'], 'sum(@$0)'),
  form(D, [D], 'sum(@$0)'),
  form('real', ['real'], 'sum(@$0)'),
  form('interval', ['interval'], 'sum(@$0)', own),
  form('numeric', ['integer'], 'avg(@$0)'),
  form('numeric', ['bigint'], 'avg(@$0)', { takesWild: true, duck: null }),
  form('numeric', ['numeric'], 'avg(@$0)'),
  form(D, [D], 'avg(@$0)'),
  form(D, [D], 'avg(@$0)', { takesWild: true, duck: null }),
  form(D, [D], 'sum(@$0)', { takesWild: true, duck: null }),
  form('interval', ['interval'], 'avg(@$0)', own),
  ...(
    [
      'smallint',
      'integer',
      'bigint',
      'numeric',
      'real',
      D,
      'text',
      'timestamp',
      'timestamptz',
      'date',
      'time',
      'interval',
      'bytea',
      'text[]',
      'integer[]',
    ] as const
  ).flatMap((type) => [
    form(type, [type], 'min(@$0)', { takesWild: true }),
    form(type, [type], 'max(@$0)', { takesWild: true }),
  ]),
  form('text', ['text'], 'any_value($0)', { duck: 'min($0)' }),
  form('boolean', ['boolean'], 'bool_and($0)'),
  form('boolean', ['boolean'], 'every($0)', { duck: 'bool_and($0)' }),
  form('boolean', ['boolean'], 'bool_or($0)'),
  ...(['bit_and', 'bit_or', 'bit_xor'] as const).flatMap((name) => [
    form('integer', ['integer'], `${name}(@$0)`),
    form('bigint', ['bigint'], `${name}(@$0)`, { takesWild: true }),
  ]),
];

const STATISTICS: readonly AggregateForm[] = [
  ...['variance', 'var_samp', 'var_pop', 'stddev', 'stddev_samp', 'stddev_pop'].flatMap((name) => [
    form('numeric', ['integer'], `${name}(@$0)`),
    form(D, [D], `${name}(@$0)`),
    form('numeric', ['numeric'], `${name}($0)`, { duck: `${name}($0::DOUBLE)` }),
  ]),
  form('bigint', [D, D], 'regr_count($0, $1)'),
  ...['covar_pop', 'covar_samp', 'regr_avgx', 'regr_avgy', 'regr_sxx', 'regr_syy', 'regr_sxy'].map((name) =>
    form(D, [D, D], `${name}($0, $1)`),
  ),
  ...['corr', 'regr_slope', 'regr_intercept', 'regr_r2'].map((name) => form(D, [D, D], `${name}($0, $1)`, own)),
];

const ORDERED: readonly AggregateForm[] = [
  form(D, [D], 'percentile_cont(0.3) WITHIN GROUP (ORDER BY $0)', grouped),
  form('interval', ['interval'], 'percentile_cont(0.5) WITHIN GROUP (ORDER BY $0)', { ...grouped, duck: null }),
  form('integer', ['integer'], 'percentile_disc(0.7) WITHIN GROUP (ORDER BY $0)', grouped),
  form('text', ['text'], 'percentile_disc(0.5) WITHIN GROUP (ORDER BY $0 DESC)', { ...grouped, duck: null }),
  form('text', ['text'], 'mode() WITHIN GROUP (ORDER BY $0)', { ...grouped, duck: null }),
  form('text', ['text', 'integer'], "string_agg($0, ',' ORDER BY $1, $0)", {
    ...grouped,
    duck: "string_agg($0, ',' ORDER BY $1 NULLS LAST, $0)",
  }),
  form('text', ['text'], "string_agg(DISTINCT $0, '-' ORDER BY $0 DESC)", { ...grouped, duck: null }),
  form('text', ['text'], "string_agg($0, '|')", own),
  form('integer[]', ['integer'], 'array_agg($0 ORDER BY $0 DESC)', {
    ...grouped,
    duck: 'array_agg($0 ORDER BY $0 DESC NULLS FIRST)',
  }),
  form('text[]', ['text'], 'array_agg(DISTINCT $0)', {
    ...grouped,
    duck: "list_sort(array_agg(DISTINCT $0)#, 'ASC', 'NULLS LAST')",
  }),
  form('json', ['integer'], 'json_agg($0 ORDER BY $0)', { ...grouped, duck: null }),
  form('jsonb', ['text'], 'jsonb_agg($0)', { ...grouped, duck: null }),
  form('json', ['text', 'integer'], "json_object_agg(coalesce($0, 'z'), $1)", { ...grouped, duck: null }),
  form('jsonb', ['text', 'integer'], "jsonb_object_agg(coalesce($0, 'z'), $1)", { ...grouped, duck: null }),
  form('integer', ['integer', 'text'], 'first_value($0 ORDER BY $1, $0)', { ...grouped, rule: 'first', duck: null }),
  form('integer', ['integer', 'text'], 'last_value($0 ORDER BY $1, $0)', { ...grouped, rule: 'last', duck: null }),
];

const SKETCHES: readonly AggregateForm[] = [
  form('bigint', ['text'], 'approx_count_distinct($0)', own),
  form('bigint', ['integer'], 'approx_count_distinct($0)', own),
  form('bytea', ['bigint'], 'approx_count_distinct_sketch($0)', { ...own, takesWild: true }),
  form(D, [D], 'approx_percentile($0, 0.9)', own),
  form('bytea', [D], 'approx_percentile_sketch($0)', own),
  form('json', ['text'], 'approx_top_k($0, 2)', own),
  form('bytea', ['text'], 'approx_top_k_sketch($0, 2)', own),
];

/** All aggregates. */
export const AGGREGATES: readonly AggregateForm[] = [...PLAIN, ...STATISTICS, ...ORDERED, ...SKETCHES];

/** The rule of an aggregate that is used with OVER. */
export function overRule(rule: string): string {
  return rule.replace('aggregate', 'over-aggregate');
}

/** A window function that is no aggregate; it has no frame. `partial`: only over its order by time. */
export interface RankingForm {
  readonly rule: string;
  readonly type: SqlType;
  readonly args: readonly SqlType[];
  readonly sql: string;
  readonly duck: string | null;
  readonly framed: boolean;
  /** Sees rows in the order of their time. */
  readonly timed: boolean;
}

function ranking(type: SqlType, args: readonly SqlType[], sql: string, more: Partial<RankingForm> = {}): RankingForm {
  const name = /^\w+/.exec(sql)![0];
  return { type, args, sql, duck: sql, framed: false, timed: false, ...more, rule: `over ${more.rule ?? name}` };
}

const stepwise = { duck: null, timed: true } as const;

/** Ranking functions, and those of ordered rows. */
export const RANKINGS: readonly RankingForm[] = [
  ranking('bigint', [], 'row_number()'),
  ranking('bigint', [], 'rank()'),
  ranking('bigint', [], 'dense_rank()'),
  ranking(D, [], 'percent_rank()'),
  ranking(D, [], 'cume_dist()'),
  ranking('integer', [], 'ntile(3)'),
  ...(['integer', 'text', 'numeric', 'interval', 'text[]'] as const).flatMap((type) => [
    ranking(type, [type], 'lag($0)'),
    ranking(type, [type], 'lead($0, 2)'),
    ranking(type, [type], 'first_value($0)', { framed: true }),
    ranking(type, [type], 'last_value($0)', { framed: true }),
    ranking(type, [type], 'nth_value($0, 2)', { framed: true }),
  ]),
  ranking('integer', ['integer'], 'lag($0, 1, -1)'),
  ranking(D, [D], 'ewma($0, 0.3)', stepwise),
  ranking(D, [D], "ewma($0, INTERVAL '20 seconds')", stepwise),
  ranking(D, [D], 'zscore($0)', stepwise),
  ranking(D, [D], 'zscore($0, 5)', stepwise),
  ranking('boolean', [], "rate_limit(2, INTERVAL '20 seconds')", stepwise),
  ranking(D, [D], `rcf_score($0, 'trees 3, sample 16')`, stepwise),
  ranking('json', [D, D], `rcf_attribution($0, $1, 'trees 3, sample 16')`, stepwise),
];
