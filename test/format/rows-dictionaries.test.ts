import { describe, expect, test } from 'vitest';
import type { Column, ColumnBatch } from '../../src/event/columns.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { eventReader } from '../../src/format/rows-reader.js';
import { eventWriter } from '../../src/format/rows-writer.js';

const rowsOf = (batch: ColumnBatch) => Array.from({ length: batch.rows }, (_, row) => rowOf(batch, row));
const rowNumbers = (batch: ColumnBatch) => Uint32Array.from({ length: batch.rows }, (_, row) => row);

describe('dictionaries of a writer', () => {
  const schema = defineSchema({ columns: { d: 'dictionary?', l: 'list' } });
  const kinds = (batch: ColumnBatch) => [batch.column(0).kind, batch.column(1).kind];
  const many = (count: number, from: number) =>
    Array.from({ length: count }, (_, i) => ({ d: `entry ${from + i}`, l: [`item ${from + i}`, 'all'] }));

  const dictionaryOf = (column: Column) => (column as { dictionary?: unknown }).dictionary;

  test('go on from batch to batch, until they are full', () => {
    const writer = eventWriter(schema);
    const [first, second] = [many(100, 0), many(100, 50)].map((rows) => writer.write(rows).batch);
    expect(dictionaryOf(second!.column(0))).toBe(dictionaryOf(first!.column(0)));
    const large = writer.write(many(40_000, 1_000)).batch;
    const next = writer.write(many(40_000, 60_000)).batch;
    expect(dictionaryOf(next.column(0))).not.toBe(dictionaryOf(large.column(0)));
    expect(rowsOf(next)).toEqual(rowsOf(batchFromRows(schema, many(40_000, 60_000))));
    expect(rowsOf(first!)).toEqual(rowsOf(batchFromRows(schema, many(100, 0))));
  });

  test('translate a source that they met before they were replaced', () => {
    const writer = eventWriter(schema);
    const source = batchFromRows(schema, many(3, 500));
    const change = () => {
      const read = eventReader(schema)(source);
      const events = [read(0), { ...read(1), d: 'new', l: ['new'] }, read(2)];
      const { batch } = writer.write(events, { batch: source, rows: [0, 1, 2] });
      expect(rowsOf(batch)).toEqual(events);
    };
    writer.write(many(10, 0));
    change();
    for (const from of [1_000, 60_000]) writer.write(many(40_000, from));
    change();
  });

  test('that fill up within a batch start over, and one that is too small for a batch gives way to bytes', () => {
    const writer = eventWriter(schema);
    writer.write(many(30_000, 0));
    const fresh = writer.write(many(60_000, 100_000)).batch;
    expect(kinds(fresh)).toEqual(['dictionary', 'list']);
    expect(rowOf(fresh, 59_999)).toMatchObject({ d: 'entry 159999', l: ['item 159999', 'all'] });
    const rows = many(66_000, 0);
    const full = writer.write(rows).batch;
    expect(kinds(full)).toEqual(['bytes', 'bytesList']);
    for (const row of [0, 1, 65_535, 65_999]) expect(rowOf(full, row)).toMatchObject(rows[row]!);
    const { batch } = writer.write(
      [
        { d: 'x', l: [] },
        { d: null, l: ['y'] },
      ],
      { batch: full, rows: [0, 65_999] },
    );
    expect(rowsOf(batch)).toMatchObject([
      { d: 'x', l: [] },
      { d: null, l: ['y'] },
    ]);
  });

  test('that overflow with a source keep the source rows', () => {
    const source = batchFromRows(schema, many(60_000, 0));
    const read = eventReader(schema)(source);
    const rows = rowNumbers(source);
    const events = Array.from(rows, (row) =>
      row < 20_000 ? { d: `new ${row}`, l: [`new ${row}`] } : row < 30_000 ? read(row) : read(row - 30_000),
    );
    const { batch } = eventWriter(schema).write([...events, ...events], { batch: source, rows: [...rows, ...rows] });
    for (const row of [0, 19_999, 20_000, 29_999, 59_999, 119_999])
      expect(rowOf(batch, row)).toMatchObject({ d: events[row % 60_000]!.d, l: events[row % 60_000]!.l });
  });
});
