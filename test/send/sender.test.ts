/** The sender against a real HTTP server that refuses, stalls and breaks as it is told. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { keyChoice } from '../../src/cli/send/keys.js';
import { durationText, progressLine } from '../../src/cli/send/progress-bar.js';
import { RateLimit } from '../../src/cli/send/rate-limit.js';
import { retryDelay } from '../../src/cli/send/retry-delay.js';
import { sendEvents, type SenderOptions } from '../../src/cli/send/sender.js';
import { systemClock } from '../../src/io/clock.js';

interface Seen {
  readonly url: string;
  readonly key: string;
  readonly lines: string[];
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A front door; `answer` may take the response over by answering true. */
async function serve(answer: (seen: Seen, response: ServerResponse, n: number) => boolean | object) {
  const seen: Seen[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const lines = Buffer.concat(chunks).toString().split('\n').slice(0, -1);
      const one = { url: request.url!, key: request.headers.authorization!, lines };
      const outcome = answer(one, response, seen.push(one));
      if (outcome === true) return;
      response.end(JSON.stringify({ accepted: lines.length, duplicates: 0, rejected: [], ...(outcome as object) }));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function events(count: number, tenant = (_: number) => 'a') {
  const list = Array.from({ length: count }, (_, i) => Buffer.from(`{"n":${i},"tenant_id":"${tenant(i)}"}`));
  return {
    groups: (async function* () {
      for (let at = 0; at < count; at += 7) yield list.slice(at, at + 7);
    })(),
    progress: () => NaN,
  };
}

function options(url: string, more: Partial<SenderOptions> = {}): SenderOptions {
  return { url, keyOf: () => 'k', clock: systemClock, random: () => 0, ...more };
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string>, code: string): true {
  response.writeHead(status, headers);
  response.end(JSON.stringify({ error: { code, message: `no: ${code}` } }));
  return true;
}

describe('the sender', () => {
  test('sends every event once, in batches', async () => {
    const { seen, url } = await serve(() => false);
    const totals = await sendEvents(
      events(1003),
      options(`${url}/`, { batchEvents: 100, stream: 'web log', concurrency: 1 }),
    );
    expect(seen.map(({ lines }) => lines.length)).toEqual([...Array.from({ length: 10 }, () => 100), 3]);
    expect(seen[0]).toMatchObject({ url: '/v1/events?stream=web%20log', key: 'Bearer k' });
    expect(seen.flatMap(({ lines }) => lines.map((line) => (JSON.parse(line) as { n: number }).n))).toEqual(
      Array.from({ length: 1003 }, (_, i) => i),
    );
    expect(totals).toMatchObject({ sent: 1003, accepted: 1003, duplicates: 0, rejected: 0, requests: 11, retries: 0 });
  });

  test('cuts batches by bytes', async () => {
    const { seen, url } = await serve(() => false);
    await sendEvents(events(50), options(url, { batchBytes: 200 }));
    expect(seen.length).toBeGreaterThan(5);
    for (const { lines } of seen) expect(lines.join('\n').length).toBeLessThan(200);
    expect(seen.flatMap(({ lines }) => lines)).toHaveLength(50);
  });

  test('sends again after 429, 503 and a lost connection, when the server said', async () => {
    const times: number[] = [];
    const { seen, url } = await serve((_, response, n) => {
      times.push(performance.now());
      if (n === 1) return refuse(response, 429, { 'retry-after': '0.2' }, 'RATE_LIMITED');
      if (n === 2) return refuse(response, 503, { 'retry-after': '0' }, 'LOG_UNAVAILABLE');
      if (n === 3) {
        response.destroy();
        return true;
      }
      return false;
    });
    const totals = await sendEvents(events(5), options(url));
    expect(totals).toMatchObject({ sent: 5, accepted: 5, retries: 3, requests: 1 });
    expect(seen.map(({ lines }) => lines.length)).toEqual([5, 5, 5, 5]);
    expect(times[1]! - times[0]!).toBeGreaterThan(190);
  });

  test('gives up with the server’s error: at once when trying again is no use, else after its patience', async () => {
    const forbidden = await serve((_, response) => refuse(response, 403, {}, 'KEY_FORBIDDEN'));
    await expect(sendEvents(events(5), options(forbidden.url))).rejects.toMatchObject({
      code: 'KEY_FORBIDDEN',
      message: 'no: KEY_FORBIDDEN',
    });
    expect(forbidden.seen).toHaveLength(1);
    const busy = await serve((_, response) => refuse(response, 429, { 'retry-after': '0.05' }, 'RATE_LIMITED'));
    await expect(sendEvents(events(5), options(busy.url, { patienceMs: 120 }))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
    expect(busy.seen.length).toBeGreaterThan(1);
    await expect(sendEvents(events(5), options('http://127.0.0.1:1', { patienceMs: 0 }))).rejects.toMatchObject({
      message: expect.stringContaining('ECONNREFUSED'),
    });
    const proxy = await serve((_, response) => {
      response.writeHead(418);
      response.end('<html>');
      return true;
    });
    await expect(sendEvents(events(5), options(proxy.url))).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('418: <html>'),
    });
  });

  test('tells which events were rejected', async () => {
    const { url } = await serve(({ lines }) => ({
      accepted: lines.length - 2,
      duplicates: 1,
      rejected: [{ index: 1, code: 'EVENT_TYPE', message: 'no', path: 'n' }],
    }));
    const totals = await sendEvents(events(30), options(url, { batchEvents: 10, concurrency: 1 }));
    expect(totals).toMatchObject({
      sent: 30,
      accepted: 24,
      duplicates: 3,
      rejected: 3,
      rejectedByCode: { EVENT_TYPE: 3 },
    });
    expect(totals.rejections.map(({ number }) => number)).toEqual([1, 11, 21]);
  });

  test('keeps so many requests under way, and no more', async () => {
    let [underWay, most] = [0, 0];
    const { url } = await serve((_, response) => {
      most = Math.max(most, ++underWay);
      setTimeout(() => {
        underWay--;
        response.end('{"accepted":10,"duplicates":0,"rejected":[]}');
      }, 20);
      return true;
    });
    await sendEvents(events(200), options(url, { batchEvents: 10, concurrency: 3 }));
    expect(most).toBe(3);
  });

  test('stops when told, and answers what was sent', async () => {
    const stop = new AbortController();
    const { url } = await serve((_seen, _response, n) => {
      if (n === 3) stop.abort();
      return false;
    });
    const totals = await sendEvents(
      events(1000),
      options(url, { batchEvents: 10, concurrency: 1, signal: stop.signal }),
    );
    expect(totals.sent).toBeLessThan(100);
    expect(totals.sent).toBeGreaterThanOrEqual(30);
  });

  test('sends each tenant with its key', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'millrace-keys-')), 'keys.json');
    writeFileSync(file, '{"a":"key-a","b":"key-b"}');
    const { seen, url } = await serve(() => false);
    const tenant = (i: number) => ['a', 'b', 'c'][i % 3]!;
    const totals = await sendEvents(
      events(60, tenant),
      options(url, { batchEvents: 7, keyOf: keyChoice('rest', file, 'tenant_id') }),
    );
    expect(totals.sent).toBe(60);
    const expected: Record<string, string> = { 'Bearer key-a': 'a', 'Bearer key-b': 'b', 'Bearer rest': 'c' };
    for (const { key, lines } of seen)
      for (const line of lines) expect((JSON.parse(line) as { tenant_id: string }).tenant_id).toBe(expected[key]);
    await expect(
      sendEvents(events(3, tenant), options(url, { keyOf: keyChoice(undefined, file, 'tenant_id') })),
    ).rejects.toMatchObject({ code: 'KEY_MISSING', message: expect.stringContaining("the tenant 'c'") });
    expect(() => keyChoice(undefined, undefined, 'tenant_id')).toThrow(
      expect.objectContaining({ code: 'KEY_MISSING' }),
    );
    expect(() => keyChoice('k', '/nowhere', 'tenant_id')).toThrow(
      expect.objectContaining({ code: 'CONFIG_NOT_FOUND' }),
    );
    writeFileSync(file, '["a"]');
    expect(() => keyChoice('k', file, 'tenant_id')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});

