/** The unmodified AWS SDK reads what our S3 store wrote, and the other way about, on a real server. */
import { randomBytes } from 'node:crypto';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/io/clock.js';
import type { ObjectStore } from '../../../src/io/objects.js';
import { systemRandom } from '../../../src/io/random.js';
import { openS3Store, type S3StoreInput } from '../../../src/io/s3/store.js';
import { all, bytesOf, codeOf } from '../../conformance/objects.js';
import { describeWith } from '../../engines/missing.js';
import { startS3, type S3Server } from '../../engines/s3.js';

const Bucket = 'bucket';
const MIB = 1024 * 1024;
const NDJSON = { contentType: 'application/x-ndjson', contentEncoding: 'gzip' };

describeWith(['s3'], 'the S3 store and the AWS SDK', () => {
  let server: S3Server;
  let store: ObjectStore;
  const open = (more: Partial<S3StoreInput> = {}): ObjectStore =>
    openS3Store({
      bucket: Bucket,
      endpoint: server.endpoint,
      region: server.region,
      credentials: () => server,
      clock: systemClock,
      random: systemRandom,
      partBytes: 5 * MIB,
      ...more,
    });
  beforeAll(async () => {
    server = await startS3();
    await server.makeBucket(Bucket);
    store = open();
  });
  afterAll(async () => {
    await store?.close();
    await server?.stop();
  });

  test('the SDK reads what we wrote: bytes, headers, checksums, parts', async () => {
    for (const [Key, size] of [
      ['small', 1000],
      ['large', 12 * MIB + 3],
    ] as const) {
      const body = [randomBytes(size - 100), randomBytes(100)];
      const { etag } = await store.put(`year=2026/${Key} a+b`, body, NDJSON);
      // With ChecksumMode the SDK also computes the checksum of what it gets, and compares.
      const get = new GetObjectCommand({ Bucket, Key: `year=2026/${Key} a+b`, ChecksumMode: 'ENABLED' });
      const object = await server.client.send(get);
      expect(object).toMatchObject({
        ETag: etag,
        ContentType: NDJSON.contentType,
        ContentEncoding: NDJSON.contentEncoding,
        ContentLength: size,
        ChecksumType: size > 5 * MIB ? 'COMPOSITE' : 'FULL_OBJECT',
        ChecksumCRC32C: size > 5 * MIB ? expect.stringMatching(/-3$/) : expect.any(String),
      });
      expect(Buffer.concat(body).equals(await object.Body!.transformToByteArray())).toBe(true);
    }
    const listed = await server.client.send(new ListObjectsV2Command({ Bucket, Prefix: 'year=2026/' }));
    expect(listed.Contents!.map(({ Key }) => Key)).toEqual(['year=2026/large a+b', 'year=2026/small a+b']);
  });

  test('we read what the SDK wrote', async () => {
    const body = randomBytes(11 * MIB);
    const params = { Bucket, Key: 'sdk/large é', Body: body, ContentType: 'text/csv', ContentEncoding: 'zstd' };
    await new Upload({ client: server.client, params, partSize: 5 * MIB }).done();
    const put = await server.client.send(new PutObjectCommand({ Bucket, Key: 'sdk/small', Body: 'small' }));
    expect(body.equals((await bytesOf(store, 'sdk/large é'))!)).toBe(true);
    expect(await store.head('sdk/large é')).toMatchObject({
      bytes: body.length,
      contentType: 'text/csv',
      contentEncoding: 'zstd',
    });
    const head = await server.client.send(new HeadObjectCommand({ Bucket, Key: 'sdk/small' }));
    expect((await all(store.list('sdk/')))[1]).toEqual({
      key: 'sdk/small',
      bytes: 5,
      etag: put.ETag,
      modifiedMs: head.LastModified!.getTime(),
    });
  });

  test('a body that was changed on the way is not stored', async () => {
    const body = Buffer.from('as it was');
    const sending = store.put('changed', body, NDJSON);
    // It is signed and sent in the next turns.
    body[0]! ^= 1;
    expect(await codeOf(sending)).not.toBe('done');
    expect(await store.head('changed')).toBeUndefined();
  });

  test('wrong credentials and a wrong bucket are refused at once', async () => {
    const wrong = { accessKeyId: server.accessKeyId, secretAccessKey: 'wrong' };
    for (const other of [open({ credentials: () => wrong }), open({ bucket: 'no-bucket' })]) {
      expect(await codeOf(other.put('a', Buffer.from('x'), NDJSON))).toBe('STORE_REFUSED');
      await other.close();
    }
  });

  test('what was acknowledged is there after kill -9 of the server, and the store goes on', async () => {
    const acknowledged = new Map<string, Buffer>();
    const patient = open({ attemptsMax: 30, firstPauseMs: 20, timeoutMs: 2000 });
    let next = 0;
    const end = 60;
    const work = async (): Promise<void> => {
      while (next < end) {
        const key = `killed/${String(next++).padStart(3, '0')}`;
        const body = randomBytes(next % 10 === 0 ? 6 * MIB : 20_000);
        // Alone under its key: what is there already was put by an attempt whose answer was lost.
        const put = () => patient.put(key, body, { ...NDJSON, ifNoneMatch: true });
        // As a delivery does; this server may say that it completed an upload which the kill made it forget.
        let code = await codeOf(put());
        while (code === 'STORE_UNAVAILABLE') code = await codeOf(put());
        expect(code).toBe('done');
        acknowledged.set(key, body);
      }
    };
    const working = Promise.all([work(), work(), work()]);
    for (const kills of [15, 35]) {
      while (acknowledged.size < kills) await new Promise((resolve) => setTimeout(resolve, 2));
      await server.kill();
      await server.restart();
    }
    await working;
    expect(acknowledged.size).toBe(end);
    for (const [key, body] of acknowledged) expect(body.equals((await bytesOf(patient, key))!), key).toBe(true);
    for (const upload of await all(patient.listMultiparts('killed/'))) await patient.abortMultipart(upload);
    const { Uploads } = await server.client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'killed/' }));
    expect(Uploads ?? []).toEqual([]);
    await patient.close();
  });
});
