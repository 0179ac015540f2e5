/** Argument lists for oracle calls on arrays. */
import { cross } from './oracle-lists.js';
import type { ArgumentLists } from './oracle-lists.js';
import { OPERANDS } from './oracle-operands.js';

/** Argument lists of functions of arrays. */
export const ARRAY_ARGUMENTS: ArgumentLists = {
  subscript: ([type]) => cross([OPERANDS[type!], ['1', '2', '0', '-1', '9', 'k::integer']]),
  slice: ([type]) => cross([OPERANDS[type!].slice(0, 2), ['1', '0', '2', '9'], ['1', '-1', '3']]),
  array_length: ([type]) => cross([OPERANDS[type!], ['1', '2']]),
  array_upper: ([type]) => cross([OPERANDS[type!], ['1', '0']]),
  array_lower: ([type]) => cross([OPERANDS[type!], ['1', '2']]),
  trim_array: ([type]) => cross([OPERANDS[type!], ['0', '1', '2', '-1']]),
  array_fill: ([type]) =>
    cross([
      OPERANDS[type!].slice(0, 1),
      ["'{3}'::integer[]", "'{}'::integer[]", "'{0}'::integer[]", "'{-1}'::integer[]"],
    ]),
  array_position: ([array, type, from]) =>
    cross([
      OPERANDS[array!].slice(0, 3),
      [...OPERANDS[type!].slice(0, 3), 'NULL'],
      ...(from ? [['1', '2', '-5']] : []),
    ]),
  array_to_string: ([array, , nullText]) =>
    cross([OPERANDS[array!], ["','", "''", 's'], ...(nullText ? [["'*'", 'NULL']] : [])]),
  string_to_array: (params) =>
    cross([['t', "'a,b,,c'"], ["','", "''", 'NULL', 's'], ...(params.length > 2 ? [["''", "'a'", 'NULL']] : [])]),
};
