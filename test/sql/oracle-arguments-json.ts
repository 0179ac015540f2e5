/** Argument lists for oracle calls on json and jsonb. */
import type { SqlType } from '../../src/sql/plan.js';
import { cross, quoted } from './oracle-lists.js';
import type { ArgumentLists } from './oracle-lists.js';

/** Keys and values as texts, in one array or in two. */
const ofTexts = (params: readonly SqlType[]): string[][] =>
  params.length === 1
    ? [['l'], ["'{a,1,b,NULL}'::text[]"], ["'{}'::text[]"], ["'{NULL,1}'::text[]"], ["'{bb,1,a,2,bb,3}'::text[]"]]
    : [
        ['l', 'l'],
        ["'{a,b}'::text[]", "'{1,NULL}'::text[]"],
        ["'{a}'::text[]", "'{}'::text[]"],
      ];

/** Documents of every shape. */
const JSONB = [
  'j::jsonb',
  `'{"a":1,"b":{"c":[1,{"d":null}]},"zz":"text"}'::jsonb`,
  `'["two",1,["two"],{"a":1}]'::jsonb`,
  `'"text"'::jsonb`,
];
const PATHS = [
  "'{a}'",
  "'{b,c,1,d}'",
  "'{b,c,-1}'",
  "'{b,c,9}'",
  "'{b,c,-9}'",
  "'{0}'",
  "'{-1,a}'",
  "'{}'",
  "'{b,x,y}'",
  "'{a,b}'",
  'l',
].map((path) => (path === 'l' ? path : `${path}::text[]`));

function jsonPaths([type]: readonly SqlType[]): string[][] {
  if (type === 'jsonb') return cross([JSONB, PATHS]);
  return cross([['j'], ["'{d,2,e}'", "'{f,g}'", "'{3,0}'", "'{}'", "'{a}'", 'l']]);
}

function jsonPairs([type]: readonly SqlType[]): string[][] | undefined {
  if (type !== 'jsonb') return undefined;
  const parts = [`'{"a":1}'`, `'{"b":{"c":[{}]}}'`, `'["two"]'`, `'[["two"]]'`, `'"two"'`, "'1.0'", "'[]'", "'{}'"];
  return cross([JSONB, [...JSONB, ...parts.map((part) => `${part}::jsonb`)]]);
}

/** Argument lists of functions of json and jsonb. */
export const JSON_ARGUMENTS: ArgumentLists = {
  '->': ([json, type]) =>
    cross([
      json === 'jsonb' ? JSONB : ['j', "(j -> 'd')"],
      type === 'integer' ? ['0', '1', '-1', '7', 'k::integer'] : quoted(['a', 'd', 'f', 'zz']),
    ]),
  '->>': ([json, type]) =>
    cross([
      json === 'jsonb' ? JSONB : ['j', "(j -> 'd')"],
      type === 'integer' ? ['0', '1', '-1', '3'] : quoted(['a', 'b', 'c', 'd', 'f']),
    ]),
  '#>>': jsonPaths,
  '#>': jsonPaths,
  '#-': jsonPaths,
  '-': ([type, other]) => {
    if (type !== 'jsonb') return undefined;
    const keys = { text: [...quoted(['a', 'zz', 'text']), 's'], integer: ['0', '-1', '9'] } as Record<string, string[]>;
    return cross([
      JSONB,
      (keys[other!] ?? ["'{a,d}'::text[]", 'l', "'{a,NULL}'::text[]"]).map((key) =>
        key.startsWith("'") && other === 'text' ? `${key}::text` : key,
      ),
    ]);
  },
  '@>': jsonPairs,
  '<@': jsonPairs,
  '?': () => cross([JSONB, [...quoted(['a', 'two', 'text', 'e']), 's']]),
  '?|': () => cross([JSONB, ["'{a,two}'::text[]", "'{}'::text[]", "'{NULL,text}'::text[]", 'l']]),
  '?&': () => cross([JSONB, ["'{a,b}'::text[]", "'{}'::text[]", "'{NULL,a}'::text[]", 'l']]),
  jsonb_set: (params) =>
    cross([JSONB, PATHS, [`'{"n":[1]}'::jsonb`, "'null'::jsonb"], ...(params.length > 3 ? [['true', 'false']] : [])]),
  jsonb_insert: (params) =>
    cross([JSONB, PATHS, [`'"new"'::jsonb`], ...(params.length > 3 ? [['true', 'false']] : [])]),
  json_object: ofTexts,
  jsonb_object: ofTexts,
  to_json: ([type]) => (type === 'text' ? [['t'], ['s'], ["''::text"]] : undefined),
  to_jsonb: ([type]) => (type === 'text' ? [['t'], ['s'], ["''::text"]] : undefined),
  json_build_array: () => [['i', "'x'"]],
  json_build_object: () => [["'a'", 'i']],
  jsonb_build_array: () => [['i', "'x'"]],
  jsonb_build_object: () => [["'a'", 'i']],
};
