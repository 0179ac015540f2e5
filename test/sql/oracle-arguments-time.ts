/** Argument lists for oracle calls on times. */
import type { SqlType } from '../../src/sql/plan.js';
import { cross, quoted } from './oracle-lists.js';
import type { ArgumentLists } from './oracle-lists.js';
import { EXTRACTED, FIELDS, NUMBER_FORMATS, OPERANDS, TIME_FORMATS, ZONES } from './oracle-operands.js';

const SPAN_FORMATS = [
  'YYYY MM DD HH24:MI:SS.US',
  'FMYYYY FMMM FMDD FMHH24:FMMI:FMSS.MS',
  'HH12 HH AM p.m.',
  'YYY YY Y CC',
  'DDD SSSS FF1 FF3',
  'Month',
  'DY',
  '',
  '"d:" dd "h:" hh24',
];
const SPANS = ["INTERVAL '1 day'", "INTERVAL '1 month -3 hours'", "INTERVAL '-25 hours'"];

function scales(params: readonly SqlType[], factors: readonly string[]): string[][] {
  const numbers = factors.map((factor) => `${factor}::float8`);
  return cross(params.map((type) => (type === 'interval' ? OPERANDS.interval : numbers)));
}

/** Texts to be read along patterns, and patterns. */
const STAMPS = [
  '2024-02-29',
  '2024-02-29 23:59:58.123456',
  '20240229',
  '29 Feb 2024',
  'February 29, 2024',
  '24/2/9',
  '2023-02-29',
  '2024-13-01',
  '11:30 PM',
  '11:30:00 am 2024',
  '  2024   02  ',
  '2024060',
  '2460370',
  '2024-09-4',
  '0044-03-15 BC',
  '12:61',
  'x',
  '',
  '2024-02-29T10:11:12+02:30',
];
const READ_PATTERNS = [
  'YYYY-MM-DD',
  'YYYY-MM-DD HH24:MI:SS.US',
  'YYYYMMDD',
  'DD Mon YYYY',
  'Month DD, YYYY',
  'YY/MM/DD',
  'YYYY/MM/DD HH24:MI:SS.MS',
  'YYYYDDD',
  'J',
  'IYYY-IW-ID',
  'YYYY-MM-DD BC',
  'YYYY MM',
  'HH12:MI PM',
  'HH:MI:SS AM YYYY',
  'YYYY-MM-DD"T"HH24:MI:SSTZH:TZM',
  'FMYYYY-FMMM-FMDD',
  'HH24:MI',
  'SSSS',
  'DDD YYYY',
];

/** Argument lists of functions of times. */
export const TIME_ARGUMENTS: ArgumentLists = {
  date_trunc: (params) =>
    cross([quoted(FIELDS), [OPERANDS[params[1]!]![0]!], ...(params.length > 2 ? [quoted(ZONES)] : [])]),
  extract: ([, type]) => cross([EXTRACTED, [OPERANDS[type!][0]!]]),
  date_part: ([, type]) => cross([quoted(EXTRACTED), [OPERANDS[type!][0]!]]),
  timezone: ([zone, type]) =>
    zone === 'interval'
      ? cross([["INTERVAL '1 hour'", "INTERVAL '-05:30:00.5'", "INTERVAL '1 day'"], [OPERANDS[type!][0]!]])
      : cross([quoted(ZONES), [OPERANDS[type!][0]!]]),
  to_char: ([type]) =>
    cross([
      type === 'interval' ? OPERANDS.interval : OPERANDS[type!].slice(0, 3),
      quoted(type === 'interval' ? SPAN_FORMATS : type!.startsWith('timestamp') ? TIME_FORMATS : NUMBER_FORMATS),
    ]),
  make_date: () =>
    cross([
      ['2024', '-5', '0', '(k % 3000)::integer'],
      ['2', '13', '0', '-1'],
      ['29', '30', '1', '0'],
    ]),
  make_time: () =>
    cross([
      ['0', '23', '24', '-1'],
      ['0', '59', '60'],
      ['0', '5.5', '59.9999999', '60', '61', '-1'].map((x) => `${x}::float8`),
    ]),
  make_timestamp: () => [
    ['2024', '2', '29', '12', '34', '56.789'],
    ['2023', '2', '29', '12', '34', '56.789'],
    ['2024', '2', '29', '24', '0', '1'],
    ['(k % 3000)::integer', '2', '1', '0', '0', '0'],
  ],
  make_timestamptz: ([, , , , , , zone]) => [
    ['2024', '3', '31', '2', '30', '0', ...(zone ? ["'Europe/Berlin'"] : [])],
    ['2024', '(1 + abs(k % 12))::integer', '1', '12', '0', '1.25', ...(zone ? ["'America/New_York'"] : [])],
    ['2024', '13', '1', '0', '0', '0', ...(zone ? ["'UTC'"] : [])],
  ],
  make_interval: () => [
    ['1', '2', '3', '4', '5', '6', '7.5'],
    ['days => 3', 'secs => 1.5'],
    ['(k % 1000)::integer', 'hours => (k % 77)::integer'],
    ['years => 2147483647'],
    ['secs => d'],
    [],
  ],
  to_timestamp: (params) => (params.length === 1 ? undefined : [...cross([quoted(STAMPS), quoted(READ_PATTERNS)])]),
  to_date: () => [
    ...cross([quoted(STAMPS), quoted(READ_PATTERNS.slice(0, 12))]),
    ["to_char(ts, 'YYYY-MM-DD BC')", "'YYYY-MM-DD BC'"],
  ],
  '*': (params) =>
    params.includes('interval') ? scales(params, ['0.5', '-1.25', '3', '0', '1e12', '(k % 100)', "'NaN'"]) : undefined,
  '/': (params) =>
    params.includes('interval') ? scales(params, ['2', '-0.3', '7', '0', '1e-12', '(k % 100)', "'NaN'"]) : undefined,
  age: ([type]) => cross([OPERANDS[type!], OPERANDS[type!]]),
  date_add: ([, , zone]) =>
    cross([['ts', 'tz'], SPANS, ...(zone ? [quoted(['Europe/Berlin', 'America/New_York'])] : [])]),
  date_subtract: ([, , zone]) => cross([['ts', 'tz'], SPANS, ...(zone ? [quoted(['Europe/Berlin', 'UTC'])] : [])]),
  overlaps: ([a, b, c, d]) =>
    [
      [0, 1, 0, 1],
      [0, 1, 1, 0],
      [0, 0, 1, 1],
      [1, 0, 2, 0],
      [0, 2, 2, 1],
    ].map((picks) => [a, b, c, d].map((type, i) => OPERANDS[type!][picks[i]!]!)),
  date_bin: ([, type]) =>
    cross([
      ["INTERVAL '15 minutes'", "INTERVAL '1 day'", "INTERVAL '1 month'", "INTERVAL '0 s'"],
      [OPERANDS[type!][0]!],
      [OPERANDS[type!][2]!],
    ]),
  timestamp: () =>
    cross([
      ['ts::timestamp', "'2024-02-29 12:34:56.789501'::timestamp"],
      ['0', '1', '3', '6'],
    ]),
  timestamptz: () =>
    cross([
      ['ts', "'1969-12-31 23:59:59.9995+00'::timestamptz"],
      ['0', '1', '3', '6'],
    ]),
  time: () =>
    cross([
      ['ts::time', "'23:59:59.999501'::time"],
      ['0', '1', '3', '6'],
    ]),
  interval: () =>
    cross([
      ['(ts - tz)', "INTERVAL '-1 day -00:00:00.0095'"],
      ['0', '2', '3', '6'],
    ]),
};
