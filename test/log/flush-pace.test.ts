import { expect, test } from 'vitest';
import { FlushPace } from '../../src/log/flush-pace.js';
import { READER_LOOP_DEFAULTS } from '../../src/log/reader-loop.js';
import type { LogStage } from '../../src/log/stage.js';
import { SimClock } from '../sim/clock.js';

const OPTIONS = { ...READER_LOOP_DEFAULTS, flushEveryMs: 50, flushRows: 100 };

function paced(stage: Partial<LogStage> = {}) {
  const clock = new SimClock();
  const pace = new FlushPace(stage as LogStage, OPTIONS, clock);
  pace.restart();
  /** A flush that takes so long. */
  const flush = (tookMs: number): void => {
    pace.begin();
    clock.advance(tookMs);
    pace.end();
  };
  return { clock, pace, flush };
}

test('a stage that writes each row is flushed after so many, and is given no more before', () => {
  const { pace, flush } = paced();
  pace.gave(60);
  expect(pace.isDue).toBe(false);
  expect(pace.room).toBe(40);
  pace.gave(40);
  expect(pace.isDue).toBe(true);
  flush(0);
  expect(pace.isDue).toBe(false);
  expect(pace.room).toBe(100);
});

test('a stage that nets its rows is given more, up to a bound', () => {
  let waiting = 0;
  const { pace } = paced({ waiting: () => waiting });
  waiting = 10;
  pace.gave(1_000);
  expect(pace.isDue).toBe(false);
  expect(pace.room).toBe(50);
  pace.gave(1_000);
  expect(pace.isDue).toBe(true);
});

test('rows that wait to be written are flushed at once', () => {
  let waiting = 99;
  const { pace } = paced({ waiting: () => waiting });
  pace.gave(99);
  expect(pace.isDue).toBe(false);
  waiting = 100;
  expect(pace.isDue).toBe(true);
  expect(pace.room).toBe(1);
});

test('costly flushes are further apart, but not by more than four intervals', () => {
  const { clock, pace, flush } = paced();
  flush(30);
  clock.advance(59);
  expect(pace.isDue).toBe(false);
  clock.advance(1);
  expect(pace.isDue).toBe(true);
  flush(150);
  clock.advance(49);
  expect(pace.isDue).toBe(false);
  clock.advance(1);
  expect(pace.isDue).toBe(true);
});

test('what has closed waits only as long as the last flush took', () => {
  const { clock, pace, flush } = paced({ isDue: () => true });
  flush(20);
  clock.advance(19);
  expect(pace.isDue).toBe(false);
  clock.advance(1);
  expect(pace.isDue).toBe(true);
});
