/** What is given from memory, and what is not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AnswerCache, type KeptAnswer } from '../../../src/serve/endpoints/answer-cache.js';
import { EndpointAnswers, type EndpointAnswer, type EndpointRequest } from '../../../src/serve/endpoints/answers.js';
import { planEndpoint } from '../../../src/serve/endpoints/plan.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { SimClock } from '../../sim/clock.js';
import { change, openFixture, type Fixture } from '../query/fixture.js';

const TEXTS: Readonly<Record<string, string>> = {
  rows: 'SELECT campaign, impressions FROM traffic ORDER BY 1, 2',
  clock: 'SELECT count(*) AS n, now() AS at FROM traffic',
  aged_rows: 'SELECT count(*) FROM traffic',
  today: 'SELECT CURRENT_DATE AS today',
  aged: '-- @cache 10 s\nSELECT count(*) AS n, now() AS at FROM traffic',
  events: '-- @param kind text\nSELECT count(*) AS n FROM events WHERE kind = :kind',
};

let fixture: Fixture;
const clock = new SimClock(Date.UTC(2026, 0, 31, 12));

async function answersOf(cacheBytesMax: number) {
  const endpoints = [];
  for (const [name, text] of Object.entries(TEXTS))
    endpoints.push(await planEndpoint({ name, file: `${name}.sql`, text }, fixture.catalog));
  const { engine, snapshots, catalog } = fixture;
  const metrics = createMetrics();
  const answers = new EndpointAnswers({
    endpoints,
    engine,
    snapshots,
    catalog: () => catalog,
    clock,
    metrics,
    cacheBytesMax,
  });
  const ask = (name: string, more: Partial<EndpointRequest> = {}): Promise<EndpointAnswer> =>
    answers.answer({ name, tenant: null, format: 'json', parameters: {}, known: [], ...more });
  return { ask, metrics };
}

const firstOf = ({ body }: EndpointAnswer) =>
  (JSON.parse(Buffer.from(body!).toString()) as { rows: unknown[][] }).rows[0];

beforeAll(async () => {
  fixture = await openFixture();
  await fixture.change([change('acme', 0, 'spring', 4), change('bolt', 0, 'winter', 5)]);
});
afterAll(async () => {
  await fixture.close();
});

describe('answers of endpoints', () => {
  it('that name the time are computed each time', async () => {
    const { ask } = await answersOf(1 << 20);
    const first = await ask('clock');
    clock.advance(1_000);
    const second = await ask('clock');
    expect([first.hit, second.hit]).toEqual([false, false]);
    expect([firstOf(first), firstOf(second)]).toEqual([
      [2, '2026-01-31T12:00:00.000Z'],
      [2, '2026-01-31T12:00:01.000Z'],
    ]);
    // The same bytes as before need not be sent again.
    const today = await ask('today');
    expect((await ask('today', { known: [today.etag] })).body).toBeNull();
  });

  it('may be as old as the endpoint says, and no older', async () => {
    const { ask } = await answersOf(1 << 20);
    const first = await ask('aged');
    await fixture.change([change('acme', 1, 'spring', 1)]);
    clock.advance(9_999);
    const kept = await ask('aged');
    expect([kept.hit, kept.ageMs, firstOf(kept)]).toEqual([true, 9_999, firstOf(first)]);
    clock.advance(1);
    const fresh = await ask('aged');
    expect([fresh.hit, firstOf(fresh)![0]]).toEqual([false, 3]);
  });

  it('follow the ends of a stream', async () => {
    const { ask } = await answersOf(1 << 20);
    const count = async (tenant: string) => {
      const answer = await ask('events', { tenant, parameters: { kind: ['click'] } });
      return [answer.hit, firstOf(answer)![0]];
    };
    expect([await count('acme'), await count('acme')]).toEqual([
      [false, 0],
      [true, 0],
    ]);
    await fixture.append('events', [{ tenant_id: 'acme', event_id: 'e1', event_time: clock.now(), kind: 'click' }]);
    expect([await count('acme'), await count('acme')]).toEqual([
      [false, 1],
      [true, 1],
    ]);
  });

  it('that are no longer kept are still known by their tag', async () => {
    const { ask } = await answersOf(0);
    const first = await ask('rows', { tenant: 'acme' });
    const again = await ask('rows', { tenant: 'acme' });
    expect([again.hit, again.etag]).toEqual([false, first.etag]);
    const unchanged = await ask('rows', { tenant: 'acme', known: [first.etag] });
    expect([unchanged.hit, unchanged.body, unchanged.etag]).toEqual([true, null, first.etag]);
    await fixture.change([change('acme', 0, 'spring', 6)]);
    expect((await ask('rows', { tenant: 'acme', known: [first.etag] })).body).not.toBeNull();
  });

  it('asked for at once are computed once', async () => {
    const { ask } = await answersOf(0);
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask('rows')));
    // More than may run and wait at once: each for itself, some would be refused.
    expect(new Set(answers.map(({ etag }) => etag)).size).toBe(1);
    const alone = await Promise.allSettled(Array.from({ length: 200 }, () => ask('clock')));
    const refused = alone.flatMap((one) => (one.status === 'rejected' ? [(one.reason as { code: string }).code] : []));
    expect([...new Set(refused)]).toEqual(['QUERY_BUSY']);
  });

  it('go when windows leave by age, though no row has changed', async () => {
    const { ask } = await answersOf(1 << 20);
    const counts = async () => [
      firstOf(await ask('aged_rows', { tenant: 'acme' }))![0],
      firstOf(await ask('aged_rows'))![0],
    ];
    expect(await counts()).not.toContain(0);
    fixture.views.get('traffic')!.retain({ allMs: 3_600_000, tenantMs: {} });
    while ((await fixture.query('SELECT count(*) FROM traffic'))[0]![0] !== 0) await sleep(10);
    expect(await counts()).toEqual([0, 0]);
  });

  it('are counted', async () => {
    const { ask, metrics } = await answersOf(1 << 20);
    for (let i = 0; i < 3; i++) await ask('rows');
    const count = (outcome: string) =>
      metrics.counter('millrace_endpoint_answers_total', { endpoint: 'rows', outcome }).value;
    expect([count('miss'), count('hit')]).toEqual([1, 2]);
  });
});

describe('the cache', () => {
  const answer = (bytes: number): KeptAnswer => ({
    body: new Uint8Array(bytes),
    contentType: 'text/csv',
    rows: 1,
    truncated: false,
    revision: '',
    etag: '""',
    madeAtMs: 0,
  });

  it('stays within its bytes, and loses what was not used for longest', () => {
    const cache = new AnswerCache(10_000);
    for (let i = 0; i < 100; i++) {
      cache.put(`k${i}`, answer(1_000));
      cache.get('k0');
      expect(cache.size.bytes).toBeLessThanOrEqual(10_000);
    }
    expect(cache.size.answers).toBe(6);
    expect(cache.get('k0')).toBeDefined();
    expect(cache.get('k99')).toBeDefined();
    expect(cache.get('k50')).toBeUndefined();
  });

  it('takes no answer of more than a quarter of it, and forgets the old one of its key', () => {
    const cache = new AnswerCache(10_000);
    cache.put('k', answer(100));
    cache.put('k', answer(5_000));
    expect(cache.get('k')).toBeUndefined();
    expect(cache.size).toEqual({ answers: 0, bytes: 0 });
  });
});
