/** Who may call the Firehose API, and what a call that is none is answered. */
import { gzipSync } from 'node:zlib';
import { PutRecordCommand, type FirehoseClient, type FirehoseServiceException } from '@aws-sdk/client-firehose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { event, type Answer, type FrontDoor } from '../front-door.js';
import { ACCESS, clientOf, openDoor } from './support.js';

/** What the SDK is about to send. */
interface Request {
  body: Uint8Array;
  path: string;
  query: Record<string, string>;
  readonly headers: Record<string, string>;
}

let door: FrontDoor;
beforeEach(async () => {
  door = await openDoor();
});
afterEach(() => door.end());

const command = () =>
  new PutRecordCommand({ DeliveryStreamName: 'events', Record: { Data: Buffer.from(JSON.stringify(event(1))) } });

/** Sends with a client that is closed afterwards. */
async function send(client: FirehoseClient) {
  try {
    return await client.send(command());
  } finally {
    client.destroy();
  }
}

/** A signed call with any body and target; answers status and exception. */
async function call(
  body: string | Uint8Array,
  target = 'Firehose_20150804.PutRecord',
  path = '/',
): Promise<readonly [number | undefined, string]> {
  const client = clientOf(door.server.port);
  client.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as Request;
      request.body = Buffer.from(body);
      request.path = path;
      request.headers['x-amz-target'] = target;
      request.headers['content-length'] = String(request.body.length);
      return next(args);
    },
    { step: 'build', priority: 'low' },
  );
  try {
    const answer = await send(client);
    return [answer.$metadata.httpStatusCode, ''];
  } catch (error) {
    const { name, $metadata } = error as FirehoseServiceException;
    return [$metadata?.httpStatusCode, name];
  }
}

const typeOf = (answer: Answer): unknown[] => [answer.status, answer.json().__type];

