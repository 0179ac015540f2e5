/** What oracle calls are made of: expressions of every type, zones, units, patterns. */
import type { ScalarType, SqlType } from '../../src/sql/plan.js';
import { arrayOf, SCALAR_TYPES } from '../../src/sql/types.js';

/** Expressions of each type; the first two are columns. */
const SCALARS: Record<ScalarType, readonly string[]> = {
  boolean: ['f', 'g', 'true'],
  smallint: ['(k % 32768)::smallint', '(i % 100)::smallint', '3::smallint', '(-32768)::smallint'],
  integer: ['i::integer', 'k::integer', '3', '-2'],
  bigint: ['b', 'c', 'i', '10::bigint'],
  numeric: ['n', 'm', '(n / 7)', '2.50', '-0.005'],
  real: ['(n / 3)::real', '(m * 0.1)::real', '2.5::real', "'1e38'::real", "'-Infinity'::real"],
  'double precision': ['d', 'e', '2.5::double precision'],
  text: ['t', 's', "'abc'", "'é'"],
  timestamptz: ['ts', 'tz', "'2024-02-29 12:34:56.789+00'::timestamptz"],
  timestamp: ['ts::timestamp', 'tz::timestamp', "'2024-01-31 23:59:59'::timestamp"],
  date: ['ts::date', 'tz::date', "'2024-02-29'::date"],
  time: ['ts::time', 'tz::time', "'23:59:59.123456'::time", "'24:00'::time"],
  interval: [
    '(ts - tz)',
    "INTERVAL '1 month 2 days 03:04:05.5'",
    "INTERVAL '-1 year -3 hours'",
    "INTERVAL '90 minutes'",
  ],
  uuid: ['u', 'v', "'123e4567-e89b-12d3-a456-426614174000'::uuid"],
  json: ['j'],
  jsonb: [
    'j::jsonb',
    `'{"b":[1,2.50,{"c":null}],"aa":"x","a":true}'::jsonb`,
    '\'[1,"a",null]\'::jsonb',
    "'7.0'::jsonb",
  ],
  bytea: ['x', 'y', "'\\x6162'::bytea"],
};

/** Constants that arrays are made of beside columns. */
const ITEMS: Partial<Record<ScalarType, string>> = { json: "'[1]'::json" };

const arraysOf = (type: ScalarType): string[] => {
  const [first, second = ITEMS[type]!] = SCALARS[type];
  const constant = ITEMS[type] ?? SCALARS[type].at(-1)!;
  const extra = type === 'text' ? ['l', "'{a,b,NULL}'::text[]"] : [];
  return [
    ...extra,
    `ARRAY[${first}, ${second}]`,
    `ARRAY[${constant}, NULL, ${second}, ${constant}]`,
    `'{}'::${type}[]`,
  ];
};

/** Expressions of each type; the first two are columns or made of columns. */
export const OPERANDS = Object.fromEntries([
  ...SCALAR_TYPES.map((type) => [type, SCALARS[type]]),
  ...SCALAR_TYPES.map((type) => [arrayOf(type), arraysOf(type)]),
]) as Record<SqlType, readonly string[]>;

/** Zones with odd rules. */
export const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Pacific/Apia',
  'Africa/Monrovia',
];
/** Units that a time is cut to. */
export const FIELDS = [
  'microseconds',
  'milliseconds',
  'second',
  'minute',
  'hour',
  'day',
  'week',
  'month',
  'quarter',
  'year',
  'decade',
  'century',
  'millennium',
  'fortnight',
];
/** Fields that are read. */
export const EXTRACTED = [
  ...FIELDS,
  'dow',
  'isodow',
  'doy',
  'isoyear',
  'julian',
  'epoch',
  'timezone',
  'timezone_hour',
  'timezone_minute',
];
/** Patterns of times. */
export const TIME_FORMATS = [
  'YYYY-MM-DD HH24:MI:SS',
  'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"',
  'FMMonth FMDD, YYYY',
  'Day DD Mon YY',
  'DY, DD MON YYYY HH12:MI:SS AM',
  'IYYY-"W"IW-ID',
  'IYY IY I IDDD',
  'DDDth Q WW W CC J',
  'US FF1 FF3 FF6 SSSS SSSSS',
  'FMHH:FMMI p.m.',
  'YYY Y Y,YYY D',
  'month MONTH FMmonth day dy mon',
  'yyyy/mm/dd hh24-mi-ss',
  'DDth FMDDTH',
  'TZ tz OF TZH:TZM',
  'AD bc B.C. a.d.',
  '"quoted \\"text\\"" YYYY',
  'Week',
  '',
  'HH24h MIm',
  'FMYYYY FMMM FMDDD',
];
/** Patterns of numbers. */
export const NUMBER_FORMATS = [
  '999',
  '000',
  '9990',
  '9990.99',
  '999,999',
  '999G999D99',
  'FM999',
  'FM999.99',
  'FM999,999,990.00',
  'FM0.0999',
  '0.0',
  '9.9',
  '.99',
  'S999',
  '999S',
  '999MI',
  'MI999',
  'FM999MI',
  '999PR',
  'FM999PR',
  'SG999',
  'PL999',
  '$999.00',
  '099,999',
  '999th',
  'FM999TH',
  '99 %',
  '999999999999.999999',
  '9',
  '0',
  '9,999.',
  'FM9,999.',
  '90.99',
  '09.90',
  'FM90.99',
  'RN',
  'FMrn',
  '"n: "999',
  '999" %9"',
  '9"x"99',
];
/** Patterns of LIKE. */
export const LIKES = ['a%', '%c', '%b%', '_b_', 'abc', '', '%', 'a\\%b\\_c', '%é%', '%a%b%', '__', '%😀_', 'A%'];
/** Regular expressions that match anywhere. */
export const MATCHES = [
  'a',
  '^a',
  'c$',
  '^$',
  'b+',
  '[a-c]+',
  '[^a-z]',
  '\\d+',
  '\\s',
  '\\w+@\\w+',
  '^https?://',
  '(foo|bar)',
  '[[:alpha:]]',
  '[[:space:]]',
  '\\yabc\\y',
  '\\mabc',
  'é',
  '.',
  '^.$',
  '😀',
  'x{2,3}',
  '[[:upper:]]',
  '[[:lower:]][[:digit:]]',
  'a|b|',
  '\\.',
  'A',
  '[A-B]',
  'É',
  '(?i)ABC',
  'a(?=b)',
  'a(?!b)',
  '(?<=a)b',
  '\\Aa',
  'c\\Z',
  '[\\d-]',
  '\\u00e9',
  'ς',
  'Σ',
  '[]a]',
  '[^]a]',
  'a{1',
  '}',
  ']',
];
/** Regular expressions, and what replaces them. */
export const REPLACES = [
  ["'b'", "'X'"],
  ["'[0-9]+'", "'#'"],
  ["'^https?://([^/]+).*$'", "'\\1'"],
  ["'a*'", "'-'"],
  ["'(a)(b)?'", "'<\\2\\1\\&>'"],
  ["'\\?.*$'", "''"],
  ["'\\s+'", "' '"],
  ["'(é|a)'", "'\\\\'"],
  ["''", "'_'"],
  ["'x'", "'$1 $& \\0 \\9'"],
] as const;
/** Regular expressions whose matched part counts. */
export const SUBSTRINGS = [
  'b',
  '//([^/]+)',
  '[0-9]+',
  '^(.)',
  'a(b)?',
  'utm_source=([^&#]*)',
  '\\d$',
  '(foo|bar)',
  'é+',
];
