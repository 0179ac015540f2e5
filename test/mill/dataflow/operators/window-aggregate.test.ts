/** Windows that close, summed in arrays, against the general operator: the same rows, late rows and errors. */
import { describe, expect, test } from 'vitest';
import { BlockDeltas } from '../../../../src/mill/dataflow/block.js';
import { wholeRowKey } from '../../../../src/mill/dataflow/keys.js';
import type { DataflowContext, Deltas, LateRow, Operator, Row } from '../../../../src/mill/dataflow/operator.js';
import { aggregateOverWindow, type WindowAggregate } from '../../../../src/mill/dataflow/operators/aggregate-window.js';
import { packedWindowAggregate } from '../../../../src/mill/dataflow/operators/packed/window-aggregate.js';
import { SlicedAggregate } from '../../../../src/mill/dataflow/operators/sliced-aggregate.js';
import { captureOf, type SavedEntry } from '../../../../src/mill/dataflow/state-table.js';
import { parseDecimal, type Decimal } from '../../../../src/sql/decimal.js';
import type { Expression, SqlType } from '../../../../src/sql/plan.js';
import type { Aggregate, AggregateSpec, Field, Windowed, WindowSpec } from '../../../../src/sql/relation/relation.js';
import { textBlock } from '../blocks.js';
import { call, column, Dice, field, literal, maybe, scan } from './support.js';

const FIELDS = [
  field('k', 'text'),
  field('v', 'integer'),
  field('n', 'numeric'),
  field('b', 'bigint'),
  field('t', 'timestamptz'),
];
const TYPES = FIELDS.map(({ type }) => type);
const [K, V, N, B, T] = [0, 1, 2, 3, 4].map((i) => column(FIELDS, i)) as [
  Expression,
  Expression,
  Expression,
  Expression,
  Expression,
];
/** Fails for 1, and is false for 4. */
const CONDITION = call(
  '<>',
  [
    call('/', [literal(6, 'integer'), call('-', [V, literal(1, 'integer')], 'integer')], 'integer'),
    literal(2, 'integer'),
  ],
  'boolean',
);
const IS_LARGE = call('>', [V, literal(3, 'integer')], 'boolean');

function spec(name: string, arg: Expression | null, type: SqlType, filter: Expression | null = null): AggregateSpec {
  return { name, args: arg === null ? [] : [arg], type, filter, distinct: false, order: [] };
}

const INVERTIBLE = [
  spec('count', null, 'bigint'),
  spec('count', N, 'bigint', IS_LARGE),
  spec('sum', V, 'bigint'),
  spec('sum', N, 'numeric', IS_LARGE),
  spec('sum', B, 'numeric'),
  spec('avg', N, 'numeric'),
  // Fails for 0.
  spec('sum', call('/', [literal(7, 'integer'), V], 'integer'), 'bigint'),
];
const ALL = [
  ...INVERTIBLE,
  spec('min', N, 'numeric'),
  spec('max', B, 'bigint'),
  spec('min', T, 'timestamptz'),
  spec('max', K, 'text'),
  { ...spec('count', V, 'bigint'), distinct: true },
];

const WINDOWS: Readonly<Record<string, WindowSpec>> = {
  tumble: { kind: 'tumble', sizeMs: 10, offsetMs: 3 },
  'hop of two': { kind: 'hop', slideMs: 5, sizeMs: 10, offsetMs: 0 },
  'hop of a size that is no multiple': { kind: 'hop', slideMs: 4, sizeMs: 10, offsetMs: 0 },
  'hop of many': { kind: 'hop', slideMs: 1, sizeMs: 30, offsetMs: 0 },
  cumulate: { kind: 'cumulate', stepMs: 5, sizeMs: 15, offsetMs: 0 },
};

function relationOf(window: WindowSpec, aggregates: readonly AggregateSpec[], keys: readonly Expression[]): Aggregate {
  const fields = [...FIELDS, field('window_start', 'timestamptz'), field('window_end', 'timestamptz')];
  const input: Windowed = { kind: 'window', fields, input: scan(FIELDS, false), time: 4, window, late: true };
  const shown: Field[] = [
    ...keys.map((_, i) => field(`k${i}`, keys[i]!.type)),
    ...fields.slice(5),
    ...aggregates.map(({ type }, i) => field(`a${i}`, type)),
  ];
  const bounds = [5, 6].map((i) => column(fields, i));
  return {
    kind: 'aggregate',
    fields: shown,
    input: { kind: 'filter', fields, input, condition: CONDITION },
    keys: [...keys, ...bounds],
    sets: null,
    aggregates,
    always: false,
    windowEnd: keys.length + 1,
  };
}

/** One of the two operators, its rows and late rows. */
class Run {
  readonly rows: string[] = [];
  readonly late: string[] = [];
  readonly captures: (readonly SavedEntry[])[][] = [];
  readonly context: DataflowContext;
  readonly #make: (run: Run) => Operator;
  operator: Operator;

  constructor(bytesMax: number, make: (run: Run) => Operator) {
    const budget = { bytesMax, bytes: 0, hasRoom: () => budget.bytes < bytesMax };
    const late = ({ lateByMs, reason, row, time, windowStart }: LateRow): void =>
      void this.late.push(JSON.stringify([reason, row.map(String), time, windowStart, lateByMs]));
    this.context = {
      lagMs: 6,
      endLagMs: 6,
      allowedLatenessMs: 0,
      isBatch: false,
      isFinalOnly: true,
      view: 'v',
      sourceFields: new Map(),
      late,
      budget,
    };
    this.#make = make;
    this.operator = make(this);
  }

