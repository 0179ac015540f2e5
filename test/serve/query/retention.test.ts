/** What SQL sees of a view whose windows leave by age: nothing of them, from the moment the cut is in force. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Retention } from '../../../src/summary/retention.js';
import { change, MINUTE, openFixture, START, type Fixture } from './fixture.js';

const HOUR = 60 * MINUTE;
/** One minute after the first window's end. */
const NOW = START + 2 * MINUTE;

let fixture: Fixture;

beforeAll(async () => {
  fixture = await openFixture();
  for (const hour of [0, -3, -30])
    await fixture.change(['acme', 'bolt', 'core'].map((tenant) => change(tenant, hour * 60, 'x', 1)));
  await fixture.views.get('traffic')!.settle();
  // One more row of each age in memory.
  for (const hour of [0, -3, -30])
    await fixture.change(['acme', 'bolt', 'core'].map((tenant) => change(tenant, hour * 60, 'y', 1)));
});
afterAll(() => fixture.close());

/** Rows by tenant: as an operator sees them, and each tenant. */
async function counts(): Promise<unknown> {
  const all = await fixture.query('SELECT tenant_id, count(*) FROM traffic GROUP BY 1 ORDER BY 1');
  for (const [tenant, rows] of all)
    expect(await fixture.query('SELECT count(*) FROM traffic', tenant as string)).toEqual([[rows]]);
  return Object.fromEntries(all);
}

const begin = async (retention: Retention): Promise<void> => {
  const { closed, store } = fixture.views.get('traffic')!;
  await closed.expiry.begin(retention, NOW, [...store.positions]);
};

it('leaves out windows beyond the retention, of all tenants or of one', async () => {
  expect(await counts()).toEqual({ acme: 6, bolt: 6, core: 6 });
  await begin({ allMs: null, tenantMs: { acme: 24 * HOUR } });
  expect(await counts()).toEqual({ acme: 4, bolt: 6, core: 6 });
  await begin({ allMs: 24 * HOUR, tenantMs: { acme: 2 * HOUR, bolt: 100 * HOUR } });
  expect(await counts()).toEqual({ acme: 2, bolt: 6, core: 4 });
});

it('does so for more tenants than a statement should name', async () => {
  const others = Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`t${n}`, 5 * HOUR + n * HOUR]));
  await begin({ allMs: 24 * HOUR, tenantMs: { ...others, acme: 2 * HOUR, bolt: 10 * HOUR } });
  expect(await counts()).toEqual({ acme: 2, bolt: 4, core: 4 });
});
