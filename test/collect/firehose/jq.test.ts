import { describe, expect, test } from 'vitest';
import { parseQuery, pathSql } from '../../../src/collect/protocols/firehose/destinations/jq.js';
import { adEvents } from '../../../src/event/ad-events.js';
import { RECORDS_SCHEMA } from '../../../src/event/records.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import { parseExpression } from '../../../src/sql/expression.js';

describe('a metadata query', () => {
  test('names fields by paths', () => {
    const query = `{customer: .customer.id,"year" : .year , code:.geo["country code"]."x-y"}`;
    expect([...parseQuery(query, 'here')]).toEqual([
      ['customer', ['customer', 'id']],
      ['year', ['year']],
      ['code', ['geo', 'country code', 'x-y']],
    ]);
  });

  test.each([
    '',
    '{}',
    '.a',
    '{a: .b',
    '{a .b}',
    '{a: }',
    '{a: .}',
    '{a: .b | tostring}',
    '{a: .b[0]}',
    '{a: .b, a: .c}',
    '{a: .b,, c: .d}',
    '{a: .b .c}',
    '{a: "x"}',
    '{a: .b} | .a',
  ])('%s is refused by name', (query) => {
    expect(() => parseQuery(query, 'here')).toThrow(/^here: expected {key: \.field/);
  });

  test('becomes SQL that means something, whatever the names are', async () => {
    const props = defineSchema({ columns: { id: 'string', props: 'json' } });
    for (const [path, schema, sql] of [
      [['a', "b'c", 'd,e'], RECORDS_SCHEMA, `convert_from(data, 'UTF8')::json #>> '{"a","b''c","d,e"}'`],
      [['campaign_id'], adEvents(), '"campaign_id"'],
      [['props', 'a'], props, `"props" #>> '{"a"}'`],
      [['a', 'b'], props, `"props" #>> '{"a","b"}'`],
    ] as const) {
      expect(pathSql(path, schema, 'here')).toBe(sql);
      await parseExpression(sql, schema, 'here');
    }
    const bare = defineSchema({ columns: { id: 'string' } });
    for (const path of [['other'], ['id', 'x']])
      expect(() => pathSql(path, bare, 'here')).toThrow('the stream has no field');
  });
});
