/** The endpoint of Firehose's HTTP destination, as AWS calls it. */
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { event, id, KEYS, type Answer, type FrontDoor } from '../front-door.js';
import { openDoor } from './support.js';

let door: FrontDoor;
beforeEach(async () => {
  door = await openDoor();
});
afterEach(() => door.end());

const base64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');
const bodyOf = (records: readonly unknown[], requestId: string): string =>
  JSON.stringify({ requestId, timestamp: 1_700_000_000_000, records: records.map((one) => ({ data: base64(one) })) });

interface Asked {
  readonly requestId?: string;
  readonly key?: string | null;
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly method?: string;
}

function deliver(records: readonly unknown[], asked: Asked = {}): Promise<Answer> {
  const { requestId = 'ed4acda5-034f-9f42-bba1-f29aea6d7d8f', key = KEYS.acme, query = '?stream=events' } = asked;
  return door.request(
    asked.method ?? 'POST',
    `/v1/firehose${query}`,
    asked.method === 'GET' ? null : (asked.body ?? bodyOf(records, requestId)),
    {
      'content-type': 'application/json',
      'x-amz-firehose-protocol-version': '1.0',
      'x-amz-firehose-request-id': requestId,
      'x-amz-firehose-source-arn': 'arn:aws:firehose:us-east-1:123456789012:deliverystream/drained',
      ...(key === null ? {} : { 'x-amz-firehose-access-key': key }),
      ...asked.headers,
    },
  );
}

const nameless = (fields: Record<string, unknown> = {}): Record<string, unknown> => {
  const { event_id: _, ...rest } = event(0, fields);
  return rest;
};

describe('a delivery of AWS', () => {
  test('is taken, and answered with its request id', async () => {
    const answer = await deliver([event(1), `${JSON.stringify(event(2))}\n`, 'not JSON'], { requestId: 'r-1' });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toEqual({ requestId: 'r-1', timestamp: expect.any(Number) });
    expect(door.rows('events').map((row) => row['event_id'])).toEqual([id(1), id(2)]);
    expect(door.rows('quarantine')).toMatchObject([{ tenant: 'acme', original: base64('not JSON') }]);
  });

  test('may be gzip', async () => {
    const requestId = 'r-2';
    const packed = gzipSync(bodyOf([event(1)], requestId));
    const answer = await deliver([], { requestId, body: packed, headers: { 'content-encoding': 'gzip' } });
    expect(answer.status).toBe(200);
    expect(door.rows('events')).toHaveLength(1);
    expect(door.collector.pendingBytes).toBe(0);
  });

  test('that is sent again counts once, also where records bring no id', async () => {
    const records = Array.from({ length: 10 }, (_, i) => nameless({ cost: `${i}.5` }));
    for (let i = 0; i < 3; i++) expect((await deliver(records, { requestId: 'same' })).status).toBe(200);
    expect(door.rows('events')).toHaveLength(10);
    expect((await deliver(records, { requestId: 'another' })).status).toBe(200);
    expect(door.rows('events')).toHaveLength(20);
    for (let i = 0; i < 2; i++) await deliver(['a', 'b'], { requestId: 'raw', query: '?stream=raw' });
    expect(door.rows('raw').map((row) => row['data'])).toEqual([base64('a'), base64('b')]);
  });

  test('in portions has the same ids as in one piece', async () => {
    const records = Array.from({ length: 25 }, () => nameless());
    await deliver(records, { requestId: 'whole' });
    const ids = door.rows('events').map((row) => row['event_id']);
    await door.end();
    door = await openDoor({ limits: { batchEventsMax: 10 } });
    await deliver(records, { requestId: 'whole' });
    expect(new Set(door.rows('events').map((row) => row['event_id']))).toEqual(new Set(ids));
  });

  test('larger than the decoder takes at once is taken in portions', async () => {
    await door.end();
    door = await openDoor({ limits: { bodyBytesMax: 100_000 } });
    const records = Array.from({ length: 100 }, (_, i) => event(i, { url: 'x'.repeat(5_000) }));
    expect((await deliver(records)).status).toBe(200);
    expect(door.rows('events')).toHaveLength(100);
  });

  test('larger than a request of events may be', async () => {
    const records = Array.from({ length: 40 }, (_, i) => 'x'.repeat(500_000) + i);
    const answer = await deliver(records, { requestId: 'large', query: '?stream=raw' });
    expect([answer.status, door.rows('raw').length]).toEqual([200, 40]);
    expect(door.collector.pendingBytes).toBe(0);
  });

  test("names its tenant by an attribute, with an operator's key", async () => {
    const headers = (tenant: unknown) => ({
      'x-amz-firehose-common-attributes': JSON.stringify({ commonAttributes: { tenant, other: 'x' } }),
    });
    const key = KEYS.operator;
    expect((await deliver(['a'], { key, query: '?stream=raw', headers: headers('bolt') })).status).toBe(200);
    expect(door.rows('raw')).toMatchObject([{ tenant: 'bolt' }]);
    expect((await deliver(['a'], { key, query: '?stream=raw', headers: headers('nobody') })).status).toBe(404);
    expect((await deliver(['a'], { key, query: '?stream=raw' })).status).toBe(403);
    expect((await deliver([event(1, { tenant_id: 'bolt' })], { key })).status).toBe(200);
    expect(door.rows('events')).toMatchObject([{ tenant_id: 'bolt' }]);
    // A tenant's key is the tenant's, whatever the attribute says.
    await deliver([event(2)], { headers: headers('bolt') });
    expect(door.rows('events').find((row) => row['event_id'] === id(2))).toMatchObject({ tenant_id: 'acme' });
  });
});

