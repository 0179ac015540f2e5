/** Forms of input, limits, and what happens around a mistake. */
import { describe, expect, test } from 'vitest';
import { createDecoder } from '../../src/collect/decode/decoder.js';
import type { DecodePath, DecoderOptions } from '../../src/collect/decode/types.js';
import { adEvents } from '../../src/event/ad-events.js';
import { rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';

const PATHS: readonly DecodePath[] = ['fast', 'general', 'json'];
const SCHEMA = defineSchema({ columns: { n: 'int64', s: 'string?' } });

function decode(text: string | Buffer, options: DecoderOptions = {}, schema = SCHEMA) {
  const result = createDecoder(schema, options).decode(Buffer.from(text as string));
  return { ...result, result, values: Array.from({ length: result.rows }, (_, row) => rowOf(result.batch, row)['n']) };
}

describe.each(PATHS)('forms of input, %s path', (path) => {
  test.each([
    ['one object', '{"n":1}', [1]],
    ['one object and a line break', '{"n":1}\n', [1]],
    ['one object over lines', '{\n  "n": 1,\r\n  "s": "x"\n}\n', [1]],
    ['lines', '{"n":1}\n{"n":2}', [1, 2]],
    ['CRLF and blank lines', '\r\n{"n":1}\r\n \t\r\n\n{"n":2}\r\n\r\n', [1, 2]],
    ['blanks around', '  {"n":1}  \n\t{"n":2}\t', [1, 2]],
    ['a byte order mark', '\ufeff{"n":1}\n{"n":2}', [1, 2]],
    ['an array', '[{"n":1},{"n":2}]', [1, 2]],
    ['an array over lines', '\ufeff \n[\n{"n":1}\n,\n{\n"n":2\n}\n]\n', [1, 2]],
    ['an empty array', '[ ]', []],
    ['nothing', '', []],
    ['blanks', ' \r\n', []],
    ['a repeated key', '{"n":1,"n":2}', [2]],
    ['a repeated key whose first value is wrong', '{"n":"x","n":2}', [2]],
    ['a nulled key', '{"s":"x","n":3,"s":null}', [3]],
  ])('%s', (_name, text, values) => {
    const decoded = decode(text, { path });
    expect(decoded.errors).toEqual([]);
    expect(decoded.values).toEqual(values);
  });

  test('a broken line loses only itself', () => {
    const lines = [
      '{"n":1}',
      '{"n":2',
      '{"n":',
      'x',
      '{"s":"a',
      '"n"',
      '{"n":6}{"n":7}',
      '{"n":8},',
      '{"n":"9"}',
      '[{"n":10}]',
      '{"n":11}',
    ];
    const decoded = decode(lines.join('\n'), { path });
    expect(decoded.values).toEqual([1, 9, 11]);
    expect(decoded.events).toBe(11);
    expect(decoded.errors.map(({ index, code }) => [index, code])).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 9].map((index) => [index, 'EVENT_MALFORMED']),
    );
    const bytes = lines.join('\n');
    for (const { index, start, end } of decoded.errors) expect(bytes.slice(start, end)).toBe(lines[index]);
    expect([...decoded.result.places].filter((_, i) => i % 3 === 2)).toEqual([0, 8, 10]);
  });

  test('an unclosed first line is not taken for an object over lines', () => {
    expect(decode('{"n":1,\n{"n":2}\n{"n":3}', { path }).values).toEqual([2, 3]);
  });

  test('one broken object over lines is one error', () => {
    const text = '{\n "n": 1,\n "s": oops\n}';
    const { errors, values } = decode(text, { path });
    expect(values).toEqual([]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({
      index: 0,
      code: 'EVENT_MALFORMED',
      start: 0,
      end: text.length,
      message: "not JSON at byte 17 of the event: expected a value, found 'oops'",
    });
  });

  test.each([
    ['[{"n":1},{"n":2},', [1, 2], 17],
    ['[{"n":1},{"n":2},]', [1, 2], 17],
    ['[{"n":1},{"n":2} {"n":3}]', [1, 2], 17],
    ['[{"n":1},{"n":2', [1], 9],
    ['[{"n":1},{"n":tru},{"n":3}]', [1], 9],
    ['[{"n":1},{"n":2}]x', [1, 2], 17],
    ['[{"n":1},,{"n":2}]', [1], 9],
    ['[{"n":1}', [1], 8],
    ['[', [], 1],
    ['[,{"n":1}]', [], 1],
    ['[{"n":1}}', [1], 8],
  ])('a broken array is rejected from the break on: %s', (text, values, start) => {
    const decoded = decode(text, { path });
    expect(decoded.values).toEqual(values);
    expect(decoded.errors).toEqual([
      {
        index: values.length,
        code: expect.stringMatching(/^(BODY|EVENT)_MALFORMED$/),
        message: expect.stringContaining('nothing from there on was taken'),
        path: '',
        start,
        end: text.length,
      },
    ]);
  });

  test('a wrong event in an array loses only itself', () => {
    const decoded = decode('[{"n":1},{"n":"x"},7,[],{"n":null},{"n":5}]', { path });
    expect(decoded.values).toEqual([1, 5]);
    expect(decoded.errors.map(({ index, code, path: at }) => [index, code, at])).toEqual([
      [1, 'EVENT_TYPE', 'n'],
      [2, 'EVENT_MALFORMED', ''],
      [3, 'EVENT_MALFORMED', ''],
      [4, 'EVENT_FIELD_MISSING', 'n'],
    ]);
  });

  test('text must be UTF-8', () => {
    const bad = ['80', 'c080', 'c3', 'e28', 'eda080', 'f5808080', 'f0808080', 'e282', 'ff'];
    for (const hex of bad) {
      const bytes = Buffer.concat([Buffer.from('{"n":1,"s":"a'), Buffer.from(hex, 'hex'), Buffer.from('"}\n{"n":2}')]);
      const { errors, values } = decode(bytes, { path });
      expect(values, hex).toEqual([2]);
      expect(errors[0], hex).toMatchObject({ code: 'EVENT_MALFORMED', index: 0 });
    }
    const key = Buffer.concat([Buffer.from('{"n":1,"k'), Buffer.from('80', 'hex'), Buffer.from('":1}')]);
    expect(decode(key, { path }).errors[0]).toMatchObject({ code: 'EVENT_MALFORMED' });
    expect(decode('{"n":1,"s":"é€😀\u{10ffff}"}', { path }).errors).toEqual([]);
  });

  test('an event has a size limit', () => {
    const event = (length: number) => `{"n":1,"s":"${'x'.repeat(length - 14)}"}`;
    expect(event(100)).toHaveLength(100);
    const { values, errors } = decode(`${event(100)}\n${event(101)}\n{"n":2}`, { path, eventBytesMax: 100 });
    expect(values).toEqual([1, 2]);
    expect(errors).toMatchObject([{ index: 1, code: 'EVENT_TOO_LARGE', start: 101, end: 202 }]);
    const array = decode(`[${event(101)},{"n":2}]`, { path, eventBytesMax: 100 });
    expect(array.values).toEqual([2]);
    expect(array.errors).toMatchObject([{ index: 0, code: 'EVENT_TOO_LARGE', start: 1, end: 102 }]);
  });

  test('a request has limits', () => {
    const lines = '{"n":1}\n'.repeat(10);
    expect(decode(lines, { path, rowsMax: 10 }).rows).toBe(10);
    expect(() => decode(`${lines}x\n`, { path, rowsMax: 10 })).toThrow(
      expect.objectContaining({ code: 'BATCH_TOO_LARGE' }),
    );
    expect(() => decode(`[${'{"n":1},'.repeat(10)}{"n":2}]`, { path, rowsMax: 10 })).toThrow(
      expect.objectContaining({ code: 'BATCH_TOO_LARGE' }),
    );
    expect(() => decode(lines, { path, bytesMax: 79 })).toThrow(expect.objectContaining({ code: 'BODY_TOO_LARGE' }));
  });

  test('unknown fields go into props, or are refused', () => {
    const event =
      '{"event_id":"0b6f1f5e-97e6-4a3c-8f5f-0123456789ab","event_type":"click","event_time":1,"tenant_id":"t"';
    const cases: [string, unknown][] = [
      [',"x":1', { x: 1 }],
      [',"x":[1, {"y":null}],"props":{"a":1}', { a: 1, x: [1, { y: null }] }],
      [',"props":{},"x":"\\u0041"', { x: 'A' }],
      [',"props":null,"x":null', { x: null }],
      [',"props":{"x":1,"z":2},"x":3', { z: 2, x: 3 }],
      [',"x":1,"x":2', { x: 2 }],
      [',"\\u0078":1,"y":2', { x: 1, y: 2 }],
      [',"props":[1]', [1]],
    ];
    for (const [rest, props] of cases) {
      const result = createDecoder(adEvents(), { path }).decode(Buffer.from(`${event}${rest}}`));
      expect(result.errors, rest).toEqual([]);
      expect(rowOf(result.batch, 0)['props'], rest).toEqual(props);
    }
    const many = createDecoder(adEvents(), { path }).decode(
      Buffer.from(`${event},${Array.from({ length: 100 }, (_, i) => `"x${i}":${i}`).join(',')}}`),
    );
    expect(Object.keys(rowOf(many.batch, 0)['props'] as object)).toHaveLength(100);
    const conflict = createDecoder(adEvents(), { path }).decode(Buffer.from(`${event},"props":[1],"x":1}`));
    expect(conflict.errors).toMatchObject([{ code: 'EVENT_TYPE', path: 'props' }]);
    expect(decode('{"n":1,"x":1}', { path }).errors).toMatchObject([
      { code: 'EVENT_FIELD_UNKNOWN', path: 'x', message: "unknown field 'x'; expected any of n, s, received_at" },
    ]);
  });

  test("a client's received_at is not taken", () => {
    const { result, values } = decode('{"n":1,"received_at":[{}]}\n{"received_at":5,"n":2}', { path });
    expect(values).toEqual([1, 2]);
    expect(rowOf(result.batch, 0)['received_at']).toBe(0);
  });
});
