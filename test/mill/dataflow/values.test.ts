import { describe, expect, test } from 'vitest';
import {
  compileCondition,
  compileExpression,
  compileRow,
  failureReason,
} from '../../../src/mill/dataflow/expressions.js';
import { keyFunction, wholeRowKey } from '../../../src/mill/dataflow/keys.js';
import { identicalRows, orderComparator, rowComparator } from '../../../src/mill/dataflow/order.js';
import { rowCodec } from '../../../src/mill/dataflow/rows.js';
import { type Decimal, parseDecimal } from '../../../src/sql/decimal.js';
import type { SqlType } from '../../../src/sql/plan.js';
import type { Value } from '../../../src/sql/value.js';
import { ByteReader, ByteWriter } from '../../../src/util/bytes.js';
import { call, column, fields, literal } from './rows.js';

const decimal = (text: string): Decimal => parseDecimal(text)!;

/** Values of each type: each list has values that SQL calls equal, no two lists share one. */
const VALUES: readonly [SqlType, readonly (readonly Value[])[]][] = [
  ['boolean', [[null], [true], [false]]],
  ['integer', [[null], [0], [1], [-1], [2]]],
  ['bigint', [[null], [0], [1], [2n ** 62n], [-(2n ** 62n)], [9_007_199_254_740_991], [9_007_199_254_740_992n]]],
  ['double precision', [[null], [0, -0], [Number.NaN], [1.5], [Infinity], [-Infinity]]],
  [
    'numeric',
    [[null], [decimal('1.0'), decimal('1.00'), decimal('1')], [decimal('0'), decimal('0.000')], [decimal('10')]],
  ],
  ['text', [[null], [''], ['0'], ['a'], ['1:a'], ['=a'], ['a;'], ['𝒳'], [';'], [':']]],
  ['uuid', [[null], ['00000000-0000-0000-0000-000000000001'], ['00000000-0000-0000-0000-000000000002']]],
  ['json', [[null], ['1.0'], ['1.00'], ['{}']]],
  ['jsonb', [[null], ['1.0', '1.00', '1'], ['{}'], ['{"a": [1, 2.50]}', '{"a": [1.0, 2.5]}'], ['[]'], ['"1"']]],
  ['real', [[null], [0, -0], [Number.NaN], [0.5]]],
  ['time', [[null], [0], [86_400_000]]],
  ['smallint', [[null], [0], [-1]]],
  ['numeric[]', [[null], [[]], [[null]], [[decimal('1.0')], [decimal('1')]], [[decimal('1'), null]]]],
  ['timestamptz', [[null], [0], [1.001], [-5]]],
  ['date', [[null], [0], [-1]]],
  [
    'interval',
    [
      [null],
      [
        { months: 1, days: 0, ms: 0 },
        { months: 0, days: 30, ms: 0 },
        { months: 0, days: 29, ms: 86_400_000 },
      ],
      [{ months: 0, days: 1, ms: 0 }],
    ],
  ],
  ['bytea', [[null], [new Uint8Array([])], [new Uint8Array([0])], [new Uint8Array([255, 49])]]],
  ['text[]', [[null], [[]], [['a']], [['a', null]], [[null]], [['a', 'b']], [['a,b']], [['"']]]],
];

describe('keys', () => {
  test.each(VALUES)('of %s are equal exactly where the values are, alone and beside others', (type, groups) => {
    const all = groups.flatMap((values, group) => values.map((value) => ({ value, group })));
    const alone = keyFunction([0], [type]);
    for (const text of ['', '1', ';', ':', '2:'])
      for (const build of [
        { of: alone, row: (value: Value) => [value] },
        { of: keyFunction([0, 1], [type, 'text']), row: (value: Value) => [value, text] },
        { of: keyFunction([1, 0], [type, 'text'].toReversed() as SqlType[]), row: (value: Value) => [value, text] },
        { of: keyFunction([0, 0, 1], [type, type, 'text']), row: (value: Value) => [value, text] },
      ])
        for (const a of all)
          for (const b of all) {
            const same = Object.is(build.of(build.row(a.value)), build.of(build.row(b.value)));
            // A map takes 0 and -0 for one key.
            const equal = same || build.of(build.row(a.value)) === build.of(build.row(b.value));
            expect(equal, `${String(a.value)} and ${String(b.value)}`).toBe(a.group === b.group);
          }
  });

  test.each(VALUES)('of %s that are exact tell values apart that print otherwise', (type, groups) => {
    for (const key of [wholeRowKey([type], { isExact: true }), keyFunction([0, 0], [type, type], { isExact: true })]) {
      const all = groups.flat();
      expect(new Set(all.map((value) => key([value]))).size).toBe(all.length);
    }
  });

  test('run through several texts without mixing them up', () => {
    const key = wholeRowKey(['text', 'text', 'text']);
    const texts = [null, '', 'a', 'aa', '1:a', ':', '=', '0:'];
    const keys = new Set<unknown>();
    for (const a of texts) for (const b of texts) for (const c of texts) keys.add(key([a, b, c]));
    expect(keys.size).toBe(texts.length ** 3);
  });

  test('take expressions, and no part at all', () => {
    const key = keyFunction([call('upper', 'text', column(0, 'text'))], ['text']);
    expect(key(['abc'])).toBe('ABC');
    expect(keyFunction([], [])(['x'])).toBe(keyFunction([], [])(['y']));
  });
});

