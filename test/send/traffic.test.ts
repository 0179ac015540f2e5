import { describe, expect, test } from 'vitest';
import { generatedEvents } from '../../src/cli/generate/source.js';
import { tenantNames, type TrafficOptions } from '../../src/cli/generate/traffic.js';
import { createDecoder } from '../../src/collect/decode/decoder.js';
import { adEvents } from '../../src/event/ad-events.js';

const OPTIONS: TrafficOptions = {
  seed: 42,
  tenants: tenantNames(200),
  startMs: 1_760_000_000_000,
  rate: 500,
  late: 0.02,
  duplicates: 0.02,
};
const COUNT = 60_000;

interface Event {
  readonly event_id: string;
  readonly event_type: string;
  readonly event_time: number;
  readonly tenant_id: string;
  readonly user_id: string;
  readonly click_id?: string;
}

async function lines(count: number, options: TrafficOptions) {
  const source = generatedEvents(count, options);
  const found: string[] = [];
  for await (const group of source.groups) found.push(...group.map((event) => Buffer.from(event).toString()));
  return { found, totals: source.totals };
}

describe('generated traffic', () => {
  test('is the same for the same seed, and another for another', async () => {
    const [first, second, third] = await Promise.all([
      lines(2000, OPTIONS),
      lines(2000, OPTIONS),
      lines(2000, { ...OPTIONS, seed: 43 }),
    ]);
    expect(second.found).toEqual(first.found);
    expect(third.found).not.toEqual(first.found);
  });

  test('behaves like the real thing', async () => {
    const { found, totals } = await lines(COUNT, OPTIONS);
    const events = found.map((text) => JSON.parse(text) as Event);
    expect(events).toHaveLength(COUNT);
    const ids = new Set(events.map(({ event_id }) => event_id));
    // Resends are byte for byte the same, so that nothing but the id decides.
    expect(new Set(found).size).toBe(ids.size);
    expect(ids.size).toBeLessThan(COUNT);
    expect(ids.size).toBeGreaterThan(COUNT * 0.97);
    expect(totals.events).toBe(COUNT);
    expect(totals.impressions + totals.clicks + totals.conversions).toBe(totals.unique);
    const of = (type: string) => events.filter(({ event_type }) => event_type === type);
    expect(of('click').length).toBeGreaterThan(COUNT / 100);
    expect(of('conversion').length).toBeGreaterThan(0);
    // Each conversion belongs to a click of the same user and tenant.
    const clicks = new Map(of('click').map((click) => [click.click_id, click]));
    const known = of('conversion').filter(({ click_id }) => clicks.has(click_id));
    expect(known.length).toBeGreaterThan(0);
    for (const { click_id, tenant_id, user_id, event_time } of known) {
      expect(clicks.get(click_id)).toMatchObject({ tenant_id, user_id });
      expect(event_time).toBeGreaterThan(clicks.get(click_id)!.event_time - 2000);
    }
    // Zipf: the first of 200 advertisers has 1/5.9 of all.
    const sizes = new Map<string, number>();
    for (const { tenant_id } of events) sizes.set(tenant_id, (sizes.get(tenant_id) ?? 0) + 1);
    expect(sizes.get('advertiser-00001')! / COUNT).toBeGreaterThan(0.14);
    expect(sizes.get('advertiser-00001')! / COUNT).toBeLessThan(0.2);
    expect(sizes.size).toBe(200);
  });

  test('has conversions within a minute, and most of them later', async () => {
    const perMinute = OPTIONS.rate * 60;
    const { found } = await lines(perMinute * 4, OPTIONS);
    const minutes = new Map<number, number>();
    found.forEach((text, i) => {
      const minute = Math.floor(i / perMinute);
      if (text.includes('"event_type":"conversion"')) minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
    });
    // 30,000 events a minute have 440 clicks and 30 conversions in the long run.
    expect(minutes.get(0)).toBeGreaterThan(3);
    expect(minutes.get(3)).toBeGreaterThan(minutes.get(0)!);
  });

  test('is a little out of order, and some of it late', async () => {
    const { found } = await lines(COUNT, OPTIONS);
    let [backwards, late] = [0, 0];
    let latest = -Infinity;
    found.forEach((text, i) => {
      const { event_time } = JSON.parse(text) as Event;
      const arrival = OPTIONS.startMs + (i * 1000) / OPTIONS.rate;
      expect(event_time).toBeLessThanOrEqual(arrival);
      if (event_time < latest) backwards++;
      latest = Math.max(latest, event_time);
      if (arrival - event_time > 60_000) late++;
    });
    expect(backwards).toBeGreaterThan(COUNT / 10);
    expect(late).toBeGreaterThan(0);
    expect(late).toBeLessThan(COUNT * 0.06);
  });

  test('fits the ad schema, mostly on the fast path', async () => {
    const { found } = await lines(20_000, OPTIONS);
    const decoder = createDecoder(adEvents(), { rowsMax: 20_000, bytesMax: 1 << 25 });
    const result = decoder.decode(Buffer.from(found.join('\n')));
    expect(result.errors).toEqual([]);
    expect(result.rows).toBe(20_000);
    expect(decoder.counts.json).toBe(0);
    expect(decoder.counts.fast).toBeGreaterThan(15_000);
  });
});
