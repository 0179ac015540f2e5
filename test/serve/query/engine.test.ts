import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { change, openFixture, START, type Fixture } from './fixture.js';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(async () => {
  await fixture.close();
});

describe('a query', () => {
  it('reads the newest row of each key of a view', async () => {
    await fixture.change([
      change('acme', 0, 'spring', 4),
      change('acme', 0, 'summer', 2),
      change('bolt', 0, 'spring', 7),
    ]);
    await fixture.change([change('acme', 0, 'spring', 9)]);
    expect(
      await fixture.query(
        'SELECT tenant_id, campaign, impressions, cost, rate, window_start FROM traffic ORDER BY 1, 2',
      ),
    ).toEqual([
      ['acme', 'spring', 9, '2.250000', 2.25, new Date(START).toISOString()],
      ['acme', 'summer', 2, '0.500000', 0.5, new Date(START).toISOString()],
      ['bolt', 'spring', 7, '1.750000', 1.75, new Date(START).toISOString()],
    ]);
  });

  it("shows a tenant's key that tenant's rows only", async () => {
    expect(await fixture.query('SELECT sum(impressions), count(*) FROM traffic', 'bolt')).toEqual([['7', 1]]);
    expect(await fixture.query("SELECT * FROM traffic WHERE tenant_id = 'acme'", 'bolt')).toEqual([]);
  });

  it('reads events that are only in the log', async () => {
    const event = (tenant: string, id: string, more: Record<string, unknown> = {}) => ({
      tenant_id: tenant,
      event_id: id,
      event_time: START,
      kind: 'click',
      cost: '1.5',
      clicks: 3,
      labels: ['a', 'b'],
      props: { x: { y: 'z' } },
      ...more,
    });
    await fixture.append('events', [event('acme', 'e1'), event('bolt', 'e2', { cost: null })]);
    expect(
      await fixture.query(
        "SELECT event_id, cost, clicks, labels, props -> 'x' ->> 'y', _offset >= 0 FROM events ORDER BY event_id",
      ),
    ).toEqual([
      ['e1', '1.500000', 3, ['a', 'b'], 'z', true],
      ['e2', null, 3, ['a', 'b'], 'z', true],
    ]);
    expect(await fixture.query('SELECT count(*) FROM events', 'acme')).toEqual([[1]]);
    expect(
      await fixture.query(
        'SELECT e.event_id, t.impressions FROM events e JOIN traffic t ON t.tenant_id = e.tenant_id AND t.window_start <= e.event_time ORDER BY 2',
        'acme',
      ),
    ).toEqual([
      ['e1', 2],
      ['e1', 9],
    ]);
  });
});
