import { webcrypto } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ComeAgain, Refused, type Sink } from '../../../src/deliver/sink.js';
import { signatureHeaders } from '../../../src/deliver/webhook-signature.js';
import { systemClock } from '../../../src/io/clock.js';
import { MillraceError } from '../../../src/util/errors.js';
import { Bench, cutRows, deliveryOptions, removeFolders, someRows, until } from '../support.js';
import { startReceiver, type Received, type Receiver } from './receiver.js';
import { openSink, REQUEST_ID, send } from './support.js';

const SECRETS = [1, 2].map((n) => `whsec_${Buffer.alloc(32, n).toString('base64')}`);
const NOW = 1_700_000_123_456;
const clock = { ...systemClock, now: () => NOW };

let receiver: Receiver;
let sink: Sink;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await sink.close();
  await receiver.close();
  removeFolders();
});

const open = async (to: Readonly<Record<string, unknown>> = {}): Promise<void> => {
  sink = await openSink({ type: 'webhook', url: `${receiver.url}/hook/s3cret?v=1`, ...to }, { clock });
};
const answering = (status: number, headers = {}, body = ''): void => {
  receiver.answer = (_request, response) => void response.writeHead(status, headers).end(body);
};
const idsOf = (text: string): string[] => [JSON.parse(text)].flat().map(({ id }: { id: string }) => id);

