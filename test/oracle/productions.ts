/** What expressions are made of: a template in each dialect, types of arguments, and the rule it stands for. */
import type { SqlType } from '../../src/sql/plan.js';

/** A function, an operator or another form. */
export interface Production {
  readonly rule: string;
  readonly type: SqlType;
  readonly args: readonly SqlType[];
  readonly sql: string;
  readonly duck: string | null;
}

function make(
  rule: string,
  type: SqlType,
  args: readonly SqlType[],
  sql: string,
  duck: string | null = sql,
): Production {
  return { rule: `scalar ${rule}`, type, args, sql, duck };
}

const D: SqlType = 'double precision';

/** Types that values are computed in. */
const ANY: readonly SqlType[] = [
  'integer',
  'bigint',
  'numeric',
  D,
  'text',
  'boolean',
  'timestamp',
  'timestamptz',
  'date',
];
/** Types that can be compared. */
export const COMPARABLE: readonly SqlType[] = [
  ...ANY,
  'smallint',
  'real',
  'time',
  'interval',
  'uuid',
  'bytea',
  'text[]',
  'integer[]',
];

const ALL_TYPES: readonly Production[] = ANY.flatMap((type) => [
  make('case', type, ['boolean', type, type], '(CASE WHEN $0 THEN $1 ELSE $2 END)'),
  make('coalesce', type, [type, type], 'coalesce($0, $1)'),
  make('nullif', type, [type, type], 'nullif($0, $1)'),
]);

const ORDERED: readonly Production[] = (
  ['integer', 'numeric', D, 'text', 'timestamp', 'timestamptz', 'date'] as const
).flatMap((type) => [
  make('greatest', type, [type, type], 'greatest($0, $1)'),
  make('least', type, [type, type], 'least($0, $1)'),
]);

const NUMBERS: readonly Production[] = [
  make('add', 'integer', ['integer', 'integer'], '($0 + $1)'),
  make('subtract', 'integer', ['integer', 'integer'], '($0 - $1)'),
  make('multiply', 'integer', ['integer', 'integer'], '($0 * ($1 % 10))'),
  make('divide', 'integer', ['integer', 'integer'], '($0 / nullif($1, 0))', '($0 // nullif($1, 0))'),
  make('modulo', 'integer', ['integer', 'integer'], '($0 % nullif($1, 0))'),
  make('negate', 'integer', ['integer'], '(- $0)'),
  make('abs', 'integer', ['integer'], 'abs($0)'),
  make('length', 'integer', ['text'], 'length($0)'),
  make('strpos', 'integer', ['text', 'text'], 'strpos($0, $1)'),
  make('cardinality', 'integer', ['text[]'], 'cardinality($0)', 'len($0)'),
  make('extract', 'integer', ['timestamp'], 'extract(minute FROM $0)::integer'),
  make('extract', 'integer', ['date'], 'extract(day FROM $0)::integer'),
  make('subscript', 'integer', ['integer[]'], '($0)[1]'),
  make('cast', 'bigint', ['integer'], '$0::bigint'),
  make('add', 'bigint', ['bigint', 'integer'], '($0 + $1)'),
  make('cast', 'numeric', ['integer'], '$0::numeric', '$0::DECIMAL(18,4)'),
  make('add', 'numeric', ['numeric', 'numeric'], '($0 + $1)'),
  make('subtract', 'numeric', ['numeric', 'integer'], '($0 - $1)'),
  make('round', 'numeric', ['numeric'], 'round($0, 1)'),
  make('abs', 'numeric', ['numeric'], 'abs($0)'),
  make('cast', D, ['integer'], '$0::double precision'),
  make('cast', D, ['numeric'], '$0::double precision'),
  make('add', D, [D, D], '($0 + $1)'),
  make('subtract', D, [D, D], '($0 - $1)'),
  make('divide', D, [D, D], '($0 / nullif($1, 0))'),
  make('floor', D, [D], 'floor($0)'),
  make('sqrt', D, [D], 'sqrt(abs($0))'),
];