  output(types: readonly SqlType[]): (deltas: Deltas) => void {
    const key = wholeRowKey(types, { isExact: true });
    return ({ rows, weights }) => {
      expect(weights === null || weights.every((weight) => weight === 1)).toBe(true);
      for (const row of rows) this.rows.push(String(key(row)));
    };
  }

  capture(): void {
    this.captures.push(this.operator.tables.map(captureOf));
  }

  restore(): void {
    this.context.budget.bytes = 0;
    this.operator = this.#make(this);
    for (const capture of this.captures)
      for (const [i, entries] of capture.entries())
        for (const { bytes, key } of entries) this.operator.tables[i]!.load(key, bytes);
    this.operator.restored();
  }
}

function runs(relation: Aggregate, bytesMax: number): Run[] {
  const fused = aggregateOverWindow(relation) as WindowAggregate;
  const types = relation.fields.map(({ type }) => type);
  const scope = (run: Run) => ({ context: run.context, path: '0', output: run.output(types) });
  return [
    new Run(bytesMax, (run) => {
      const packed = packedWindowAggregate(relation, fused, scope(run));
      expect(packed).not.toBeNull();
      return packed!;
    }),
    new Run(bytesMax, (run) => new SlicedAggregate(relation, fused, scope(run))),
  ];
}

/** Rows whose numbers now and then fit in no double, or have another scale. */
function rowOf(dice: Dice, time: number, isOdd: boolean): Row {
  const numerics = isOdd ? ['1.5', '2.25', '4503599627370000.01', '-9007199254740993.50'] : ['1.50', '-2.25', '0.75'];
  const integers = isOdd ? [1, -7, 2 ** 52, 9_007_199_254_740_993n] : [1, 2, -7];
  return [
    maybe(dice, dice.pick(['a', 'b', 'c'])),
    maybe(dice, dice.below(8)),
    maybe(dice, parseDecimal(dice.pick(numerics)) as Decimal),
    maybe(dice, dice.pick(integers)),
    dice.below(30) === 0 ? null : time,
  ];
}

function live(dice: Dice, both: readonly Run[], isOdd: boolean): void {
  let stamp = 0;
  for (let round = 0; round < 40; round++) {
    const rows: Row[] = [];
    const stamps: number[] = [];
    for (let i = dice.below(12); i > 0; i--) {
      stamp += dice.below(3);
      rows.push(rowOf(dice, stamp - dice.below(dice.below(6) === 0 ? 40 : 6), isOdd && round > 15));
      stamps.push(stamp);
    }
    const deltas =
      dice.below(2) === 0 ? { rows, stamps, weights: null } : new BlockDeltas(textBlock(rows, TYPES), stamps);
    for (const { operator } of both) {
      operator.take(0, deltas);
      operator.flush();
    }
    if (dice.below(3) > 0) continue;
    for (const run of both) {
      run.operator.advance(stamp);
      run.operator.flush();
      run.capture();
    }
    if (dice.below(3) === 0) for (const run of both) run.restore();
  }
  for (const { operator } of both) {
    operator.advance(1e6);
    operator.flush();
  }
}

describe.each(Object.entries(WINDOWS))('%s', (name, window) => {
  test.each([false, true])('gives what the general operator gives; numbers that fit nowhere: %s', (isOdd) => {
    const aggregates = name === 'hop of many' ? INVERTIBLE : ALL;
    for (let seed = 1; seed <= 8; seed++) {
      const dice = new Dice(seed);
      const keys = dice.pick([[K], [V, K], []]);
      const both = runs(relationOf(window, aggregates, keys), 1e9);
      live(dice, both, isOdd);
      const [packed, general] = both as [Run, Run];
      expect(packed.rows.toSorted(), `seed ${seed}`).toEqual(general.rows.toSorted());
      expect(packed.rows.length).toBeGreaterThan(0);
      expect(packed.late.toSorted(), `seed ${seed}`).toEqual(general.late.toSorted());
      // The clock is what is left.
      expect(packed.operator.tables.map(({ size }) => size)).toEqual([0, 1]);
    }
  });
});

test('a new slice is refused when the state is full, and taken again when there is room', () => {
  const relation = relationOf(WINDOWS['tumble']!, [spec('count', null, 'bigint')], [K]);
  const [packed] = runs(relation, 208) as [Run];
  const row = (k: string, time: number): Row => [k, 2, null, null, time];
  const take = (rows: Row[]): void => packed.operator.take(0, { rows, stamps: 20, weights: null });
  take([row('a', 20), row('b', 20), row('c', 20), row('a', 21)]);
  expect(packed.late.map((text) => JSON.parse(text)[0])).toEqual(['state_full']);
  packed.operator.advance(40);
  packed.operator.flush();
  expect(packed.rows.length).toBe(2);
  const { bytes } = packed.context.budget;
  take([row('c', 40)]);
  expect(packed.late.length).toBe(1);
  expect(packed.context.budget.bytes - bytes).toBeLessThan(208);
});

test('where windows are many, only what can be taken away again is summed in arrays', () => {
  const scope = { context: new Run(1, () => ({}) as Operator).context, path: '0', output: () => {} };
  for (const [aggregates, isPacked] of [
    [INVERTIBLE, true],
    [ALL, false],
  ] as const) {
    const relation = relationOf(WINDOWS['hop of many']!, aggregates, [K]);
    expect(packedWindowAggregate(relation, aggregateOverWindow(relation)!, scope) !== null).toBe(isPacked);
  }
});
