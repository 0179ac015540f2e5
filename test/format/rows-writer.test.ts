import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBatch, encodeBatch } from '../../src/event/batch.js';
import { batchOf, isNull, type ColumnBatch } from '../../src/event/columns.js';
import { integerAt } from '../../src/event/integers.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema, type ColumnInput } from '../../src/event/schema-define.js';
import { eventReader } from '../../src/format/rows-reader.js';
import { eventWriter, type RowFault } from '../../src/format/rows-writer.js';
import { EVERY_TYPE, everyRows } from '../event/arbitrary.js';
import { bytesColumn, everyBatch } from './arbitrary.js';

const rowsOf = (batch: ColumnBatch) => Array.from({ length: batch.rows }, (_, row) => rowOf(batch, row));
const said = (faults: readonly RowFault[]) => faults.map(({ row, error }) => [row, error.code, error.place]);
const rowNumbers = (batch: ColumnBatch) => Uint32Array.from({ length: batch.rows }, (_, row) => row);
const names = EVERY_TYPE.columns.map(({ name }) => name).filter((name) => name !== 'received_at');

/** A null row's slot holds 0 or nothing. */
function expectEmptyNulls(batch: ColumnBatch): void {
  batch.schema.columns.forEach(({ name }, index) => {
    const column = batch.column(index);
    for (let row = 0; row < batch.rows; row++) {
      if (!isNull(column.nulls, row)) continue;
      if (column.kind === 'uuid')
        expect(column.data.subarray(row * 16, row * 16 + 16), name).toEqual(new Uint8Array(16));
      if (column.kind === 'integer' && column.width === 8) expect(integerAt(column, row), name).toBe(0n);
      if (column.kind === 'double' || column.kind === 'boolean') expect(column.values[row], name).toBe(0);
      if ('offsets' in column) expect(column.offsets[row + 1], name).toBe(column.offsets[row]);
    }
  });
}

