import { beforeAll, describe, expect, test } from 'vitest';
import { keyColumn, messagesOf, partitionOf } from '../../../src/deliver/sinks/kafka/messages.js';
import { loadKafka } from '../../../src/deliver/sinks/kafka/package.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import { cutRows, SCHEMA, someRows } from '../support.js';

const CUT = { delivery: 'out', stream: 'events', range: 'events/0:0-9', receivedAt: 0, replay: null };
const ID = '0198b2f0-0000-7000-8000-000000000001';

beforeAll(loadKafka);

describe('partitions of keys', () => {
  // From `BuiltInPartitioner.partitionForKey` of Kafka 4.1.1.
  test.each([
    ['acme', 0, 0, 68],
    ['bolt', 3, 1, 79],
    ['crux', 0, 0, 44],
    ['', 1, 3, 81],
    ['ä', 1, 5, 81],
    ['foobar', 2, 0, 66],
    ['a-little-bit-longer-string', 3, 5, 19],
    ['21', 0, 0, 40],
    [ID, 3, 3, 59],
  ])("%j: those of Java's clients", (key, of4, of6, of100) => {
    const bytes = Buffer.from(key);
    expect([1, 4, 6, 100].map((count) => partitionOf(bytes, count))).toEqual([0, of4, of6, of100]);
  });
});

describe('messages', () => {
  test('key, value, headers and timestamp', () => {
    const rows = cutRows(someRows(4), SCHEMA, 3).part(1, 4);
    const messages = messagesOf(
      { id: ID, rows, attempt: 0, isRest: false, cut: { ...CUT, replay: 'r1' } },
      'events',
      1,
      4,
    );
    expect(messages.map(({ row, key, partition }) => [row, key!.toString(), partition])).toEqual([
      [0, 'bolt', 3],
      [1, 'crux', 0],
      [2, 'acme', 0],
    ]);
    expect(messages.map(({ value }) => JSON.parse(value.toString()).id)).toEqual(['e-1', 'e-2', 'e-3']);
    expect(messages[0]!.value.toString()).not.toMatch(/\n/);
    const headers = [...messages[0]!.headers].map(([name, value]) => [name.toString(), value.toString()]);
    expect(headers).toEqual([
      ['millrace-event-id', 'e-1'],
      ['millrace-replay', 'r1'],
    ]);
    expect(messages[0]!.timestamp).toBe(BigInt(Number(rows.value(0, SCHEMA.roles.receivedAt))));
  });

  test('rows without a key are in one partition, the same at every attempt', () => {
    const request = { id: ID, rows: cutRows(someRows(3)), attempt: 0, isRest: false, cut: CUT };
    const partitions = [...messagesOf(request, 'events', -1, 100), ...messagesOf(request, 'events', -1, 100)];
    expect(new Set(partitions.map(({ partition }) => partition))).toEqual(new Set([59]));
    expect(partitions.every((message) => !('key' in message))).toBe(true);
    // A column that is null in some rows.
    const nulls = cutRows(someRows(2).map((row) => ({ ...row, kind: null })));
    expect(messagesOf({ ...request, rows: nulls }, 'events', 3, 100).map(({ partition }) => partition)).toEqual([
      59, 59,
    ]);
  });

  test('the column of the key: the tenant, the event id, or what is named', () => {
    expect(keyColumn(undefined, SCHEMA, 'out')).toBe(1);
    expect(keyColumn('count', SCHEMA, 'out')).toBe(5);
    const without = defineSchema({ columns: { n: 'int64', id: 'string' }, eventId: 'id' });
    expect(keyColumn(undefined, without, 'out')).toBe(1);
    expect(keyColumn(undefined, defineSchema({ columns: { n: 'int64' } }), 'out')).toBe(-1);
    expect(() => keyColumn('labels', SCHEMA, 'out')).toThrow(/deliveries\.out\.to\.key: expected a column of type/);
    expect(() => keyColumn('nosuch', SCHEMA, 'out')).toThrow(/found 'nosuch'/);
  });
});
