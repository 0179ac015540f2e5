/** One window's rows, taken from batches as the log decodes them: what rows made from objects never look like. */
import { expect, test } from 'vitest';
import { batchOf, type Column, type ColumnBatch, type IntegerColumn } from '../../src/event/columns.js';
import { Dictionary } from '../../src/event/dictionary.js';
import { constantInteger } from '../../src/event/integers.js';
import { defineSchema } from '../../src/event/schema-define.js';
import type { ViewDescription } from '../../src/event/view.js';
import { ChangeColumns } from '../../src/summary/change-columns.js';
import { layoutOf } from '../../src/summary/layout.js';
import { numberAt, type DoubleStore, type IntegerStore } from '../../src/summary/row-set.js';
import { WindowTable } from '../../src/summary/window-table.js';

const SCHEMA = defineSchema({
  columns: {
    tenant: 'dictionary',
    window_start: 'timestamp',
    window_end: 'timestamp',
    op: 'dictionary',
    state: 'dictionary',
    reason: 'dictionary?',
    txn: 'int64',
    device: 'int64?',
    price: 'double?',
    clicks: 'int64?',
  },
  tenant: 'tenant',
});

const VIEW: ViewDescription = {
  name: 'v',
  epoch: '1.0123456789abcdef',
  stream: 'view.v',
  schema: SCHEMA,
  source: 'events',
  sources: ['events'],
  columns: [],
  keyColumns: [0, 1, 2, 7, 8],
  valueColumns: [9],
  windowMs: 60_000,
  global: false,
};
const LAYOUT = layoutOf(VIEW);
const [DEVICE, PRICE, CLICKS] = ['device', 'price', 'clicks'].map((name) =>
  LAYOUT.columns.findIndex((column) => column.name === name),
) as [number, number, number];

interface Change {
  readonly tenant: string;
  readonly device: number | null;
  readonly price: number | null;
  readonly clicks: number | null;
}

function bitmap(values: readonly unknown[]): Uint8Array {
  const nulls = new Uint8Array((values.length + 7) >> 3);
  values.forEach((value, row) => (nulls[row >> 3]! |= value === null ? 1 << (row & 7) : 0));
  return nulls;
}

/** As the log's encoder writes them: a base, one byte of distance, a null's distance 0. */
function narrow(values: readonly (number | null)[], base: number): IntegerColumn {
  const deltas = Uint8Array.from(values, (value) => (value === null ? 0 : value - base));
  return { kind: 'integer', nulls: bitmap(values), base: BigInt(base), width: 1, deltas };
}

function batch(changes: readonly Change[], base: number): ColumnBatch {
  const words = new Dictionary();
  for (const word of ['upsert', 'open']) words.internString(word);
  const tenants = new Dictionary();
  const codes = Uint8Array.from(changes, ({ tenant }) => tenants.internString(tenant));
  const word = (code: number): Column => ({
    kind: 'dictionary',
    nulls: null,
    codes: new Uint8Array(changes.length).fill(code),
    dictionary: words,
  });
  const prices = changes.map(({ price }) => price);
  return batchOf(SCHEMA, changes.length, [
    { kind: 'dictionary', nulls: null, codes, dictionary: tenants },
    constantInteger(0n),
    constantInteger(60_000n),
    word(0),
    word(1),
    { ...word(0), nulls: bitmap(changes.map(() => null)) } as Column,
    constantInteger(1n),
    narrow(
      changes.map(({ device }) => device),
      base,
    ),
    { kind: 'double', nulls: bitmap(prices), values: Float64Array.from(prices, (price) => price ?? 0) },
    narrow(
      changes.map(({ clicks }) => clicks),
      base,
    ),
    constantInteger(0n),
  ]);
}

function taken(...batches: ColumnBatch[]): WindowTable {
  const table = new WindowTable(LAYOUT, 0, 1);
  const columns = new ChangeColumns(LAYOUT);
  let id0 = 1;
  for (const one of batches) {
    columns.load(one);
    table.take(
      columns,
      Uint32Array.from({ length: one.rows }, (_, row) => row),
      id0,
    );
    id0 += one.rows;
  }
  return table;
}

const change = (tenant: string, rest: Partial<Change> = {}): Change => ({
  tenant,
  device: 9,
  price: 1.5,
  clicks: 9,
  ...rest,
});

test('nulls are one key, whatever base their batch has', () => {
  const table = taken(
    batch([change('a', { device: null }), change('a', { device: 8 })], 5),
    batch([change('a', { device: null, clicks: 12 }), change('a', { device: 8, clicks: null })], 7),
  );
  expect(table.rows).toBe(2);
  expect(Array.from(table.ids.subarray(0, 2))).toEqual([3, 4]);
  expect((table.columns[DEVICE] as IntegerStore).nulls.slice(0, 2)).toEqual(Uint8Array.of(1, 0));
  const clicks = table.columns[CLICKS] as IntegerStore;
  expect([numberAt(clicks, 0), clicks.nulls[0], clicks.nulls[1]]).toEqual([12, 0, 1]);
});

test('NaN is one key, and so are 0 and -0', () => {
  const prices = [0, -0, Number.NaN, Number.NaN, null];
  const table = taken(
    batch(
      prices.map((price) => change('a', { price })),
      5,
    ),
  );
  expect(table.rows).toBe(3);
  expect(Object.is((table.columns[PRICE] as DoubleStore).values[0], 0)).toBe(true);
});

test('of a key that comes twice in a batch the last counts, and a tenant lists its newest first', () => {
  const table = taken(
    batch([change('a'), change('b'), change('a', { device: 10 }), change('a', { clicks: 20 })], 5),
    batch([change('b', { clicks: 30 }), change('c')], 5),
  );
  expect(table.rows).toBe(4);
  expect(table.changes).toBe(6);
  const listed = (tenant: string): number[] => {
    const ids: number[] = [];
    for (let slot = table.newestOf(tenant); slot >= 0; slot = table.older(slot)) ids.push(table.ids[slot]!);
    return ids;
  };
  expect([listed('a'), listed('b'), listed('c'), listed('d')]).toEqual([[4, 3], [5], [6], []]);
  expect(Array.from(table.tenantCodes(), (code) => table.pool.stringOf(code))).toEqual(['a', 'b', 'c']);
  expect([table.firstIds[0], table.lastIds[0]]).toEqual([1, 6]);
});

test('an id that is not newer changes nothing', () => {
  const columns = new ChangeColumns(LAYOUT);
  const table = taken(batch([change('a', { clicks: 20 })], 5));
  columns.load(batch([change('a', { clicks: 30 })], 5));
  table.take(columns, Uint32Array.of(0), 1);
  expect(numberAt(table.columns[CLICKS] as IntegerStore, 0)).toBe(20);
  expect(table.changes).toBe(1);
});
