/** Server-sent events. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, KEYS, openServer, type Key, type ServerFixture } from './server.js';
import { serverSentEvents } from '../../src/cli/sse.js';
import { change, START } from './query/fixture.js';

let server: ServerFixture;
beforeAll(async () => {
  server = await openServer();
});
afterAll(async () => {
  await server.close();
});

describe('GET /v1/live', () => {
  async function collect(
    path: string,
    key: Key,
    enough: (events: { event: string; data: string }[]) => boolean,
  ): Promise<{ event: string; data: string }[]> {
    const stop = new AbortController();
    const response = await fetch(server.base + path, {
      headers: { authorization: `Bearer ${KEYS[key!]}` },
      signal: stop.signal,
    });
    const events: { event: string; data: string }[] = [];
    for await (const event of serverSentEvents(response.body!)) {
      events.push(event);
      if (enough(events)) break;
    }
    stop.abort();
    return events;
  }

  it("follows a stream and shows a tenant's own rows only", async () => {
    const following = collect('/v1/live?stream=events', 'bolt', (events) =>
      events.some(({ event }) => event === 'rows'),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    await server.fixture.append('events', [
      { tenant_id: 'acme', event_id: 'e3', event_time: START, kind: 'click' },
      { tenant_id: 'bolt', event_id: 'e4', event_time: START, kind: 'click' },
    ]);
    const events = await following;
    const rows = events
      .filter(({ event }) => event === 'rows')
      .flatMap(({ data }) => (JSON.parse(data) as { rows: { event_id: string }[] }).rows.map((row) => row.event_id));
    expect(rows).toEqual(['e4']);
    expect(events.some(({ event }) => event === 'stats')).toBe(true);
  });

  it('follows the changes of a view', async () => {
    const following = collect('/v1/live?view=traffic', 'acme', (events) =>
      events.some(({ event }) => event === 'changes'),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    await server.fixture.change([change('bolt', 3, 'winter', 1), change('acme', 3, 'autumn', 77)]);
    const [changes] = (await following).filter(({ event }) => event === 'changes');
    expect(
      (JSON.parse(changes!.data) as { changes: { key: { campaign: string } }[] }).changes.map(
        (one) => one.key.campaign,
      ),
    ).toEqual(['autumn']);
  });

  it('refuses what a key may not see', async () => {
    expect(codeOf(await server.ask('/v1/live?stream=internal', 'acme'))).toBe('KEY_FORBIDDEN');
    expect(codeOf(await server.ask('/v1/live?stream=nothing', 'acme'))).toBe('STREAM_UNKNOWN');
    expect(codeOf(await server.ask('/v1/live?view=totals', 'acme'))).toBe('KEY_FORBIDDEN');
    expect(codeOf(await server.ask('/v1/live?stream=events&tenant=bolt', 'acme'))).toBe('KEY_FORBIDDEN');
  });
});
