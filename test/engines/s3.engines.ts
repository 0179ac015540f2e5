import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from './missing.js';
import { startS3, type S3Server } from './s3.js';

const Bucket = 'bucket';
const PART_BYTES = 5 * 1024 * 1024;

describeWith(['s3'], 'the S3 server', () => {
  let engine: S3Server;
  beforeAll(async () => {
    engine = await startS3();
    await engine.makeBucket(Bucket);
  });
  afterAll(() => engine?.stop());

  async function textOf(Key: string): Promise<string> {
    return (await engine.client.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString();
  }

  async function upload(Key: string, bodies: readonly Uint8Array[]): Promise<CompleteMultipartUploadCommand> {
    const send = engine.client;
    const { UploadId } = await send.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'CRC32C', ContentType: 'text/plain' }),
    );
    const Parts = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const part = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ChecksumAlgorithm: 'CRC32C' });
      const { ETag, ChecksumCRC32C } = await send.send(part);
      Parts.push({ PartNumber, ETag, ChecksumCRC32C });
    }
    return new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts },
      IfNoneMatch: '*',
    });
  }

  test('keeps what it acknowledged over kill -9', async () => {
    await engine.client.send(
      new PutObjectCommand({ Bucket, Key: 'year=2026/a b', Body: 'kept', Metadata: { at: '7' } }),
    );
    const begun = await upload('big', [new Uint8Array(PART_BYTES), new Uint8Array(3)]);
    await engine.kill();
    await expect(fetch(engine.endpoint)).rejects.toThrow();
    await engine.restart();
    expect(await textOf('year=2026/a b')).toBe('kept');
    await engine.client.send(begun);
    const head = await engine.client.send(new HeadObjectCommand({ Bucket, Key: 'big', ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({ ContentLength: PART_BYTES + 3, ContentType: 'text/plain', ChecksumType: 'COMPOSITE' });
    const listed = await engine.client.send(new ListObjectsV2Command({ Bucket }));
    expect(listed.Contents?.map(({ Key }) => Key)).toEqual(['big', 'year=2026/a b']);
  });

  async function winners(race: readonly Promise<unknown>[]): Promise<number> {
    const ends = await Promise.allSettled(race);
    const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason.$metadata.httpStatusCode] : []));
    expect(new Set(refused)).toEqual(new Set([412]));
    return ends.length - refused.length;
  }

  test('If-None-Match lets one of many puts win, and one of many uploads', async () => {
    for (let round = 0; round < 20; round++) {
      const put = { Bucket, Key: `put-${round}`, IfNoneMatch: '*' };
      const puts = Array.from({ length: 8 }, (_, i) => new PutObjectCommand({ ...put, Body: `${i}` }));
      expect(await winners(puts.map((command) => engine.client.send(command)))).toBe(1);
      const bodies = Array.from({ length: 4 }, (_, i) => [new Uint8Array([i])]);
      const uploads = await Promise.all(bodies.map((body) => upload(`upload-${round}`, body)));
      expect(await winners(uploads.map((command) => engine.client.send(command)))).toBe(1);
    }
  });

  test('a writer that stalls in its body keeps no other from its key, and loses', async () => {
    const half = Buffer.alloc(64 * 1024, 'x');
    let goOn!: () => void;
    const stalled = new Promise<void>((resolve) => (goOn = resolve));
    const body = Readable.from(
      (async function* () {
        yield half;
        await stalled;
        yield half;
      })(),
    );
    const put = { Bucket, Key: 'stalled', IfNoneMatch: '*' };
    const slow = engine.client.send(new PutObjectCommand({ ...put, Body: body, ContentLength: 2 * half.length }));
    const lost = expect(slow).rejects.toMatchObject({ name: 'PreconditionFailed' });
    await engine.client.send(new PutObjectCommand({ ...put, Body: 'quick' }));
    goOn();
    await lost;
    expect(await textOf('stalled')).toBe('quick');
  });

  test('refuses a wrong key, a wrong clock, a wrong region and wrong sums', async () => {
    const { endpoint, region, accessKeyId, secretAccessKey } = engine;
    const base = {
      endpoint,
      region,
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId, secretAccessKey },
    };
    const put = { Bucket, Key: 'refused', Body: 'hello' };
    const cases: [S3Client, ConstructorParameters<typeof PutObjectCommand>[0], string][] = [
      [new S3Client({ ...base, credentials: { accessKeyId, secretAccessKey: 'no' } }), put, 'SignatureDoesNotMatch'],
      [new S3Client({ ...base, systemClockOffset: -3_600_000 }), put, 'RequestTimeTooSkewed'],
      [new S3Client({ ...base, region: 'us-west-2' }), put, 'AuthorizationHeaderMalformed'],
      [engine.client, { ...put, ChecksumCRC32: 'AAAAAA==' }, 'BadDigest'],
      [engine.client, { ...put, ChecksumCRC32C: 'AAAAAA==' }, 'BadDigest'],
      [engine.client, { ...put, ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }, 'BadDigest'],
    ];
    for (const [client, input, name] of cases)
      await expect(client.send(new PutObjectCommand(input))).rejects.toMatchObject({ name });
    await expect(textOf('refused')).rejects.toMatchObject({ name: 'NoSuchKey' });
  });
});
