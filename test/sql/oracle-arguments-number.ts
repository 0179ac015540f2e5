/** Argument lists for oracle calls on numbers. */
import type { SqlType } from '../../src/sql/plan.js';
import { cross } from './oracle-lists.js';
import type { ArgumentLists } from './oracle-lists.js';
import { OPERANDS } from './oracle-operands.js';

/** Numerics near and far from what logarithms and roots turn on. */
const LOGS = [
  'n',
  'm',
  'abs(n)',
  '(n / 7)',
  '1.0',
  '1.05',
  '0.9999999',
  '123456789012345678901234567890.5',
  '1e-30',
  '10000',
  '99.99',
];

function powers([type]: readonly SqlType[]): string[][] {
  if (type !== 'numeric')
    return cross([
      ['d', 'e', '2.5::float8', "'NaN'::float8", '(-1)::float8'],
      ['d', '2::float8', '0.5::float8', '-3::float8', "'Infinity'::float8"],
    ]);
  return [
    ...cross([
      ['n', '2', '-1.5', '0', '10', '1.000001'],
      ['0', '1', '-1', '2', '3.0', '0.5', '-2.5', '17', '(k % 20)'],
    ]),
    ...cross([
      ['abs(m)', '0.000001'],
      ['0.25', '-0.75', '(n % 3)', '10', '-10'],
    ]),
  ];
}

/** Argument lists of functions of numbers. */
export const NUMBER_ARGUMENTS: ArgumentLists = {
  numeric: () => [
    ['n', '10', '2'],
    ['n', '5', '5'],
    ['n', '3', '-2'],
    ['m', '20', '8'],
    ['(n / 7)', '12', '3'],
  ],
  round: (params) => cross([OPERANDS[params[0]!], ...(params.length > 1 ? [['0', '2', '-2', '6', '10']] : [])]),
  trunc: (params) => cross([OPERANDS[params[0]!], ...(params.length > 1 ? [['0', '2', '-2', '6', '10']] : [])]),
  power: powers,
  pow: powers,
  '^': powers,
  exp: ([type]) =>
    type === 'numeric' ? [...LOGS, '(n % 100)', '-50', '6000', '-7000', '0.000000'].map((x) => [x]) : undefined,
  ln: ([type]) => (type === 'numeric' ? LOGS.map((x) => [x]) : undefined),
  log: (params) =>
    params[0] !== 'numeric'
      ? undefined
      : params.length === 1
        ? LOGS.map((x) => [x])
        : cross([['2', '10', 'm', '0.5', '1', '1.0000001'], LOGS]),
  log10: ([type]) => (type === 'numeric' ? LOGS.map((x) => [x]) : undefined),
  sqrt: ([type]) => (type === 'numeric' ? [...LOGS, '0.0', '2', '1e40', '1e-40'].map((x) => [x]) : undefined),
  factorial: () => [['abs(k % 60)'], ['20'], ['-1'], ['40000']],
  width_bucket: (params) => {
    if (params.length === 2) return cross([OPERANDS[params[0]!].slice(0, 2), OPERANDS[params[1]!].slice(-3)]);
    const cast = (x: string): string => `${x}::${params[0]!}`;
    return cross([
      OPERANDS[params[0]!].slice(0, 2),
      ['0', '-100'].map(cast),
      ['1000', '10', '0'].map(cast),
      ['5', '1', '0', '2147483647'],
    ]);
  },
  '<<': ([type]) => cross([OPERANDS[type!].slice(0, 2), ['0', '1', '31', '33', '-1', '63']]),
  '>>': ([type]) => cross([OPERANDS[type!].slice(0, 2), ['0', '1', '31', '33', '-1', '63']]),
  pi: () => [[]],
};
