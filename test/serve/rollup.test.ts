/** The state of rolled up rows, and what bounds a roll-up. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ViewDescription } from '../../src/event/view.js';
import { rollUp } from '../../src/serve/rollup/rollup.js';
import type { ViewRows } from '../../src/serve/store-protocol.js';
import { change, MINUTE, openFixture, START, viewDescription, type Fixture } from './query/fixture.js';

const HOUR = 60 * MINUTE;
const VIEW: ViewDescription = {
  ...viewDescription('traffic'),
  columns: viewDescription('traffic').columns.map((column) =>
    column.additive === true ? { ...column, rollUp: 'sum' } : column,
  ),
};

let fixture: Fixture;

beforeAll(async () => {
  fixture = await openFixture();
  const row = (minute: number, state: string, reason: string | null = null) =>
    change('acme', minute, 'x', minute + 1, { state, reason });
  await fixture.change([
    row(0, 'final'),
    row(59, 'final'),
    row(60, 'corrected', 'late'),
    row(61, 'final'),
    row(120, 'final'),
    row(180, 'corrected', 'late'),
    row(181, 'open'),
  ]);
});
afterAll(() => fixture.close());

const hours = (
  completeThrough: number | null,
  more: { from?: number; to?: number; limit?: number } = {},
): Promise<ViewRows> =>
  rollUp({
    engine: fixture.engine,
    view: VIEW,
    range: { tenant: 'acme', from: more.from ?? null, to: more.to ?? null, limit: more.limit ?? 100 },
    granularity: '1h',
    zone: 'UTC',
    completeThrough,
  });

const states = ({ rows }: ViewRows): unknown[] => rows.map((row) => [row['impressions'], row['cost'], row['state']]);

describe('a row rolled up', () => {
  it('is open while a part is or its period is not over, else corrected if a part is, else final', async () => {
    expect(states(await hours(START + 3 * HOUR))).toEqual([
      [61, '15.250000', 'final'],
      [123, '30.750000', 'corrected'],
      [121, '30.250000', 'final'],
      [363, '90.750000', 'open'],
    ]);
    expect(states(await hours(START + 3 * HOUR - 1)).map((row) => (row as unknown[])[2])).toEqual([
      'final',
      'corrected',
      'open',
      'open',
    ]);
    expect(states(await hours(null)).map((row) => (row as unknown[])[2])).toEqual(['open', 'open', 'open', 'open']);
  });

  it('names its period as windows are named, and what is left out', async () => {
    const { rows, leftOut } = await hours(null, { from: START + HOUR, to: START + HOUR + 1 });
    expect(rows).toEqual([
      {
        tenant_id: 'acme',
        campaign: 'x',
        window_start: new Date(START + HOUR).toISOString(),
        window_end: new Date(START + 2 * HOUR).toISOString(),
        impressions: 123,
        cost: '30.750000',
        state: 'open',
      },
    ]);
    expect(leftOut).toEqual([{ column: 'rate', instead: 'its parts as columns of their own' }]);
  });

  it('comes with the newest when there are too many, oldest first', async () => {
    const { rows, truncated } = await hours(null, { limit: 2 });
    expect(truncated).toBe(true);
    expect(rows.map((row) => row['impressions'])).toEqual([121, 363]);
  });

  it('is none of another tenant, and none at all where there is nothing', async () => {
    const nothing = { rows: [], truncated: false };
    const range = { tenant: 'bolt', from: null, to: null, limit: 10 };
    const input = {
      engine: fixture.engine,
      view: VIEW,
      granularity: '1h' as const,
      zone: 'UTC',
      completeThrough: null,
    };
    expect(await rollUp({ ...input, range })).toMatchObject(nothing);
    expect(await hours(null, { from: START + 9 * HOUR })).toMatchObject(nothing);
  });

  it('is not made of more days than a statement should hold', async () => {
    await fixture.change([change('core', 0, 'x', 1), change('core', -5_000 * 24 * 60, 'x', 1)]);
    const range = { tenant: 'core', from: START - 6_000 * 24 * HOUR, to: null, limit: 10 };
    const input = { engine: fixture.engine, view: VIEW, zone: 'UTC', completeThrough: null, range };
    await expect(rollUp({ ...input, granularity: '1d' })).rejects.toMatchObject({ code: 'QUERY_TOO_LARGE' });
    expect((await rollUp({ ...input, granularity: '1mo' })).rows).toHaveLength(2);
  });
});
