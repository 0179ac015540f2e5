import { describe, expect, test } from 'vitest';
import { OverOperator } from '../../../../src/mill/dataflow/operators/over/over.js';
import { PackedOver } from '../../../../src/mill/dataflow/operators/over/packed-over.js';
import { packedPlan } from '../../../../src/mill/dataflow/operators/over/packed-plan.js';
import { parseDecimal } from '../../../../src/sql/decimal.js';
import { BlockDeltas } from '../../../../src/mill/dataflow/block.js';
import { Dataflow, type DataflowCapture } from '../../../../src/mill/dataflow/dataflow.js';
import { wholeRowKey } from '../../../../src/mill/dataflow/keys.js';
import type { Deltas, Output, Row } from '../../../../src/mill/dataflow/operator.js';
import { publishedRows } from '../../../../src/mill/dataflow/publication.js';
import type { Expression } from '../../../../src/sql/plan.js';
import type { Frame, FrameBound, Over, OverSpec, RelationView } from '../../../../src/sql/relation/relation.js';
import { textBlock } from '../blocks.js';
import { call, column, Dice, Driver, field, literal, maybe, ordered, scan, type Change } from './support.js';

const FIELDS = [
  field('k', 'text'),
  field('n', 'integer'),
  field('t', 'timestamptz'),
  field('d', 'numeric'),
  field('b', 'bigint'),
];
const TYPES = FIELDS.map(({ type }) => type);
const [K, N, T, D, B] = FIELDS.map((_, i) => column(FIELDS, i)) as [
  Expression,
  Expression,
  Expression,
  Expression,
  Expression,
];
const DECIMALS = ['0.10', '0.30', '1.00', '-2.50'].map((text) => parseDecimal(text)!);
const CURRENT: FrameBound = { kind: 'currentRow' };
const preceding = (offset: number): FrameBound => ({ kind: 'preceding', offset });
const frame = (mode: Frame['mode'], start: FrameBound): Frame => ({ mode, start, end: CURRENT, exclude: 'none' });

function specs(of: Frame): OverSpec[] {
  const positive = call('>', [N, literal(1, 'integer')], 'boolean');
  const spec = (name: string, args: readonly Expression[], type: OverSpec['type'], more: Partial<OverSpec> = {}) => ({
    name,
    args,
    type,
    distinct: false,
    filter: null,
    ignoreNulls: false,
    frame: of,
    ...more,
  });
  return [
    spec('count', [], 'bigint'),
    spec('count', [], 'bigint', { filter: positive }),
    spec('count', [K], 'bigint'),
    spec('sum', [N], 'bigint'),
    spec('sum', [B], 'numeric', { filter: positive }),
    spec('sum', [D], 'numeric'),
    spec('avg', [D], 'numeric'),
    spec('avg', [N], 'numeric'),
    spec('min', [N], 'integer'),
    spec('max', [D], 'numeric'),
    spec('max', [T], 'timestamptz'),
  ];
}

function relation(functions: readonly OverSpec[], partition: readonly Expression[]): Over {
  return {
    kind: 'over',
    fields: [...FIELDS, ...functions.map((one, i) => field(`f${i}`, one.type))],
    input: { ...scan(FIELDS, false), time: 2, late: false } as Over['input'],
    partition,
    order: [ordered(T)],
    functions,
  };
}

interface Kind {
  readonly nulls: boolean;
  /** How far a row may be behind the last. */
  readonly spread: number;
  /** Whether values may come that numbers do not hold. */
  readonly odd: boolean;
}

function changes(dice: Dice, count: number, { nulls, odd, spread }: Kind): Change[] {
  let now = 0;
  let last: Row = [null, null, 0, null, null];
  return Array.from({ length: count }, (_, i) => {
    now += dice.below(3);
    const time = now - dice.below(spread);
    const isOdd = odd && i > count / 2 && dice.below(20) === 0;
    const row: Row = [
      maybe(dice, dice.pick(['a', 'b', 'c'])),
      maybe(dice, dice.below(5)),
      nulls ? maybe(dice, time) : time,
      isOdd ? parseDecimal('1.125')! : maybe(dice, dice.pick(DECIMALS)),
      maybe(dice, dice.below(7) - 3),
    ];
    const copied = dice.below(5) === 0 ? last : row;
    last = row;
    return { input: 0, row: copied, weight: 1, stamp: now };
  });
}

