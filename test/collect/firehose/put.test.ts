/** Puts, by the unmodified AWS SDK against a real front door over a real log. */
import { PutRecordBatchCommand, PutRecordCommand, type FirehoseClient } from '@aws-sdk/client-firehose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { event, id, type FrontDoor } from '../front-door.js';
import { ACCESS, clientOf, openDoor, startProxy } from './support.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const json = (value: unknown): Uint8Array => bytes(JSON.stringify(value));

let door: FrontDoor;
let acme: FirehoseClient;
beforeEach(async () => {
  door = await openDoor();
  acme = clientOf(door.server.port);
});
afterEach(async () => {
  acme.destroy();
  await door.end();
});

const put = (data: Uint8Array, stream = 'events', client = acme) =>
  client.send(new PutRecordCommand({ DeliveryStreamName: stream, Record: { Data: data } }));
const putBatch = (data: readonly Uint8Array[], stream = 'events', client = acme) =>
  client.send(new PutRecordBatchCommand({ DeliveryStreamName: stream, Records: data.map((one) => ({ Data: one })) }));

/** The event without its id. */
const nameless = (fields: Record<string, unknown> = {}): Record<string, unknown> => {
  const { event_id: _, ...rest } = event(0, fields);
  return rest;
};

describe('PutRecord', () => {
  test('takes an event as any other, and answers its id', async () => {
    const answer = await put(json(event(7)));
    expect(answer).toMatchObject({ RecordId: id(7), Encrypted: false });
    expect(answer.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(door.rows('events')).toMatchObject([{ event_id: id(7), tenant_id: 'acme', campaign_id: 'c1' }]);
    await put(json(event(7)));
    expect(door.rows('events')).toHaveLength(1);
  });

  test('an event without an id gets the one that is answered', async () => {
    const { RecordId } = await put(json(nameless()));
    expect(door.rows('events').map((row) => row['event_id'])).toEqual([RecordId]);
  });

  test('what can not be read is in the quarantine with its original bytes, and taken', async () => {
    const original = '  {"event_type": "click",\n "cost": "much"}\n';
    const { RecordId } = await put(bytes(original));
    expect(RecordId).toMatch(/^[0-9a-f-]{36}$/);
    expect(door.rows('quarantine')).toMatchObject([
      { stream: 'events', tenant: 'acme', code: 'EVENT_TYPE', original: Buffer.from(original).toString('base64') },
    ]);
  });

  test('what is neither stored nor kept is refused', async () => {
    await expect(put(bytes(`{"event_type": "${'x'.repeat(70_000)}`))).rejects.toMatchObject({
      name: 'InvalidArgumentException',
    });
  });
});

describe('PutRecordBatch', () => {
  test('answers each record in its order, and counts those that failed', async () => {
    const answer = await putBatch([json(event(1)), bytes('not JSON'), json(nameless()), json(event(1)), bytes('')]);
    const ids = answer.RequestResponses!.map((one) => one.RecordId);
    expect(answer).toMatchObject({ FailedPutCount: 0, Encrypted: false });
    expect([ids[0], ids[3]]).toEqual([id(1), id(1)]);
    expect(new Set(ids).size).toBe(4);
    const rows = door.rows('events');
    expect(new Set(rows.map((row) => row['event_id']))).toEqual(new Set([id(1), ids[2]]));
    expect(door.rows('quarantine').map((row) => [row['index'], row['original']])).toEqual([
      [1, Buffer.from('not JSON').toString('base64')],
      [4, ''],
    ]);
  });

  test('a record is one event, whatever its bytes are', async () => {
    const pretty = bytes(JSON.stringify(event(1), null, 2));
    const list = json([event(2)]);
    const two = bytes(`${JSON.stringify(event(3))}\n${JSON.stringify(event(4))}`);
    // Neither half is an event; nor are they together.
    const halves = [bytes('{"event_type":"click","event_time":1,'), bytes('"event_id":"x"}')];
    const feedInText = bytes('{"event_type":"cl\nick"}');
    const fed = [list, pretty, bytes(`${JSON.stringify(event(5))}\n`), two, ...halves, feedInText];
    const answer = await putBatch(fed);
    expect(answer.FailedPutCount).toBe(0);
    expect(new Set(door.rows('events').map((row) => row['event_id']))).toEqual(new Set([id(1), id(5)]));
    expect(door.rows('quarantine').map((row) => row['original'])).toEqual(
      [list, two, ...halves, feedInText].map((one) => Buffer.from(one).toString('base64')),
    );
  });

  test('the first record alone may not be an array or begin with a byte order mark', async () => {
    await putBatch([json([event(1), event(2)])]);
    await putBatch([Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), json(event(1))])]);
    await putBatch([bytes('{"event_type":"click","event_time":1,"event_id":'), bytes(`"${id(9)}"}`)]);
    expect(door.rows('events')).toEqual([]);
    expect(door.rows('quarantine')).toHaveLength(4);
  });

  test('a full quarantine fails only the records that it does not keep', async () => {
    await door.end();
    door = await openDoor({ limits: { quarantineTenantBytesMax: 600 } });
    const client = clientOf(door.server.port);
    const bad = bytes('{"event_type":');
    const answer = await putBatch([bad, json(event(1)), bad, bad], 'events', client);
    expect(answer.FailedPutCount).toBe(1);
    expect(answer.RequestResponses).toEqual([
      { RecordId: expect.any(String) },
      { RecordId: id(1) },
      { RecordId: expect.any(String) },
      { ErrorCode: 'ServiceUnavailableException', ErrorMessage: expect.stringContaining('JSON') },
    ]);
    await expect(put(bad, 'events', client)).rejects.toMatchObject({ name: 'ServiceUnavailableException' });
    const account = door.collector.accounts.of('events', 'acme');
    expect([account.received, account.accepted, account.quarantined, account.dropped]).toEqual([
      5,
      1,
      2,
      { quarantine_full: 2 },
    ]);
    client.destroy();
  });

  test("an operator's key writes for the tenant that each event names", async () => {
    const operator = clientOf(door.server.port, ACCESS.operator);
    const answer = await putBatch(
      [json(event(1, { tenant_id: 'bolt' })), json(event(2)), json(event(3, { tenant_id: 'nobody' }))],
      'events',
      operator,
    );
    expect(door.rows('events')).toMatchObject([{ event_id: id(1), tenant_id: 'bolt' }]);
    expect(answer).toMatchObject({
      FailedPutCount: 2,
      RequestResponses: [{ RecordId: id(1) }, { ErrorCode: 'InternalFailure' }, { ErrorCode: 'InternalFailure' }],
    });
    operator.destroy();
  });
});

