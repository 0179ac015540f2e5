import { gunzipSync } from 'node:zlib';
import { Decoder } from '@toondepauw/node-zstd';
import { describe, expect, test } from 'vitest';
import { COMPRESSIONS, compressorOf } from '../../src/format/compress.js';

const text = Buffer.from('{"a":1,"b":"some text that comes again"}\n'.repeat(2_000));
const read = {
  none: (data: Uint8Array) => Buffer.from(data),
  gzip: (data: Uint8Array) => gunzipSync(data),
  zstd: (data: Uint8Array) => new Decoder().decodeSync(Buffer.from(data)),
};

describe.each(COMPRESSIONS)('%s', (name) => {
  test('reads back, also from the middle of a buffer, empty, and many at once', async () => {
    const compressor = compressorOf(name);
    const parts = [
      text,
      text.subarray(7, 5_000),
      Buffer.alloc(0),
      ...Array.from({ length: 8 }, (_, i) => text.subarray(i)),
    ];
    const packed = await Promise.all(parts.map((part) => compressor.compress(part)));
    packed.forEach((data, i) => expect(read[name](data).equals(parts[i]!), `part ${i}`).toBe(true));
    if (name !== 'none') expect(packed[0]!.length).toBeLessThan(text.length / 20);
  });

  test('reads back as one where parts stand behind each other', async () => {
    const compressor = compressorOf(name);
    const parts = await Promise.all([text, text.subarray(0, 100)].map((part) => compressor.compress(part)));
    expect(read[name](Buffer.concat(parts)).equals(Buffer.concat([text, text.subarray(0, 100)]))).toBe(true);
  });
});

test('levels are taken', async () => {
  for (const name of ['gzip', 'zstd'] as const) {
    const [fast, small] = await Promise.all([1, 9].map((level) => compressorOf(name, level).compress(varied())));
    expect(small!.length, name).toBeLessThan(fast!.length);
  }
});

test('names are those of files and of HTTP', () => {
  const names = COMPRESSIONS.map((name) => compressorOf(name)).map((c) => [c.name, c.extension, c.contentEncoding]);
  expect(names).toEqual([
    ['none', '', undefined],
    ['gzip', '.gz', 'gzip'],
    ['zstd', '.zst', 'zstd'],
  ]);
});

/** Lines that have much in common and something of their own. */
function varied(): Buffer {
  let state = 1;
  const next = () => (state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff);
  const line = (i: number) =>
    JSON.stringify({ id: next().toString(36), time: 1_750_000_000_000 + i, site: next() % 900 });
  return Buffer.from(Array.from({ length: 5_000 }, (_, i) => line(i)).join('\n'));
}
