/** S3 destinations made through the Firehose API, with folders in the place of buckets. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  CreateDeliveryStreamCommand,
  DescribeDeliveryStreamCommand,
  type CreateDeliveryStreamCommandInput,
  type ExtendedS3DestinationConfiguration,
} from '@aws-sdk/client-firehose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Machine, until } from './firehose-support.js';

const machine = new Machine((folder) => ({ firehose: { folder: join(folder, 'buckets') } }));
beforeAll(() => machine.start());
afterAll(() => machine.end());

/** Objects of a bucket, by key. */
function objects(bucket: string): Map<string, Buffer> {
  const root = join(machine.folder, 'buckets', bucket);
  if (!existsSync(root)) return new Map();
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !relative(root, path).startsWith('.'))
      .map((path) => [relative(root, path), readFileSync(path)]),
  );
}

const s3 = (bucket: string, rest: Partial<ExtendedS3DestinationConfiguration> = {}) => ({
  ExtendedS3DestinationConfiguration: {
    RoleARN: 'arn:aws:iam::123456789012:role/firehose',
    BucketARN: `arn:aws:s3:::${bucket}`,
    BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 },
    ...rest,
  },
});
const create = (name: string, rest: Partial<CreateDeliveryStreamCommandInput>) =>
  machine.operator().send(new CreateDeliveryStreamCommand({ DeliveryStreamName: name, ...rest }));

test('raw records are written as they are, one after the other', async () => {
  await create('Raw-1', s3('raw', { Prefix: 'in/!{timestamp:yyyy}/', CompressionFormat: 'GZIP' }));
  await machine.put('Raw-1', 'one', 'two\n', '{"three": 3}');
  await until('three records', () => texts('raw').join('') === 'onetwo\n{"three": 3}');
  for (const key of objects('raw').keys())
    expect(key).toMatch(/^in\/\d{4}\/Raw-1-1-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9a-f-]{36}\.gz$/);
  const describe = new DescribeDeliveryStreamCommand({ DeliveryStreamName: 'Raw-1' });
  const { Destinations } = (await machine.operator().send(describe)).DeliveryStreamDescription!;
  expect(Destinations![0]).toMatchObject({
    ExtendedS3DestinationDescription: {
      BucketARN: 'arn:aws:s3:::raw',
      CompressionFormat: 'GZIP',
      Prefix: 'in/!{timestamp:yyyy}/',
      BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 },
      S3BackupMode: 'Disabled',
    },
    S3DestinationDescription: { BucketARN: 'arn:aws:s3:::raw' },
  });
});

function texts(bucket: string): string[] {
  return [...objects(bucket)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, bytes]) => (key.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString());
}

test('dynamic partitions come from the records, and what has none goes to the error prefix', async () => {
  const configuration = s3('parts', {
    Prefix: 'customer=!{partitionKeyFromQuery:customerId}/region=!{partitionKeyFromQuery:region}/!{timestamp:yyyy}/',
    ErrorOutputPrefix: 'failed/',
    DynamicPartitioningConfiguration: { Enabled: true, RetryOptions: { DurationInSeconds: 300 } },
    ProcessingConfiguration: {
      Enabled: true,
      Processors: [
        {
          Type: 'MetadataExtraction',
          Parameters: [
            { ParameterName: 'MetadataExtractionQuery', ParameterValue: '{customerId: .customer.id, region: .region}' },
            { ParameterName: 'JsonParsingEngine', ParameterValue: 'JQ-1.6' },
          ],
        },
        { Type: 'AppendDelimiterToRecord', Parameters: [{ ParameterName: 'Delimiter', ParameterValue: '\\n' }] },
      ],
    },
  });
  await create('parts', configuration);
  const record = (id: string, region: string, n: number) => JSON.stringify({ customer: { id }, region, n });
  const [a, b, c] = [record('a', 'eu', 1), record('b', 'eu', 2), record('a', 'eu', 3)];
  await machine.put('events', 'of another stream');
  await machine.put('parts', a, b, 'not JSON', c);
  const year = new Date().getUTCFullYear();
  const found = (start: string): string =>
    [...objects('parts')]
      .filter(([key]) => key.startsWith(start))
      .map(([, bytes]) => bytes.toString())
      .join('');
  await until('both partitions', () => found(`customer=a/region=eu/${year}/parts-1-`) === `${a}\n${c}\n`);
  await until('the other', () => found('customer=b/region=eu/') === `${b}\n`);
  await until('the failed one', () => found('failed/') !== '');
  const [failed, ...others] = found('failed/')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect(others).toEqual([]);
  expect(Buffer.from(failed!['rawData']!, 'base64').toString()).toContain(Buffer.from('not JSON').toString('base64'));
  expect([...objects('parts').keys()].every((key) => /^(customer=[ab]\/|failed\/)/.test(key))).toBe(true);
});