describe('what is not taken', () => {
  test.each<[string, number, Asked]>([
    ['without a key', 401, { key: null }],
    ['with an unknown key', 401, { key: 'mr_nobody_0123456789abcdef' }],
    ['with a key that only reads', 403, { key: KEYS.reader }],
    ['for a stream that is not there', 404, { query: '?stream=nothing' }],
    ['without a request id', 400, { requestId: '' }],
    ['with another request id in the body', 400, { body: bodyOf([event(1)], 'other') }],
    ['of another version', 400, { headers: { 'x-amz-firehose-protocol-version': '2.0' } }],
    ['that is not JSON', 400, { body: '{' }],
    [
      'with attributes that are not JSON',
      400,
      { key: KEYS.operator, headers: { 'x-amz-firehose-common-attributes': '{' } },
    ],
    [
      'with attributes that are none',
      400,
      { key: KEYS.operator, headers: { 'x-amz-firehose-common-attributes': '{}' } },
    ],
    ['without records', 400, { requestId: 'r', body: '{"requestId":"r","records":[]}' }],
    ['with a record without data', 400, { requestId: 'r', body: '{"requestId":"r","records":[{}]}' }],
    ['with data that is not base64', 400, { requestId: 'r', body: '{"requestId":"r","records":[{"data":"?"}]}' }],
    ['packed otherwise', 415, { headers: { 'content-encoding': 'br' } }],
    ['by another method', 405, { method: 'GET' }],
  ])('%s, is answered with a reason', async (_, status, asked) => {
    const answer = await deliver([event(1)], asked);
    expect(answer.status).toBe(status);
    expect(answer.json()).toMatchObject({
      errorMessage: expect.stringMatching(/^[A-Z_]+: /),
      requestId: expect.any(String),
    });
    expect(door.rows('events')).toEqual([]);
    expect(door.errors).toEqual([]);
    expect(door.collector.pendingBytes).toBe(0);
  });

  test('too many records, or too large a body', async () => {
    const many = Array.from({ length: 10_001 }, () => 'x');
    expect((await deliver(many)).status).toBe(400);
    expect((await deliver(many.slice(1), { query: '?stream=raw' })).status).toBe(200);
    const declared = { 'content-length': String(64 * 1024 * 1024 + 1) };
    expect((await deliver([], { headers: declared, body: '{' }).catch(() => ({ status: 413 }))).status).toBe(413);
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024 + 1));
    const answer = await deliver([], { body: bomb, headers: { 'content-encoding': 'gzip' } });
    expect(answer.status).toBe(413);
    expect(door.collector.pendingBytes).toBe(0);
  });

  test('when the log refuses or the quarantine is full, and all of it is when they do not', async () => {
    door.faults.fail = 'EIO';
    const refused = await deliver([event(1)]);
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    door.faults.fail = null;
    await door.end();
    door = await openDoor({ limits: { quarantineTenantBytesMax: 100 } });
    const full = await deliver([event(1), 'bad']);
    expect([full.status, full.json().errorMessage]).toEqual([429, expect.stringContaining('records[1]')]);
    // The good one is on disk already; sent again with the rest it counts once.
    expect((await deliver([event(1), event(2)])).status).toBe(200);
    expect(door.rows('events')).toHaveLength(2);
  });

  test('a record that nobody would keep', async () => {
    const answer = await deliver([event(1)], { key: KEYS.operator });
    expect([answer.status, answer.json().errorMessage]).toEqual([400, expect.stringContaining('records[0]')]);
  });
});