describe('its parts', () => {
  test('the delay before sending again', () => {
    const now = Date.parse('2025-05-17T10:05:03Z');
    expect(retryDelay('2', 9, now, 0)).toBe(2000);
    expect(retryDelay('Sat, 17 May 2025 10:05:08 GMT', 0, now, 0)).toBe(5000);
    expect(retryDelay('Sat, 17 May 2025 10:05:00 GMT', 0, now, 0)).toBe(0);
    expect([0, 1, 2, 20].map((attempt) => retryDelay(undefined, attempt, now, 0))).toEqual([250, 500, 1000, 30_000]);
    expect(retryDelay('nonsense', 0, now, 1)).toBe(312.5);
  });

  test('the rate', async () => {
    let now = 0;
    const clock = { ...systemClock, monotonic: () => now };
    const limit = new RateLimit(100_000, clock);
    expect([
      limit.groupSize(500),
      new RateLimit(10, clock).groupSize(500),
      new RateLimit(1, clock).groupSize(500),
      new RateLimit(undefined, clock).groupSize(500),
    ]).toEqual([500, 2, 1, 500]);
    const start = performance.now();
    for (let i = 0; i < 20; i++) {
      await limit.take(500);
      now = performance.now() - start;
    }
    // 10,000 events at 100,000 a second, the first 500 at once.
    expect(now).toBeGreaterThan(90);
  });

  test('the progress line', () => {
    const totals = {
      sent: 120_000,
      accepted: 0,
      duplicates: 0,
      rejected: 3,
      requests: 0,
      retries: 2,
      bytes: 0,
      rejections: [],
      rejectedByCode: {},
    };
    expect(progressLine(totals, 0.5, 2000)).toBe(
      '[████████████            ]  50 %  120,000 events  60,000/s  2.0 s left  2 retries  3 rejected',
    );
    expect(progressLine({ ...totals, retries: 0, rejected: 0 }, NaN, 0)).toBe('120,000 events  0/s');
    expect([900, 41_000, 200_000, 7_500_000].map(durationText)).toEqual(['0.9 s', '41 s', '3 min 20 s', '2 h 5 min']);
  });
});
