import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BatchTarget,
  decodeBatch,
  DictionaryChain,
  DictionaryScope,
  encodeAttached,
  encodeBatch,
  encodeClock,
  patchHeader,
  readHeader,
} from '../../src/event/batch.js';
import type { ColumnBatch } from '../../src/event/columns.js';
import { concat, gather, gatherSlices } from '../../src/event/gather.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { EVERY_TYPE, everyRows } from './arbitrary.js';

const rowsOf = (batch: ColumnBatch) => Array.from({ length: batch.rows }, (_, row) => rowOf(batch, row));
const stamped = (rows: Record<string, unknown>[], receivedAt: number) =>
  rows.map((row) => ({ ...row, received_at: receivedAt }));

describe('a batch', () => {
  test('reads back every type with nulls, self-contained', () => {
    fc.assert(
      fc.property(everyRows, (rows) => {
        const bytes = encodeBatch(batchFromRows(EVERY_TYPE, rows));
        patchHeader(bytes, 77, 1234);
        const read = decodeBatch(bytes, EVERY_TYPE);
        expect(read.header).toMatchObject({
          attached: false,
          baseOffset: 77,
          receivedAt: 1234,
          rows: rows.length,
          totalBytes: bytes.length,
        });
        expect(rowsOf(read)).toEqual(stamped(rows, 1234));
        const times = rows.map((row) => row['time'] as number);
        expect([read.header.eventTimeMin, read.header.eventTimeMax]).toEqual([Math.min(...times), Math.max(...times)]);
      }),
      { numRuns: 150 },
    );
  });

  test('takes chosen rows of several batches, as gather and concat do', () => {
    fc.assert(
      fc.property(everyRows, everyRows, fc.array(fc.nat(), { maxLength: 30 }), (left, right, picks) => {
        const a = batchFromRows(EVERY_TYPE, left);
        const b = batchFromRows(EVERY_TYPE, right);
        const chosen = Uint32Array.from(picks, (pick) => pick % right.length);
        const expected = [...left, ...Array.from(chosen, (row) => right[row]!)];
        const slices = [
          { batch: a, rows: null },
          { batch: b, rows: chosen },
        ];
        expect(rowsOf(decodeBatch(encodeBatch(slices), EVERY_TYPE))).toEqual(stamped(expected, 0));
        expect(rowsOf(gatherSlices(slices))).toEqual(stamped(expected, 0));
        // As the log has them, with bases and widths of their own.
        const coded = slices.map(({ batch, rows }) => ({ batch: decodeBatch(encodeBatch(batch), EVERY_TYPE), rows }));
        expect(rowsOf(gatherSlices(coded))).toEqual(stamped(expected, 0));
        expect(rowsOf(concat([a, b]))).toEqual(stamped([...left, ...right], 0));
        if (chosen.length === 0) return;
        const shared = gather(b, chosen);
        expect(rowsOf(decodeBatch(encodeBatch([{ batch: concat([shared, b]), rows: null }]), EVERY_TYPE))).toEqual(
          stamped([...Array.from(chosen, (row) => right[row]!), ...right], 0),
        );
      }),
      { numRuns: 80 },
    );
  });

  test('survives another round through its own decoded columns', () => {
    fc.assert(
      fc.property(everyRows, (rows) => {
        const once = decodeBatch(encodeBatch(batchFromRows(EVERY_TYPE, rows)), EVERY_TYPE);
        expect(rowsOf(decodeBatch(encodeBatch(once), EVERY_TYPE))).toEqual(stamped(rows, 0));
      }),
      { numRuns: 60 },
    );
  });

  test('starts anywhere in its buffer', () => {
    const bytes = encodeBatch(batchFromRows(EVERY_TYPE, [sample('t1')]));
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(rowOf(decodeBatch(shifted.subarray(3), EVERY_TYPE), 0)).toEqual({ ...sample('t1'), received_at: 0 });
  });

  test('states the range of its tenants by bytes', () => {
    const rows = ['m', 'z', 'aa', 'a', 'z'].map(sample);
    expect(readHeader(encodeBatch(batchFromRows(EVERY_TYPE, rows))).tenants).toEqual({ min: 'a', max: 'z' });
    const long = ['m', 'x'.repeat(300)].map(sample);
    expect(readHeader(encodeBatch(batchFromRows(EVERY_TYPE, long))).tenants).toBeNull();
  });

  test('holds nothing for received_at, constants and columns of nulls', () => {
    const rows = Array.from({ length: 1000 }, () => sample('t1'));
    const bytes = encodeBatch(batchFromRows(EVERY_TYPE, rows));
    // id 16, s 2, three codes and the length of a list; constants and nulls cost nothing.
    expect(bytes.length).toBeLessThan(1000 * 22 + 1500);
  });

  test('can be a clock record', () => {
    const target = new BatchTarget();
    const written = encodeClock(target, { baseOffset: 9, receivedAt: 50 }, 2500);
    const bytes = target.bytes.slice(written.start, written.start + written.bytes);
    expect(readHeader(bytes)).toMatchObject({ kind: 'clock', rows: 0, baseOffset: 9, clockAdvanceMs: 2500 });
    expect(decodeBatch(bytes, EVERY_TYPE).rows).toBe(0);
  });
});

