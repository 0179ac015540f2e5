import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDecoder } from '../../src/collect/decode/decoder.js';
import type { DecodedBatch, DecodePath } from '../../src/collect/decode/types.js';
import { rowOf } from '../../src/event/rows.js';
import { referenceRow } from './reference.js';
import { events, WIDE } from './rows.js';

const PATHS: readonly DecodePath[] = ['fast', 'general', 'json'];
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

function rowsOf(result: DecodedBatch): Record<string, unknown>[] {
  return Array.from({ length: result.rows }, (_, row) => rowOf(result.batch, row));
}

describe('three paths, the same columns', () => {
  const decoders = PATHS.map((path) => [path, createDecoder(WIDE, { path, eventBytesMax: 1 << 20 })] as const);

  test(`random events, orders, escapes, blanks and nulls (seed ${SEED})`, () => {
    fc.assert(
      fc.property(events, fc.constantFrom('lines', 'array'), (written, form) => {
        const texts = written.map(({ text }) => text);
        const bytes = Buffer.from(form === 'array' ? `[${texts.join(' ,\n')}]` : texts.join('\r\n\n'));
        const expected = texts.map((text) => referenceRow(WIDE, JSON.parse(text) as Record<string, unknown>));
        for (const [path, decoder] of decoders) {
          const result = decoder.decode(bytes);
          expect(result.errors, path).toEqual([]);
          expect(rowsOf(result), path).toEqual(expected);
          texts.forEach((text, row) => {
            const [start, end, index] = result.places.subarray(row * 3, row * 3 + 3);
            expect(index).toBe(row);
            expect(bytes.subarray(start, end).toString()).toBe(Buffer.from(text).toString());
          });
        }
      }),
      { seed: SEED, numRuns: 100 },
    );
    // What the forced paths are worth: the scanner itself took most of what it was given.
    const general = decoders[1]![1].counts;
    expect(general.general).toBeGreaterThan(general.json);
  }, 120_000);

  test('each forced path is the one that counts', () => {
    const line = '{"id":"0b6f1f5e-97e6-4a3c-8f5f-0123456789ab","tenant":"t","time":1,"last":2}\n';
    for (const path of PATHS) {
      const decoder = createDecoder(WIDE, { path });
      decoder.decode(Buffer.from(line.repeat(10)));
      // The first row teaches the order.
      const expected = {
        fast: { fast: 9, general: 1, json: 0 },
        general: { fast: 0, general: 10, json: 0 },
        json: { fast: 0, general: 0, json: 10 },
      };
      expect(decoder.counts).toEqual(expected[path]);
    }
  });
});
