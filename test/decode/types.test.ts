/** What each column type accepts and rejects; the same on every path. */
import { describe, expect, test } from 'vitest';
import { createDecoder } from '../../src/collect/decode/decoder.js';
import type { DecodePath } from '../../src/collect/decode/types.js';
import { rowOf } from '../../src/event/rows.js';
import type { ColumnType } from '../../src/event/schema.js';
import { defineSchema } from '../../src/event/schema-define.js';

const PATHS: readonly DecodePath[] = ['fast', 'general', 'json'];
const BASE = 1_700_000_000_000;

/** JSON text → value of `rowOf`, or the code of the rejection. */
const CASES: Record<ColumnType, readonly (readonly [string, unknown])[]> = {
  uuid: [
    ['"0B6F1F5E-97e6-4a3c-8f5f-0123456789aB"', '0b6f1f5e-97e6-4a3c-8f5f-0123456789ab'],
    ['"\\u0030b6f1f5e-97e6-4a3c-8f5f-0123456789ab"', '0b6f1f5e-97e6-4a3c-8f5f-0123456789ab'],
    ['"0b6f1f5e-97e6-4a3c-8f5f-0123456789a"', Error],
    ['"0b6f1f5e-97e6-4a3c-8f5f-0123456789abc"', Error],
    ['"0b6f1f5e097e6-4a3c-8f5f-0123456789ab"', Error],
    ['"gb6f1f5e-97e6-4a3c-8f5f-0123456789ab"', Error],
    ['"0b6f1f5e-97e6-4a3c-8f5f-0123456789a\u00e9"', Error],
    ['"0b6f1f5e-97e6-4a3c-8f5f-01234567\\u00389ab"', '0b6f1f5e-97e6-4a3c-8f5f-0123456789ab'],
    ['"0b6f1f5e-97e6-4a3c-8f5f-01234567\\u0000ab"', Error],
    ['""', Error],
    ['7', Error],
    ['{}', Error],
  ],
  string: [
    ['""', ''],
    ['"a\\n\\t\\r\\b\\f\\"\\\\\\/"', 'a\n\t\r\b\f"\\/'],
    ['"\\u00e9\\u20ac\\ud83d\\ude00\\u0000"', 'é€😀\0'],
    ['"\\ud800x\\udc00\\ud800\\ud83d\\ude00"', '\ufffdx\ufffd\ufffd😀'],
    ['"é€😀"', 'é€😀'],
    ['1', Error],
    ['true', Error],
    ['["a"]', Error],
    ['{"a":1}', Error],
  ],
  dictionary: [
    ['"US"', 'US'],
    ['"\\u0055S"', 'US'],
    ['""', ''],
    ['1', Error],
    ['false', Error],
  ],
  list: [
    ['[]', []],
    ['[ ]', []],
    ['["a","b","a"]', ['a', 'b', 'a']],
    ['[ "a" , "\\u0062" ]', ['a', 'b']],
    ['["a",1]', Error],
    ['["a",null]', Error],
    ['[["a"]]', Error],
    ['"a"', Error],
    ['{"a":"b"}', Error],
  ],
  bytes: [
    ['""', ''],
    ['"AAECAw=="', 'AAECAw=='],
    ['"AAECAw"', 'AAECAw=='],
    ['"-_-_"', '+/+/'],
    ['"+/+/"', '+/+/'],
    ['"A"', Error],
    ['"AA=A"', Error],
    ['"A==="', Error],
    ['"AA A"', Error],
    ['"é+/+"', Error],
    ['3', Error],
  ],
  int64: [
    ['0', 0],
    ['-0', 0],
    ['1.0', 1],
    ['12e2', 1200],
    ['1200e-2', 12],
    ['"42"', 42],
    ['"-9223372036854775808"', '-9223372036854775808'],
    ['9223372036854775807', '9223372036854775807'],
    ['9007199254740993', '9007199254740993'],
    ['9223372036854775808', Error],
    ['-9223372036854775809', Error],
    ['1.5', Error],
    ['1e-1', Error],
    ['1e400', Error],
    ['1e-400', Error],
    ['0e99999999999', 0],
    ['""', Error],
    ['"1x"', Error],
    ['" 1"', Error],
    ['"0x10"', Error],
    ['true', Error],
    ['[1]', Error],
  ],
  double: [
    ['0.1', 0.1],
    ['-0', -0],
    ['1e308', 1e308],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['5e-324', 5e-324],
    ['1e-400', 0],
    ['123456789012345678901234567890', Number('123456789012345678901234567890')],
    ['0.30000000000000004', 0.30000000000000004],
    ['9007199254740993', 9007199254740992],
    ['2.2250738585072011e-308', Number('2.2250738585072011e-308')],
    ['1e309', Error],
    ['"1"', Error],
    ['true', Error],
  ],
  decimal: [
    ['0', '0.000000'],
    ['-0.5', '-0.500000'],
    ['1.234567', '1.234567'],
    ['1.2345670000', '1.234567'],
    ['"1.25"', '1.250000'],
    ['1e-6', '0.000001'],
    ['1.5E3', '1500.000000'],
    ['0.1', '0.100000'],
    ['123456789012.345678', '123456789012.345678'],
    ['999999999999.999999', '999999999999.999999'],
    ['-999999999999.999999', '-999999999999.999999'],
    ['"00012.50"', '12.500000'],
    ['1000000000000', Error],
    ['-1000000000000', Error],
    ['1.2345678', Error],
    ['0.30000000000000004', Error],
    ['1e-7', Error],
    ['1e12', Error],
    ['1e1000000', Error],
    ['"1,5"', Error],
    ['"NaN"', Error],
    ['""', Error],
    ['null ', null],
  ],
  timestamp: [
    ['1700000000000', BASE],
    ['-1', -1],
    ['1.7e12', BASE],
    ['1700000000000.0', BASE],
    ['"2023-11-14T22:13:20Z"', BASE],
    ['"2023-11-14T22:13:20.000Z"', BASE],
    ['"2023-11-14T22:13:20.000999999Z"', BASE],
    ['"2023-11-14 22:13:20,5z"', BASE + 500],
    ['"2023-11-14T23:13:20+01:00"', BASE],
    ['"2023-11-14T16:43:20-0530"', BASE],
    ['"2023-11-15T00:13:20+02"', BASE],
    ['"2023-11-14T22:13Z"', BASE - 20_000],
    ['"2024-02-29"', Date.UTC(2024, 1, 29)],
    ['"0000-01-01"', -62_167_219_200_000],
    ['"9999-12-31T23:59:59.999Z"', 253_402_300_799_999],
    ['"1969-12-31T23:59:59.999Z"', -1],
    ['8640000000000000', 8_640_000_000_000_000],
    ['8640000000000001', Error],
    ['1700000000000.5', Error],
    ['"2023-02-29"', Error],
    ['"2023-13-01"', Error],
    ['"2023-00-10"', Error],
    ['"2023-11-14T22:13:20"', Error],
    ['"2023-11-14T24:00:00Z"', Error],
    ['"2023-11-14T22:60:20Z"', Error],
    ['"2023-11-14T22:13:60Z"', Error],
    ['"2023-11-14T22:13:20.Z"', Error],
    ['"2023-11-14T22:13:20Zx"', Error],
    ['"2023-11-14T22:13:20+1"', Error],
    ['"2023-11-14T22:13:20+24:00"', Error],
    ['"2023-11-14T22:13:20+01:"', Error],
    ['"2023-11-14T"', Error],
    ['"2023-1-14"', Error],
    ['"14/Nov/2023"', Error],
    ['""', Error],
    ['true', Error],
  ],
  boolean: [
    ['true', true],
    ['false', false],
    ['1', Error],
    ['"true"', Error],
  ],
  json: [
    ['{"b":[1, 2 ,{"c":null}],"a":"x y"}', { b: [1, 2, { c: null }], a: 'x y' }],
    ['[]', []],
    ['"a b\\u0020c"', 'a b c'],
    ['1e400', Infinity],
    ['-1.5e-3', -0.0015],
    ['true', true],
    ['{"a":1,"a":2}', { a: 2 }],
    ['{"a":1,"\\u0061":{"b":1,"b":2},"c":3}', { a: { b: 2 }, c: 3 }],
    [`${'['.repeat(200)}${']'.repeat(200)}`, JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`)],
    [
      JSON.stringify(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`k${i}`, i]))),
      Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`k${i}`, i])),
    ],
  ],
};

const types = Object.keys(CASES) as ColumnType[];

describe.each(PATHS)('on the %s path', (path) => {
  test.each(types)('%s', (type) => {
    const schema = defineSchema({ columns: { first: 'int64?', value: `${type}?`, last: 'string' } });
    const decoder = createDecoder(schema, { path });
    for (const [text, expected] of CASES[type]) {
      // The same event twice, so that the second has its keys predicted; the errors' lines must not disturb it.
      const event = `{"first":1,"value":${text},"last":"end"}\n`;
      const result = decoder.decode(Buffer.from(event + event));
      if (expected === Error) {
        expect(result.errors, text).toEqual([
          {
            index: 0,
            code: 'EVENT_TYPE',
            message: expect.stringContaining('expected'),
            path: expect.stringMatching(/^value/),
            start: 0,
            end: Buffer.byteLength(event) - 1,
          },
          {
            index: 1,
            code: 'EVENT_TYPE',
            message: expect.stringContaining('expected'),
            path: expect.stringMatching(/^value/),
            start: Buffer.byteLength(event),
            end: Buffer.byteLength(event) * 2 - 1,
          },
        ]);
      } else {
        expect(result.errors, text).toEqual([]);
        for (const row of [0, 1])
          expect(rowOf(result.batch, row), text).toEqual({ first: 1, value: expected, last: 'end', received_at: 0 });
      }
    }
  });
});

test('what the scanner can read, it does not leave to JSON.parse', () => {
  for (const type of types) {
    const decoder = createDecoder(defineSchema({ columns: { value: `${type}?` } }));
    const plain = CASES[type].filter(
      ([text, expected]) =>
        expected !== Error && !/\d[eE]/.test(text) && text.length < 200 && !/"a":1|^"0001/.test(text),
    );
    for (const [text] of plain) decoder.decode(Buffer.from(`{"value":${text}}`));
    expect(decoder.counts.json, type).toBe(0);
    expect(decoder.counts.fast + decoder.counts.general).toBe(plain.length);
  }
});
