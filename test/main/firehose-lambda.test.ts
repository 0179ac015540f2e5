/** Functions of destinations, by the Lambda contract, in streams made through the Firehose API. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  CreateDeliveryStreamCommand,
  DeleteDeliveryStreamCommand,
  UpdateDestinationCommand,
  type CreateDeliveryStreamCommandInput,
  type ExtendedS3DestinationConfiguration,
} from '@aws-sdk/client-firehose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Machine, until } from './firehose-support.js';

/** As it would be deployed: raw bytes in, raw bytes out. */
const SHOUT = `
export const handler = async (event) => ({
  records: event.records.map(({ recordId, data }) => {
    const text = Buffer.from(data, 'base64').toString();
    if (text === 'drop') return { recordId, result: 'Dropped', data };
    if (text === 'fail') return { recordId, result: 'ProcessingFailed', data };
    return {
      recordId,
      result: 'Ok',
      data: Buffer.from(text.toUpperCase() + '\\n' + event.deliveryStreamArn.split('/')[1] + '\\n').toString('base64'),
      metadata: { partitionKeys: { letter: text[0] } },
    };
  }),
});`;
const DOUBLE = `
export const handler = async (event) => ({
  records: event.records.map(({ recordId, data }) => {
    const one = JSON.parse(Buffer.from(data, 'base64').toString());
    const doubled = { ...one, cost: String(Number(one.cost) * 2) };
    return { recordId, result: 'Ok', data: Buffer.from(JSON.stringify(doubled) + '\\n').toString('base64') };
  }),
});`;

const machine = new Machine((folder) => ({
  firehose: {
    folder: join(folder, 'buckets'),
    lambda: { shout: join(folder, 'shout.mjs'), double: './double.mjs' },
  },
}));
beforeAll(async () => {
  writeFileSync(join(machine.folder, 'shout.mjs'), SHOUT);
  writeFileSync(join(machine.folder, 'double.mjs'), DOUBLE);
  await machine.start();
});
afterAll(() => machine.end());

/** The text of a bucket's objects whose keys begin so. */
function found(bucket: string, start: string): string {
  const root = join(machine.folder, 'buckets', bucket);
  if (!existsSync(root)) return '';
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => relative(root, path).startsWith(start))
    .toSorted()
    .map((path) => readFileSync(path, 'utf8'))
    .join('');
}

const lambda = (name: string) => ({
  Type: 'Lambda' as const,
  Parameters: [
    {
      ParameterName: 'LambdaArn' as const,
      ParameterValue: `arn:aws:lambda:us-east-1:123456789012:function:${name}:$LATEST`,
    },
    { ParameterName: 'BufferIntervalInSeconds' as const, ParameterValue: '0' },
    { ParameterName: 'NumberOfRetries' as const, ParameterValue: '0' },
  ],
});
const s3 = (bucket: string, name: string, rest: Partial<ExtendedS3DestinationConfiguration> = {}) => ({
  ExtendedS3DestinationConfiguration: {
    RoleARN: 'arn:aws:iam::123456789012:role/firehose',
    BucketARN: `arn:aws:s3:::${bucket}`,
    BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 },
    ProcessingConfiguration: { Enabled: true, Processors: [lambda(name)] },
    ...rest,
  },
});
const create = (name: string, rest: Partial<CreateDeliveryStreamCommandInput>) =>
  machine.operator().send(new CreateDeliveryStreamCommand({ DeliveryStreamName: name, ...rest }));

const loud = s3('loud', 'shout', {
  Prefix: '!{partitionKeyFromLambda:letter}/!{timestamp:yyyy}/',
  ErrorOutputPrefix: 'failed/',
  DynamicPartitioningConfiguration: { Enabled: true },
});

test('raw records pass the function, and go where it says', async () => {
  await create('Loud', loud);
  await machine.put('Loud', 'apple', 'drop', 'fail', 'banana', 'avocado');
  await until('both partitions', () => found('loud', 'a/') === 'APPLE\nLoud\nAVOCADO\nLoud\n');
  await until('the other', () => found('loud', 'b/') === 'BANANA\nLoud\n');
  await until('the failed one', () => found('loud', 'failed/processing-failed/') !== '');
  expect(await machine.query(`SELECT count(*) FROM "firehose.Loud"`)).toEqual([[3]]);
});

test('each record once, over a restart', async () => {
  await machine.restart();
  await machine.put('Loud', 'cherry');
  await until('the cherry', () => found('loud', 'c/') === 'CHERRY\nLoud\n');
  expect(found('loud', 'a/')).toBe('APPLE\nLoud\nAVOCADO\nLoud\n');
});

test('events of a schema pass the function as JSON', async () => {
  const Tags = [{ Key: 'millrace:schema', Value: 'ad-events' }];
  await create('typed', { ...s3('typed', 'double'), Tags });
  const event = { event_type: 'click', event_time: 1_700_000_000_000, cost: '0.5' };
  await machine.put('typed', JSON.stringify(event));
  await until('the event', () => found('typed', '') !== '');
  expect(JSON.parse(found('typed', ''))).toMatchObject({ event_type: 'click', cost: '1.000000', tenant_id: 'acme' });
});

test('what can not be is refused', async () => {
  const refused = (message: string) => ({
    name: 'InvalidArgumentException',
    message: expect.stringContaining(message),
  });
  await expect(create('never', s3('never', 'nothing'))).rejects.toMatchObject(refused("no function 'nothing'"));
  await expect(create('firehose.x', {})).rejects.toMatchObject(refused("Millrace's own"));
  await create('plain', s3('plain', 'shout', { ProcessingConfiguration: { Enabled: false } }));
  const update = new UpdateDestinationCommand({
    DeliveryStreamName: 'plain',
    CurrentDeliveryStreamVersionId: '1',
    DestinationId: 'destinationId-000000000001',
    ExtendedS3DestinationUpdate: { ProcessingConfiguration: { Enabled: true, Processors: [lambda('shout')] } },
  });
  await expect(machine.operator().send(update)).rejects.toMatchObject(refused('has no function'));
});

test('a deleted stream runs no function, and none runs on what it left', async () => {
  await machine.operator().send(new DeleteDeliveryStreamCommand({ DeliveryStreamName: 'Loud' }));
  const { readers } = (await machine.ask('/v1/stats')) as { readers: { id: string }[] };
  expect(readers.map(({ id }) => id).filter((id) => id.includes('Loud'))).toEqual([]);
  await expect(machine.query(`SELECT 1 FROM "firehose.Loud"`)).rejects.toThrow(/SQL_UNKNOWN_RELATION/);
  await expect(create('Loud', loud)).rejects.toMatchObject({
    name: 'InvalidArgumentException',
    message: expect.stringContaining('are still there'),
  });
  await machine.restart();
  expect(((await machine.ask('/v1/stats')) as { readers: { id: string }[] }).readers.map(({ id }) => id)).toContain(
    'transform.firehose.typed',
  );
});
