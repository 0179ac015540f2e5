/** Results: whose memory they are, dictionaries from call to call, rows to be filled in. */
import { describe, expect, test } from 'vitest';
import { createDecoder } from '../../src/collect/decode/decoder.js';
import type { DecodedBatch } from '../../src/collect/decode/types.js';
import { adEvents } from '../../src/event/ad-events.js';
import type { BytesColumn, Column, DictionaryColumn } from '../../src/event/columns.js';
import { rowOf, valueOf } from '../../src/event/rows.js';
import { columnIndex, defineSchema } from '../../src/event/schema-define.js';

const TAGGED = defineSchema({ columns: { n: 'int64', kind: 'dictionary', tags: 'list?' } });

function lines(rows: readonly object[]): Buffer {
  return Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'));
}

function rowsOf(result: DecodedBatch): Record<string, unknown>[] {
  return Array.from({ length: result.rows }, (_, row) => rowOf(result.batch, row));
}

function dictionaryOf(column: Column) {
  return (column as DictionaryColumn).dictionary;
}

describe('results', () => {
  test('stay as they are when the decoder goes on', () => {
    const decoder = createDecoder(TAGGED);
    const first = decoder.decode(
      lines([
        { n: 1, kind: 'a', tags: ['x', 'y'] },
        { n: 300, kind: 'b' },
      ]),
    );
    const before = rowsOf(first);
    for (let i = 0; i < 50; i++)
      decoder.decode(lines(Array.from({ length: 500 }, (_, n) => ({ n, kind: `k${n}`, tags: [`t${n}`] }))));
    expect(rowsOf(first)).toEqual(before);
    expect(before.map((row) => row['kind'])).toEqual(['a', 'b']);
  });

  test('share one dictionary a column, which only grows', () => {
    const decoder = createDecoder(TAGGED);
    const first = decoder.decode(lines([{ n: 1, kind: 'a' }]));
    const second = decoder.decode(
      lines([
        { n: 2, kind: 'b' },
        { n: 3, kind: 'a' },
      ]),
    );
    const dictionary = dictionaryOf(first.batch.column(1));
    expect(dictionaryOf(second.batch.column(1))).toBe(dictionary);
    expect(dictionary.size).toBe(2);
    expect([0, 1].map((code) => dictionary.stringOf(code))).toEqual(['a', 'b']);
    expect(dictionaryOf(second.batch.column(2))).not.toBe(dictionary);
  });

  test('get a new dictionary before the old one is full', () => {
    const decoder = createDecoder(TAGGED, { rowsMax: 8192 });
    const dictionaries = new Set();
    for (let start = 0; start < 160_000; start += 8000) {
      const rows = Array.from({ length: 8000 }, (_, i) => ({ n: start + i, kind: `kind ${start + i}` }));
      const result = decoder.decode(lines(rows));
      const column = result.batch.column(1);
      expect(column.kind).toBe('dictionary');
      dictionaries.add(dictionaryOf(column));
      for (const row of [0, 4321, 7999]) expect(valueOf(column, 'dictionary', row)).toBe(`kind ${start + row}`);
    }
    expect(dictionaries.size).toBeGreaterThan(1);
    expect(dictionaries.size).toBeLessThan(6);
  });

  test.each(['fast', 'json'] as const)('become bytes when one request overflows a dictionary (%s)', (path) => {
    const decoder = createDecoder(TAGGED, { path, bytesMax: 64 * 1024 * 1024, eventBytesMax: 4 * 1024 * 1024 });
    // 1 MiB a value overflows the 4 MiB of `kind`; 70,000 tags overflow the 65,536 entries of `tags`.
    const rows = [
      ...Array.from({ length: 6 }, (_, i) => ({
        n: i,
        kind: `${i}${'x'.repeat(1 << 20)}`,
        tags: i === 3 ? undefined : [`tag ${i}`],
      })),
      { n: 6, kind: 'short', tags: Array.from({ length: 70_000 }, (_, i) => `t${i}`) },
      { n: 7, kind: 'after', tags: [] },
      { n: 8, kind: 'after', tags: ['tag 0', 'new'] },
    ];
    const result = decoder.decode(lines(rows));
    expect(result.errors).toEqual([]);
    expect(result.batch.column(1).kind).toBe('bytes');
    expect(result.batch.column(2).kind).toBe('bytesList');
    expect(rowsOf(result)).toEqual(rows.map((row) => ({ ...row, tags: row.tags ?? null, received_at: 0 })));
    const next = decoder.decode(lines([{ n: 1, kind: 'again', tags: ['z'] }]));
    expect(next.batch.column(1).kind).toBe('dictionary');
    expect(next.batch.column(2).kind).toBe('list');
    expect(dictionaryOf(next.batch.column(1)).size).toBe(1);
  });

  test('keep integers as narrow distances from their least', () => {
    const decoder = createDecoder(defineSchema({ columns: { n: 'int64?' } }));
    const column = (values: readonly unknown[]) => decoder.decode(lines(values.map((n) => ({ n })))).batch.column(0);
    expect(column([5, 5, null])).toMatchObject({ width: 0, base: 5n });
    expect(column([-5, 250])).toMatchObject({ width: 1, base: -5n });
    expect(column([-5, 251])).toMatchObject({ width: 2 });
    expect(column([0, null, 70_000])).toMatchObject({ width: 4, deltas: Uint32Array.of(0, 0, 70_000) });
    expect(column([-1, 4_294_967_295])).toMatchObject({
      width: 8,
      base: 0n,
      deltas: Uint32Array.of(0xffffffff, 0xffffffff, 0xffffffff, 0),
    });
    expect(column(['-9223372036854775808', '9223372036854775807'])).toMatchObject({ width: 8 });
    expect(column([null, null])).toMatchObject({ width: 0, base: 0n, nulls: Uint8Array.of(3) });
  });

  test('hold zeros where rows are null', () => {
    const schema = defineSchema({
      columns: { u: 'uuid?', d: 'double?', b: 'boolean?', k: 'dictionary?', s: 'string?' },
    });
    const decoder = createDecoder(schema);
    const full = { u: '0b6f1f5e-97e6-4a3c-8f5f-0123456789ab', d: 1.5, b: true, k: 'x', s: 'abc' };
    decoder.decode(lines([full, full, full]));
    const { batch } = decoder.decode(lines([{}, full, { u: null, d: null }]));
    expect(batch.column(0)).toMatchObject({ nulls: Uint8Array.of(0b101) });
    expect((batch.column(0) as { data: Uint8Array }).data.subarray(0, 16)).toEqual(new Uint8Array(16));
    expect(batch.column(1)).toMatchObject({ values: Float64Array.of(0, 1.5, 0) });
    expect(batch.column(2)).toMatchObject({ values: Uint8Array.of(0, 1, 0) });
    expect(batch.column(3)).toMatchObject({ codes: Uint8Array.of(0, 0, 0) });
    expect(batch.column(4)).toMatchObject({ offsets: Uint32Array.of(0, 0, 3, 3) });
  });
});

