/** A lookup table of many changes against a Map: what it finds, what it counts, and that it drops what nobody has. */
import { expect, test } from 'vitest';
import { isNull, type DictionaryColumn } from '../../src/event/columns.js';
import { batchFromRows } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { LookupTable } from '../../src/mill/operators/lookup-table.js';
import { SeededRandom } from '../sim/random.js';

const TABLE = defineSchema({ columns: { name: 'string', owner: 'dictionary?', city: 'string?' } });
const STREAM = defineSchema({ columns: { name: 'dictionary?', user: 'string?' } });
const LOOKUP = { source: 'ads', on: 0, key: 0, columns: [1, 2] };

type Row = {
  readonly name: string;
  readonly owner: string | null;
  readonly city: string | null;
};

function put(table: LookupTable, rows: readonly Row[], removed: ReadonlySet<number> = new Set()): number[] {
  const refused: number[] = [];
  table.begin(batchFromRows(TABLE, rows));
  rows.forEach((_, row) => {
    if (removed.has(row)) table.delete(row);
    else if (!table.set(row)) refused.push(row);
  });
  table.end();
  return refused;
}

/** What the table has for names: a text, or null, for each column. */
function look(table: LookupTable, names: readonly (string | null)[], on = 0): (string | null)[][] {
  const batch = batchFromRows(
    STREAM,
    names.map((name) => (on === 0 ? { name } : { user: name })),
  );
  return table.columns(batch).map((column) => {
    const { codes, dictionary, nulls } = column as DictionaryColumn;
    return names.map((_, row) => (nulls !== null && isNull(nulls, row) ? null : dictionary.stringOf(codes[row]!)));
  });
}

test.each([0, 1])('finds what a Map has, after any changes, by column %i', (on) => {
  const random = new SeededRandom(on + 1);
  const table = new LookupTable({ ...LOOKUP, on }, 2 ** 30);
  const model = new Map<string, Row>();
  const name = (): string => `n${random.below(20_000)}`;
  for (let step = 0; step < 30; step++) {
    const rows = Array.from({ length: 3_000 }, (_, i) => ({
      name: name(),
      owner: random.chance(0.1) ? null : `o${random.below(10)}`,
      city: random.chance(0.1) ? null : `é ${step}.${i}`,
    }));
    const removed = new Set(rows.flatMap((_, row) => (random.chance(step % 10 === 9 ? 0.9 : 0.3) ? [row] : [])));
    expect(put(table, rows, removed)).toEqual([]);
    rows.forEach((row, i) => (removed.has(i) ? model.delete(row.name) : model.set(row.name, row)));
    const asked = Array.from({ length: 500 }, () => (random.chance(0.1) ? null : name()));
    const found = asked.map((key) => (key === null ? undefined : model.get(key)));
    expect(look(table, asked, on)).toEqual([
      found.map((row) => row?.owner ?? null),
      found.map((row) => row?.city ?? null),
    ]);
  }
  const bytes = [...model.values()].reduce(
    (sum, { name: key, owner, city }) =>
      sum + 160 + key.length + (owner?.length ?? 0) + (city === null ? 0 : Buffer.byteLength(city)),
    0,
  );
  expect(table.bytes).toBe(bytes);
});

test('drops the texts that no row has any more', () => {
  const table = new LookupTable(LOOKUP, 2 ** 30);
  for (let step = 0; step < 20; step++)
    put(
      table,
      Array.from({ length: 1_000 }, (_, i) => ({ name: `n${i}`, owner: 'o', city: `${step}.${i}` })),
    );
  const [, city] = table.columns(batchFromRows(STREAM, [{ name: 'n7' }]));
  expect((city as DictionaryColumn).dictionary.size).toBeLessThan(8_000);
  expect(look(table, ['n7', 'n1000'])).toEqual([
    ['o', null],
    ['19.7', null],
  ]);
});

test('takes no new key beyond its bytes, and changes the ones it has', () => {
  const table = new LookupTable(LOOKUP, 400);
  const row = (name: string, city: string): Row => ({ name, owner: 'o', city });
  expect(put(table, [row('a', 'x'), row('b', 'x'), row('c', 'x'), row('a', 'yy')])).toEqual([2]);
  expect(look(table, ['a', 'b', 'c'])).toEqual([
    ['o', 'o', null],
    ['yy', 'x', null],
  ]);
  expect(put(table, [row('a', ''), row('c', 'x')], new Set([0]))).toEqual([]);
  expect(look(table, ['a', 'b', 'c'])[1]).toEqual([null, 'x', 'x']);
});

test('of more texts than a dictionary of the log holds, none is lost', () => {
  const table = new LookupTable(LOOKUP, 2 ** 30);
  const names = Array.from({ length: 70_000 }, (_, i) => `n${i}`);
  put(
    table,
    names.map((name, i) => ({ name, owner: null, city: `c${i}` })),
  );
  expect(look(table, names.slice(69_000))).toEqual([
    names.slice(69_000).map(() => null),
    names.slice(69_000).map((name) => `c${name.slice(1)}`),
  ]);
});