/** Whether a request is signed with a secret, by the letter of the standard and another implementation of HMAC. */
async function isSigned({ headers, body }: Received, secret: string): Promise<boolean> {
  const signed = Buffer.from(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`);
  const material = Uint8Array.from(atob(secret.replace('whsec_', '')), (character) => character.charCodeAt(0));
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await webcrypto.subtle.importKey('raw', material, algorithm, false, ['verify']);
  for (const signature of String(headers['webhook-signature']).split(' ')) {
    const [version, base64] = signature.split(',');
    if (version !== 'v1') continue;
    if (await webcrypto.subtle.verify('HMAC', key, Buffer.from(base64!, 'base64'), signed)) return true;
  }
  return false;
}

describe('what it sends', () => {
  test('lines of JSON', async () => {
    await open({ headers: { authorization: 'Bearer t0ken' } });
    const { receipt } = await send(sink, cutRows(someRows(5), undefined, 2));
    const [{ method, path, headers, body }] = receiver.seen as [Received];
    expect({ method, path }).toEqual({ method: 'POST', path: '/hook/s3cret?v=1' });
    expect(headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'content-length': String(body.length),
      authorization: 'Bearer t0ken',
      'webhook-id': REQUEST_ID,
    });
    expect(headers).not.toHaveProperty('webhook-signature');
    expect(headers).not.toHaveProperty('millrace-replay');
    expect(body.toString().split('\n').slice(0, -1).flatMap(idsOf)).toEqual(['e-0', 'e-1', 'e-2', 'e-3', 'e-4']);
    expect(receipt).toMatchObject({ bytes: body.length, objects: 1 });
    expect(receipt.count(1)).toBe(5);
  });

  test('a JSON array, by another method', async () => {
    await open({ format: 'array', method: 'PUT' });
    await send(sink, cutRows(someRows(5), undefined, 2));
    await send(sink, cutRows(someRows(1)));
    expect(receiver.seen.map(({ method, body }) => [method, idsOf(body.toString()).length])).toEqual([
      ['PUT', 5],
      ['PUT', 1],
    ]);
    expect(receiver.seen[0]!.headers['content-type']).toBe('application/json');
  });

  test('single events, each a request', async () => {
    await open({ format: 'event' });
    const parts = sink.requests(cutRows(someRows(4), undefined, 3));
    expect(parts.map(({ count }) => count)).toEqual([1, 1, 1, 1]);
    for (const part of parts) await send(sink, part);
    expect(receiver.seen.map(({ body }) => JSON.parse(body.toString()).id)).toEqual(['e-0', 'e-1', 'e-2', 'e-3']);
  });

  test('requests of bounded rows and bytes', async () => {
    await open({ rowsMax: 7 });
    expect(sink.requests(cutRows(someRows(20))).map(({ count }) => count)).toEqual([7, 7, 6]);
    await sink.close();
    await open({ bodySizeMax: '1 KiB' });
    const rows = [...someRows(8), { ...someRows(1)[0]!, note: 'x'.repeat(3000) }, ...someRows(2)];
    for (const part of sink.requests(cutRows(rows))) await send(sink, part);
    expect(receiver.seen.filter(({ body }) => body.length > 1024).map(({ body }) => idsOf(`${body}`).length)).toEqual([
      1,
    ]);
    expect(receiver.seen.flatMap(({ body }) => body.toString().trimEnd().split('\n'))).toHaveLength(11);
  });

  test('gzip, signed before it is compressed', async () => {
    await open({ compression: 'gzip', signingSecrets: [SECRETS[0]] });
    const { receipt } = await send(sink, cutRows(someRows(50)));
    const [request] = receiver.seen as [Received];
    expect(request.headers['content-encoding']).toBe('gzip');
    expect(receipt.bytes).toBe(Number(request.headers['content-length']));
    expect(receipt.bytes).toBeLessThan(request.body.length);
    expect(await isSigned(request, SECRETS[0]!)).toBe(true);
  });

  test('the mark of a replay', async () => {
    await open();
    await send(sink, undefined, { replay: 'again-1' });
    expect(receiver.seen[0]!.headers['millrace-replay']).toBe('again-1');
  });
});

describe('signatures', () => {
  test('hold for every secret, so that one can replace the other', async () => {
    await open({ signingSecrets: SECRETS });
    await send(sink);
    const [request] = receiver.seen as [Received];
    expect(request.headers['webhook-timestamp']).toBe(String(Math.floor(NOW / 1000)));
    expect(await isSigned(request, SECRETS[0]!)).toBe(true);
    expect(await isSigned(request, SECRETS[1]!)).toBe(true);
    expect(await isSigned(request, `whsec_${Buffer.alloc(32, 3).toString('base64')}`)).toBe(false);
  });

  test('cover id, time and body', async () => {
    await open({ signingSecrets: [SECRETS[0]] });
    await send(sink);
    const [request] = receiver.seen as [Received];
    const { headers, body } = request;
    expect(await isSigned({ ...request, body: Buffer.from(`${body} `) }, SECRETS[0]!)).toBe(false);
    for (const name of ['webhook-id', 'webhook-timestamp'])
      expect(await isSigned({ ...request, headers: { ...headers, [name]: '1700000000' } }, SECRETS[0]!)).toBe(false);
  });

  test('are those of the standard', () => {
    const body = Buffer.from('{"test": 2432232314}');
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    expect(signatureHeaders([secret], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330_999, body)).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });
});

describe('what answers mean', () => {
  test.each([200, 201, 202, 204, 299])('%i: taken', async (status) => {
    await open();
    answering(status);
    const { receipt, error } = await send(sink);
    expect(error).toBeNull();
    expect(receipt.count(1)).toBe(3);
  });

  test.each([400, 409, 413, 422])('%i: the rows are at fault', async (status) => {
    await open();
    answering(status, {}, 'no such field');
    const { receipt, error } = await send(sink);
    expect(error).toBeInstanceOf(Refused);
    expect(error).toMatchObject({ divisible: true });
    expect(String(error)).toMatch(/POST 127\.0\.0\.1:\d+ answered \d+: no such field$/);
    expect(receipt.count(0)).toBe(3);
  });

  test.each([300, 301, 302, 307, 308, 401, 402, 403, 404, 405, 408, 410, 415, 425, 429, 451, 500, 502, 503, 504, 599])(
    '%i: come again',
    async (status) => {
      await open();
      answering(status, { location: `${receiver.url}/elsewhere` });
      const { receipt, error } = await send(sink);
      expect(error).toBeInstanceOf(ComeAgain);
      expect(error).toMatchObject({ afterMs: null });
      expect(receipt.count(0)).toBe(3);
      expect(receiver.seen).toHaveLength(1);
    },
  );

  test.each([
    ['7', 7_000],
    ['0', 0],
    [' 30 ', 30_000],
    ['999999999999', 3_600_000],
    [new Date(Math.floor(NOW / 1000) * 1000 + 60_000).toUTCString(), 60_000 - (NOW % 1000)],
    [new Date(NOW - 60_000).toUTCString(), 0],
    [new Date(NOW + 86_400_000).toUTCString(), 3_600_000],
    ['soon', null],
    ['-5', null],
    ['1.5', null],
  ])('Retry-After %s', async (text, afterMs) => {
    await open();
    for (const status of [429, 503]) {
      answering(status, { 'retry-after': text });
      expect((await send(sink)).error).toMatchObject({ afterMs });
    }
  });

  test('an error quotes the answer in one short line, and never the path', async () => {
    await open();
    answering(500, {}, `first\r\nsecond \u001b[31m${'x'.repeat(10_000)}`);
    const { message } = (await send(sink)).error as Error;
    expect(message).toMatch(/answered 500: first second \[31mx+…$/);
    expect(message.length).toBeLessThan(300);
    expect(message).not.toContain('s3cret');
  });

  test('no connection: come again', async () => {
    await open();
    await receiver.close();
    const { error } = await send(sink);
    expect(error).toBeInstanceOf(ComeAgain);
    expect(String(error)).toMatch(/POST 127\.0\.0\.1:\d+: connect ECONNREFUSED/);
  });

  test('a private address: come again, and nothing was sent', async () => {
    await open({ allowPrivate: false });
    const { error } = await send(sink);
    expect((error as ComeAgain).cause).toBeInstanceOf(MillraceError);
    expect(String(error)).toContain("127.0.0.1 is this machine's own address: not connected");
    expect(receiver.seen).toEqual([]);
  });
});

test('after a crash the same requests go out: id and body', async () => {
  const bench = await new Bench({ partitions: 2 }).open();
  await bench.append(someRows(60));
  let isAway = true;
  const first: Received[] = [];
  receiver.answer = (request, response) => {
    if (isAway) first.push(request);
    response.writeHead(isAway ? 503 : 200, isAway ? { 'retry-after': '3600' } : {}).end();
  };
  await open({ rowsMax: 25 });
  await bench.start(sink, deliveryOptions());
  await until('requests', () => first.length >= 2);
  await bench.restart();
  isAway = false;
  const after = receiver.seen.length;
  await open({ rowsMax: 25 });
  await bench.start(sink, deliveryOptions());
  await bench.drained();
  const again = new Map(
    receiver.seen.slice(after).map(({ headers, body }) => [headers['webhook-id'], body.toString()]),
  );
  for (const { headers, body } of first) expect(again.get(headers['webhook-id'])).toBe(body.toString());
  expect(again.size).toBe(receiver.seen.length - after);
  await bench.close();
});