/** Feeds both operators the same, in blocks or rows, and compares what they have passed on after each round. */
function compareOperators(node: Over, all: readonly Change[], dice: Dice): Driver {
  const plan = packedPlan(node)!;
  const types = node.fields.map(({ type }) => type);
  const context = { lagMs: 5, allowedLatenessMs: 3 };
  const fast = new Driver((scope) => new PackedOver(node, plan, scope), types, context);
  const general = new Driver((scope) => new OverOperator(node, scope), types, context);
  let now = 0;
  for (let from = 0; from < all.length;) {
    const part = all.slice(from, (from += 1 + dice.below(30)));
    for (const driver of [fast, general]) driver.operator.take(0, deltasOf(part, driver === fast && dice.below(3) > 0));
    now = Math.max(now, ...part.map(({ stamp }) => stamp));
    if (dice.below(3) === 0) continue;
    const advances = dice.below(4) > 0;
    for (const driver of [fast, general]) {
      driver.operator.flush(advances);
      if (advances) driver.operator.advance(now);
      driver.round();
    }
    if (dice.below(6) === 0) fast.capture();
    if (dice.below(8) === 0) fast.restore();
    expect(fast.printed()).toEqual(general.printed());
  }
  for (const driver of [fast, general]) {
    driver.operator.flush(true);
    driver.operator.advance(1e9);
    driver.round();
  }
  expect(fast.printed()).toEqual(general.printed());
  expect(fast.late.map(({ reason, row, time }) => [reason, row[2], time])).toEqual(
    general.late.map(({ reason, row, time }) => [reason, row[2], time]),
  );
  return fast;
}

function deltasOf(part: readonly Change[], isBlock: boolean): Deltas {
  const rows = part.map(({ row }) => row);
  const stamps = part.map(({ stamp }) => stamp);
  return isBlock ? new BlockDeltas(textBlock(rows, TYPES), stamps) : { rows, weights: null, stamps };
}

const FRAMES: Record<string, Frame> = {
  'RANGE 20': frame('range', preceding(20)),
  'RANGE 0': frame('range', preceding(0)),
  'RANGE from the current row': frame('range', CURRENT),
  'ROWS 3': frame('rows', preceding(3)),
  'ROWS 0': frame('rows', preceding(0)),
};
const KEYS: readonly (readonly Expression[])[] = [
  [],
  [K],
  [K, N],
  [call('coalesce', [N, literal(0, 'integer')], 'integer')],
];

describe.each(Object.entries(FRAMES))('%s', (_, of) => {
  test('passes on what the general operator passes on', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const dice = new Dice(seed);
      const kind = { nulls: seed % 2 === 0, odd: seed === 5, spread: seed % 4 === 0 ? 30 : 8 };
      compareOperators(relation(specs(of), KEYS[seed % KEYS.length]!), changes(dice, 250, kind), dice);
    }
  });

  test.each(['change', 'close'] as const)('publishes what an emitter publishes of it, emit = %s', (emit) => {
    for (let seed = 1; seed <= 4; seed++) {
      const dice = new Dice(seed);
      const kind = { nulls: seed % 3 === 0, odd: seed % 4 === 0, spread: seed % 2 === 0 ? 10 : 6 };
      const all = changes(dice, 250, kind);
      comparePublished(relation(specs(of), KEYS[seed % 3]!), all, dice, {
        emit,
        allowedLatenessMs: seed % 2 === 0 ? 4 : 0,
      });
    }
  });
});

interface Publishing {
  readonly emit: 'change' | 'close';
  readonly allowedLatenessMs: number;
}

/** A view that shows all fields but the last of an OVER's. */
function viewOf(over: Over, shown: number, { allowedLatenessMs, emit }: Publishing): RelationView {
  const fields = over.fields.slice(0, shown);
  const expressions = fields.map((_, i) => column(over.fields, i));
  return {
    name: 'v',
    text: '',
    width: shown,
    notices: [],
    relation: { kind: 'project', fields, input: over, expressions },
    key: null,
    closes: 2,
    tenant: null,
    lagMs: 5,
    allowedLatenessMs,
    emit: { kind: emit },
  };
}

/** The same view twice: over blocks, and with one more function that makes the general operator run it. */
function comparePublished(node: Over, all: readonly Change[], dice: Dice, options: Publishing): void {
  const more = { ...node.functions[0]!, name: 'string_agg', args: [K, literal('-', 'text')], type: 'text' as const };
  const other: Over = {
    ...node,
    fields: [...node.fields, field('more', 'text')],
    functions: [...node.functions, more],
  };
  const shown = node.fields.length;
  const views = [viewOf(node, shown, options), viewOf(other, shown, options)];
  const open = (view: RelationView): Dataflow =>
    new Dataflow({ view, isBatch: false, stateBytesMax: 1e9, sourceFields: new Map() });
  const flows = views.map(open);
  const captures: DataflowCapture[] = [];
  for (const flow of flows) flow.load([]);
  const key = wholeRowKey(
    node.fields.map(({ type }) => type),
    { isExact: true },
  );
  const print = (flow: Dataflow, now: number): string[] =>
    publishedRows(flow.changes.publish(now))
      .map(({ copy, operation, row, state }) => `${key(row)} ${copy} ${operation} ${state}`)
      .toSorted();
  let now = 0;
  for (let from = 0; from < all.length;) {
    const part = all.slice(from, (from += 1 + dice.below(30)));
    flows.forEach((flow, i) => flow.pushDeltas('s', deltasOf(part, i === 0 && dice.below(3) > 0)));
    now = Math.max(now, ...part.map(({ stamp }) => stamp));
    const advances = dice.below(4) > 0;
    for (const flow of flows) {
      if (advances) flow.advance(now);
      flow.flush();
    }
    if (dice.below(4) === 0) continue;
    const [fast, general] = flows.map((flow) => print(flow, flow.now)) as [string[], string[]];
    expect(fast).toEqual(general);
    expect(flows[0]!.late()).toHaveLength(flows[1]!.late().length);
    if (dice.below(6) !== 0) continue;
    captures.push(flows[0]!.capture());
    if (dice.below(2) === 0) (flows[0] = open(views[0]!)).load(captures);
  }
  for (const flow of flows) {
    flow.advance(1e9);
    flow.flush();
  }
  const [fast, general] = flows.map((flow) => print(flow, 1e9)) as [string[], string[]];
  expect(fast).toEqual(general);
}