describe('an attached batch', () => {
  test('reads back through its segment, whatever was written before', () => {
    fc.assert(
      fc.property(fc.array(everyRows, { minLength: 1, maxLength: 6 }), (batches) => {
        const scope = new DictionaryScope(EVERY_TYPE);
        const chain = new DictionaryChain();
        const target = new BatchTarget(64);
        let offset = 0;
        const written = batches.map((rows) => {
          const place = { baseOffset: offset, receivedAt: 7, segmentPosition: target.position };
          offset += rows.length;
          return encodeAttached([{ batch: batchFromRows(EVERY_TYPE, rows), rows: null }], scope, place, target);
        });
        batches.forEach((rows, i) => {
          const { start, bytes } = written[i]!;
          const one = target.bytes.subarray(start, start + bytes);
          chain.apply(one);
          expect(rowsOf(decodeBatch(one, EVERY_TYPE, chain))).toEqual(stamped(rows, 7));
        });
      }),
      { numRuns: 60 },
    );
  });

  test('goes raw when its dictionary is full, and says so', () => {
    const scope = new DictionaryScope(EVERY_TYPE);
    const chain = new DictionaryChain();
    const target = new BatchTarget();
    let raw = 0;
    for (let k = 0; k < 4; k++) {
      const rows = Array.from({ length: 20_000 }, (_, i) => ({
        ...sample('t1'),
        d: `v${k * 20_000 + i}`,
        l: [`w${k * 20_000 + i}`, 'same'],
      }));
      const written = encodeAttached(
        [{ batch: batchFromRows(EVERY_TYPE, rows), rows: null }],
        scope,
        { baseOffset: k * 20_000, receivedAt: 1, segmentPosition: target.position },
        target,
      );
      raw += written.rawColumns;
      const bytes = target.bytes.slice(written.start, written.start + written.bytes);
      chain.apply(bytes);
      const read = decodeBatch(bytes, EVERY_TYPE, chain);
      expect(rowOf(read, 19_999)).toMatchObject({
        d: `v${k * 20_000 + 19_999}`,
        l: [`w${k * 20_000 + 19_999}`, 'same'],
      });
      expect(read.column(6).kind).toBe(k < 3 ? 'dictionary' : 'bytes');
    }
    expect(raw).toBe(2);
    expect(scope.rawColumns).toBe(2);
    expect(scope.columns.every((column) => column.dictionary.size <= 65_536)).toBe(true);
  });
});

function sample(tenant: string): Record<string, unknown> {
  return {
    tenant,
    id: '00000000-0000-4000-8000-000000000001',
    time: 1_700_000_000_000,
    u: null,
    s: 'x',
    s2: null,
    d: 'a',
    l: ['a'],
    l2: null,
    b: null,
    i: 5,
    i2: null,
    f: null,
    m: '1.000000',
    m2: null,
    t: null,
    o: null,
    j: null,
  };
}