describe('a signature', () => {
  const refused = (name: string) => ({ name, $metadata: { httpStatusCode: 400 } });

  test('by an unknown key, or with a wrong secret, is refused', async () => {
    const unknown = { ...ACCESS.acme, accessKeyId: 'MRAKNOBODY000001' };
    await expect(send(clientOf(door.server.port, unknown))).rejects.toMatchObject(
      refused('UnrecognizedClientException'),
    );
    const wrong = { ...ACCESS.acme, secretAccessKey: ACCESS.bolt.secretAccessKey };
    await expect(send(clientOf(door.server.port, wrong))).rejects.toMatchObject(refused('InvalidSignatureException'));
    expect(door.rows('events')).toEqual([]);
    expect(door.collector.accounts.unauthenticatedBytes).toBeGreaterThan(100);
  });

  test('of another time is refused, and the SDK mends its clock', async () => {
    for (const minutes of [-16, 16]) {
      const systemClockOffset = minutes * 60_000;
      await expect(send(clientOf(door.server.port, ACCESS.acme, { systemClockOffset }))).rejects.toMatchObject(
        refused('InvalidSignatureException'),
      );
    }
    expect(door.rows('events')).toEqual([]);
    await send(clientOf(door.server.port, ACCESS.acme, { systemClockOffset: -3_600_000, maxAttempts: 2 }));
    expect(door.rows('events')).toHaveLength(1);
  });

  test('of another body, operation or address is refused', async () => {
    const changes: ((request: Request) => void)[] = [
      (request) => (request.body = Buffer.from(new TextDecoder().decode(request.body).replace('"events"', '"other" '))),
      (request) => (request.headers['x-amz-target'] = 'Firehose_20150804.PutRecordBatch'),
      (request) => (request.query = { a: 'b' }),
    ];
    for (const change of changes) {
      const client = clientOf(door.server.port);
      client.middlewareStack.add(
        (next) => (args) => {
          change(args.request as Request);
          return next(args);
        },
        { step: 'finalizeRequest', priority: 'low' },
      );
      await expect(send(client)).rejects.toMatchObject(refused('InvalidSignatureException'));
    }
    expect([...door.rows('events'), ...door.rows('other')]).toEqual([]);
  });

  test('may be required to be of one region', async () => {
    await door.end();
    door = await openDoor({ firehose: { region: 'eu-central-1' } });
    await expect(send(clientOf(door.server.port))).rejects.toMatchObject(refused('InvalidSignatureException'));
    await send(clientOf(door.server.port, ACCESS.acme, { region: 'eu-central-1' }));
    expect(door.rows('events')).toHaveLength(1);
  });

  test('is needed', async () => {
    const headers = { 'x-amz-target': 'Firehose_20150804.PutRecord' };
    expect(typeOf(await door.request('POST', '/', '{}', headers))).toEqual([
      400,
      'MissingAuthenticationTokenException',
    ]);
    const bearer = { ...headers, authorization: 'Bearer mr_acme_0123456789abcdef' };
    expect(typeOf(await door.request('POST', '/', '{}', bearer))).toEqual([400, 'IncompleteSignatureException']);
  });

  test('by an unknown key over a large body is answered, and the body not kept', async () => {
    const headers = {
      'x-amz-target': 'Firehose_20150804.PutRecord',
      authorization: `AWS4-HMAC-SHA256 Credential=MRAKNOBODY000001/20260101/eu-west-1/firehose/aws4_request, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
    };
    const answer = await door.request('POST', '/', Buffer.alloc(1_000_000), headers);
    expect(typeOf(answer)).toEqual([400, 'UnrecognizedClientException']);
    expect(door.collector.pendingBytes).toBe(0);
  });
});

describe('a call that is none', () => {
  test.each([
    ['not JSON', 'SerializationException'],
    ['[]', 'SerializationException'],
    ['{"DeliveryStreamName": 5}', 'SerializationException'],
    ['{"DeliveryStreamName": "events", "Record": []}', 'SerializationException'],
    ['{"DeliveryStreamName": "events", "Record": {"Data": "?"}}', 'SerializationException'],
    ['{"DeliveryStreamName": "events", "Record": {"Data": "e30"}}', 'SerializationException'],
    ['{"DeliveryStreamName": "events", "Record": {"Data": "e3-9"}}', 'SerializationException'],
    ['{"DeliveryStreamName": "events", "Record": {"Data": "e3 9"}}', 'SerializationException'],
    ['{"DeliveryStreamName": "events", "Record": {"Data": "e30=e30="}}', 'SerializationException'],
    ['{"DeliveryStreamName": "events", "Record": {}}', 'ValidationException'],
    ['{"DeliveryStreamName": "events"}', 'ValidationException'],
    ['{}', 'ValidationException'],
    ['{"DeliveryStreamName": "events", "Record": {"Data": "e30="}, "PartitionKey": "1"}', 'InvalidArgumentException'],
    ['{"DeliveryStreamName": "events", "Record": {"Data": "e30=", "Key": "1"}}', 'InvalidArgumentException'],
  ])('%s', async (body, type) => {
    expect(await call(body)).toEqual([400, type]);
    expect(door.errors).toEqual([]);
  });

  test('bytes that are no UTF-8, a body that is too large or packed', async () => {
    expect(await call(Buffer.from([0x7b, 0xff, 0x7d]))).toEqual([400, 'SerializationException']);
    expect(await call(Buffer.alloc(8 * 1024 * 1024 + 1, 32))).toEqual([400, 'InvalidArgumentException']);
    const packed = await door.request('POST', '/', gzipSync('{}'), {
      'x-amz-target': 'Firehose_20150804.PutRecord',
      'content-encoding': 'gzip',
      authorization: `AWS4-HMAC-SHA256 Credential=${ACCESS.acme.accessKeyId}/20260101/eu-west-1/firehose/aws4_request, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
    });
    expect(typeOf(packed)).toEqual([400, 'SerializationException']);
    expect(door.collector.pendingBytes).toBe(0);
  });

  test('an operation that is not known', async () => {
    for (const target of ['Firehose_20150804.Nothing', 'Kinesis_20131202.PutRecord', 'Firehose_20150804.constructor'])
      expect(await call('{}', target)).toEqual([400, 'UnknownOperationException']);
  });

  test('other posts to the root, and the API turned off', async () => {
    expect((await door.request('POST', '/', '{}')).status).toBe(404);
    expect((await call('{}', 'Firehose_20150804.PutRecord', '/other'))[0]).toBe(404);
    await door.end();
    door = await openDoor({ firehose: { enabled: false } });
    expect((await call('{}'))[0]).toBe(404);
  });
});
