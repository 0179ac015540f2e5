import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBatch, encodeBatch, type RowSlice } from '../../src/event/batch.js';
import { batchOf, type ColumnBatch } from '../../src/event/columns.js';
import { Dictionary } from '../../src/event/dictionary.js';
import { constantInteger } from '../../src/event/integers.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import type { Schema } from '../../src/event/schema.js';
import { JsonLines, type JsonLinesOptions } from '../../src/format/json-lines.js';
import { EVERY_TYPE } from '../event/arbitrary.js';
import { asPlain, bytesColumn, everyBatch, hostileBytes } from './arbitrary.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Every line as text, by the offsets; fails on bytes that are no UTF-8. */
function linesOf(schema: Schema, slice: RowSlice, options: JsonLinesOptions = {}): string[] {
  const { data, offsets } = new JsonLines(schema, options).encode(slice);
  expect(offsets.at(-1)).toBe(data.length);
  return Array.from({ length: offsets.length - 1 }, (_, i) => {
    const line = utf8.decode(data.subarray(offsets[i], offsets[i + 1]));
    expect(line.indexOf('\n')).toBe(line.length - 1);
    return line.slice(0, -1);
  });
}

const expected = (batch: ColumnBatch, row: number) => JSON.stringify(rowOf(batch, row));
describe('JSON lines', () => {
  test('say what rowOf says, for every type and kind of column', () => {
    fc.assert(
      fc.property(everyBatch, (batch) => {
        const lines = linesOf(EVERY_TYPE, { batch, rows: null }, { nulls: 'keep' });
        expect(lines.length).toBe(batch.rows);
        lines.forEach((line, row) => expect(JSON.parse(line)).toEqual(JSON.parse(expected(batch, row))));
      }),
      { numRuns: 300 },
    );
  });

  test('leave nulls out, but not those inside a value', () => {
    fc.assert(
      fc.property(everyBatch, (batch) => {
        linesOf(EVERY_TYPE, { batch, rows: null }).forEach((line, row) => {
          const values = Object.entries(rowOf(batch, row)).filter(([, value]) => value !== null);
          expect(JSON.parse(line)).toEqual(asPlain(Object.fromEntries(values)));
        });
      }),
      { numRuns: 100 },
    );
  });

  test('take chosen rows in their order', () => {
    fc.assert(
      fc.property(everyBatch, fc.array(fc.nat(), { maxLength: 30 }), (batch, picks) => {
        const rows = Uint32Array.from(picks, (pick) => pick % batch.rows);
        const lines = linesOf(EVERY_TYPE, { batch, rows });
        const all = linesOf(EVERY_TYPE, { batch, rows: null });
        expect(lines).toEqual(Array.from(rows, (row) => all[row]));
      }),
      { numRuns: 100 },
    );
  });

  test('hold hostile bytes as TextDecoder reads them', () => {
    const schema = defineSchema({ columns: { s: 'string', d: 'dictionary', l: 'list' } });
    fc.assert(
      fc.property(fc.array(hostileBytes, { minLength: 1, maxLength: 20 }), (texts) => {
        const plain = batchFromRows(
          schema,
          texts.map(() => ({ s: '', d: '', l: [] })),
        );
        const column = bytesColumn(texts);
        const offsets = Uint32Array.from({ length: texts.length + 1 }, (_, i) => i);
        const list = { kind: 'bytesList', nulls: null, offsets, items: column } as const;
        const batch = batchOf(schema, texts.length, [column, column, list, plain.column(3)]);
        linesOf(schema, { batch, rows: null }).forEach((line, row) =>
          expect(JSON.parse(line)).toEqual(asPlain(rowOf(batch, row))),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('keep JSON of several lines on one', () => {
    const schema = defineSchema({ columns: { j: 'json' } });
    const values = ['{"a" :\n[1,\r\n\t"ü"]}', '1', '\n""', '"\u2028"'].map((text) => new TextEncoder().encode(text));
    const plain = batchFromRows(
      schema,
      values.map(() => ({ j: 1 })),
    );
    const batch = batchOf(schema, values.length, [bytesColumn(values), plain.column(1)]);
    linesOf(schema, { batch, rows: null }).forEach((line, row) =>
      expect(JSON.parse(line)).toEqual(asPlain(rowOf(batch, row))),
    );
  });

  test('say times as ISO 8601', () => {
    const schema = defineSchema({ columns: { t: 'timestamp?' } });
    const time = fc.oneof(
      fc.integer({ min: -8_640_000_000_000_000, max: 8_640_000_000_000_000 }),
      fc.integer({ min: -70_000_000_000_000, max: 260_000_000_000_000 }),
      fc.constantFrom(-62_167_219_200_000, -62_167_219_200_001, 253_402_300_799_999, 253_402_300_800_000, 0, -1),
    );
    fc.assert(
      fc.property(fc.array(time, { minLength: 1, maxLength: 5 }), (times) => {
        const batch = batchFromRows(
          schema,
          times.map((t) => ({ t })),
        );
        for (const form of [batch, decodeBatch(encodeBatch(batch), schema)])
          linesOf(schema, { batch: form, rows: null }, { timestamps: 'iso' }).forEach((line, row) =>
            expect(JSON.parse(line)).toEqual({
              t: new Date(times[row]!).toISOString(),
              received_at: '1970-01-01T00:00:00.000Z',
            }),
          );
      }),
      { numRuns: 500 },
    );
    const far = batchFromRows(schema, [{ t: 8_640_000_000_000_001 }, { t: 2n ** 62n }]);
    expect(
      linesOf(schema, { batch: far, rows: null }, { timestamps: 'iso' }).map((line) => JSON.parse(line).t),
    ).toEqual([8_640_000_000_000_001, '4611686018427387904']);
  });

  test('may be empty objects', () => {
    const schema: Schema = {
      columns: [{ name: 'a', type: 'string', nullable: true }],
      roles: { tenant: -1, eventId: -1, eventTime: -1, receivedAt: -1 },
    };
    const batch = batchFromRows(schema, [{}, { a: 'x' }, {}]);
    expect(linesOf(schema, { batch, rows: null })).toEqual(['{}', '{"a":"x"}', '{}']);
  });

  test('follow a dictionary that grows between batches', () => {
    const schema = defineSchema({ columns: { d: 'dictionary', l: 'list' } });
    const dictionary = new Dictionary();
    const lines = new JsonLines(schema);
    const numbered = Array.from({ length: 100 }, (_, i) => `entry ${i}`);
    for (const entries of [['a"'], ['b\n', 'ü'], numbered, ['y'.repeat(5_000), '']]) {
      const codes = Uint16Array.from(entries, (entry) => dictionary.internString(entry));
      const offsets = Uint32Array.from({ length: entries.length + 1 }, (_, i) => i);
      const column = { kind: 'dictionary', nulls: null, codes, dictionary } as const;
      const list = { kind: 'list', nulls: null, offsets, codes, dictionary } as const;
      const batch = batchOf(schema, entries.length, [column, list, constantInteger(0n)]);
      const text = Buffer.from(lines.encode({ batch, rows: null }).data).toString();
      expect(
        text
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
      ).toEqual(entries.map((entry) => ({ d: entry, l: [entry], received_at: 0 })));
    }
  });

  test('make room for rows of many columns, long lists and long texts', () => {
    const wide = defineSchema({
      columns: Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`column_${i}`, 'int64?'] as const)),
    });
    const numbers = Array.from({ length: 200 }, (_, row) =>
      Object.fromEntries(wide.columns.slice(0, -1).map(({ name }, i) => [name, row === 0 ? null : 1e15 + row * i])),
    );
    const texts = defineSchema({ columns: { l: 'list', s: 'string', d: 'dictionary', b: 'bytes' } });
    const long = Array.from({ length: 40 }, (_, row) => ({
      l: Array.from({ length: row * 20 }, (_, i) => `item ${i % 7} ${'"'.repeat(i % 90)}`),
      s: '\u0001'.repeat(row * 300),
      d: '\u0002'.repeat(row * 200),
      b: Buffer.alloc(row * 500, row).toString('base64'),
    }));
    for (const [schema, rows] of [
      [wide, numbers],
      [texts, long],
    ] as const) {
      const batch = batchFromRows(schema, rows);
      linesOf(schema, { batch, rows: null }, { nulls: 'keep' }).forEach((line, row) =>
        expect(JSON.parse(line)).toEqual(rowOf(batch, row)),
      );
    }
  });

  test('say integers of every size', () => {
    const schema = defineSchema({ columns: { i: 'int64', m: 'decimal' } });
    const base = fc.constantFrom(
      0n,
      10n ** 8n,
      10n ** 12n,
      10n ** 16n,
      2n ** 32n,
      2n ** 53n,
      2n ** 60n,
      2n ** 63n - 200n,
    );
    const some = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 1, maxLength: 6 });
    const near = fc
      .tuple(base, some(fc.bigInt(-150n, 150n)), fc.constantFrom(1n, -1n))
      .map(([value, more, sign]) => more.map((distance) => (value + distance) * sign));
    fc.assert(
      fc.property(fc.oneof(near, some(fc.bigInt(-(2n ** 53n), 2n ** 53n))), (values) => {
        const plain = batchFromRows(
          schema,
          values.map((i) => ({ i, m: 0 })),
        );
        const built = batchOf(schema, values.length, [plain.column(0), plain.column(0), plain.column(2)]);
        for (const batch of [built, decodeBatch(encodeBatch(built), schema)])
          linesOf(schema, { batch, rows: null }).forEach((line, row) =>
            expect(JSON.parse(line)).toEqual(rowOf(batch, row)),
          );
      }),
      { numRuns: 1_000 },
    );
  });

  test('say integers whose base no double holds', () => {
    const schema = defineSchema({ columns: { i: 'int64', t: 'timestamp' } });
    const column = {
      kind: 'integer',
      nulls: null,
      base: 2n ** 60n + 1n,
      width: 1,
      deltas: Uint8Array.of(0, 1),
    } as const;
    const batch = batchOf(schema, 2, [column, column, constantInteger(0n)]);
    linesOf(schema, { batch, rows: null }).forEach((line, row) => expect(JSON.parse(line)).toEqual(rowOf(batch, row)));
  });

  test('know nullable columns without nulls, however long', () => {
    const schema = defineSchema({ columns: { i: 'int64?' } });
    const batch = batchFromRows(
      schema,
      Array.from({ length: 20_000 }, (_, i) => ({ i })),
    );
    const lines = linesOf(schema, { batch, rows: null });
    expect([lines.length, lines[19_999]]).toEqual([20_000, '{"i":19999,"received_at":0}']);
  });

  test('refuse more bytes than they may be', () => {
    const schema = defineSchema({ columns: { s: 'string' } });
    const batch = batchFromRows(
      schema,
      Array.from({ length: 100 }, () => ({ s: 'x'.repeat(10_000) })),
    );
    expect(() => new JsonLines(schema, { bytesMax: 100_000 }).encode({ batch, rows: null })).toThrow(
      expect.objectContaining({ code: 'BATCH_TOO_LARGE' }),
    );
  });
});
