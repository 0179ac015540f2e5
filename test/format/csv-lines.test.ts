import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { csvHeader, CsvLines } from '../../src/format/csv-lines.js';
import { EVERY_TYPE } from '../event/arbitrary.js';
import { everyBatch } from './arbitrary.js';

/** What a reader gets: texts, and null where nothing stands. */
function read(text: string): Record<string, string | null>[] {
  return parse(text, {
    columns: true,
    cast: (value, { quoting, header }) => (header || quoting || value !== '' ? value : null),
  }) as Record<string, string | null>[];
}

const asText = (value: unknown): string | null =>
  value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value);

describe('CSV lines', () => {
  test('say what rowOf says, for every type and kind of column', () => {
    fc.assert(
      fc.property(everyBatch, fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (batch, picks) => {
        fc.pre(batch.rows > 0);
        const rows = Uint32Array.from(picks, (pick) => pick % batch.rows);
        const { data, offsets } = new CsvLines(EVERY_TYPE).encode({ batch, rows });
        const found = read(csvHeader(EVERY_TYPE) + Buffer.from(data).toString());
        const expected = Array.from(rows, (row) =>
          Object.fromEntries(Object.entries(rowOf(batch, row)).map(([name, value]) => [name, asText(value)])),
        );
        expect(found.map((row) => ({ ...row, j: JSON.parse(row['j'] ?? 'null') as unknown }))).toEqual(
          Array.from(rows, (row, i) => ({ ...expected[i], j: rowOf(batch, row)['j'] })),
        );
        expect(offsets.at(-1)).toBe(data.length);
        for (let i = 1; i < offsets.length; i++) expect(data[offsets[i]! - 1]).toBe(0x0a);
      }),
      { numRuns: 200 },
    );
  });

  test('quotes what needs it, and tells an empty text from none', () => {
    const schema = defineSchema({ columns: { a: 'string?', b: 'dictionary?', at: 'timestamp' } });
    const batch = batchFromRows(schema, [
      { a: 'x', b: 'say "hi"', at: 1_700_000_000_123 },
      { a: '', b: null, at: 0 },
      { a: 'one\ntwo', b: '', at: 0 },
    ]);
    const { data } = new CsvLines(schema, { timestamps: 'iso' }).encode({ batch, rows: null });
    const iso = '1970-01-01T00:00:00.000Z';
    expect(csvHeader(schema) + Buffer.from(data).toString()).toBe(
      [
        'a,b,at,received_at',
        `x,"say ""hi""",2023-11-14T22:13:20.123Z,${iso}`,
        `"",,${iso},${iso}`,
        `"one\ntwo","",${iso},${iso}`,
        '',
      ].join('\n'),
    );
  });
});