describe('a writer of events', () => {
  test('gives back what was read, and the very columns of the source', () => {
    fc.assert(
      fc.property(everyBatch, (batch) => {
        const read = eventReader(EVERY_TYPE)(batch);
        const rows = rowNumbers(batch);
        const written = eventWriter(EVERY_TYPE).write(Array.from(rows, read), { batch, rows });
        expect(written.faults).toEqual([]);
        EVERY_TYPE.columns.forEach((_, index) => expect(written.batch.column(index)).toBe(batch.column(index)));
      }),
      { numRuns: 200 },
    );
  });

  test('takes rows left out, repeated and out of order', () => {
    fc.assert(
      fc.property(everyBatch, fc.array(fc.nat(), { maxLength: 40 }), (batch, picks) => {
        const rows = Uint32Array.from(picks, (pick) => pick % batch.rows);
        const read = eventReader(EVERY_TYPE)(batch);
        const written = eventWriter(EVERY_TYPE).write(Array.from(rows, read), { batch, rows });
        expect(written.faults).toEqual([]);
        expect(rowsOf(written.batch)).toEqual(Array.from(rows, (row) => rowOf(batch, row)));
      }),
      { numRuns: 100 },
    );
  });

  test('takes any changes of any columns', () => {
    const writer = eventWriter(EVERY_TYPE);
    fc.assert(
      fc.property(everyBatch, everyRows, fc.infiniteStream(fc.nat(5)), (batch, others, dice) => {
        const read = eventReader(EVERY_TYPE)(batch);
        const rows = rowNumbers(batch);
        const events = Array.from(rows, (row) => {
          const event = read(row);
          for (const name of names) if (dice.next().value === 0) event[name] = others[row % others.length]![name];
          return event;
        });
        const written = writer.write(events, { batch, rows });
        expect(written.faults).toEqual([]);
        expect(rowsOf(written.batch)).toEqual(events);
        expectEmptyNulls(written.batch);
        expect(rowsOf(decodeBatch(encodeBatch(written.batch), EVERY_TYPE))).toEqual(
          events.map((event) => ({ ...event, received_at: 0 })),
        );
      }),
      { numRuns: 150 },
    );
  });

  test('takes objects of nothing, as batchFromRows does', () => {
    const writer = eventWriter(EVERY_TYPE);
    fc.assert(
      fc.property(everyRows, (rows) => {
        const written = writer.write(rows);
        expect(written.faults).toEqual([]);
        expect(rowsOf(written.batch)).toEqual(rowsOf(batchFromRows(EVERY_TYPE, rows)));
      }),
      { numRuns: 100 },
    );
  });

  test('keeps what it was not told to change, though JavaScript could not say it', () => {
    const schema = defineSchema({ columns: { s: 'string', j: 'json', d: 'dictionary', l: 'list' } });
    const text = (value: string) => new TextEncoder().encode(value);
    const broken = [Uint8Array.of(0xff, 0x61), Uint8Array.of(0xef, 0xbb, 0xbf, 0x62), text('c')];
    const exact = [text('{"n":12345678901234567890, "m":1.0}'), text('2.50'), text('null')];
    const plain = batchFromRows(
      schema,
      [1, 2, 3].map(() => ({ s: '', j: 1, d: '', l: ['x', 'y'] })),
    );
    const batch = batchOf(schema, 3, [
      bytesColumn(broken),
      bytesColumn(exact),
      bytesColumn(broken),
      plain.column(3),
      plain.column(4),
    ]);
    const read = eventReader(schema)(batch);
    const events = [0, 1, 2].map(read);
    events[1] = { ...events[1]!, s: 'new', d: 'new', j: { n: 1 } };
    (events[2]!['l'] as string[]).push('z');
    const { batch: written, faults } = eventWriter(schema).write(events, { batch, rows: [0, 1, 2] });
    expect(faults).toEqual([]);
    const bytes = (index: number, row: number) => {
      const { data, offsets } = written.column(index) as { data: Uint8Array; offsets: Uint32Array };
      return Buffer.from(data.subarray(offsets[row], offsets[row + 1])).toString('latin1');
    };
    for (const index of [0, 2]) expect([0, 1, 2].map((row) => bytes(index, row))).toEqual(['\xffa', 'new', 'c']);
    expect([0, 1, 2].map((row) => bytes(1, row))).toEqual(['{"n":12345678901234567890, "m":1.0}', '{"n":1}', 'null']);
    expect([0, 1, 2].map((row) => rowOf(written, row)['l'])).toEqual([
      ['x', 'y'],
      ['x', 'y'],
      ['x', 'y', 'z'],
    ]);
  });

  test('notices JSON that was changed in place', () => {
    const schema = defineSchema({ columns: { j: 'json?' } });
    const batch = batchFromRows(schema, [{ j: { a: [1] } }, { j: null }, { j: { a: [1] } }]);
    const read = eventReader(schema)(batch);
    const events = [0, 1, 2].map(read);
    (events[0]!['j'] as { a: number[] }).a.push(2);
    events[1]!['j'] = NaN;
    const written = eventWriter(schema).write(events, { batch, rows: [0, 1, 2] });
    expect(rowsOf(written.batch).map(({ j }) => j)).toEqual([{ a: [1, 2] }, null, { a: [1] }]);
    expect(isNull(written.batch.column(0).nulls, 1)).toBe(true);
  });

  test('keeps exact JSON of a long batch that is written after all of it was read', () => {
    const schema = defineSchema({ columns: { j: 'json', s: 'string' } });
    const texts = Array.from({ length: 2_000 }, (_, i) =>
      new TextEncoder().encode(`{"n":12345678901234567890,"i":${i}}`),
    );
    const plain = batchFromRows(
      schema,
      texts.map((_, i) => ({ j: 1, s: `text ${i}` })),
    );
    const batch = batchOf(schema, texts.length, [bytesColumn(texts), plain.column(1), plain.column(2)]);
    const rows = rowNumbers(batch);
    const written = eventWriter(schema).write(Array.from(rows, eventReader(schema)(batch)), { batch, rows });
    expect([0, 1].map((index) => written.batch.column(index) === batch.column(index))).toEqual([true, true]);
  });

  test('writes another schema, from columns of the same name and type', () => {
    const from = defineSchema({ columns: { a: 'string', b: 'int64', c: 'dictionary?' } });
    const to = defineSchema({ columns: { c: 'dictionary?', b: 'string', extra: 'double?' } });
    const batch = batchFromRows(from, [
      { a: 'x', b: 1, c: 'k' },
      { a: 'y', b: 2 },
    ]);
    const write = eventWriter(to).begin(batch);
    const read = eventReader(from)(batch);
    for (const row of [0, 1]) {
      const { b, c } = read(row);
      write.add({ b, c, extra: 0.5 }, row);
    }
    const written = write.finish();
    expect(written.batch.column(0)).toBe(batch.column(2));
    expect(rowsOf(written.batch)).toEqual([
      { b: '1', c: 'k', extra: 0.5, received_at: 0 },
      { b: '2', c: null, extra: 0.5, received_at: 0 },
    ]);
  });
});