const TEXTS: readonly Production[] = [
  make('lower', 'text', ['text'], 'lower($0)'),
  make('upper', 'text', ['text'], 'upper($0)', null),
  make('concat', 'text', ['text', 'text'], '($0 || $1)'),
  make('substr', 'text', ['text'], 'substr($0, 1, 2)'),
  make('replace', 'text', ['text', 'text'], "replace($0, 'a', $1)"),
  make('left', 'text', ['text'], 'left($0, 2)'),
  make('trim', 'text', ['text'], 'trim($0)'),
  make('reverse', 'text', ['text'], 'reverse($0)'),
  make('cast', 'text', ['integer'], '$0::text'),
  make('cast', 'text', ['uuid'], '$0::text'),
  make('cast', 'text', ['boolean'], '$0::text'),
  make('subscript', 'text', ['text[]'], '($0)[1]'),
  make('json', 'text', ['jsonb'], "($0 ->> 'a')", null),
  make('json', 'text', ['json'], "($0 ->> 'a')", null),
];

const TIMES: readonly Production[] = (['timestamp', 'timestamptz'] as const).flatMap((type) => [
  make('add interval', type, [type], "($0 + INTERVAL '90 seconds')"),
  make('date_trunc', type, [type], "date_trunc('minute', $0)"),
  make('cast', 'date', [type], '$0::date'),
]);

const TESTS: readonly Production[] = [
  ...COMPARABLE.flatMap((type) =>
    ['=', '<>', '<', '<=', '>', '>='].map((name) =>
      make(`compare ${name}`, 'boolean', [type, type], `($0 ${name} $1)`),
    ),
  ),
  ...COMPARABLE.flatMap((type) => [
    make('is null', 'boolean', [type], '($0 IS NULL)'),
    make('is not null', 'boolean', [type], '($0 IS NOT NULL)'),
    make('is distinct', 'boolean', [type, type], '($0 IS DISTINCT FROM $1)'),
    make('between', 'boolean', [type, type, type], '($0 BETWEEN $1 AND $2)'),
    make('in list', 'boolean', [type, type, type], '($0 IN ($1, $2))'),
  ]),
  make('and', 'boolean', ['boolean', 'boolean'], '($0 AND $1)'),
  make('or', 'boolean', ['boolean', 'boolean'], '($0 OR $1)'),
  make('not', 'boolean', ['boolean'], '(NOT $0)'),
  make('is true', 'boolean', ['boolean'], '($0 IS TRUE)'),
  make('is not false', 'boolean', ['boolean'], '($0 IS NOT FALSE)'),
  make('like', 'boolean', ['text'], "($0 LIKE 'a%')"),
  make('like', 'boolean', ['text'], "($0 NOT LIKE '%b_')"),
  make('any', 'boolean', ['text', 'text[]'], '($0 = ANY ($1))', null),
  make('contains', 'boolean', ['text[]', 'text[]'], '($0 @> $1)', null),
];

/** All of them. */
export const PRODUCTIONS: readonly Production[] = [...ALL_TYPES, ...ORDERED, ...NUMBERS, ...TEXTS, ...TIMES, ...TESTS];

/** Literals of each type. */
export const LITERALS: Readonly<Partial<Record<SqlType, readonly string[]>>> = {
  smallint: ['7::smallint', '0::smallint'],
  integer: ['0', '1', '2', '3', '(-5)', '10'],
  bigint: ['0::bigint', '5::bigint', '9007199254740993::bigint'],
  numeric: ['0.5', '10.25', '(-3.0)', '100.00'],
  real: ['0.5::real', '2::real'],
  [D]: ['0.5::double precision', '2::double precision', '(-1)::double precision'],
  text: ["'a'", "'b'", "''", "'Zoë'", "'acme'"],
  boolean: ['true', 'false'],
  timestamp: ["'2024-03-10 06:01:00'::timestamp", "'2024-03-10 06:00:30.5'::timestamp"],
  timestamptz: ["'2024-03-10 06:01:00+00'::timestamptz", "'2024-03-10 06:00:30.5+00'::timestamptz"],
  date: ["'2024-03-10'::date", "'2024-03-11'::date"],
  time: ["'12:00:00'::time"],
  interval: ["'01:00:00'::interval", "'1 day'::interval"],
  uuid: ["'00000000-0000-4000-8000-000000000001'::uuid"],
  bytea: [],
  'text[]': [],
  'integer[]': [],
};
