/** Argument lists for oracle calls on texts, bytes and patterns. */
import type { SqlType } from '../../src/sql/plan.js';
import { cross, ordinary, quoted } from './oracle-lists.js';
import type { ArgumentLists } from './oracle-lists.js';
import { LIKES, MATCHES, REPLACES, SUBSTRINGS } from './oracle-operands.js';

const SIMILARS = [
  'a%',
  '%b%',
  '(abc|ABC)%',
  '_b_',
  '[a-c]+',
  '%(é|a)',
  'a.c',
  '^a',
  '',
  '%',
  '[^a]%',
  'x{2}%',
  'a|b',
  '\\\\',
];

const SEARCHES = [
  'b',
  '//([^/]+)',
  '[0-9]+',
  '^(.)',
  'a(b)?',
  '\\d$',
  '(foo|bar)',
  'é+',
  'a*',
  '[,;]',
  '',
  '\\s*',
  '(é|^|\\d)[ab]',
];

function searches(more: readonly SqlType[]): string[][] {
  const patterns = quoted(more.length > 2 ? SEARCHES.slice(0, 6) : SEARCHES);
  const rest = more.map((type, i) => {
    if (type === 'text') return ["''", "'i'", "'c'"];
    return more.length > 2 ? ['1', '2'] : i === 0 ? ['1', '2', '0', '9'] : ['1', '2', '0'];
  });
  return cross([['t'], patterns, ...rest]);
}

