/** Destinations made through the Firehose API, each against the real thing. */
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { CreateDeliveryStreamCommand, type CreateDeliveryStreamCommandInput } from '@aws-sdk/client-firehose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../engines/missing.js';
import { startOpenSearch, type OpenSearch } from '../engines/opensearch.js';
import { startS3, type S3Server } from '../engines/s3.js';
import { Cluster } from '../deliver/opensearch/engine.js';
import { Machine, until } from './firehose-support.js';

const role = 'arn:aws:iam::123456789012:role/firehose';
const now = { SizeInMBs: 1, IntervalInSeconds: 0 };
const backup = { RoleARN: role, BucketARN: 'arn:aws:s3:::backup' };

const create = (machine: Machine, name: string, rest: Partial<CreateDeliveryStreamCommandInput>) =>
  machine.operator().send(new CreateDeliveryStreamCommand({ DeliveryStreamName: name, ...rest }));

describeWith(['s3'], 'the Firehose API before a real S3', () => {
  let s3: S3Server;
  let machine: Machine;
  beforeAll(async () => {
    s3 = await startS3();
    await s3.makeBucket('drop');
    const { endpoint, region, accessKeyId, secretAccessKey } = s3;
    machine = new Machine(() => ({ firehose: { s3: { endpoint, region, accessKeyId, secretAccessKey } } }));
    await machine.start();
  });
  afterAll(async () => {
    await machine?.end();
    await s3?.stop();
  });

  test('raw records come as they were put, by partition, and once over a restart', async () => {
    await create(machine, 'clicks', {
      ExtendedS3DestinationConfiguration: {
        RoleARN: role,
        BucketARN: 'arn:aws:s3:::drop',
        Prefix: 'c=!{partitionKeyFromQuery:c}/',
        ErrorOutputPrefix: 'failed/',
        BufferingHints: now,
        DynamicPartitioningConfiguration: { Enabled: true },
        ProcessingConfiguration: {
          Enabled: true,
          Processors: [
            {
              Type: 'MetadataExtraction',
              Parameters: [{ ParameterName: 'MetadataExtractionQuery', ParameterValue: '{c: .c}' }],
            },
            { Type: 'AppendDelimiterToRecord' },
          ],
        },
      },
    });
    const records = Array.from({ length: 100 }, (_, n) => JSON.stringify({ c: `c${n % 3}`, n }));
    await machine.put('clicks', ...records.slice(0, 50));
    await machine.restart();
    await machine.put('clicks', ...records.slice(50));
    const found = async () => {
      const { Contents = [] } = await s3.client.send(new ListObjectsV2Command({ Bucket: 'drop' }));
      const lines = await Promise.all(
        Contents.map(async ({ Key }) => {
          const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: 'drop', Key }));
          const text = await Body!.transformToString();
          return text
            .split('\n')
            .filter(Boolean)
            .map((line) => [Key!.split('/')[0]!, line] as const);
        }),
      );
      return lines.flat();
    };
    await until('all of them', async () => (await found()).length >= 100);
    const all = await found();
    expect(all.map(([, line]) => line).toSorted()).toEqual(records.toSorted());
    for (const [prefix, line] of all) expect(prefix).toBe(`c=${(JSON.parse(line) as { c: string }).c}`);
  });
});

describeWith(['opensearch'], 'the Firehose API before a real OpenSearch', () => {
  let engine: OpenSearch;
  let machine: Machine;
  beforeAll(async () => {
    engine = await startOpenSearch();
    machine = new Machine(() => ({ firehose: { domains: { search: { url: engine.url } } } }));
    await machine.start();
  }, 180_000);
  afterAll(async () => {
    await machine?.end();
    await engine?.stop();
  });

  test('raw records are documents, and what is none is in the quarantine', async () => {
    await create(machine, 'docs', {
      AmazonopensearchserviceDestinationConfiguration: {
        RoleARN: role,
        ClusterEndpoint: 'search',
        IndexName: 'docs',
        IndexRotationPeriod: 'NoRotation',
        BufferingHints: now,
        S3Configuration: backup,
      },
    });
    const pretty = JSON.stringify({ n: 2, text: 'two\nlines' }, null, 2);
    const { RequestResponses } = await machine.put('docs', '{"n": 1}', pretty, 'no JSON', '', '[1]');
    const cluster = new Cluster(engine);
    await until('both documents', async () => (await cluster.documents('docs')).length === 2);
    const documents = await cluster.documents('docs');
    expect(documents.map(({ source }) => source).toSorted((a, b) => Number(a['n']) - Number(b['n']))).toEqual([
      { n: 1 },
      { n: 2, text: 'two\nlines' },
    ]);
    const ids = RequestResponses!.slice(0, 2).map(({ RecordId }) => `acme~${RecordId}`);
    expect(documents.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    await until('the others', async () => {
      const rows = await machine.query(`SELECT count(*) FROM quarantine WHERE stream = 'docs' AND stage = 'deliver'`);
      return rows[0]![0] === 3;
    });
  });

  test('a cluster that the configuration does not name is refused', async () => {
    const configuration = {
      AmazonopensearchserviceDestinationConfiguration: {
        RoleARN: role,
        ClusterEndpoint: 'https://elsewhere.example.com',
        IndexName: 'docs',
        S3Configuration: backup,
      },
    };
    await expect(create(machine, 'stolen', configuration)).rejects.toMatchObject({
      name: 'InvalidArgumentException',
      message: expect.stringContaining('firehose.domains'),
    });
  });
});
