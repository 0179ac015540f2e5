/** Streams made, changed and deleted through the API, by the unmodified AWS SDK; and found again after a restart. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateDeliveryStreamCommand,
  DeleteDeliveryStreamCommand,
  DescribeDeliveryStreamCommand,
  ListDeliveryStreamsCommand,
  ListTagsForDeliveryStreamCommand,
  PutRecordCommand,
  TagDeliveryStreamCommand,
  UntagDeliveryStreamCommand,
  UpdateDestinationCommand,
  type CreateDeliveryStreamCommandInput,
  type FirehoseClient,
} from '@aws-sdk/client-firehose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { event, type FrontDoor } from '../front-door.js';
import { ACCESS, clientOf, DOOR, openDoor } from './support.js';

const FIREHOSE = { accountId: '123456789012', region: 'eu-west-1' };

let door: FrontDoor;
let operator: FirehoseClient;
let acme: FirehoseClient;

function connect(): void {
  operator = clientOf(door.server.port, ACCESS.operator);
  acme = clientOf(door.server.port, ACCESS.acme);
}

function disconnect(): void {
  operator.destroy();
  acme.destroy();
}

beforeEach(async () => {
  door = await openDoor({ firehose: FIREHOSE });
  connect();
});
afterEach(async () => {
  disconnect();
  await door.end();
});

async function restart(): Promise<void> {
  disconnect();
  await door.stop();
  await door.start({ ...DOOR, firehose: FIREHOSE });
  connect();
}

const create = (name: string, rest: Partial<CreateDeliveryStreamCommandInput> = {}) =>
  operator.send(new CreateDeliveryStreamCommand({ DeliveryStreamName: name, ...rest }));
const remove = (name: string) => operator.send(new DeleteDeliveryStreamCommand({ DeliveryStreamName: name }));
const put = (name: string, data: string | Uint8Array) =>
  acme.send(new PutRecordCommand({ DeliveryStreamName: name, Record: { Data: Buffer.from(data) } }));
const names = async () => (await acme.send(new ListDeliveryStreamsCommand({ Limit: 100 }))).DeliveryStreamNames;
const describing = async (name: string, client = operator) =>
  (await client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName: name }))).DeliveryStreamDescription!;
const tags = async (name: string) =>
  (await acme.send(new ListTagsForDeliveryStreamCommand({ DeliveryStreamName: name }))).Tags;

const endpoint = (Url = 'https://example.com/in', rest: object = {}) => ({
  HttpEndpointDestinationConfiguration: {
    EndpointConfiguration: { Url, Name: 'example', AccessKey: 'the secret of the endpoint' },
    BufferingHints: { SizeInMBs: 2, IntervalInSeconds: 60 },
    RequestConfiguration: { ContentEncoding: 'GZIP', CommonAttributes: [{ AttributeName: 'a', AttributeValue: 'b' }] },
    S3Configuration: undefined,
    ...rest,
  } as unknown as NonNullable<CreateDeliveryStreamCommandInput['HttpEndpointDestinationConfiguration']>,
});

describe('a made stream', () => {
  test('takes records at once, is listed and described, and is there after a restart', async () => {
    const { DeliveryStreamARN } = await create('My-Stream.1', endpoint());
    expect(DeliveryStreamARN).toBe('arn:aws:firehose:eu-west-1:123456789012:deliverystream/My-Stream.1');
    await put('My-Stream.1', 'before');
    const look = async () => {
      expect(await names()).toEqual(['My-Stream.1', 'events', 'other', 'raw']);
      expect(await describing('My-Stream.1')).toMatchObject({
        DeliveryStreamARN,
        DeliveryStreamStatus: 'ACTIVE',
        DeliveryStreamType: 'DirectPut',
        VersionId: '1',
        CreateTimestamp: expect.any(Date),
        HasMoreDestinations: false,
        Destinations: [
          {
            DestinationId: 'destinationId-000000000001',
            HttpEndpointDestinationDescription: {
              EndpointConfiguration: { Url: 'https://example.com/in', Name: 'example' },
              BufferingHints: { SizeInMBs: 2, IntervalInSeconds: 60 },
              RequestConfiguration: { ContentEncoding: 'GZIP' },
              RetryOptions: { DurationInSeconds: 300 },
            },
          },
        ],
      });
    };
    await look();
    await restart();
    await look();
    await put('My-Stream.1', 'after');
    expect(door.rows('My-Stream.1').map(({ data }) => Buffer.from(String(data), 'base64').toString())).toEqual([
      'before',
      'after',
    ]);
  });

  test('may have the schema of another stream', async () => {
    await create('ads', { Tags: [{ Key: 'millrace:schema', Value: 'ad-events' }] });
    await create('copy', { Tags: [{ Key: 'millrace:schema', Value: 'ads' }] });
    await expect(create('no', { Tags: [{ Key: 'millrace:schema', Value: 'nothing' }] })).rejects.toMatchObject({
      name: 'InvalidArgumentException',
    });
    await put('copy', JSON.stringify(event(1)));
    await restart();
    await put('ads', JSON.stringify(event(1)));
    expect([door.rows('ads'), door.rows('copy')]).toMatchObject([[{ campaign_id: 'c1' }], [{ campaign_id: 'c1' }]]);
  });

  test('counts a resend once, after a restart too', async () => {
    await create('ads', { Tags: [{ Key: 'millrace:schema', Value: 'ad-events' }] });
    await put('ads', JSON.stringify(event(1)));
    await restart();
    await put('ads', JSON.stringify(event(1)));
    expect(door.rows('ads')).toHaveLength(1);
  });

  test('that is deleted takes nothing, also after a restart, and may be made again', async () => {
    await create('gone');
    await put('gone', 'a');
    await remove('gone');
    for (let round = 0; round < 2; round++) {
      await expect(put('gone', 'b')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
      await expect(remove('gone')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
      expect(await names()).not.toContain('gone');
      await restart();
    }
    await create('gone', { Tags: [{ Key: 'a', Value: 'b' }] });
    await put('gone', 'c');
    expect(door.rows('gone')).toHaveLength(2);
    await remove('gone');
    await create('gone');
    expect(await tags('gone')).toEqual([]);
    await expect(create('gone')).rejects.toMatchObject({ name: 'ResourceInUseException' });
    await remove('gone');
    // Its rows are still there, and could not be read by another schema.
    await expect(create('gone', { Tags: [{ Key: 'millrace:schema', Value: 'ad-events' }] })).rejects.toMatchObject({
      name: 'InvalidArgumentException',
    });
  });

  test('must have a name that nothing else has', async () => {
    const refused = { name: 'InvalidArgumentException' };
    await expect(create('events')).rejects.toMatchObject({ name: 'ResourceInUseException' });
    for (const name of ['quarantine', 'view.x', 'accounts.totals', '.', '..', 'Events'])
      await expect(create(name), name).rejects.toMatchObject(refused);
    await create('y'.repeat(63));
    await expect(create('y'.repeat(64))).rejects.toMatchObject(refused);
    await create('z'.repeat(64));
    await expect(create('a/b')).rejects.toMatchObject({ name: 'ValidationException' });
    await create('__proto__', { Tags: [{ Key: '__proto__', Value: 'x' }] });
    await restart();
    expect(await tags('__proto__')).toEqual([{ Key: '__proto__', Value: 'x' }]);
    expect(await tags('events')).toEqual([]);
  });

  test('is kept where only the owner can read it, and its secret is not described', async () => {
    await create('secret', endpoint());
    const path = join(door.folder, 'definitions.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toContain('the secret of the endpoint');
    expect(JSON.stringify(await describing('secret'))).not.toContain('the secret');
    expect((await describing('secret', acme)).Destinations).toEqual([]);
  });

  test('that could not be written down is not there', async () => {
    door.faults.fail = 'EIO';
    await expect(create('lost')).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } });
    door.faults.fail = null;
    expect(await names()).not.toContain('lost');
    await expect(put('lost', 'x')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    door.errors.length = 0;
  });
});

describe('a destination', () => {
  const refused = { name: 'InvalidArgumentException' };

  test.each([
    ['of a kind that is not there', { RedshiftDestinationConfiguration: {} }, 'HttpEndpointDestinationConfiguration'],
    ['two of them', { ...endpoint(), S3DestinationConfiguration: {} }, ''],
    [
      'with a member that is not known',
      endpoint(undefined, { SecretsManagerConfiguration: { Enabled: true } }),
      'HttpEndpointDestinationConfiguration.SecretsManagerConfiguration',
    ],
    ['with a backup of everything', endpoint(undefined, { S3BackupMode: 'AllData' }), 'FailedDataOnly'],
    ['with an address that is none', endpoint('ftp://example.com'), 'https://'],
    ['beside a source that is not there', { KinesisStreamSourceConfiguration: {} }, 'KinesisStreamSourceConfiguration'],
    ['of a stream that is not put to', { DeliveryStreamType: 'MSKAsSource' }, 'DirectPut'],
  ])('%s is refused, and says what is expected', async (_, rest, expected) => {
    const input = rest as Partial<CreateDeliveryStreamCommandInput>;
    await expect(create('x', input)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining(expected),
    });
    expect(await names()).not.toContain('x');
  });

  test('reaches private addresses only where the configuration says so', async () => {
    await create('private', endpoint('http://10.0.0.1/in'));
    expect(door.streams.deliveries).toMatchObject([{ name: 'firehose.private', sink: { allowPrivate: false } }]);
  });

  test('with an attribute twice is refused', async () => {
    const twice = Array.from({ length: 2 }, () => ({ AttributeName: 'a', AttributeValue: 'b' }));
    const rest = endpoint(undefined, { RequestConfiguration: { CommonAttributes: twice } });
    await expect(create('x', rest)).rejects.toMatchObject(refused);
  });

  test('beyond its limits is refused', async () => {
    const hints = endpoint(undefined, { BufferingHints: { SizeInMBs: 65 } });
    await expect(create('x', hints)).rejects.toMatchObject({ name: 'ValidationException' });
    const retry = endpoint(undefined, { RetryOptions: { DurationInSeconds: 7_201 } });
    await expect(create('x', retry)).rejects.toMatchObject({ name: 'ValidationException' });
  });

  test('changes by its version, and keeps what is not said', async () => {
    await create('changing', endpoint());
    const update = (version: string, change: object, DestinationId = 'destinationId-000000000001') =>
      operator.send(
        new UpdateDestinationCommand({
          DeliveryStreamName: 'changing',
          CurrentDeliveryStreamVersionId: version,
          DestinationId,
          HttpEndpointDestinationUpdate: change,
        }),
      );
    const both = await Promise.allSettled([
      update('1', { BufferingHints: { SizeInMBs: 3, IntervalInSeconds: 30 } }),
      update('1', { BufferingHints: { SizeInMBs: 4, IntervalInSeconds: 30 } }),
    ]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect((both.find(({ status }) => status === 'rejected') as PromiseRejectedResult).reason).toMatchObject({
      name: 'ConcurrentModificationException',
    });
    await restart();
    const { VersionId, Destinations } = await describing('changing');
    expect(VersionId).toBe('2');
    expect(Destinations![0]!.HttpEndpointDestinationDescription).toMatchObject({
      EndpointConfiguration: { Url: 'https://example.com/in' },
      RequestConfiguration: { ContentEncoding: 'GZIP' },
      BufferingHints: { IntervalInSeconds: 30 },
    });
    await expect(update('1', {})).rejects.toMatchObject({ name: 'ConcurrentModificationException' });
    await expect(update('2', {}, 'other')).rejects.toMatchObject(refused);
    await expect(update('2', { S3BackupMode: 'AllData' })).rejects.toMatchObject(refused);
    expect((await describing('changing')).VersionId).toBe('2');
  });
});

describe('streams of the configuration', () => {
  test('are described, and can not be changed or deleted here', async () => {
    expect(await describing('events')).toMatchObject({ VersionId: '1', Destinations: [] });
    const refused = { name: 'InvalidArgumentException', message: expect.stringContaining('millrace.config.ts') };
    await expect(remove('events')).rejects.toMatchObject(refused);
    const update = new UpdateDestinationCommand({
      DeliveryStreamName: 'events',
      CurrentDeliveryStreamVersionId: '1',
      DestinationId: 'x',
      HttpEndpointDestinationUpdate: {},
    });
    await expect(operator.send(update)).rejects.toMatchObject(refused);
    await put('events', JSON.stringify(event(1)));
  });

  test('are listed by pages, in order', async () => {
    const page = (Limit: number, after?: string) =>
      acme.send(new ListDeliveryStreamsCommand({ Limit, ExclusiveStartDeliveryStreamName: after }));
    expect(await page(2)).toMatchObject({ DeliveryStreamNames: ['events', 'other'], HasMoreDeliveryStreams: true });
    expect(await page(2, 'other')).toMatchObject({ DeliveryStreamNames: ['raw'], HasMoreDeliveryStreams: false });
    await expect(page(0)).rejects.toMatchObject({ name: 'ValidationException' });
  });
});

describe('tags', () => {
  const tag = (name: string, ...pairs: [string, string?][]) =>
    operator.send(
      new TagDeliveryStreamCommand({
        DeliveryStreamName: name,
        Tags: pairs.map(([Key, Value]) => ({ Key, ...(Value === undefined ? {} : { Value }) })),
      }),
    );

  test('are kept for made and for configured streams, over a restart', async () => {
    await create('tagged', { Tags: [{ Key: 'b', Value: '2' }] });
    await tag('tagged', ['a', '1'], ['b', '3'], ['c']);
    await tag('events', ['team', 'ads']);
    await operator.send(new UntagDeliveryStreamCommand({ DeliveryStreamName: 'tagged', TagKeys: ['c', 'not there'] }));
    await restart();
    expect(await tags('tagged')).toEqual([
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '3' },
    ]);
    expect(await tags('events')).toEqual([{ Key: 'team', Value: 'ads' }]);
    const page = new ListTagsForDeliveryStreamCommand({ DeliveryStreamName: 'tagged', Limit: 1 });
    expect(await acme.send(page)).toMatchObject({ Tags: [{ Key: 'a' }], HasMoreTags: true });
  });

  test('have limits', async () => {
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, i): [string, string] => [`k${from + i}`, 'v']);
    await tag('events', ...many(0, 50));
    await expect(tag('events', ['k50', 'v'])).rejects.toMatchObject({ name: 'LimitExceededException' });
    await tag('events', ['k1', 'w']);
    await expect(tag('other', ...many(0, 51))).rejects.toMatchObject({ name: 'ValidationException' });
    for (const pair of [
      ['aws:x', 'y'],
      ['a<b', ''],
      ['a', '<'],
    ] as [string, string][])
      await expect(tag('other', pair)).rejects.toMatchObject({ name: 'InvalidArgumentException' });
    await expect(tag('other', ['a', '1'], ['a', '2'])).rejects.toMatchObject({ name: 'InvalidArgumentException' });
    await expect(tag('other', ['millrace:schema', 'records'])).rejects.toMatchObject({
      name: 'InvalidArgumentException',
    });
    await expect(tag('nothing', ['a', '1'])).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe("a tenant's key", () => {
  test('makes, changes and deletes nothing', async () => {
    await create('made');
    const refused = { name: 'AccessDeniedException' };
    for (const command of [
      new CreateDeliveryStreamCommand({ DeliveryStreamName: 'mine' }),
      new DeleteDeliveryStreamCommand({ DeliveryStreamName: 'made' }),
      new UpdateDestinationCommand({
        DeliveryStreamName: 'made',
        CurrentDeliveryStreamVersionId: '1',
        DestinationId: 'x',
      }),
      new TagDeliveryStreamCommand({ DeliveryStreamName: 'made', Tags: [{ Key: 'a' }] }),
      new UntagDeliveryStreamCommand({ DeliveryStreamName: 'made', TagKeys: ['a'] }),
    ])
      await expect(acme.send(command as never)).rejects.toMatchObject(refused);
    expect(await names()).toEqual(['events', 'made', 'other', 'raw']);
  });
});
