/** The sink `s3` on a real S3 server, read with the unmodified AWS SDK. */
import { randomUUID } from 'node:crypto';
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sinkField, type SinkOptionsOf } from '../../../src/config/sinks/index.js';
import { Receipt, ROW } from '../../../src/deliver/receipt.js';
import { CutRows } from '../../../src/deliver/rows.js';
import type { Sink, SinkContext } from '../../../src/deliver/sink.js';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { ObjectSink } from '../../../src/deliver/sinks/objects.js';
import { batchFromRows } from '../../../src/event/rows.js';
import { systemClock } from '../../../src/io/clock.js';
import { systemRandom } from '../../../src/io/random.js';
import { openS3Store } from '../../../src/io/s3/store.js';
import { sinkConformance } from '../../conformance/sinks.js';
import { describeWith } from '../../engines/missing.js';
import { startS3, type S3Server } from '../../engines/s3.js';
import { SCHEMA, someRows } from '../support.js';
import { CONTEXT, readObject } from './support.js';

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

describeWith(['s3'], 'objects in S3', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3();
  });
  afterAll(() => server.stop());

  const settings = (bucket: string, rest: object): SinkOptionsOf<'s3'> => {
    const { endpoint, region, accessKeyId, secretAccessKey } = server;
    const where = { type: 's3', bucket, endpoint, region, accessKeyId, secretAccessKey };
    return sinkField.parse({ ...where, ...rest }) as SinkOptionsOf<'s3'>;
  };

  const freshBucket = async (): Promise<string> => {
    const bucket = `b-${randomUUID()}`;
    await server.makeBucket(bucket);
    return bucket;
  };

  const objectsOf = async (Bucket: string): Promise<Map<string, Buffer>> => {
    const found = new Map<string, Buffer>();
    for await (const { Contents = [] } of paginateListObjectsV2({ client: server.client }, { Bucket }))
      for (const { Key } of Contents) {
        const { Body } = await server.client.send(new GetObjectCommand({ Bucket, Key }));
        found.set(Key!, Buffer.from(await Body!.transformToByteArray()));
      }
    return found;
  };

  const uploadsOf = async (Bucket: string): Promise<string[]> => {
    const { Uploads = [] } = await server.client.send(new ListMultipartUploadsCommand({ Bucket }));
    return Uploads.map(({ Key }) => Key!);
  };

  const partitioned = { partitionBy: { tenant: 'tenant' }, prefix: 'tenant=!{partitionKeyFromQuery:tenant}/' };
  for (const rest of [
    { format: 'ndjson', compression: 'gzip' },
    { format: 'parquet', ...partitioned },
  ])
    sinkConformance(`s3, ${rest.format}`, async () => {
      const bucket = await freshBucket();
      return {
        make: () => createSink(settings(bucket, rest), CONTEXT),
        read: async () => {
          const ids: string[] = [];
          for (const bytes of (await objectsOf(bucket)).values())
            for (const row of await readObject(bytes, rest)) ids.push(row['id']!);
          return ids;
        },
        guarantee: 'exactly once',
        ordered: false,
        outage: { away: () => server.kill(), back: () => server.restart() },
        close: async () => undefined,
      };
    });

  /** One cut of many rows, so large that it goes in parts. */
  const sendLarge = async (bucket: string, context: SinkContext = CONTEXT): Promise<Receipt> => {
    const { endpoint, region } = server;
    const sink: Sink = new ObjectSink(settings(bucket, {}), context, () =>
      openS3Store({
        bucket,
        endpoint,
        region,
        credentials: () => server,
        clock: systemClock,
        random: systemRandom,
        partBytes: 5 * MIB,
      }),
    );
    const batch = batchFromRows(SCHEMA, someRows(80_000));
    const place = { stream: 'events', partition: 0, baseOffset: 0, receivedAt: 0 };
    const rows = new CutRows(SCHEMA, [{ ...place, batch, rows: null, attempts: null }]);
    const receipt = new Receipt(rows.count);
    const cut = { delivery: 'out', stream: 'events', range: 'events/0:0-80000', receivedAt: 0, replay: null };
    const { signal } = new AbortController();
    await sink.open(signal);
    await sink.send({ id: randomUUID(), rows, attempt: 0, isRest: false, cut }, receipt, signal);
    await sink.close();
    return receipt;
  };

  test('a large object goes in parts, and a resend replaces it by the same', async () => {
    const bucket = await freshBucket();
    const receipt = await sendLarge(bucket);
    expect(receipt.count(ROW.taken)).toBe(80_000);
    expect(receipt.bytes).toBeGreaterThan(12 * MIB);
    const [[key, bytes]] = [...(await objectsOf(bucket))] as [[string, Buffer]];
    expect(bytes.length).toBe(receipt.bytes);
    expect((await readObject(bytes, { format: 'ndjson' })).map(({ id }) => id)).toEqual(
      someRows(80_000).map(({ id }) => id),
    );
    await sendLarge(bucket);
    const again = await objectsOf(bucket);
    expect([...again.keys()]).toEqual([key]);
    expect(again.get(key)!.equals(bytes)).toBe(true);
  });

  test('uploads that a killed process left are aborted, those of others are not', async () => {
    const bucket = await freshBucket();
    const begin = (Key: string) => server.client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }));
    await sendLarge(bucket);
    const [key] = [...(await objectsOf(bucket)).keys()];
    const mine = key!.replace(/[0-9a-f]{8}-[0-9a-f-]{27}$/, randomUUID());
    await begin(key!);
    await begin(mine);
    await begin('somebody/else');
    await sendLarge(bucket);
    // Of the same object: nobody else can have begun it. The other one may be of a replay that runs.
    expect((await uploadsOf(bucket)).toSorted()).toEqual([mine, 'somebody/else'].toSorted());
    const tomorrow = { ...systemClock, now: () => Date.now() + DAY_MS + 60_000 };
    await sendLarge(bucket, { ...CONTEXT, clock: tomorrow });
    expect(await uploadsOf(bucket)).toEqual(['somebody/else']);
  });

  test('a key that may not write is told of, and nothing is lost', async () => {
    const bucket = await freshBucket();
    const sink = createSink({ ...settings(bucket, {}), secretAccessKey: 'wrong' }, CONTEXT);
    const batch = batchFromRows(SCHEMA, someRows(3));
    const place = { stream: 'events', partition: 0, baseOffset: 0, receivedAt: 0 };
    const rows = new CutRows(SCHEMA, [{ ...place, batch, rows: null, attempts: null }]);
    const receipt = new Receipt(3);
    const cut = { delivery: 'out', stream: 'events', range: 'events/0:0-3', receivedAt: 0, replay: null };
    const { signal } = new AbortController();
    await sink.open(signal);
    await expect(sink.send({ id: 'x', rows, attempt: 0, isRest: false, cut }, receipt, signal)).rejects.toMatchObject({
      code: 'STORE_REFUSED',
    });
    expect(receipt.count(ROW.unknown)).toBe(3);
    await sink.close();
  });
});
