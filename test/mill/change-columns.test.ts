import { expect, test } from 'vitest';
import type { Column } from '../../src/event/columns.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { batchOf } from '../../src/event/columns.js';
import { rowOf } from '../../src/event/rows.js';
import { decodeBatch, encodeBatch } from '../../src/event/batch.js';
import { poolTexts, reasons, REMOVED, states, operations } from '../../src/mill/operators/change-columns.js';
import type { Chosen } from '../../src/mill/operators/change-columns.js';
import { BytePool } from '../../src/mill/state/byte-pool.js';
import { CORRECTED, FINAL, OPEN, WindowTable } from '../../src/mill/state/window-table.js';

const SHAPE = { width: 2, stride: 0, create: () => [] };

/** Tables whose groups have the words (group number, id), and every group of them chosen. */
function chosenOf(tables: readonly (readonly number[])[]): Chosen {
  const rows = tables.flat().length;
  const groups = new Int32Array(rows);
  let row = 0;
  const runs = tables.map((ids, index) => {
    const table = new WindowTable(index, index + 1, 2, false, SHAPE);
    const from = row;
    ids.forEach((id, group) => {
      table.key.set([group, id]);
      groups[row++] = table.insert();
    });
    return { table, from, to: row };
  });
  return { rows, runs, groups, states: new Uint8Array(rows).fill(OPEN) };
}

/** What a reader of the stream gets. */
function published(column: Column, rows: number, nullable: boolean): unknown[] {
  const schema = defineSchema({ columns: { k: nullable ? 'dictionary?' : 'dictionary' } });
  const stamp: Column = { kind: 'integer', nulls: null, base: 0n, width: 0, deltas: new Uint8Array(0) };
  const batch = decodeBatch(encodeBatch(batchOf(schema, rows, [column, stamp])), schema);
  return Array.from({ length: rows }, (_, row) => rowOf(batch, row)['k']);
}

test('a text key is published as it is, once for all rows that have it', () => {
  const pool = new BytePool();
  const ids = ['a', 'b', 'ümlaut', 'c'].map((text) => pool.internString(text));
  const column = poolTexts(1, () => pool, true);
  for (const tables of [
    [[ids[2]!, ids[0]!, -1, ids[2]!], [ids[0]!]],
    [[ids[3]!], [-1, ids[3]!]],
  ]) {
    const chosen = chosenOf(tables);
    const built = column(chosen);
    const wanted = tables.flat().map((id) => (id < 0 ? null : pool.stringOf(id)));
    expect(published(built, chosen.rows, true)).toEqual(wanted);
    expect(built.kind === 'dictionary' && built.dictionary.size).toBe(
      new Set(wanted.filter((text) => text !== null)).size,
    );
  }
});

test('a code is of its own batch, however many came before', () => {
  const pool = new BytePool();
  const ids = ['a', 'b', 'c'].map((text) => pool.internString(text));
  const column = poolTexts(1, () => pool, true);
  // Rounds are counted in 15 bits: the same number comes again after 32,767.
  for (let round = 0; round < 70_000; round++) {
    const id = ids[round % 32_767 === 0 ? 2 : round & 1]!;
    const built = column(chosenOf([[id]]));
    if (built.kind !== 'dictionary') throw new Error(built.kind);
    if (built.dictionary.stringOf(built.codes[0]!) !== pool.stringOf(id)) throw new Error(`round ${round}`);
  }
});

test('a tenant that is NULL is the empty text', () => {
  const pool = new BytePool();
  const id = pool.internString('t');
  const chosen = chosenOf([[-1, id], [-1]]);
  expect(published(poolTexts(1, () => pool, false)(chosen), 3, false)).toEqual(['', 't', '']);
});

test('texts that no dictionary holds are published plain', () => {
  const pool = new BytePool();
  const texts = Array.from({ length: 70 }, (_, i) => `${i} ${'x'.repeat(64 * 1024)}`);
  const ids = texts.map((text) => pool.internString(text));
  const chosen = chosenOf([[...ids, -1, ids[1]!]]);
  const column = poolTexts(1, () => pool, true)(chosen);
  expect(column.kind).toBe('bytes');
  expect(published(column, chosen.rows, true)).toEqual([...texts, null, texts[1]]);
});

test('operation, state and reason follow from a row’s state', () => {
  const chosen: Chosen = {
    ...chosenOf([[-1, -1, -1, -1]]),
    states: Uint8Array.of(OPEN, FINAL, CORRECTED, CORRECTED | REMOVED),
  };
  expect(published(operations()(chosen), 4, false)).toEqual(['upsert', 'upsert', 'upsert', 'delete']);
  expect(published(states()(chosen), 4, false)).toEqual(['open', 'final', 'corrected', 'corrected']);
  expect(published(reasons()(chosen), 4, true)).toEqual([null, null, 'late', 'late']);
});
