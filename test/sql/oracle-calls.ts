/** SQL calls of every overload in the function table, over columns and telling constants. */
import { functionTable } from '../../src/sql/functions/index.js';
import type { FunctionDefinition } from '../../src/sql/functions/registry.js';
import type { SqlType } from '../../src/sql/plan.js';

/** Expressions of each type; the first two are columns. */
const OPERANDS: Record<SqlType, readonly string[]> = {
  boolean: ['f', 'g', 'true'],
  integer: ['i::integer', 'k::integer', '3', '-2'],
  bigint: ['b', 'c', 'i', '10::bigint'],
  numeric: ['n', 'm', '(n / 7)', '2.50', '-0.005'],
  'double precision': ['d', 'e', '2.5::double precision'],
  text: ['t', 's', "'abc'", "'é'"],
  timestamptz: ['ts', 'tz', "'2024-02-29 12:34:56.789+00'::timestamptz"],
  timestamp: ['ts::timestamp', 'tz::timestamp', "'2024-01-31 23:59:59'::timestamp"],
  date: ['ts::date', 'tz::date', "'2024-02-29'::date"],
  interval: [
    '(ts - tz)',
    "INTERVAL '1 month 2 days 03:04:05.5'",
    "INTERVAL '-1 year -3 hours'",
    "INTERVAL '90 minutes'",
  ],
  uuid: ['u', 'v', "'123e4567-e89b-12d3-a456-426614174000'::uuid"],
  json: ['j'],
  bytea: ['x', 'y', "'\\x6162'::bytea"],
  'text[]': ['l', "'{a,b,NULL}'::text[]"],
};

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Pacific/Apia',
  'Africa/Monrovia',
];
const FIELDS = [
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
const EXTRACTED = [
  ...FIELDS,
  'dow',
  'isodow',
  'doy',
  'isoyear',
  'epoch',
  'timezone',
  'timezone_hour',
  'timezone_minute',
];
const TIME_FORMATS = [
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
const NUMBER_FORMATS = [
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
];
const LIKES = ['a%', '%c', '%b%', '_b_', 'abc', '', '%', 'a\\%b\\_c', '%é%', '%a%b%', '__', '%😀_', 'A%'];
const MATCHES = [
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
const REPLACES = [
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
const SUBSTRINGS = ['b', '//([^/]+)', '[0-9]+', '^(.)', 'a(b)?', 'utm_source=([^&#]*)', '\\d$', '(foo|bar)', 'é+'];

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const quoted = (texts: readonly string[]): string[] => texts.map(quote);

/** Argument lists of functions whose arguments are not any value of their type. */
const SPECIAL: Readonly<Record<string, (params: readonly SqlType[]) => string[][]>> = {
  date_trunc: (params) =>
    cross([quoted(FIELDS), [OPERANDS[params[1]!]![0]!], ...(params.length > 2 ? [quoted(ZONES)] : [])]),
  extract: ([, type]) => cross([EXTRACTED, [OPERANDS[type!][0]!]]),
  date_part: ([, type]) => cross([quoted(EXTRACTED), [OPERANDS[type!][0]!]]),
  timezone: ([, type]) => cross([quoted(ZONES), [OPERANDS[type!][0]!]]),
  to_char: ([type]) =>
    cross([OPERANDS[type!].slice(0, 3), quoted(type!.startsWith('timestamp') ? TIME_FORMATS : NUMBER_FORMATS)]),
  like: () =>
    cross([
      ['t', 's'],
      [...quoted(LIKES), 's'],
    ]),
  ilike: () =>
    cross([
      ['t', 's'],
      [...quoted(LIKES), 's'],
    ]),
  'not like': () => cross([['t'], [...quoted(LIKES), 's']]),
  'not ilike': () => cross([['t'], [...quoted(LIKES), 's']]),
  like_escape: () => [
    ['t', "'a!%b!_c'", "'!'"],
    ['t', "'a\\%%'", "''"],
    ['t', 's', "'b'"],
    ['t', "'%'", "'ab'"],
  ],
  convert_from: () =>
    cross([
      ['x', 'y', "'\\xc3a9'::bytea", "'\\xc3'::bytea", "'\\xefbbbf61'::bytea", "'\\x6100'::bytea", "''::bytea"],
      quoted(['UTF8', 'utf-8', 'nothing']),
    ]),
  '~': () => cross([['t', 's'], quoted(MATCHES)]),
  '~*': () => cross([['t', 's'], quoted(MATCHES)]),
  '!~': () => cross([['t'], quoted(MATCHES)]),
  '!~*': () => cross([['t'], quoted(MATCHES)]),
  regexp_replace: (params) =>
    REPLACES.flatMap(([pattern, to]) =>
      params.length === 3 ? [['t', pattern, to]] : ["'g'", "'i'", "'gi'"].map((flags) => ['t', pattern, to, flags]),
    ),
  '->': ([, type]) =>
    cross([
      ['j', "(j -> 'd')"],
      type === 'integer' ? ['0', '1', '-1', '7', 'k::integer'] : quoted(['a', 'd', 'f', 'zz']),
    ]),
  '->>': ([, type]) =>
    cross([['j', "(j -> 'd')"], type === 'integer' ? ['0', '1', '-1', '3'] : quoted(['a', 'b', 'c', 'd', 'f'])]),
  '#>>': () => [
    ['j', "'{d,2,e}'"],
    ['j', "'{f,g}'"],
    ['j', "'{3,0}'"],
    ['j', "'{}'"],
    ['j', 'l'],
  ],
  date_bin: ([, type]) =>
    cross([
      ["INTERVAL '15 minutes'", "INTERVAL '1 day'", "INTERVAL '1 month'", "INTERVAL '0 s'"],
      [OPERANDS[type!][0]!],
      [OPERANDS[type!][2]!],
    ]),
  numeric: () => [
    ['n', '10', '2'],
    ['n', '5', '5'],
    ['n', '3', '-2'],
    ['m', '20', '8'],
    ['(n / 7)', '12', '3'],
  ],
  split_part: () =>
    cross([
      ['t', "'a,b,,c'"],
      ["','", "'b'", "''", 's'],
      ['1', '2', '-1', '-3', '0'],
    ]),
  left: () => cross([['t'], ['0', '2', '-1', '-20', '30', 'k::integer']]),
  right: () => cross([['t'], ['0', '2', '-1', '-20', '30', 'k::integer']]),
  substr: (params) =>
    cross([
      ['t'],
      ['0', '1', '2', '-3', 'k::integer'],
      ...(params.length > 2 ? [['0', '2', '5', '-1', '2147483647']] : []),
    ]),
  substring: (params) =>
    params[1] === 'text'
      ? cross([['t', 's'], quoted(SUBSTRINGS)])
      : cross([['t'], ['0', '1', '2', '-3'], ...(params.length > 2 ? [['0', '2', '5', '-1']] : [])]),
  round: (params) => cross([OPERANDS[params[0]!], ...(params.length > 1 ? [['0', '2', '-2', '6', '10']] : [])]),
  trunc: (params) => cross([OPERANDS[params[0]!], ...(params.length > 1 ? [['0', '2', '-2', '6', '10']] : [])]),
  array_length: () => [
    ['l', '1'],
    ['l', '2'],
  ],
  concat: () => [['t', 's'], ['t', 'i', "'x'", 'f', 'n', 'd', 'ts', 'NULL', 'u', 'l'], ['t']],
  concat_ws: () => [
    ["','", 't', 's', 'i'],
    ['s', 't', 'NULL', 'f'],
  ],
};

function cross(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>((all, list) => all.flatMap((head) => list.map((item) => [...head, item])), [[]]);
}

/** The SQL spelling of a call. */
function spell(entry: FunctionDefinition, args: readonly string[]): string {
  const [a, b] = args;
  if (entry.name === 'cast') return `(${a})::${entry.result}`;
  if (entry.name === 'numeric') return `(${a})::numeric(${b}, ${args[2]})`;
  if (entry.name === 'like_escape') return `${a} LIKE ${b} ESCAPE ${args[2]}`;
  if (entry.name === 'extract') return `extract(${a} from ${b})`;
  if (entry.name === 'timezone') return `(${b} AT TIME ZONE ${a})`;
  if (entry.name === 'position') return `position(${a} in ${b})`;
  if (entry.name === '= ANY') return `${a} = ANY (${b})`;
  if (/^(not )?i?like$/.test(entry.name)) return `${a} ${entry.name} ${b}`;
  if (/^[a-z_]+$/.test(entry.name)) return `${entry.name}(${args.join(', ')})`;
  return args.length === 1 ? `${entry.name} ${a}` : `${a} ${entry.name} ${b}`;
}

/** Every call to try, with the overload it is meant to hit. */
export function oracleCalls(): { sql: string; entry: FunctionDefinition }[] {
  return functionTable.all().flatMap((entry) => {
    const special = SPECIAL[entry.name];
    const isOrdinary = special === undefined || (entry.params[0] === 'bytea' && entry.params.length === 1);
    const lists = isOrdinary ? ordinary(entry.params) : special(entry.params);
    return lists.map((args) => ({ sql: spell(entry, args), entry }));
  });
}

function ordinary(params: readonly SqlType[]): string[][] {
  if (params.length === 1) return OPERANDS[params[0]!].map((operand) => [operand]);
  const first = params.map((type, i) => OPERANDS[type][i % 2] ?? OPERANDS[type][0]!);
  const rest = cross(params.map((type) => OPERANDS[type])).filter((args) => args.join() !== first.join());
  return [first, ...rest.slice(0, 6)];
}
