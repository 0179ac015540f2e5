import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { event, FrontDoor, id, KEYS, ndjson, type Json } from './front-door.js';

let door: FrontDoor;
beforeAll(async () => {
  door = await FrontDoor.open({ limits: { batchEventsMax: 100, bodyBytesMax: 100_000, eventBytesMax: 20_000 } });
});
afterAll(async () => {
  expect(door.errors).toEqual([]);
  await door.end();
});

const all = { duplicates: 0, rejected: [] };

describe('POST /v1/events', () => {
  test('takes one object, an array and lines; the tenant comes from the key', async () => {
    const answers = [
      await door.post(JSON.stringify(event(1))),
      await door.post(JSON.stringify([event(2), event(3)])),
      await door.post(ndjson(event(4), event(5), event(6, { tenant_id: 'acme', cost: '1.25' }))),
      await door.post(gzipSync(ndjson(event(7), event(8))), KEYS.acme, { 'content-encoding': 'gzip' }),
    ];
    expect(answers.map((one) => [one.status, one.json()])).toEqual([
      [200, { accepted: 1, ...all }],
      [200, { accepted: 2, ...all }],
      [200, { accepted: 3, ...all }],
      [200, { accepted: 2, ...all }],
    ]);
    const rows = door.rows('events').filter((row) => row['event_id'] <= id(8));
    expect(rows.map((row) => row['event_id']).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map(id));
    expect(new Set(rows.map((row) => row['tenant_id']))).toEqual(new Set(['acme']));
    expect(rows.find((row) => row['event_id'] === id(6))!['cost']).toBe('1.250000');
  });

  test('counts a resend once, within a request and across', async () => {
    const first = await door.post(ndjson(event(20), event(21), event(20)));
    const second = await door.post(ndjson(event(21), event(22)));
    expect([first.json(), second.json()]).toEqual([
      { accepted: 2, duplicates: 1, rejected: [] },
      { accepted: 1, duplicates: 1, rejected: [] },
    ]);
    // Another tenant's same id, and another stream's, are other events.
    expect((await door.post(ndjson(event(20)), KEYS.bolt)).json().accepted).toBe(1);
    expect((await door.post(ndjson(event(20)), KEYS.acme, {}, '?stream=other')).json().accepted).toBe(1);
    expect(door.rows('events').filter((row) => row['event_id'] === id(20))).toHaveLength(2);
    expect(door.rows('other').filter((row) => row['event_id'] === id(20))).toHaveLength(1);
  });

  test('rejects single events with code, message and path, takes the others, quarantines the bytes', async () => {
    const bad = [
      '{"event_id": "no uuid", "event_type": "click", "event_time": 1}',
      JSON.stringify(event(31, { cost: 'much' })),
      '{"broken":',
      JSON.stringify(event(33, { tenant_id: 'bolt' })),
      JSON.stringify(event(34, { event_time: Date.now() + 3_600_000 })),
      JSON.stringify(event(35, { url: 'x'.repeat(30_000) })),
      '{"event_id": "00000000-0000-4000-8000-000000000036", "event_time": 1}',
    ];
    const answer = await door.post([JSON.stringify(event(30)), ...bad, JSON.stringify(event(37))].join('\n'));
    expect(answer.status).toBe(200);
    const { accepted, rejected } = answer.json();
    expect(accepted).toBe(2);
    expect(rejected.map((one: Json) => [one.index, one.code, one.path])).toEqual([
      [1, 'EVENT_TYPE', 'event_id'],
      [2, 'EVENT_TYPE', 'cost'],
      [3, 'EVENT_MALFORMED', null],
      [4, 'TENANT_MISMATCH', 'tenant_id'],
      [5, 'EVENT_TIME_FUTURE', 'event_time'],
      [6, 'EVENT_TOO_LARGE', null],
      [7, 'EVENT_FIELD_MISSING', 'event_type'],
    ]);
    for (const one of rejected) expect(one.message.length).toBeGreaterThan(10);
    const quarantined = door
      .rows('quarantine')
      .filter((row) => row['tenant'] === 'acme')
      .slice(-7);
    expect(quarantined.map((row) => [row['code'], Buffer.from(row['original'], 'base64').toString()])).toEqual(
      rejected.map((one: Json, at: number) => [one.code, bad[at]]),
    );
    expect(quarantined.map((row) => row['original_length'])).toEqual(bad.map((text) => Buffer.byteLength(text)));
    expect(quarantined[3]).toMatchObject({
      stream: 'events',
      stage: 'collect',
      index: 4,
      attempts: 1,
      event_id: id(33),
    });
  });

  test('gives an event without id or time one', async () => {
    const before = Date.now();
    expect((await door.post('{"event_type": "click", "url": "https://e.example/filled"}')).json()).toEqual({
      accepted: 1,
      ...all,
    });
    const row = door.rows('events').find((one) => one['url'] === 'https://e.example/filled')!;
    expect(row['event_id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(row['event_time']).toBeGreaterThanOrEqual(before);
  });

  test('labels bots and keeps them', async () => {
    const bot = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';
    const answer = await door.post(
      ndjson(
        event(50, { user_agent: bot }),
        event(51, { user_agent: 'Mozilla/5.0 (Windows NT 10.0) Firefox/121.0' }),
        event(52, { user_agent: bot, labels: ['mine', 'bot'] }),
        event(53, { labels: ['x'] }),
      ),
    );
    expect(answer.json().accepted).toBe(4);
    const labels = [50, 51, 52, 53].map(
      (one) => door.rows('events').find((row) => row['event_id'] === id(one))!['labels'],
    );
    expect(labels).toEqual([['bot'], null, ['mine', 'bot'], ['x']]);
  });

  test.each([
    ['no key', null, 401, 'KEY_MISSING'],
    ['an unknown key', 'mr_none_0123456789abcdef', 401, 'KEY_INVALID'],
    ['a key for reading', KEYS.reader, 403, 'KEY_FORBIDDEN'],
  ])('refuses %s', async (_, key, status, code) => {
    const before = door.collector.accounts.unauthenticatedBytes;
    const rows = door.rows('events').length;
    const body = ndjson(event(60));
    const answer = await door.post(body, key, { 'content-length': String(body.length) });
    expect([answer.status, answer.json().error.code]).toEqual([status, code]);
    expect(door.collector.accounts.unauthenticatedBytes - before).toBe(body.length);
    expect(door.rows('events').length).toBe(rows);
  });

  test.each<[string, () => Promise<{ status: number; json(): Json }>, number, string]>([
    ['an unknown stream', () => door.post(ndjson(event(61)), KEYS.acme, {}, '?stream=nope'), 404, 'STREAM_UNKNOWN'],
    [
      'an internal stream',
      () => door.post(ndjson(event(61)), KEYS.acme, {}, '?stream=quarantine'),
      404,
      'STREAM_UNKNOWN',
    ],
    ['an empty body', () => door.post(''), 400, 'BODY_MALFORMED'],
    ['broken gzip', () => door.post('not gzip', KEYS.acme, { 'content-encoding': 'gzip' }), 400, 'BODY_MALFORMED'],
    ['another encoding', () => door.post('x', KEYS.acme, { 'content-encoding': 'br' }), 415, 'ENCODING_UNSUPPORTED'],
    [
      'a large body',
      () => door.post('x'.repeat(100_001), KEYS.acme, { 'content-length': '100001' }),
      400,
      'BODY_TOO_LARGE',
    ],
    ['a large body without a length', () => door.post('x'.repeat(100_001)), 400, 'BODY_TOO_LARGE'],
    [
      'a gzip bomb',
      () => door.post(gzipSync(Buffer.alloc(50_000_000)), KEYS.acme, { 'content-encoding': 'gzip' }),
      400,
      'BODY_TOO_LARGE',
    ],
    [
      'too many events',
      () => door.post(ndjson(...Array.from({ length: 101 }, (_, i) => event(1000 + i)))),
      400,
      'BATCH_TOO_LARGE',
    ],
    ['another method', () => door.request('PUT', '/v1/events'), 405, 'METHOD_NOT_ALLOWED'],
    ['another path', () => door.request('GET', '/v2'), 404, 'NOT_FOUND'],
  ])('answers %s with a clear error', async (_, send, status, code) => {
    const answer = await send();
    expect([answer.status, answer.json().error.code]).toEqual([status, code]);
    expect(answer.json().error.message.length).toBeGreaterThan(10);
    expect(door.collector.pendingBytes).toBe(0);
  });

  test('lets a page ask whether it may send', async () => {
    const answer = await door.request('OPTIONS', '/v1/events', null, {
      origin: 'https://shop.example',
      'access-control-request-method': 'POST',
    });
    expect([
      answer.status,
      answer.headers['access-control-allow-origin'],
      answer.headers['access-control-allow-headers'],
    ]).toEqual([204, '*', 'authorization, content-type, content-encoding']);
  });
});

describe("an operator's key", () => {
  test('takes the tenant from the event', async () => {
    const answer = await door.post(
      ndjson(
        event(70, { tenant_id: 'acme' }),
        event(71, { tenant_id: 'bolt' }),
        event(72, { tenant_id: 'nobody' }),
        event(73),
        event(71, { tenant_id: 'bolt' }),
      ),
      KEYS.operator,
    );
    expect(answer.json()).toMatchObject({ accepted: 2, duplicates: 1 });
    expect(answer.json().rejected.map((one: Json) => [one.index, one.code])).toEqual([
      [2, 'TENANT_UNKNOWN'],
      [3, 'EVENT_FIELD_MISSING'],
    ]);
    expect(door.rows('events').find((row) => row['event_id'] === id(71))!['tenant_id']).toBe('bolt');
    // Nobody's events are counted and not stored.
    expect(door.rows('quarantine').some((row) => row['event_id'] === id(72))).toBe(false);
    expect(door.collector.accounts.of('events', '*').dropped).toEqual({ tenant_unknown: 2 });
  });
});

test('the accounts close for every tenant', () => {
  const accounts = [...door.collector.accounts.list()];
  expect(accounts.length).toBeGreaterThan(2);
  for (const { received, accepted, duplicates, quarantined, dropped } of accounts)
    expect(received).toBe(accepted + duplicates + quarantined + Object.values(dropped).reduce((a, b) => a + b, 0));
  const { accepted, quarantined } = door.collector.accounts.total('events');
  expect(accepted).toBe(door.rows('events').length);
  expect(quarantined).toBe(door.rows('quarantine').filter((row) => row['stream'] === 'events').length);
});
