/** Bytes that nobody would send: no crash, no hang, nothing read that wasn't sent, and the same verdict on every path. */
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/cli/generate/random.js';
import { createDecoder } from '../../src/collect/decode/decoder.js';
import type { DecodedBatch, DecodePath } from '../../src/collect/decode/types.js';
import { rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';

const PATHS: readonly DecodePath[] = ['fast', 'general', 'json'];
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const ROUNDS = 3000;

const SCHEMA = defineSchema({
  columns: {
    id: 'uuid',
    time: 'timestamp',
    kind: 'dictionary',
    name: 'string?',
    tags: 'list?',
    cost: 'decimal?',
    ratio: 'double?',
    count: 'int64?',
    ok: 'boolean?',
    blob: 'bytes?',
    props: 'json?',
  },
  eventId: 'id',
  eventTime: 'time',
});

const SAMPLES = [
  '{"id":"0b6f1f5e-97e6-4a3c-8f5f-0123456789ab","time":1700000000123,"kind":"click","name":"a\\u00e9\\ud83d\\ude00\\n","tags":["x","y"],"cost":1.25,"ratio":0.5,"count":7,"ok":true,"blob":"AAEC","props":{"a":[1,{"b":null}]}}',
  '{"kind":"view","id":"0b6f1f5e-97e6-4a3c-8f5f-0123456789ab","time":"2023-11-14T22:13:20.5+01:00","extra":[[],{}],"cost":"-0.000001","count":"-12"}',
  '{"id":null,"kind":"","time":1e3,"ratio":-1.5e-10,"props":null,"tags":[],"name":"é€"}',
];
const INTERESTING = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\n',
  '\r',
  ' ',
  '\0',
  '-',
  '.',
  'e',
  '9',
  '\\u',
  '\\ud800',
  'null',
  'true',
  '\ufeff',
  '\u00ff',
];

/** A broken request: lines or an array of samples, with bytes changed, cut, doubled or put in. */
function mutated(random: SeededRandom): Buffer {
  const parts = Array.from({ length: 1 + random.below(5) }, () => SAMPLES[random.below(SAMPLES.length)]!);
  let bytes = Buffer.from(random.chance(0.5) ? parts.join('\n') : `[${parts.join(',')}]`);
  for (let left = random.below(5); left > 0 && bytes.length > 0; left--) {
    const at = random.below(bytes.length);
    const length = random.below(12);
    const change = random.below(5);
    if (change === 0) bytes[at] = random.below(256);
    else if (change === 1) bytes[at]! ^= 1 << random.below(8);
    else if (change === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    else if (change === 3)
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(INTERESTING[random.below(INTERESTING.length)]!),
        bytes.subarray(at),
      ]);
    else bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
  }
  return random.chance(0.1) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
}

function summary(result: DecodedBatch) {
  return {
    rows: Array.from({ length: result.rows }, (_, row) => rowOf(result.batch, row)),
    places: [...result.places],
    events: result.events,
    errors: result.errors,
    missing: result.missing(0),
  };
}

describe('random damage', () => {
  test(`is judged the same on every path (seed ${SEED})`, () => {
    const random = new SeededRandom(SEED);
    const decoders = PATHS.map((path) => createDecoder(SCHEMA, { path, eventBytesMax: 1000 }));
    let [taken, rejected] = [0, 0];
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = mutated(random);
      const [first, ...rest] = decoders.map((decoder) => summary(decoder.decode(bytes)));
      for (const other of rest) expect(other, `round ${round}: ${bytes.toString('base64')}`).toEqual(first);
      taken += first!.rows.length;
      for (const { start, end, index, message } of first!.errors) {
        expect(start).toBeGreaterThanOrEqual(0);
        expect(start).toBeLessThanOrEqual(end);
        expect(end).toBeLessThanOrEqual(bytes.length);
        expect(index).toBeLessThan(first!.events);
        expect(message.length).toBeLessThan(400);
        rejected++;
      }
      expect(first!.events).toBe(first!.rows.length + first!.errors.length);
    }
    expect(taken).toBeGreaterThan(ROUNDS / 4);
    expect(rejected).toBeGreaterThan(ROUNDS / 4);
  }, 120_000);

  test('does not depend on what earlier requests left in memory', () => {
    const random = new SeededRandom(SEED + 1);
    const used = createDecoder(SCHEMA);
    const large = Buffer.from(`${SAMPLES[0]!}"]}}{"kind":"click","id":"`.repeat(200));
    for (let round = 0; round < 50; round++) {
      // Whatever is cut off continues, in memory, as an earlier request did.
      used.decode(large);
      const bytes = mutated(random);
      const fresh = summary(createDecoder(SCHEMA).decode(bytes));
      expect(summary(used.decode(bytes)), bytes.toString('base64')).toEqual(fresh);
    }
  }, 120_000);

  test('every cut of a request is judged at once', () => {
    const decoder = createDecoder(SCHEMA);
    for (const sample of SAMPLES) {
      const whole = Buffer.from(sample);
      for (let length = 1; length < whole.length; length++) {
        const { rows, errors } = decoder.decode(whole.subarray(0, length));
        expect([rows, errors.length, errors[0]?.code]).toEqual([0, 1, 'EVENT_MALFORMED']);
      }
      expect(decoder.decode(whole).errors).toEqual([]);
    }
  });
});

describe('hostile input takes linear time', () => {
  // A quadratic step would take minutes here, past the time limit of the test.
  test.each([
    ['one endless string', `{"kind":"${'x'.repeat(4_000_000)}`],
    ['deep nesting', `{"props":${'['.repeat(2_000_000)}`],
    ['deep and closed', `{"kind":"k","props":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`],
    ['deep with repeated keys', `{"kind":"k","props":${'{"a":1,"a":'.repeat(2000)}1${'}'.repeat(2000)}}`],
    ['many keys', `{${Array.from({ length: 3000 }, (_, i) => `"k${i}":1`).join(',')},"kind":"k"}`],
    ['backslashes', `{"kind":"${'\\\\'.repeat(2_000_000)}`],
    ['line after line of nothing', 'x\n'.repeat(16_000)],
    ['elements of nothing', `[${'x,'.repeat(1_000_000)}`],
    ['brackets', '['.repeat(4_000_000)],
    ['digits', `{"count":${'1'.repeat(4_000_000)}}`],
    ['an exponent', `{"count":1e${'9'.repeat(30_000)}}`],
    ['first lines that do not close', `{\n`.repeat(16_000)],
    ['a million blank lines', '\r\n'.repeat(1_000_000)],
  ])('%s', (_name, text) => {
    const decoder = createDecoder(SCHEMA);
    const { rows, errors } = decoder.decode(Buffer.from(text));
    expect(rows + errors.length).toBeLessThanOrEqual(16_384);
  });
});