describe('a stream of raw records', () => {
  test('takes any bytes as they are', async () => {
    const data = [bytes('a\nb'), new Uint8Array(0), Uint8Array.from({ length: 256 }, (_, i) => i), json(event(1))];
    const answer = await putBatch(data, 'raw');
    const rows = door.rows('raw');
    expect(rows.map((row) => row['data'])).toEqual(data.map((one) => Buffer.from(one).toString('base64')));
    expect(rows.map((row) => row['record_id'])).toEqual(answer.RequestResponses!.map((one) => one.RecordId));
    expect(new Set(rows.map((row) => row['record_id'])).size).toBe(4);
    expect(rows[0]!['tenant']).toBe('acme');
    expect(door.collector.accounts.of('raw', 'acme')).toMatchObject({ received: 4, accepted: 4 });
  });

  test("takes no operator's key, because bytes name no tenant", async () => {
    const operator = clientOf(door.server.port, ACCESS.operator);
    await expect(put(bytes('x'), 'raw', operator)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    operator.destroy();
  });
});

describe("the SDK's retry", () => {
  test.each(['events', 'raw'])('of a call whose answer was lost counts once, in %s', async (stream) => {
    const proxy = await startProxy(door.server.port);
    const client = clientOf(proxy.port, ACCESS.acme, { maxAttempts: 4 });
    proxy.losing = 2;
    const answer = await putBatch([json(nameless()), json(nameless()), bytes('{}')], stream, client);
    expect([proxy.lost, answer.$metadata.attempts]).toEqual([2, 3]);
    const rows = door.rows(stream);
    expect(rows).toHaveLength(stream === 'raw' ? 3 : 2);
    const ids = answer.RequestResponses!.map((one) => one.RecordId);
    for (const row of rows) expect(ids).toContain(row['event_id'] ?? row['record_id']);
    client.destroy();
    await proxy.close();
  });

  test('two calls with the same records are two', async () => {
    for (let i = 0; i < 2; i++) await putBatch([json(nameless({ event_time: 1_700_000_000_000 }))]);
    expect(door.rows('events')).toHaveLength(2);
  });

  test('of a call that the log refuses ends when it takes it again', async () => {
    door.faults.fail = 'EIO';
    await expect(put(json(event(1)))).rejects.toMatchObject({
      name: 'ServiceUnavailableException',
      $metadata: { httpStatusCode: 500 },
    });
    setTimeout(() => (door.faults.fail = null), 300);
    const client = clientOf(door.server.port, ACCESS.acme, { maxAttempts: 20 });
    await put(json(event(1)), 'events', client);
    expect(door.rows('events')).toHaveLength(1);
    client.destroy();
  });
});

describe('limits', () => {
  const constraint = { name: 'ValidationException' };

  test('of a record: 1,000 KiB', async () => {
    await put(Buffer.alloc(1_024_000, 'x'), 'raw');
    expect(door.rows('raw')).toHaveLength(1);
    await expect(put(Buffer.alloc(1_024_001, 'x'), 'raw')).rejects.toMatchObject(constraint);
    await expect(putBatch([json(event(1)), Buffer.alloc(1_024_001, 'x')])).rejects.toMatchObject({
      ...constraint,
      message: expect.stringContaining("'records.2.member.data'"),
    });
    await put(json(event(1, { url: 'x'.repeat(1_000_000) })));
    expect(door.rows('events')).toHaveLength(1);
  });

  test('of a batch: 500 records and 4 MiB', async () => {
    const records = Array.from({ length: 501 }, (_, i) => json(event(i)));
    await expect(putBatch(records)).rejects.toMatchObject(constraint);
    expect(await putBatch(records.slice(0, 500))).toMatchObject({ FailedPutCount: 0 });
    await expect(putBatch([])).rejects.toMatchObject(constraint);
    const large = Array.from({ length: 5 }, () => Buffer.alloc(838_860, 'x'));
    expect((await putBatch(large, 'raw')).FailedPutCount).toBe(0);
    await expect(putBatch([...large, Buffer.alloc(5)], 'raw')).rejects.toMatchObject({
      name: 'InvalidArgumentException',
      message: 'Records size exceeds 4 MB limit',
    });
    expect(door.rows('raw')).toHaveLength(5);
  });

  test('of names, and streams that are not there', async () => {
    await expect(put(json(event(1)), 'a'.repeat(65))).rejects.toMatchObject(constraint);
    await expect(put(json(event(1)), 'a/b')).rejects.toMatchObject(constraint);
    for (const name of ['nothing', 'quarantine', 'constructor'])
      await expect(put(json(event(1)), name)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});
