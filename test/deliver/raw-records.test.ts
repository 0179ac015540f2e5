import { describe, expect, test } from 'vitest';
import { firehoseRecords } from '../../src/deliver/firehose-records.js';
import { checkRecords, rawDocuments, rawLines, rawRecords } from '../../src/deliver/raw-records.js';
import { adEvents } from '../../src/event/ad-events.js';
import { RECORDS_SCHEMA, recordsBatch } from '../../src/event/records.js';

const TEXTS = ['one', '', '{"a":\n 1}\n', ' \r\n\t', '"a\rb"'];

function batch() {
  const bytes = Buffer.from(TEXTS.join(''));
  const offsets = new Uint32Array(TEXTS.length + 1);
  TEXTS.forEach((text, i) => (offsets[i + 1] = offsets[i]! + text.length));
  return recordsBatch(
    { bytes, offsets },
    TEXTS.map((_, i) => `id-${i}`),
  );
}

const texts = ({ data, offsets }: { data: Uint8Array; offsets: Uint32Array }): string[] =>
  TEXTS.map((_, i) => Buffer.from(data.subarray(offsets[i], offsets[i + 1])).toString());

describe('raw records are sent', () => {
  test('as they are', () => {
    expect(texts(rawRecords.encode({ batch: batch(), rows: null }))).toEqual(TEXTS);
  });

  test('as lines', () => {
    expect(texts(rawLines.encode({ batch: batch(), rows: null }))).toEqual(TEXTS.map((text) => `${text}\n`));
  });

  test('as documents, each of one line that is not blank', () => {
    expect(texts(rawDocuments.encode({ batch: batch(), rows: null }))).toEqual([
      'one\n',
      'null\n',
      '{"a":  1} \n',
      'null\n',
      '"a\rb"\n',
    ]);
  });

  test("as records of Firehose's protocol", () => {
    const records = texts(firehoseRecords(RECORDS_SCHEMA).encode({ batch: batch(), rows: null }));
    expect(records.map((text) => Buffer.from(JSON.parse(text.slice(0, -1)).data, 'base64').toString())).toEqual(TEXTS);
  });

  test('of streams that have such', () => {
    expect(() => checkRecords(RECORDS_SCHEMA, 'here')).not.toThrow();
    expect(() => checkRecords(adEvents(), 'here')).toThrow('here: expected a stream of raw records');
  });
});
