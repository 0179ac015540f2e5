import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { referencePages } from '../../scripts/reference.js';
import { configJsonSchema } from '../../src/config/json-schema.js';

describe('docs/reference', () => {
  test.each(Object.entries(referencePages()))('%s is what the code says (npm run docs)', (name, content) => {
    const file = `docs/reference/${name}`;
    expect(existsSync(file), file).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe(content);
  });

  test('the JSON schema takes and refuses what the parser does', () => {
    const validate = new Ajv2020({ strict: false }).compile(configJsonSchema());
    const schema = 'ad-events';
    expect(
      validate({ streams: { events: { schema, retention: '7 d' } }, views: './views/*.sql' }),
      JSON.stringify(validate.errors),
    ).toBe(true);
    expect(
      validate({
        streams: { events: { schema: { columns: { a: 'uuid', b: 'decimal?' }, eventId: 'a' } } },
        views: [{ sql: 'x' }],
      }),
    ).toBe(true);
    expect(validate({ streams: { events: { schema, retention: 7 } } })).toBe(false);
    expect(validate({ streams: { events: { schema, retention: '7 weeks' } } })).toBe(false);
    expect(validate({ streams: { events: { schema: { columns: { a: 'text' } } } } })).toBe(false);
    expect(validate({ streams: { events: { schema, shards: 1 } } })).toBe(false);
    expect(validate({})).toBe(false);
  });
});
