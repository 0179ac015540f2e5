import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchOf, type ColumnBatch } from '../../src/event/columns.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { eventReader } from '../../src/format/rows-reader.js';
import { EVERY_TYPE, everyRow } from '../event/arbitrary.js';
import { bytesColumn, everyBatch, hostileBytes } from './arbitrary.js';

const rowNumbers = (batch: ColumnBatch) => Uint32Array.from({ length: batch.rows }, (_, row) => row);

describe('a reader of events', () => {
  test('gives what rowOf gives, for every type and kind of column, in any order', () => {
    fc.assert(
      fc.property(everyBatch, fc.array(fc.nat(), { maxLength: 40 }), (batch, picks) => {
        const read = eventReader(EVERY_TYPE)(batch);
        for (const row of [...rowNumbers(batch), ...picks.map((pick) => pick % batch.rows)])
          expect(read(row)).toEqual(rowOf(batch, row));
      }),
      { numRuns: 200 },
    );
  });

  test('decodes hostile bytes as TextDecoder does', () => {
    const schema = defineSchema({ columns: { s: 'string', d: 'dictionary', l: 'list' } });
    fc.assert(
      fc.property(fc.array(hostileBytes, { minLength: 1, maxLength: 40 }), (texts) => {
        const batch = hostileBatch(texts);
        const read = eventReader(schema)(batch);
        texts.forEach((_, row) => expect(read(row)).toEqual(rowOf(batch, row)));
      }),
      { numRuns: 300 },
    );
  });

  test('reads long batches again after their texts were dropped', () => {
    const schema = defineSchema({ columns: { s: 'string', m: 'decimal' } });
    const batch = batchFromRows(
      schema,
      Array.from({ length: 3_000 }, (_, i) => ({ s: `text ${i} ${'x'.repeat(i % 900)}`, m: i / 8 })),
    );
    const read = eventReader(schema)(batch);
    for (const row of [0, 511, 512, 1024, 0, 2_999, 2_999, 2_975, 31, 32, 1_055])
      expect(read(row)).toEqual(rowOf(batch, row));
  });

  test('makes each object anew, all of one shape', () => {
    const batch = batchFromRows(EVERY_TYPE, fc.sample(everyRow, { numRuns: 3, seed: 1 }));
    const read = eventReader(EVERY_TYPE)(batch);
    const event = read(0);
    event['l'] = 'gone';
    event['tenant'] = 'gone';
    expect(read(0)).toEqual(rowOf(batch, 0));
    expect(Object.keys(event)).toEqual(EVERY_TYPE.columns.map(({ name }) => name));
  });
});

function hostileBatch(texts: readonly Uint8Array[]): ColumnBatch {
  const schema = defineSchema({ columns: { s: 'string', d: 'dictionary', l: 'list' } });
  const column = bytesColumn(texts);
  const offsets = Uint32Array.from({ length: texts.length + 1 }, (_, i) => i);
  const stamp = { kind: 'integer', nulls: null, base: 0n, width: 0, deltas: new Uint8Array(0) } as const;
  return batchOf(schema, texts.length, [
    column,
    column,
    { kind: 'bytesList', nulls: null, offsets, items: column },
    stamp,
  ]);
}
