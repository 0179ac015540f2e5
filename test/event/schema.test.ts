import { describe, expect, test } from 'vitest';
import { adEvents } from '../../src/event/ad-events.js';
import { decodeBatch, encodeBatch } from '../../src/event/batch.js';
import { LATE_SCHEMA, QUARANTINE_SCHEMA } from '../../src/event/internal.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { compareSchemas } from '../../src/event/schema-compare.js';
import { columnIndex, defineSchema, type ColumnInput } from '../../src/event/schema-define.js';

const roles = { tenant: 'tenant', eventId: 'id', eventTime: 'time' };
const base: Record<string, ColumnInput> = {
  tenant: 'dictionary',
  id: 'uuid',
  time: 'timestamp',
  word: 'dictionary',
  ref: 'uuid?',
  props: 'json?',
  n: 'int64',
};
const schemaOf = (columns: Record<string, ColumnInput>) => defineSchema({ columns, ...roles });

describe('defineSchema', () => {
  test('adds received_at and finds the roles', () => {
    const schema = schemaOf(base);
    expect(schema.columns.at(-1)).toEqual({ name: 'received_at', type: 'timestamp', nullable: false });
    expect(schema.roles).toEqual({ tenant: 0, eventId: 1, eventTime: 2, receivedAt: 7 });
    expect(schema.columns[columnIndex(schema, 'ref')]).toEqual({ name: 'ref', type: 'uuid', nullable: true });
    expect(structuredClone(schema)).toEqual(schema);
  });

  test.each<[Record<string, ColumnInput>, object, string]>([
    [{}, {}, 'at least one column'],
    [{ Bad: 'uuid' }, {}, "'Bad' is not a column name"],
    [{ received_at: 'timestamp' }, {}, 'is added by Millrace'],
    [{ _offset: 'int64' }, {}, 'is added by Millrace'],
    [{ a: 'text' as 'string' }, {}, "'text' is not a column type; expected one of uuid, string"],
    [{ a: 'string' }, { tenant: 'a' }, "tenant names 'a', which is string; expected dictionary, not nullable"],
    [{ a: 'dictionary?' }, { tenant: 'a' }, 'dictionary?; expected dictionary, not nullable'],
    [{ a: 'string' }, { eventTime: 'b' }, "eventTime names 'b', which is not a column"],
  ])('refuses %j with %j', (columns, given, message) => {
    expect(() => defineSchema({ columns, ...given })).toThrow(
      expect.objectContaining({ code: 'SCHEMA_INVALID', message: expect.stringContaining(message) as string }),
    );
  });

  test('has ready schemas', () => {
    const schema = adEvents({ placement_name: 'string?' });
    expect(schema.columns.map((column) => column.name)).toEqual(
      expect.arrayContaining([
        'event_id',
        'tenant_id',
        'campaign_id',
        'ad_id',
        'creative_id',
        'publisher_id',
        'placement_id',
        'user_id',
        'click_id',
        'event_time',
        'received_at',
        'ip',
        'country',
        'user_agent',
        'url',
        'referrer',
        'cost',
        'revenue',
        'currency',
        'labels',
        'props',
        'placement_name',
      ]),
    );
    expect(schema.columns[schema.roles.tenant]!.name).toBe('tenant_id');
    expect(QUARANTINE_SCHEMA.roles.tenant).toBe(0);
    expect(LATE_SCHEMA.columns.map((column) => column.name)).toContain('window_start');
  });
});

describe('compareSchemas', () => {
  const old = schemaOf(base);

  test('answers the old schema when nothing changed, in any order of columns', () => {
    expect(compareSchemas(old, schemaOf(base))).toBe(old);
    expect(compareSchemas(old, schemaOf(Object.fromEntries(Object.entries(base).toReversed())))).toBe(old);
  });

  test('keeps positions and puts new columns behind; old batches read on', () => {
    const next = compareSchemas(
      old,
      schemaOf({ first: 'list?', ...base, word: 'string?', ref: 'string?', props: 'string?' }),
    );
    expect(next.columns.map((column) => `${column.name} ${column.type}${column.nullable ? '?' : ''}`)).toEqual([
      'tenant dictionary',
      'id uuid',
      'time timestamp',
      'word string?',
      'ref string?',
      'props string?',
      'n int64',
      'received_at timestamp',
      'first list?',
    ]);
    const row = {
      tenant: 't',
      id: '00000000-0000-4000-8000-000000000001',
      time: 5,
      word: 'w',
      ref: '00000000-0000-4000-8000-00000000000a',
      props: { a: [1] },
      n: 3,
    };
    const none = { ...row, ref: null, props: null };
    const bytes = encodeBatch(batchFromRows(old, [row, none]));
    const read = decodeBatch(bytes, next);
    expect(rowOf(read, 0)).toEqual({ ...row, props: '{"a":[1]}', first: null, received_at: 0 });
    expect(rowOf(read, 1)).toEqual({ ...none, first: null, received_at: 0 });
    const again = decodeBatch(encodeBatch(read), next);
    expect(rowOf(again, 0)).toEqual(rowOf(read, 0));
  });

  test('reads a string column on as a dictionary', () => {
    const strings = schemaOf({ ...base, word: 'string' });
    const next = compareSchemas(strings, schemaOf(base));
    const row = {
      tenant: 't',
      id: '00000000-0000-4000-8000-000000000001',
      time: 5,
      word: 'w',
      ref: null,
      props: null,
      n: 3,
    };
    const read = decodeBatch(encodeBatch(batchFromRows(strings, [row])), next);
    expect(rowOf(read, 0)).toEqual({ ...row, received_at: 0 });
    expect(rowOf(decodeBatch(encodeBatch(read), next), 0)).toEqual({ ...row, received_at: 0 });
  });

  test.each<[string, Record<string, ColumnInput>, string]>([
    [
      'dropped',
      Object.fromEntries(Object.entries(base).filter(([name]) => name !== 'n')),
      "column 'n' was int64 and is now no longer declared; keep it as nullable and stop sending it",
    ],
    [
      'narrowed',
      { ...base, n: 'double' },
      "column 'n' was int64 and is now double; add a column of another name and type double",
    ],
    ['required', { ...base, ref: 'uuid' }, "column 'ref' was uuid? and is now uuid; leave it nullable"],
    [
      'added but required',
      { ...base, more: 'string' },
      "column 'more' was not there and is now string; declare it nullable ('string?')",
    ],
    [
      'the event id',
      { ...base, id: 'string' },
      "column 'id' was uuid and is now string; leave it uuid: it is the stream's eventId",
    ],
  ])('refuses a column that is %s', (_, columns, message) => {
    expect(() => compareSchemas(old, schemaOf(columns))).toThrow(
      expect.objectContaining({ code: 'SCHEMA_INCOMPATIBLE', message: expect.stringContaining(message) as string }),
    );
  });

  test('refuses another tenant column', () => {
    expect(() => compareSchemas(old, defineSchema({ columns: base, ...roles, tenant: 'word' }))).toThrow(
      expect.objectContaining({
        code: 'SCHEMA_INCOMPATIBLE',
        message: expect.stringContaining("column 'tenant' was tenant and is now word") as string,
      }),
    );
  });
});