describe('order', () => {
  test('puts NULLs where it says, larger first where it says, and the rest of the row decides', () => {
    const of = fields('integer', 'text', 'numeric');
    const compare = rowComparator(
      [
        { expression: column(1, 'text'), descending: true, nullsFirst: false },
        { expression: column(0, 'integer'), descending: false, nullsFirst: true },
      ],
      of,
    );
    const rows: Value[][] = [
      [1, 'b', decimal('1.0')],
      [null, 'b', decimal('2')],
      [1, 'b', decimal('1.00')],
      [2, null, null],
      [1, 'b', null],
      [0, 'a', decimal('1')],
    ];
    const sorted = rows.toSorted(compare).map((row) => row.map(String));
    expect(sorted).toEqual([
      ['null', 'b', '2'],
      ['1', 'b', '1.0'],
      ['1', 'b', '1.00'],
      ['1', 'b', 'null'],
      ['0', 'a', '1'],
      ['2', 'null', 'null'],
    ]);
    expect(compare(rows[0]!, [1, 'b', decimal('1.0')])).toBe(0);
    const peers = orderComparator([{ expression: column(2, 'numeric'), descending: false, nullsFirst: false }]);
    expect(peers(rows[0]!, rows[2]!)).toBe(0);
    expect(peers(rows[3]!, rows[4]!)).toBe(0);
    expect(peers(rows[3]!, rows[0]!)).toBe(1);
  });

  test.each(VALUES)('of %s is total: identical values alone are equal', (type, groups) => {
    const all = groups.flat();
    const compare = rowComparator([], fields(type));
    const identical = identicalRows([type]);
    for (const [i, a] of all.entries())
      for (const [j, b] of all.entries()) {
        expect(compare([a], [b]) === 0, `${String(a)} and ${String(b)}`).toBe(i === j);
        expect(identical([a], [b])).toBe(i === j);
        expect(Math.sign(compare([a], [b]))).toBe(0 - Math.sign(compare([b], [a])));
      }
  });
});

test('rows are read as they were written', () => {
  for (const [type, groups] of VALUES) {
    const codec = rowCodec(fields(type, 'text'));
    const writer = new ByteWriter(1);
    const rows = groups.flat().map((value) => [value, 'x']);
    for (const row of rows) codec.write(row, writer);
    const reader = new ByteReader(writer.copy());
    expect(rows.map(() => codec.read(reader))).toEqual(rows);
    for (const row of rows) expect(codec.bytes(row)).toBeGreaterThan(0);
  }
});

describe('expressions over rows', () => {
  const a = column(0, 'integer');
  const b = column(1, 'numeric');

  test('give what evaluation gives', () => {
    expect(compileExpression(call('+', 'integer', a, literal(2, 'integer')))([3, null])).toBe(5);
    expect(compileExpression(call('+', 'integer', a, literal(2, 'integer')))([null, null])).toBe(null);
    const sum = compileExpression(call('+', 'numeric', b, literal('1.50', 'numeric')));
    expect(String(sum([1, decimal('0.125')]))).toBe('1.625');
    expect(String(compileRow([b, literal('2.0', 'numeric'), a])([1, decimal('3.00')]))).toBe('3.00,2.0,1');
    const isSmall = compileCondition(call('<', 'boolean', b, literal('2', 'numeric')));
    expect([isSmall([1, decimal('1.99')]), isSmall([1, decimal('2.0')]), isSmall([1, null])]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('say why a row can not be evaluated, in the words of PostgreSQL', () => {
    const divide = compileExpression(call('/', 'integer', literal(1, 'integer'), a));
    const thrown = (): unknown => {
      try {
        return divide([0, null]);
      } catch (error) {
        return error;
      }
    };
    expect(failureReason(thrown())).toBe('error: division by zero');
    expect(() => failureReason(new TypeError('a fault of ours'))).toThrow('a fault of ours');
  });
});