test('rows that come in time go on as blocks, and nothing is kept of them', () => {
  const node = relation(specs(frame('range', preceding(20))), [K]);
  const driver = new Driver(
    (scope) => new PackedOver(node, packedPlan(node)!, scope),
    node.fields.map(({ type }) => type),
  );
  const rows = Array.from({ length: 700 }, (_, i): Row => [`k${i % 7}`, i, i, null, null]);
  driver.operator.take(0, { rows, weights: null, stamps: 0 });
  driver.operator.flush(true);
  expect(driver.emitted).toBe(0);
  driver.operator.advance(1e6);
  driver.round();
  expect(driver.emitted).toBe(700);
  expect(driver.size).toBe(1);
  expect(driver.budget.bytes).toBeLessThan(300);
});

test('rows of a block have no peers', () => {
  const node = relation(specs(frame('range', preceding(20))), [K]);
  const blocks: number[] = [];
  const driver = new Driver(
    (scope) => {
      const output: Output = (deltas) => {
        if (deltas.block !== undefined) blocks.push(deltas.block.count);
        scope.output(deltas);
      };
      return new PackedOver(node, packedPlan(node)!, { ...scope, output });
    },
    node.fields.map(({ type }) => type),
  );
  const rows = ['a', 'a', 'b', 'b', 'c'].map((k, i): Row => [k, 1, [5, 5, 6, 7, 5][i]!, null, null]);
  driver.operator.take(0, { rows, weights: null, stamps: 0 });
  driver.operator.advance(1e6);
  driver.round();
  expect(blocks).toEqual([3]);
  expect(driver.rows()).toHaveLength(5);
});

test('a sum that no double holds is the general operator’s', () => {
  const big = 2 ** 51;
  const node = relation(specs(frame('range', preceding(20))), [K]);
  const dice = new Dice(1);
  const all = changes(dice, 120, { nulls: false, odd: false, spread: 6 }).map((change, i) =>
    i < 60 ? change : { ...change, row: change.row.with(4, big) },
  );
  compareOperators(node, all, dice);
  comparePublished(node, all, dice, { emit: 'change', allowedLatenessMs: 0 });
});

test('without room new rows go to the late stream', () => {
  const node = relation(specs(frame('range', preceding(20))), [K]);
  const driver = new Driver(
    (scope) => new PackedOver(node, packedPlan(node)!, scope),
    node.fields.map(({ type }) => type),
  );
  Object.assign(driver.budget, { bytesMax: 0 });
  driver.operator.take(0, { rows: [['a', 1, 1, null, null]], weights: null, stamps: 0 });
  driver.round();
  expect(driver.late).toMatchObject([{ reason: 'state_full' }]);
  expect(driver.rows()).toEqual([]);
});

test('rows of ROWS frames stay, and the blocks that they came in do not', () => {
  const node = relation(specs(frame('rows', preceding(1))), [K]);
  const driver = new Driver(
    (scope) => new PackedOver(node, packedPlan(node)!, scope),
    node.fields.map(({ type }) => type),
  );
  for (let round = 0; round < 12; round++) {
    const rows = Array.from({ length: 1000 }, (_, i): Row => [`k${i}`, i, round * 1000 + i, null, null]);
    driver.operator.take(0, { rows, weights: null, stamps: 0 });
    driver.operator.flush(true);
    driver.operator.advance(round * 1000 + 1000);
    driver.round();
  }
  driver.operator.advance(1e6);
  driver.round();
  expect(driver.rows()).toHaveLength(12_000);
  expect(driver.size).toBeLessThan(14);
});

test.each([
  ['a frame that looks ahead', { frame: { ...frame('rows', CURRENT), end: { kind: 'following', offset: 1 } } }],
  ['a frame with an open start', { frame: frame('range', { kind: 'unboundedPreceding' }) }],
  ['DISTINCT', { name: 'count', args: [N], distinct: true }],
  ['doubles', { name: 'sum', args: [call('*', [N, N], 'double precision')] }],
] as const)('%s is for the general operator', (_, change) => {
  const [first] = specs(frame('rows', CURRENT));
  expect(packedPlan(relation([first!], [K]))).not.toBeNull();
  expect(packedPlan(relation([{ ...first!, ...change } as OverSpec], [K]))).toBeNull();
});