test.each(['fast', 'general', 'json'] as const)('JSON is kept as compact text without repeated keys (%s)', (path) => {
  const decoder = createDecoder(defineSchema({ columns: { props: 'json?' } }), { path });
  const text = (value: string) => {
    const column = decoder.decode(Buffer.from(`{"props":${value}}`)).batch.column(0) as BytesColumn;
    return Buffer.from(column.data).toString();
  };
  expect(text('{"a": [1.50, "x \\" y" ], "b":{ }}')).toBe('{"a":[1.50,"x \\" y"],"b":{}}');
  expect(text('{"a":1,"b":{"c":1,"c":[2]},"a":3}')).toBe('{"b":{"c":[2]},"a":3}');
  expect(text('{"\\u0061":1,"a":2}')).toBe('{"a":2}');
  expect(text('[{"a":1},{"a":2}]')).toBe('[{"a":1},{"a":2}]');
  expect(text('1e2')).toBe('1e2');
});

describe('columns to fill', () => {
  const schema = adEvents();
  const at = (name: string) => columnIndex(schema, name);

  test('are reported and filled', () => {
    const decoder = createDecoder(schema, { fill: ['event_id', 'event_time', 'tenant_id'] });
    const result = decoder.decode(
      lines([
        { event_type: 'click' },
        { event_type: 'view', tenant_id: 'a', event_time: 5, event_id: '0b6f1f5e-97e6-4a3c-8f5f-0123456789ab' },
        { event_type: 'click', event_time: null },
      ]),
    );
    expect(result.errors).toEqual([]);
    for (const name of ['event_id', 'event_time', 'tenant_id'])
      expect(result.missing(at(name))).toEqual(Uint8Array.of(0b101));
    expect(result.missing(at('event_type'))).toBeNull();
    result.fill(at('event_id'), (row) => new Uint8Array(16).fill(row + 1));
    result.fill(at('event_time'), (row) => 1_700_000_000_000n + BigInt(row));
    result.fill(at('tenant_id'), () => 'b');
    expect(rowsOf(result)).toMatchObject([
      { event_id: '01010101-0101-0101-0101-010101010101', event_time: 1_700_000_000_000, tenant_id: 'b' },
      { event_id: '0b6f1f5e-97e6-4a3c-8f5f-0123456789ab', event_time: 5, tenant_id: 'a' },
      { event_id: '03030303-0303-0303-0303-030303030303', event_time: 1_700_000_000_002, tenant_id: 'b' },
    ]);
    expect(result.missing(at('tenant_id'))).toBeNull();
    expect(result.batch.column(at('tenant_id')).nulls).toBeNull();
    const next = decoder.decode(lines([{ event_type: 'click', tenant_id: 'b' }]));
    expect(dictionaryOf(next.batch.column(at('tenant_id')))).toBe(dictionaryOf(result.batch.column(at('tenant_id'))));
    expect(rowOf(next.batch, 0)['tenant_id']).toBe('b');
  });

  test('may be strings, too', () => {
    const log = defineSchema({
      columns: { id: 'string', site: 'dictionary', at: 'timestamp' },
      eventId: 'id',
      tenant: 'site',
      eventTime: 'at',
    });
    const result = createDecoder(log).decode(
      lines([
        { site: 's', at: 1 },
        { id: 'x', site: 's', at: 2 },
      ]),
    );
    result.fill(0, (row) => `made up ${row}`);
    expect(rowsOf(result).map((row) => row['id'])).toEqual(['made up 0', 'x']);
  });

  test('are by default the event id and time, and no other', () => {
    const { errors } = createDecoder(schema).decode(
      lines([{}, { event_type: 'x' }, { event_type: 'x', tenant_id: 't' }]),
    );
    expect(errors.map(({ index, code, path }) => [index, code, path])).toEqual([
      [0, 'EVENT_FIELD_MISSING', 'event_type'],
      [1, 'EVENT_FIELD_MISSING', 'tenant_id'],
    ]);
    expect(() => createDecoder(schema, { fill: ['nope'] })).toThrow(
      expect.objectContaining({ code: 'SCHEMA_INVALID' }),
    );
  });

  test('filled after the dictionary was replaced, a result stays right', () => {
    const decoder = createDecoder(schema, { fill: ['event_id', 'event_time', 'tenant_id'] });
    const early = decoder.decode(lines([{ event_type: 'x' }, { event_type: 'x', tenant_id: 'a' }]));
    for (let i = 0; i < 6; i++)
      decoder.decode(lines(Array.from({ length: 16_000 }, (_, n) => ({ event_type: 'x', tenant_id: `t${i}-${n}` }))));
    early.fill(at('tenant_id'), () => 'b');
    expect(rowsOf(early).map((row) => row['tenant_id'])).toEqual(['b', 'a']);
  });
});
