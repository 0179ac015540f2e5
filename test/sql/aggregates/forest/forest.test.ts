import { describe, expect, test } from 'vitest';
import { RandomCutForest } from '../../../../src/sql/aggregates/forest/forest.js';
import type { ForestOptions } from '../../../../src/sql/aggregates/forest/forest.js';
import { ByteReader, ByteWriter } from '../../../../src/util/bytes.js';
import { randomOf } from '../../oracle-rows.js';

const OPTIONS: ForestOptions = { dimensions: 2, trees: 20, sampleSize: 64, decay: 1 / 640, seed: 5 };

/** A noisy circle. */
function circle(seed: number): (i: number) => Float64Array {
  const random = randomOf(seed);
  return (i) => Float64Array.of(Math.sin(i / 20) + random() * 0.1, Math.cos(i / 20) + random() * 0.1);
}

function run(forest: RandomCutForest, next: (i: number) => Float64Array, from: number, to: number): number[] {
  const scores: number[] = [];
  for (let i = from; i < to; i++) {
    const point = next(i);
    scores.push(forest.score(point));
    forest.update(point);
  }
  return scores;
}

describe('a random cut forest', () => {
  test('scores usual points about 1, strange ones higher, and says in which dimension and direction', () => {
    const forest = new RandomCutForest(OPTIONS);
    const scores = run(forest, circle(1), 0, 3000).slice(64);
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    expect(mean).toBeGreaterThan(0.7);
    expect(mean).toBeLessThan(1.3);
    const strange = Float64Array.of(0, -5);
    expect(forest.score(strange)).toBeGreaterThan(3 * mean);
    const [low0, high0, low1, high1] = forest.attribution(strange);
    expect(low1! / (low0! + high0! + low1! + high1!)).toBeGreaterThan(0.8);
    // In the middle of the circle no number is out of range, yet the pair is strange.
    expect(forest.score(Float64Array.of(0, 0))).toBeGreaterThan(1.15 * mean);
  });

  test('gets used to a new level, however long the old one was', () => {
    const after = (decay: number): number => {
      const forest = new RandomCutForest({ ...OPTIONS, decay });
      run(forest, circle(2), 0, 8000);
      const moved = circle(3);
      const scores = run(forest, (i) => moved(i).map((x) => x + 20), 8000, 9500);
      expect(scores[0]).toBeGreaterThan(3);
      return scores.slice(-200).reduce((sum, score) => sum + score, 0) / 200;
    };
    // After 2.3 times 1 / decay nine of ten points are new ones; without decay one in six.
    expect(after(OPTIONS.decay)).toBeLessThan(1.1);
    expect(after(0)).toBeGreaterThan(1.3);
  });

  test('is bounded, whatever comes', () => {
    const forest = new RandomCutForest(OPTIONS);
    const random = randomOf(4);
    const wild = (): Float64Array =>
      Float64Array.of((random() - 0.5) * 10 ** (random() * 300), random() < 0.5 ? 1 : random());
    run(forest, wild, 0, 3000);
    const bytes = forest.bytes();
    const scores = run(forest, wild, 3000, 9000);
    // Points are in use by 20 trees of 64; their array doubles at most once more.
    expect(forest.bytes()).toBeLessThan(bytes * 1.3);
    expect(scores.every(Number.isFinite)).toBe(true);
  });

  test('of one point that repeats has a low score, and any other a high one', () => {
    const forest = new RandomCutForest(OPTIONS);
    run(forest, () => Float64Array.of(7, 7), 0, 500);
    expect(forest.score(Float64Array.of(7, 7))).toBeLessThan(1);
    expect(forest.score(Float64Array.of(7, 8))).toBeGreaterThan(3);
  });

  test.each([0, 5, 16, 40, 64, 1000])('goes on the same from a copy and from its bytes, after %d points', (rows) => {
    const next = circle(6);
    const points = Array.from({ length: rows + 600 }, (_, i) => next(i));
    const at = (i: number): Float64Array => points[i]!;
    const forest = new RandomCutForest(OPTIONS);
    run(forest, at, 0, rows);
    const copy = forest.copy();
    const writer = new ByteWriter();
    forest.write(writer);
    const bytes = writer.copy();
    const reader = new ByteReader(bytes);
    const restored = RandomCutForest.read(OPTIONS, reader);
    expect(reader.position).toBe(reader.end);
    const again = new ByteWriter();
    restored.write(again);
    expect(again.copy()).toEqual(bytes);
    const wanted = run(forest, at, rows, rows + 600);
    expect(run(copy, at, rows, rows + 600)).toEqual(wanted);
    expect(run(restored, at, rows, rows + 600)).toEqual(wanted);
  });

  test('differs by its seed alone', () => {
    const scores = (seed: number): number[] => run(new RandomCutForest({ ...OPTIONS, seed }), circle(8), 0, 300);
    expect(scores(1)).toEqual(scores(1));
    expect(scores(1)).not.toEqual(scores(2));
  });
});