/** Argument lists of functions of texts, bytes and patterns. */
export const TEXT_ARGUMENTS: ArgumentLists = {
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
  '~': (params) => (params.length === 1 ? ordinary(params) : cross([['t', 's'], quoted(MATCHES)])),
  '~*': () => cross([['t', 's'], quoted(MATCHES)]),
  '!~': () => cross([['t'], quoted(MATCHES)]),
  '!~*': () => cross([['t'], quoted(MATCHES)]),
  regexp_replace: (params) =>
    params[3] === 'integer'
      ? REPLACES.flatMap(([pattern, to]) =>
          cross([
            ['t'],
            [pattern],
            [to],
            ['1', '2', '0'],
            ...(params.length > 4 ? [['0', '1', '2', '-1']] : []),
            ...(params.length > 5 ? [["''", "'i'"]] : []),
          ]),
        )
      : REPLACES.flatMap(([pattern, to]) =>
          params.length === 3 ? [['t', pattern, to]] : ["'g'", "'i'", "'gi'"].map((flags) => ['t', pattern, to, flags]),
        ),
  split_part: () =>
    cross([
      ['t', "'a,b,,c'"],
      ["','", "'b'", "''", 's'],
      ['1', '2', '-1', '-3', '0'],
    ]),
  left: () => cross([['t'], ['0', '2', '-1', '-20', '30', 'k::integer']]),
  right: () => cross([['t'], ['0', '2', '-1', '-20', '30', 'k::integer']]),
  substr: (params) =>
    params[0] === 'bytea'
      ? cross([['x', 'y'], ['0', '1', '2', '-3'], ...(params.length > 2 ? [['0', '2', '-1']] : [])])
      : cross([
          ['t'],
          ['0', '1', '2', '-3', 'k::integer'],
          ...(params.length > 2 ? [['0', '2', '5', '-1', '2147483647']] : []),
        ]),
  substring: (params) =>
    params[0] === 'bytea'
      ? cross([['x', 'y'], ['0', '1', '2', '-3'], ...(params.length > 2 ? [['0', '2', '-1']] : [])])
      : params[1] === 'text'
        ? cross([['t', 's'], quoted(SUBSTRINGS)])
        : cross([['t'], ['0', '1', '2', '-3'], ...(params.length > 2 ? [['0', '2', '5', '-1']] : [])]),
  similar_to_escape: (params) =>
    params.length > 1
      ? cross([['t'], ['s', ...quoted(['a#%b', '%#_%', '(a|A)b%', 'a\\b', '###'])], quoted(['#', '', '\\'])])
      : cross([
          ['t', 's'],
          [...quoted(SIMILARS), 's'],
        ]),
  lpad: (params) =>
    cross([['t', 's'], ['5', '0', '-1', '12'], ...(params.length > 2 ? [["'xy'", "''", 's', "'é'"]] : [])]),
  rpad: (params) =>
    cross([['t', 's'], ['5', '0', '-1', '12'], ...(params.length > 2 ? [["'xy'", "''", 's', "'é'"]] : [])]),
  repeat: () => cross([['t'], ['0', '-1', '3', '(k % 5)::integer']]),
  translate: () =>
    cross([
      ['t', 's'],
      ["'abc'", "'aa'", "''", "'é😀'"],
      ["'xy'", "''", "'xyzw'"],
    ]),
  overlay: (params) =>
    cross([
      ...(params[0] === 'bytea'
        ? [
            ['x', 'y'],
            ["'\\xabcd'::bytea", 'y'],
          ]
        : [['t'], ["'XY'", 's']]),
      ['1', '2', '0', '30'],
      ...(params.length > 3 ? [['0', '1', '-1', '9']] : []),
    ]),
  get_bit: () =>
    cross([
      ['x', 'y'],
      ['0', '1', '12', '-1', '90'],
    ]),
  set_bit: () =>
    cross([
      ['x', 'y'],
      ['0', '1', '12', '-1'],
      ['0', '1', '2'],
    ]),
  chr: () => [['65'], ['233'], ['128512'], ['0'], ['-1'], ['55296'], ['1114112'], ['(abs(k % 2000))::integer']],
  normalize: (params) => cross([['t', 's'], ...(params.length > 1 ? [['NFC', 'NFD', 'NFKC', 'NFKD']] : [])]),
  is_normalized: (params) => cross([['t', 's'], ...(params.length > 1 ? [['NFC', 'NFKD']] : [])]),
  get_byte: () =>
    cross([
      ['x', 'y'],
      ['0', '1', '-1', '9'],
    ]),
  set_byte: () =>
    cross([
      ['x', 'y'],
      ['0', '1', '-1'],
      ['65', '300', '-1'],
    ]),
  encode: () =>
    cross([
      ['x', 'y', `decode(repeat('ab', 70), 'hex')`, `'\\x005cff41'::bytea`],
      quoted(['hex', 'base64', 'escape', 'HEX', 'none']),
    ]),
  decode: () =>
    cross([
      ['t', ...quoted(['YWI=', 'YQ==', 'YQ', 'Y*', 'Y W I =', '6162', '616', '616g', 'a\\\\b', '\\001', '\\9', ''])],
      quoted(['hex', 'base64', 'escape', 'none']),
    ]),
  convert_to: () => [
    ['t', "'UTF8'"],
    ['s', "'utf-8'"],
  ],
  format: () => [
    ["'%s|%-5s|%5s|%2$s|%%'", 't', 's', 'i'],
    ["'%I %L'", 't', 's'],
    ["'%I'", 's'],
    ["'%s %s'", 't'],
    ["'%'", 't'],
    ["'%x'", 't'],
    ["'%0$s'", 't'],
    ["'%1$'", 't'],
    ["'%*s|%-*s|'", 'k % 9', 't', '4', 's'],
    ["'%*s'", "'x'", 't'],
    ["'a%*1$s'", '7', 't'],
    ["'%3$s %s %s'", 't', 's', 'f', 'n'],
    ['t', 's', 'i'],
    ['t'],
  ],
  num_nulls: () => [['t', 's', 'i', 'NULL']],
  num_nonnulls: () => [['t', 's', 'i', 'NULL', 'f', 'x']],
  regexp_count: ([, , ...more]) => searches(more),
  regexp_like: ([, , ...more]) => searches(more),
  regexp_substr: ([, , ...more]) => searches(more),
  regexp_instr: ([, , ...more]) => searches(more),
  regexp_match: ([, , ...more]) => searches(more),
  regexp_split_to_array: ([, , ...more]) => searches(more),
  concat: () => [['t', 's'], ['t', 'i', "'x'", 'f', 'n', 'd', 'ts', 'NULL', 'u', 'l'], ['t']],
  concat_ws: () => [
    ["','", 't', 's', 'i'],
    ['s', 't', 'NULL', 'f'],
  ],
};
