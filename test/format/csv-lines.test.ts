import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchOf, type ColumnBatch } from '../../src/event/columns.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import type { Schema } from '../../src/event/schema.js';
import { csvHeader, CsvLines, type CsvLinesOptions } from '../../src/format/csv-lines.js';
import { EVERY_TYPE } from '../event/arbitrary.js';
import { bytesColumn, everyBatch, hostileBytes } from './arbitrary.js';

/** What a reader that tells a null from an empty text gets of a value. */
function fieldText(value: unknown): string | null {
  if (value === null) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function textOf(schema: Schema, batch: ColumnBatch, options: CsvLinesOptions = {}): string {
  const { data } = new CsvLines(schema, options).encode({ batch, rows: null });
  const all = Buffer.concat([Buffer.from(csvHeader(schema, options)), data]);
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(all);
}

function read(
  text: string,
  { delimiter = ',', lineEnd = '\n' }: CsvLinesOptions = {},
): Record<string, string | null>[] {
  return parse(text, {
    columns: true,
    delimiter,
    record_delimiter: lineEnd,
    cast: (value, { quoting, header }) => (header || quoting || value !== '' ? value : null),
  });
}

function mapped(row: Record<string, unknown>): Record<string, string | null> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, fieldText(value)]));
}

describe('CSV lines', () => {
  test.each([
    {},
    { delimiter: ';', lineEnd: '\r\n' },
    { delimiter: '\t' },
    { delimiter: '|' },
    { delimiter: ' ' },
  ] as CsvLinesOptions[])('say what rowOf says, with %j', (options) => {
    fc.assert(
      fc.property(everyBatch, (batch) => {
        const records = read(textOf(EVERY_TYPE, batch, options), options);
        expect(records.length).toBe(batch.rows);
        records.forEach((record, row) => {
          const { j, ...values } = rowOf(batch, row);
          const { j: json, ...fields } = record;
          expect(fields).toEqual(mapped(values));
          expect(JSON.parse(json ?? 'null')).toEqual(JSON.parse(JSON.stringify(j)));
        });
      }),
      { numRuns: 60 },
    );
  });

  test('picks rows by their offsets', () => {
    fc.assert(
      fc.property(everyBatch, fc.array(fc.nat(), { maxLength: 20 }), (batch, picks) => {
        const rows = Uint32Array.from(picks, (pick) => pick % batch.rows);
        const csv = new CsvLines(EVERY_TYPE);
        const all = csv.encode({ batch, rows: null });
        const chosen = csv.encode({ batch, rows });
        expect(chosen.offsets.at(-1)).toBe(chosen.data.length);
        const one = ({ data, offsets }: typeof all, i: number) =>
          Buffer.from(data.subarray(offsets[i], offsets[i + 1])).toString();
        expect(Array.from(rows, (_, i) => one(chosen, i))).toEqual(Array.from(rows, (row) => one(all, row)));
      }),
      { numRuns: 60 },
    );
  });

  test('holds hostile bytes as TextDecoder reads them', () => {
    const schema = defineSchema({ columns: { s: 'string', d: 'dictionary', l: 'list' } });
    fc.assert(
      fc.property(fc.array(hostileBytes, { minLength: 1, maxLength: 20 }), (texts) => {
        const column = bytesColumn(texts);
        const offsets = Uint32Array.from({ length: texts.length + 1 }, (_, i) => i);
        const stamp = { kind: 'integer', nulls: null, base: 5n, width: 0, deltas: new Uint8Array(0) } as const;
        const list = { kind: 'bytesList', nulls: null, offsets, items: column } as const;
        const batch = batchOf(schema, texts.length, [column, column, list, stamp]);
        const records = read(textOf(schema, batch)).map((record) => Object.values(record));
        expect(records).toEqual(texts.map((_, row) => Object.values(rowOf(batch, row)).map(fieldText)));
      }),
      { numRuns: 300 },
    );
  });

  test('tells a null from an empty string, and quotes only what must be', () => {
    const schema = defineSchema({ columns: { s: 'string?', d: 'dictionary?', b: 'bytes?', l: 'list?' } });
    const batch = batchFromRows(schema, [
      {},
      { s: '', d: '', b: '', l: [] },
      { s: 'a b\tc', d: 'x,y', b: 'AQID', l: ['q"'] },
    ]);
    expect(textOf(schema, batch)).toBe(
      ['s,d,b,l,received_at', ',,,,0', '"","","",[],0', 'a b\tc,"x,y",AQID,"[""q\\""""]",0', ''].join('\n'),
    );
  });

  test('quotes line breaks of any kind, wherever they are', () => {
    const schema = defineSchema({ columns: { s: 'string' } });
    const texts = ['line\nbreak', 'carriage\rreturn', '\n', '\r', 'both at the end\r\n', 'tab\tonly'];
    const { data, offsets } = new CsvLines(schema).encode({
      batch: batchFromRows(
        schema,
        texts.map((s) => ({ s })),
      ),
      rows: null,
    });
    texts.forEach((text, i) =>
      expect(Buffer.from(data.subarray(offsets[i], offsets[i + 1])).toString()).toBe(
        `${text.startsWith('tab') ? text : `"${text}"`},0\n`,
      ),
    );
  });

  test('says numbers of any size, and times as ISO 8601', () => {
    const schema = defineSchema({ columns: { i: 'int64', t: 'timestamp', f: 'double', m: 'decimal' } });
    const rows = [
      { i: 2n ** 62n, t: 1_767_225_600_123, f: 1e-7, m: -0.5 },
      { i: -5, t: 8_640_000_000_000_001, f: Infinity, m: 10n ** 12n },
    ];
    expect(textOf(schema, batchFromRows(schema, rows), { timestamps: 'iso' })).toBe(
      [
        'i,t,f,m,received_at',
        '4611686018427387904,2026-01-01T00:00:00.123Z,1e-7,-0.500000,1970-01-01T00:00:00.000Z',
        '-5,8640000000000001,Infinity,1000000000000.000000,1970-01-01T00:00:00.000Z',
        '',
      ].join('\n'),
    );
  });

  test('refuses delimiters that could not be told from values', () => {
    for (const delimiter of ['', ',,', '"', '\n', 'ü', '.', '-', '1', 'e', '/', '='])
      expect(() => new CsvLines(EVERY_TYPE, { delimiter }), delimiter).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', place: 'delimiter' }),
      );
  });

  test.each(['string', 'dictionary', 'bytes', 'list', 'int64'] as const)('makes room for long rows of %s', (type) => {
    const columns = Object.fromEntries(Array.from({ length: type === 'int64' ? 120 : 1 }, (_, i) => [`c${i}`, type]));
    const schema = defineSchema({ columns });
    const long = {
      string: 'x'.repeat(40_000),
      dictionary: 'd'.repeat(40_000),
      bytes: Buffer.alloc(40_000).toString('base64'),
      list: Array.from({ length: 5_000 }, () => 'item'),
      int64: 10 ** 15,
    }[type];
    const row = Object.fromEntries(Object.keys(columns).map((name) => [name, long]));
    const batch = batchFromRows(schema, Array<typeof row>(50).fill(row));
    const records = read(textOf(schema, batch));
    expect(records).toEqual(records.map(() => ({ ...mapped(row), received_at: '0' })));
    expect(records.length).toBe(50);
  });

  test('refuses more bytes than they may be', () => {
    const schema = defineSchema({ columns: { s: 'string' } });
    const batch = batchFromRows(
      schema,
      Array.from({ length: 100 }, () => ({ s: 'x'.repeat(10_000) })),
    );
    expect(() => new CsvLines(schema, { bytesMax: 100_000 }).encode({ batch, rows: null })).toThrow(
      expect.objectContaining({ code: 'BATCH_TOO_LARGE' }),
    );
  });
});
