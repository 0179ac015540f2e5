/** Periods against a clock that is read minute by minute. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clockPieces, GRANULARITIES, periodOf, periodsBetween } from '../../src/serve/rollup/period.js';
import { zoneOf } from '../../src/sql/zones.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MINUTES = { '1m': 1, '5m': 5, '15m': 15, '30m': 30, '1h': 60 } as const;
/** Berlin and New York by night, Cairo and St. John's over midnight, Lord Howe by half an hour, Apia left out a day. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kathmandu',
  'Africa/Cairo',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Pacific/Apia',
];
const instants = fc
  .tuple(
    fc.constantFrom(Date.UTC(2026, 2, 1), Date.UTC(2026, 9, 1), Date.UTC(2011, 11, 28), Date.UTC(2010, 10, 5)),
    fc.nat(40 * DAY),
  )
  .map(([start, ms]) => start + ms);
const runs = { numRuns: Number(process.env['MILLRACE_FUZZ_RUNS'] ?? 150) };

describe.each(ZONES)('%s', (name) => {
  const zone = zoneOf(name);

  it.each(GRANULARITIES)('%s: an instant is in its period, and so is every other instant of it', (granularity) => {
    fc.assert(
      fc.property(instants, fc.double({ min: 0, max: 1, noNaN: true }), (instant, share) => {
        const period = periodOf(instant, granularity, zone);
        expect(period.start).toBeLessThanOrEqual(instant);
        expect(period.end).toBeGreaterThan(instant);
        const other = Math.floor(period.start + share * (period.end - 1 - period.start));
        expect(periodOf(other, granularity, zone)).toEqual(period);
        expect(periodOf(period.end, granularity, zone).start).toBe(period.end);
      }),
      runs,
    );
  });

  it('a day is what one reads on a calendar there', () => {
    const format = new Intl.DateTimeFormat('en-CA', { timeZone: name, dateStyle: 'short' });
    fc.assert(
      fc.property(instants, (instant) => {
        const { start, end } = periodOf(instant, '1d', zone);
        // Where the clock goes back over midnight a minute of the next day comes early.
        if (name !== 'America/St_Johns') {
          for (const at of [start, end - 1]) expect(format.format(at)).toBe(format.format(instant));
          expect(format.format(start - 1)).not.toBe(format.format(instant));
        }
        expect([23, 23.5, 24, 24.5, 25]).toContain((end - start) / HOUR);
      }),
      runs,
    );
  });

  it.each(Object.keys(MINUTES) as (keyof typeof MINUTES)[])(
    '%s begins on the clock, or where it jumps',
    (granularity) => {
      fc.assert(
        fc.property(instants, (instant) => {
          const { start } = periodOf(instant, granularity, zone);
          const jumps = zone.offsetMs(start) !== zone.offsetMs(start - 1);
          expect(jumps || (start + zone.offsetMs(start)) % (MINUTES[granularity] * 60_000) === 0).toBe(true);
          const pieces = clockPieces(instant - 3 * DAY, instant + 3 * DAY, granularity, zone)!;
          const piece = pieces.findLast((one) => one.start <= instant)!;
          const size = piece.sizeMs;
          expect(Math.max(piece.start, piece.origin + Math.floor((instant - piece.origin) / size) * size)).toBe(start);
        }),
        runs,
      );
    },
  );
});

it('a change of the clock makes days of 23 and 25 hours, and no hour is lost or twice', () => {
  const zone = zoneOf('Europe/Berlin');
  const days = periodsBetween(Date.UTC(2026, 2, 28, 23), Date.UTC(2026, 2, 30, 22), '1d', zone, 9)!;
  expect(days.map(({ start, end }) => (end - start) / HOUR)).toEqual([23, 24]);
  const [long] = periodsBetween(Date.UTC(2026, 9, 24, 22), Date.UTC(2026, 9, 25, 23), '1d', zone, 9)!;
  expect((long!.end - long!.start) / HOUR).toBe(25);
  expect(periodsBetween(long!.start, long!.end, '1h', zone, 99)).toHaveLength(25);
  expect(periodsBetween(0, DAY, '1m', zone, 99)).toBeNull();
});
