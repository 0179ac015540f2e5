import http from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signLink } from '../../src/collect/tracking/links.js';
import { readClickId } from '../../src/collect/tracking/click-id.js';
import { event, FrontDoor, id, KEYS, ndjson } from './front-door.js';

let door: FrontDoor;
beforeEach(async () => {
  door = await FrontDoor.open({ limits: { clickWaitMs: 100, pendingBytesMax: 20_000, bodyBytesMax: 100_000 } });
});
afterEach(() => door.end());

const link = (): string =>
  signLink(door.keys, { base: '', tenant: 'acme', destination: 'https://shop.test/?c={clickid}' });

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came true');
}

describe.each(['EIO', 'ENOSPC'] as const)('when the disk fails with %s', (code) => {
  test('posts answer 503 and Retry-After, forget their ids, and go on by themselves', async () => {
    door.faults.fail = code;
    const refused = await door.post(ndjson(event(1), event(2)));
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect(refused.json().error.code).toMatch(/^LOG_/);
    const bad = await door.post('{"event_type": "click", "cost": "much"}');
    expect(bad.status).toBe(503);
    door.faults.fail = null;
    await until(async () => (await door.post(ndjson(event(3)))).status === 200);
    expect((await door.post(ndjson(event(1), event(2)))).json()).toMatchObject({ accepted: 2, duplicates: 0 });
    expect(door.rows('events').filter((row) => row['event_id'] <= id(2))).toHaveLength(2);
    expect(door.rows('quarantine')).toHaveLength(0);
    const account = door.collector.accounts.of('events', 'acme');
    expect(account.refused).toBeGreaterThanOrEqual(3);
    expect(account.received).toBe(account.accepted + account.duplicates);
  });

  test('a signed click redirects with a click id that can be rebuilt, a pixel answers its GIF', async () => {
    door.faults.fail = code;
    const click = await door.request('GET', link());
    expect(click.status).toBe(302);
    expect(readClickId(door.keys, new URL(click.headers.location!).searchParams.get('c')!)).toMatchObject({
      tenant: 'acme',
    });
    const pixel = await door.request('GET', '/i?t=acme');
    expect([pixel.status, pixel.body.length]).toEqual([200, 43]);
    expect(door.collector.accounts.of('events', 'acme').unlogged).toBe(2);
    const postback = await door.request(
      'GET',
      `/postback?cid=${new URL(click.headers.location!).searchParams.get('c')}`,
    );
    expect(postback.status).toBe(503);
  });
});

describe('when the disk hangs', () => {
  test('clicks and pixels are answered without it, and are logged when it comes back', async () => {
    door.faults.hold();
    const answers = await Promise.all([door.request('GET', link()), door.request('GET', '/i?t=acme')]);
    expect(answers.map((one) => one.status)).toEqual([302, 200]);
    expect(door.collector.accounts.of('events', 'acme').unlogged).toBe(2);
    door.faults.release();
    await until(() => door.rows('events').length === 2);
  });

  test('a duplicate of an event that is not on disk yet waits for it, and fails with it', async () => {
    door.faults.hold();
    const first = door.post(ndjson(event(1)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    let answered = false;
    const second = door.post(ndjson(event(1))).finally(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toBe(false);
    door.faults.fail = 'EIO';
    door.faults.release();
    expect((await first).status).toBe(503);
    expect((await second).status).toBe(503);
    door.faults.fail = null;
    await until(async () => (await door.post(ndjson(event(2)))).status === 200);
    expect((await door.post(ndjson(event(1)))).json()).toMatchObject({ accepted: 1, duplicates: 0 });
  });

  test('bodies beyond the budget are answered 429 and Retry-After', async () => {
    door.faults.hold();
    const large = ndjson(event(1, { url: 'x'.repeat(15_000) }));
    const first = door.post(large, KEYS.acme, { 'content-length': String(large.length) });
    await until(() => door.collector.pendingBytes > 15_000);
    const second = await door.post(large, KEYS.acme, { 'content-length': String(large.length) });
    expect([second.status, second.headers['retry-after'], second.json().error.code]).toEqual([
      429,
      '1',
      'RATE_LIMITED',
    ]);
    door.faults.release();
    expect((await first).status).toBe(200);
    expect(door.collector.pendingBytes).toBe(0);
  });
});

describe('a client that leaves', () => {
  test('in the middle of a body gives its bytes back', async () => {
    const request = http.request({
      host: '127.0.0.1',
      port: door.server.port,
      method: 'POST',
      path: '/v1/events',
      headers: { authorization: `Bearer ${KEYS.acme}`, 'content-length': '5000' },
    });
    request.on('error', () => undefined);
    request.write('{');
    await until(() => door.collector.pendingBytes === 5000);
    request.destroy();
    await until(() => door.collector.pendingBytes === 0);
    expect(door.rows('events')).toHaveLength(0);
    expect(door.errors).toEqual([]);
  });
});

describe('draining', () => {
  test('finishes what is under way, refuses what comes on open connections, ends', async () => {
    await door.post(ndjson(event(1)));
    door.faults.hold();
    const underWay = door.post(ndjson(event(2)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const slow = new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = http.request(
        {
          host: '127.0.0.1',
          port: door.server.port,
          path: '/v1/events',
          method: 'POST',
          headers: { authorization: `Bearer ${KEYS.acme}`, 'content-length': '3' },
        },
        (response) => {
          response.resume();
          response.on('end', () => resolve({ status: response.statusCode!, text: '' }));
        },
      );
      request.on('error', reject);
      request.write('{');
      setTimeout(() => request.end('}\n'), 200);
    });
    await until(() => door.server.active === 2);
    const drained = door.server.drain(3000);
    await expect(door.request('POST', '/v1/events', '{}', { connection: 'close' })).rejects.toThrow(/ECONNREFUSED/);
    door.faults.release();
    expect((await underWay).status).toBe(200);
    expect((await slow).status).toBe(200);
    await drained;
    expect(door.rows('events').some((row) => row['event_id'] === id(2))).toBe(true);
  });

  test('a request on a connection that stays open is answered 503 SHUTTING_DOWN', async () => {
    const { connect } = await import('node:net');
    const socket = connect(door.server.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    const ended = new Promise((resolve) => socket.on('close', resolve));
    const head = `POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEYS.acme}\r\n`;
    // The first request is under way, so the connection stays; the second comes behind it.
    socket.write(`${head}content-length: 3\r\n\r\n{`);
    await until(() => door.server.active === 1);
    const drained = door.server.drain(3000);
    socket.write(`}\n${head}content-length: 2\r\n\r\n{}`);
    await ended;
    await drained;
    expect(text.match(/HTTP\/1.1 (\d+)/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 503']);
    expect(text).toContain('SHUTTING_DOWN');
  });
});
