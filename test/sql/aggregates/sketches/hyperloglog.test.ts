import { expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../../../src/util/bytes.js';
import { wordOfBytes, wordOfWords } from '../../../../src/sql/aggregates/sketches/hash.js';
import { Sketches } from '../../../../src/sql/aggregates/sketches/hyperloglog.js';

const encoder = new TextEncoder();
const CARDINALITIES = [
  1, 2, 3, 10, 50, 100, 150, 192, 193, 250, 500, 1_000, 2_000, 3_000, 5_000, 8_000, 12_000, 20_000, 50_000, 200_000,
];
const TRIALS = 40;

function add(sketches: Sketches, group: number, text: string): void {
  const bytes = encoder.encode(text);
  sketches.add(group, wordOfBytes(bytes, 0, bytes.length));
}

function errorsOf(
  kind: string,
  cardinality: number,
  trials: number,
  addOne: (sketches: Sketches, trial: number, i: number) => void,
): number[] {
  const errors: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    const sketches = new Sketches(1);
    for (let i = 0; i < cardinality; i++) addOne(sketches, trial, i);
    errors.push(sketches.estimate(0) / cardinality - 1);
  }
  expect(errors.length, kind).toBe(trials);
  return errors;
}

const rms = (errors: readonly number[]): number =>
  Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);
const mean = (errors: readonly number[]): number => errors.reduce((sum, error) => sum + error, 0) / errors.length;

test('the standard error stays below 2.5 % at every cardinality, without a bias', () => {
  const table: string[] = [];
  let squares = 0;
  let count = 0;
  for (const cardinality of CARDINALITIES) {
    const trials = cardinality > 20_000 ? 8 : TRIALS;
    for (const [kind, addOne] of [
      ['user ids', (s: Sketches, t: number, i: number) => add(s, 0, `u${t * 1_000_003 + i}`)],
      [
        'addresses',
        (s: Sketches, t: number, i: number) => add(s, 0, `${t}.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`),
      ],
      ['integers', (s: Sketches, t: number, i: number) => s.add(0, wordOfWords(i + t * 7_919, t, 0, 0))],
    ] as const) {
      const errors = errorsOf(kind, cardinality, trials, addOne);
      const spread = rms(errors);
      table.push(
        `${kind} ${cardinality}: rms ${(spread * 100).toFixed(2)} %, bias ${(mean(errors) * 100).toFixed(2)} %`,
      );
      // 40 trials know the standard error to about 11 %; below 193 values the sketch is all but exact.
      expect(spread, table.at(-1)).toBeLessThan(cardinality <= 192 ? 0.002 : 0.0332);
      if (cardinality > 192) {
        squares += spread * spread * trials;
        count += trials;
      }
    }
  }
  expect(Math.sqrt(squares / count)).toBeLessThan(0.025);
});

test('a sketch is the same whatever the order, and comes back from its bytes', () => {
  const values = Array.from({ length: 4_000 }, (_, i) => `v${i % 2_500}`);
  for (const count of [0, 1, 5, 150, 192, 193, 1_000, 2_500]) {
    const [forward, backward, restored] = [new Sketches(2), new Sketches(2), new Sketches(2)];
    const some = values.slice(0, count);
    for (const value of some) add(forward, 1, value);
    for (const value of some.toReversed()) add(backward, 1, value);
    const [a, b, c] = [new ByteWriter(), new ByteWriter(), new ByteWriter()];
    forward.write(1, a);
    backward.write(1, b);
    expect(a.view()).toEqual(b.view());
    restored.read(1, new ByteReader(Buffer.from(a.copy())));
    restored.write(1, c);
    expect(c.view()).toEqual(a.view());
    expect(restored.estimate(1)).toBe(forward.estimate(1));
    for (const value of values) {
      add(forward, 1, value);
      add(restored, 1, value);
    }
    expect(restored.estimate(1)).toBe(forward.estimate(1));
  }
});

test('a freed block is used again, and a group keeps its own values', () => {
  const sketches = new Sketches(64);
  for (let i = 0; i < 40_000; i++) add(sketches, i % 64, `v${i}`);
  for (let group = 0; group < 64; group++) expect(Math.abs(sketches.estimate(group) / 625 - 1)).toBeLessThan(0.12);
  expect(sketches.bytesOf(0)).toBe(2048 + 68);
});

test('a sketch says what a value changed, however often it is read between two', () => {
  const read = new Sketches(3);
  const unread = new Sketches(3);
  for (let i = 0; i < 3_000; i++) {
    const word = wordOfWords(i % 700, 0, 0, 0);
    const before = new ByteWriter();
    read.write(1, before);
    read.clearChanged(1);
    read.add(1, word);
    unread.add(1, word);
    if (i % 3 === 0) unread.add(2, word);
    const after = new ByteWriter();
    read.write(1, after);
    expect(read.changed(1), `value ${i}`).toBe(!Buffer.from(before.view()).equals(after.view()));
  }
  const [a, b] = [new ByteWriter(), new ByteWriter()];
  read.write(1, a);
  unread.write(1, b);
  expect(b.view()).toEqual(a.view());
  expect([unread.estimate(0), unread.estimate(1), unread.bytesOf(1)]).toEqual([0, read.estimate(1), read.bytesOf(1)]);
});
