import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wordOfWords } from '../../../../src/sql/aggregates/sketches/hash.js';
import { NOT_SKETCH, sketchBytes, sketchContents } from '../../../../src/sql/aggregates/sketches/hyperloglog-bytes.js';
import { RANK_MAX, REGISTERS, Sketches } from '../../../../src/sql/aggregates/sketches/hyperloglog.js';

const runs = { numRuns: Number(process.env['MILLRACE_FUZZ_RUNS'] ?? 200) };

function sketchOf(values: Iterable<number>): Sketches {
  const sketches = new Sketches(1);
  for (const value of values) sketches.add(0, wordOfWords(value, 0, 0, 0));
  return sketches;
}

function* span(from: number, count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield from + i;
}

const bytesOf = (sketches: Sketches): Uint8Array => sketchBytes(sketches.contents(0));

test('merged parts are the sketch of all values, to the byte', () => {
  const part = fc.record({ from: fc.integer({ min: 0, max: 3_000 }), count: fc.integer({ min: 0, max: 400 }) });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.integer({ min: 0, max: 11 }), (parts, large) => {
      const sized = parts.map((one, index) => (index === large ? { ...one, count: one.count * 50 } : one));
      const whole = sketchOf(sized.flatMap(({ from, count }) => [...span(from, count)]));
      const merged = new Sketches(1);
      for (const { from, count } of sized)
        merged.mergeContents(0, sketchContents(bytesOf(sketchOf(span(from, count)))));
      expect(merged.estimate(0)).toBe(whole.estimate(0));
      expect(bytesOf(merged)).toEqual(bytesOf(whole));
    }),
    runs,
  );
});

test('bytes come back as they were, also with ranks far apart', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: RANK_MAX }), { minLength: REGISTERS, maxLength: REGISTERS }),
      (ranks) => {
        const registers = Uint8Array.from(ranks);
        expect(sketchContents(sketchBytes({ registers }))).toEqual({ registers });
      },
    ),
    { numRuns: 50 },
  );
});

test('what is no sketch is refused, whatever the bytes', () => {
  const good = [0, 1, 5, 192, 193, 5_000].map((count) => bytesOf(sketchOf(span(0, count))));
  const mutated = fc
    .tuple(
      fc.constantFrom(...good),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      fc.nat(),
    )
    .map(([bytes, changes, length]) => {
      const copy = bytes.slice(0, changes.length === 0 ? length % (bytes.length + 1) : bytes.length);
      for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
      return copy;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 1_100 }), mutated), (bytes) => {
      const sketches = new Sketches(1);
      try {
        sketches.mergeContents(0, sketchContents(bytes));
      } catch (error) {
        expect((error as Error).message).toBe(NOT_SKETCH);
        return;
      }
      // Taken: then it is a sketch in the one form that its state has.
      expect(bytesOf(sketches)).toEqual(bytes);
    }),
    { numRuns: runs.numRuns * 10 },
  );
});

test('a cleared group is as a new one', () => {
  const sketches = sketchOf(span(0, 5_000));
  sketches.clear(0);
  expect(sketches.estimate(0)).toBe(0);
  for (const value of span(7, 300)) sketches.add(0, wordOfWords(value, 0, 0, 0));
  expect(bytesOf(sketches)).toEqual(bytesOf(sketchOf(span(7, 300))));
});

test('version 1 is what it was', () => {
  expect(Buffer.from(bytesOf(sketchOf([]))).toString('hex')).toBe('0100');
  expect(Buffer.from(bytesOf(sketchOf([1, 2, 3]))).toString('hex')).toMatchInlineSnapshot(
    `"0101c1888b09811b7a1301f0661b"`,
  );
  const dense = bytesOf(sketchOf(span(0, 10_000)));
  expect(dense.length).toBeLessThan(1_100);
  expect(Buffer.from(dense.subarray(0, 16)).toString('hex')).toMatchInlineSnapshot(
    `"010200353624222652454543647a2453"`,
  );
});
