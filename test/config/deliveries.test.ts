import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';

const streams = { events: { schema: 'ad-events' } };

describe('retry.deadline of a delivery', () => {
  const deadline = (retry: object | undefined): number | null => {
    const out = { from: 'events', to: { type: 'stdout' }, ...(retry === undefined ? {} : { retry }) };
    return parseConfig({ streams, deliveries: { out } }, { folder: '/app' }).deliveries[0]!.retry.deadlineMs;
  };

  test('is none where it is left out: the log keeps the rows', () => {
    expect(deadline(undefined)).toBeNull();
    expect(deadline({ first: '2 s' })).toBeNull();
  });

  test("takes Firehose's range", () => {
    expect(deadline({ deadline: '0 s' })).toBe(0);
    expect(deadline({ deadline: '7200 s' })).toBe(7_200_000);
    expect(() => deadline({ deadline: 'soon' })).toThrow(/retry\.deadline: expected a duration/);
  });
});