test('events are lines of JSON, or Parquet', async () => {
  const Tags = [{ Key: 'millrace:schema', Value: 'ad-events' }];
  await create('lines', { ...s3('lines', { FileExtension: '.json' }), Tags });
  await create('columns', {
    ...s3('columns', {
      DataFormatConversionConfiguration: { OutputFormatConfiguration: { Serializer: { ParquetSerDe: {} } } },
    }),
    Tags,
  });
  const event = JSON.stringify({ event_type: 'click', event_time: 1_700_000_000_000, campaign_id: 'c1', cost: '0.5' });
  for (const stream of ['lines', 'columns']) await machine.put(stream, event);
  await until('both', () => objects('lines').size === 1 && objects('columns').size === 1);
  expect(JSON.parse(texts('lines')[0]!)).toMatchObject({ campaign_id: 'c1', cost: '0.500000' });
  expect([...objects('lines').keys()][0]).toMatch(/\.json$/);
  expect([...objects('columns').values()][0]!.subarray(0, 4).toString()).toBe('PAR1');
});

describe('what can not be is refused, and says what is expected', () => {
  const processors = (...Processors: object[]) => ({
    ProcessingConfiguration: { Enabled: true, Processors } as never,
    DynamicPartitioningConfiguration: { Enabled: true },
  });
  const query = (ParameterValue: string) =>
    processors({
      Type: 'MetadataExtraction',
      Parameters: [{ ParameterName: 'MetadataExtractionQuery', ParameterValue }],
    });

  test.each<[string, Partial<ExtendedS3DestinationConfiguration>, string]>([
    ['another compression', { CompressionFormat: 'Snappy' }, "'UNCOMPRESSED' or 'GZIP'"],
    [
      'encryption by KMS',
      { EncryptionConfiguration: { KMSEncryptionConfig: { AWSKMSKeyARN: 'x' } } },
      'KMSEncryptionConfig',
    ],
    ['a backup', { S3BackupMode: 'Enabled' }, "'Disabled'"],
    ['a bucket that is none', { BucketARN: 'arn:aws:s3:::../x' }, 'arn:aws:s3:::<bucket>'],
    ['a bucket outside', { BucketARN: 'arn:aws:s3:::a..b' }, 'arn:aws:s3:::<bucket>'],
    ['a prefix that is none', { Prefix: '!{timestamp:yyyy' }, 'is never closed'],
    ['a key that nobody gives', { Prefix: '!{partitionKeyFromQuery:x}/' }, "the partition key 'x'"],
    ['more of JQ', query('{a: .b | tostring}'), 'the only part of JQ'],
    [
      'keys without dynamic partitions',
      { ...query('{a: .b}'), DynamicPartitioningConfiguration: { Enabled: false } },
      'expected Enabled',
    ],
    ['another processor', processors({ Type: 'RecordDeAggregation' }), 'MetadataExtraction or AppendDelimiterToRecord'],
    ['a time zone that is none', { CustomTimeZone: 'Mars/Phobos' }, 'Mars/Phobos'],
    ['Parquet of bytes', { DataFormatConversionConfiguration: { Enabled: true } }, 'a stream with a schema'],
    [
      'an unknown format',
      { DataFormatConversionConfiguration: { OutputFormatConfiguration: { Serializer: { OrcSerDe: {} } } } },
      'ParquetSerDe',
    ],
  ])('%s', async (_, rest, expected) => {
    await expect(create('never', s3('never', rest))).rejects.toMatchObject({
      name: 'InvalidArgumentException',
      message: expect.stringContaining(expected),
    });
    expect(await machine.query(`SELECT 1`)).toEqual([[1]]);
  });

  test('two destinations', async () => {
    const both = {
      ...s3('never'),
      S3DestinationConfiguration: { RoleARN: 'arn:aws:iam::123456789012:role/x', BucketARN: 'arn:aws:s3:::never' },
    };
    await expect(create('never', both)).rejects.toMatchObject({ message: expect.stringContaining('one destination') });
  });
});

test('after a restart the destinations are there', async () => {
  await machine.restart();
  await machine.put('Raw-1', 'after');
  await until('the record', () => texts('raw').join('').endsWith('after'));
});