describe('faults', () => {
  const schema = defineSchema({
    columns: {
      u: 'uuid?',
      s: 'string',
      i: 'int64?',
      t: 'timestamp?',
      m: 'decimal?',
      f: 'double?',
      o: 'boolean?',
      b: 'bytes?',
      l: 'list?',
      j: 'json?',
      d: 'dictionary?',
    },
  });
  const writer = eventWriter(schema);
  const good = { s: 'good' };

  test('are of single objects, in their order; the others are written', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const throwing = {
      s: 'x',
      get i() {
        throw new Error('no');
      },
    };
    const bad: [unknown, string, string | undefined][] = [
      [{ s: 'x', u: 'no uuid' }, 'EVENT_TYPE', 'u'],
      [{ s: 'x', u: '00000000-0000-0000-0000-00000000000g' }, 'EVENT_TYPE', 'u'],
      [{ s: 'x', u: '00000000-0000-0000-0000-0000000000001' }, 'EVENT_TYPE', 'u'],
      [{ s: 'x', u: '00000000_0000-0000-0000-000000000000' }, 'EVENT_TYPE', 'u'],
      [{ s: 'x', u: 1 }, 'EVENT_TYPE', 'u'],
      [{}, 'EVENT_FIELD_MISSING', 's'],
      [{ s: null }, 'EVENT_FIELD_MISSING', 's'],
      [{ s: {} }, 'EVENT_TYPE', 's'],
      [{ s: 'x', i: 1.5 }, 'EVENT_TYPE', 'i'],
      [{ s: 'x', i: 2n ** 63n }, 'EVENT_TYPE', 'i'],
      [{ s: 'x', i: new Date() }, 'EVENT_TYPE', 'i'],
      [{ s: 'x', t: 'yesterday' }, 'EVENT_TYPE', 't'],
      [{ s: 'x', t: new Date(NaN) }, 'EVENT_TYPE', 't'],
      [{ s: 'x', m: '1.2345678' }, 'EVENT_TYPE', 'm'],
      [{ s: 'x', m: Infinity }, 'EVENT_TYPE', 'm'],
      [{ s: 'x', m: '1.' }, 'EVENT_TYPE', 'm'],
      [{ s: 'x', m: '--1' }, 'EVENT_TYPE', 'm'],
      [{ s: 'x', m: '' }, 'EVENT_TYPE', 'm'],
      [{ s: 'x', f: 'one' }, 'EVENT_TYPE', 'f'],
      [{ s: 'x', o: 'true' }, 'EVENT_TYPE', 'o'],
      [{ s: 'x', b: '!' }, 'EVENT_TYPE', 'b'],
      [{ s: 'x', l: 'a' }, 'EVENT_TYPE', 'l'],
      [{ s: 'x', l: [null] }, 'EVENT_TYPE', 'l'],
      [{ s: 'x', j: cycle }, 'EVENT_TYPE', 'j'],
      [{ s: 'x', j: () => 1 }, 'EVENT_TYPE', 'j'],
      [{ s: 'x', d: Symbol('d') }, 'EVENT_TYPE', 'd'],
      [{ s: 'x', other: undefined }, 'EVENT_FIELD_UNKNOWN', 'other'],
      [throwing, 'EVENT_TYPE', undefined],
      [null, 'EVENT_TYPE', undefined],
      ['text', 'EVENT_TYPE', undefined],
      [[good], 'EVENT_TYPE', undefined],
    ];
    const objects = bad.flatMap(([event]) => [good, event]);
    const { batch, faults } = writer.write(objects);
    expect(said(faults)).toEqual(bad.map(([, code, place], i) => [i * 2 + 1, code, place]));
    expect(rowsOf(batch)).toEqual(rowsOf(writer.write(bad.map(() => good)).batch));
    expect(batch.rows).toBe(bad.length);
  });

  test('hold beside a source too', () => {
    const batch = batchFromRows(schema, [{ s: 'a', d: 'x' }, { s: 'b' }, { s: 'c' }]);
    const read = eventReader(schema)(batch);
    const events = [
      { ...read(0), typo: 1 },
      { ...read(1), s: undefined },
      { ...read(2), i: 7 },
    ];
    const written = writer.write(events, { batch, rows: [0, 1, 2] });
    expect(said(written.faults)).toEqual([
      [0, 'EVENT_FIELD_UNKNOWN', 'typo'],
      [1, 'EVENT_FIELD_MISSING', 's'],
    ]);
    expect(rowsOf(written.batch)).toEqual([{ ...rowOf(batch, 2), i: 7 }]);
  });

  test('do not hide that a batch may end up empty', () => {
    const { batch, faults } = writer.write([{}, {}]);
    expect([batch.rows, faults.length]).toEqual([0, 2]);
    expect(writer.write([]).batch.rows).toBe(0);
  });

  test('are not what other forms of a value are', () => {
    const event = {
      s: 5,
      i: '-9223372036854775808',
      t: new Date(5),
      m: 1e-6,
      f: '1e3',
      o: false,
      b: Uint8Array.of(1),
      l: ['a', 1],
      j: 'x',
      d: true,
    };
    const { batch, faults } = writer.write([event, { s: 'x', t: '2026-01-01T00:00:00Z', m: 12n, i: 3n, f: 2n }]);
    expect(faults).toEqual([]);
    expect(rowsOf(batch)).toMatchObject([
      {
        s: '5',
        i: '-9223372036854775808',
        t: 5,
        m: '0.000001',
        f: 1000,
        o: false,
        b: 'AQ==',
        l: ['a', '1'],
        j: 'x',
        d: 'true',
      },
      { t: 1_767_225_600_000, m: '12.000000', i: 3, f: 2 },
    ]);
  });

  test('times beyond 2^53 are read back as they were read', () => {
    const batch = batchFromRows(schema, [{ s: 'x', t: 2n ** 60n }]);
    const { t } = eventReader(schema)(batch)(0);
    expect(t).toBe(String(2n ** 60n));
    expect(rowOf(writer.write([{ s: 'x', t }]).batch, 0)).toMatchObject({ t });
  });

  test('decimals of numbers are those of batchFromRows', () => {
    const one = defineSchema({ columns: { m: 'decimal' } });
    const number = fc.oneof(
      fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }).map((value) => value / 2_000_000),
      fc.double({ min: -9e12, max: 9e12, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 20 }), (values) => {
        const rows = values.map((m) => ({ m }));
        expect(rowsOf(eventWriter(one).write(rows).batch)).toEqual(rowsOf(batchFromRows(one, rows)));
      }),
      { numRuns: 1_000 },
    );
  });
});

test('columns may have the names of what every object has', () => {
  const schema = defineSchema({
    columns: { ['constructor']: 'string?', ['__proto__']: 'string?', a: 'string' } as Record<string, ColumnInput>,
  });
  const writer = eventWriter(schema);
  expect(writer.write([{ a: 'x' }]).faults).toEqual([]);
  const { batch } = writer.write([JSON.parse('{"constructor":"c","__proto__":"p","a":"x"}')]);
  const event = eventReader(schema)(batch)(0);
  expect(JSON.stringify(event)).toBe('{"constructor":"c","__proto__":"p","a":"x","received_at":0}');
  expect(Object.getPrototypeOf(event)).toBe(Object.prototype);
});
