/** Why the oldest open window has not closed, in the words that people read. */
import { expect, test } from 'vitest';
import type { ExplainedPartition, ExplainedSource } from '../../../src/serve/explain/explanation.js';
import { whyOpen } from '../../../src/serve/explain/why-open.js';
import { waitText } from '../../../src/serve/explain/words.js';

const NOON = Date.UTC(2026, 0, 31, 12);
const open = { startMs: NOON - 60_000, endMs: NOON, closesAfterMs: NOON + 10_000, groups: 3 };

const partition = (number: number, rest: Partial<ExplainedPartition>): ExplainedPartition => ({
  partition: number,
  lastMs: NOON,
  offset: 100,
  start: 0,
  end: 100,
  ...rest,
});
const source = (nowMs: number | null, partitions: readonly ExplainedPartition[], rest = {}): ExplainedSource => ({
  stream: 'events',
  clock: 'arrival',
  nowMs,
  partitions,
  ...rest,
});
const why = (nowMs: number, sources: readonly ExplainedSource[], everyMs: number | null = null, more = {}) =>
  whyOpen({ open: { ...open, ...more }, sources, nowMs, everyMs });

test('time has not come', () => {
  expect(why(NOON - 5_000, [source(NOON - 5_001, [partition(0, {})])])).toBe(
    'closes when the clock passes 2026-01-31 12:00:10Z, in 15 s',
  );
});

test('a partition is behind: it is named, with what it has', () => {
  const partitions = [partition(0, {}), partition(2, { lastMs: NOON - 117_000, offset: 10, end: 5_130 })];
  expect(why(NOON + 60_000, [source(NOON - 117_000, partitions)])).toBe(
    'closes when partition 2 of events passes 2026-01-31 12:00:10Z; the last row read is stamped 2026-01-31 11:58:03Z, and it has 5,120 rows that the view has not read',
  );
  const unread = [partition(1, { lastMs: null, offset: 0, end: 1 })];
  expect(why(NOON + 60_000, [source(null, unread)])).toContain('no row of it was read, and it has 1 row that');
});

test('a partition that has passed the end is not named', () => {
  const partitions = [partition(0, { lastMs: NOON + 11_000, offset: 5 }), partition(1, { offset: 7 })];
  const said = why(NOON + 60_000, [source(NOON, partitions)]);
  expect(said).toContain('partition 1 of events');
  expect(said).not.toContain('partition 0');
});

test('of several inputs those are named that hold it up', () => {
  const sources = [
    source(NOON + 20_000, [partition(0, {})]),
    source(NOON, [partition(0, { offset: 3 })], { stream: 'orders' }),
  ];
  expect(why(NOON + 20_000, sources)).toMatch(/^closes when partition 0 of orders passes/);
});

test('the clock has passed: what is left is the commit, or the next publication', () => {
  const passed = [source(NOON + 10_001, [partition(0, {})])];
  expect(why(NOON + 10_001, passed)).toBe('its clock has passed; it closes with the next commit');
  expect(why(NOON + 10_001, passed, 60_000)).toBe(
    'its clock has passed; it closes with the next publication, which comes every 1 min',
  );
});

test('on an event clock the tenant that is furthest back of those in the window', () => {
  const slowest = { tenant: 'zeta', clockMs: NOON - 3_600_000 };
  const clocked = [source(NOON - 3_600_000, [partition(0, {})], { clock: 'event', slowest })];
  expect(why(NOON, clocked, null, { waitsFor: { tenant: 'acme', clockMs: NOON + 4_000 } })).toBe(
    'closes when the event time of tenant acme in events passes 2026-01-31 12:00:10Z; its largest so far is 2026-01-31 12:00:04Z',
  );
  expect(why(NOON, clocked)).toContain('tenant zeta');
  expect(why(NOON, [source(null, [], { clock: 'event' })])).toContain('it has none yet');
});

test('waits in the unit that suits them', () => {
  expect([0, 12, 1_500, 90_000, 7_200_000, 864e5 * 12].map(waitText)).toEqual([
    '0 ms',
    '12 ms',
    '1.5 s',
    '1.5 min',
    '2 h',
    '12 d',
  ]);
});
