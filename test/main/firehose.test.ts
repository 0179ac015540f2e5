/** A stream made through the Firehose API in a running Millrace: put, queried, audited, delivered, restarted, deleted. */
import http, { type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CreateDeliveryStreamCommand,
  DeleteDeliveryStreamCommand,
  DescribeDeliveryStreamCommand,
  ListDeliveryStreamsCommand,
  UpdateDestinationCommand,
} from '@aws-sdk/client-firehose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { INGEST, Machine, until } from './firehose-support.js';

/** An endpoint of Firehose's protocol that keeps what it gets. */
class Receiver {
  readonly records: string[] = [];
  readonly keys = new Set<unknown>();
  failing = false;
  readonly #server: Server;

  constructor() {
    this.#server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (this.failing) return void response.writeHead(500).end();
        const { requestId, records } = JSON.parse(Buffer.concat(chunks).toString()) as {
          requestId: string;
          records: { data: string }[];
        };
        this.keys.add(request.headers['x-amz-firehose-access-key']);
        this.records.push(...records.map(({ data }) => Buffer.from(data, 'base64').toString()));
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ requestId, timestamp: Date.now() }));
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/in`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const machine = new Machine(() => ({ firehose: { allowPrivate: true } }));
const first = new Receiver();
const second = new Receiver();
const acme = () => machine.acme();
const operator = () => machine.operator();
const ask = (path: string) => machine.ask(path);
const query = (sql: string) => machine.query(sql);
const put = (stream: string, ...data: string[]) => machine.put(stream, ...data);

const endpoint = (Url: string, AccessKey = 'endpoint key') => ({
  EndpointConfiguration: { Url, AccessKey },
  BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 },
  S3Configuration: undefined as never,
});

beforeAll(() => machine.start());

afterAll(async () => {
  await machine.end();
  first.close();
  second.close();
});

test('a made stream is delivered, queried and audited as any other', async () => {
  const Url = await first.listen();
  const create = new CreateDeliveryStreamCommand({
    DeliveryStreamName: 'Clicks.raw',
    HttpEndpointDestinationConfiguration: endpoint(Url),
  });
  await operator().send(create);
  const answer = await put('Clicks.raw', 'one', '{"two": 2}\n', '');
  expect(answer.FailedPutCount).toBe(0);
  await until('three records', () => first.records.length === 3);
  expect(first.records).toEqual(['one', '{"two": 2}\n', '']);
  expect([...first.keys]).toEqual(['endpoint key']);
  const rows = await query(`SELECT record_id, tenant FROM "Clicks.raw" ORDER BY _offset`);
  expect(rows).toEqual(answer.RequestResponses!.map(({ RecordId }) => [RecordId, 'acme']));
  const { accounts } = (await ask('/v1/audit')) as { accounts: { stream: string; received: number }[] };
  expect(accounts).toContainEqual(expect.objectContaining({ stream: 'Clicks.raw', received: 3 }));
  const stats = (await ask('/v1/stats')) as { accepted: number; readers: { id: string }[] };
  expect(stats.accepted).toBe(3);
  expect(stats.readers.map(({ id }) => id)).toContain('lake.Clicks.raw');
  await until('the lake has them', async () => {
    const { accounts: all } = (await ask('/v1/audit')) as { accounts: { stream: string; delivered: number }[] };
    return all.some(({ stream, delivered }) => stream === 'Clicks.raw' && delivered === 3);
  });
});

test('after a restart it goes on where it was', async () => {
  await machine.restart();
  await put('Clicks.raw', 'four');
  await until('the fourth', () => first.records.length === 4);
  expect(first.records[3]).toBe('four');
  expect(await query(`SELECT count(*) FROM "Clicks.raw"`)).toEqual([[4]]);
  const { accounts } = (await ask('/v1/audit')) as { accounts: Record<string, number | string>[] };
  const account = accounts.find(({ stream }) => stream === 'Clicks.raw')!;
  expect([account['received'], Number(account['delivered']) + Number(account['pending'])]).toEqual([4, 4]);
});

test('its destination changes without losing or repeating a record', async () => {
  const Url = await second.listen();
  const update = new UpdateDestinationCommand({
    DeliveryStreamName: 'Clicks.raw',
    CurrentDeliveryStreamVersionId: '1',
    DestinationId: 'destinationId-000000000001',
    HttpEndpointDestinationUpdate: { EndpointConfiguration: { Url, AccessKey: 'another' } },
  });
  await operator().send(update);
  await put('Clicks.raw', 'five');
  await until('the fifth', () => second.records.length === 1);
  expect([first.records.length, second.records, [...second.keys]]).toEqual([4, ['five'], ['another']]);
  const describe = new DescribeDeliveryStreamCommand({ DeliveryStreamName: 'Clicks.raw' });
  expect((await operator().send(describe)).DeliveryStreamDescription).toMatchObject({ VersionId: '2' });
});

test('a deleted stream has no readers, no door and no name; made again, it begins anew', async () => {
  second.failing = true;
  await put('Clicks.raw', 'six');
  await operator().send(new DeleteDeliveryStreamCommand({ DeliveryStreamName: 'Clicks.raw' }));
  await expect(put('Clicks.raw', 'none')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  await expect(query(`SELECT count(*) FROM "Clicks.raw"`)).rejects.toThrow(/SQL_UNKNOWN_RELATION/);
  const { readers } = (await ask('/v1/stats')) as { readers: { id: string }[] };
  expect(readers.map(({ id }) => id).filter((id) => id.includes('Clicks'))).toEqual([]);
  expect((await acme().send(new ListDeliveryStreamsCommand({}))).DeliveryStreamNames).toEqual(['events']);
  second.failing = false;
  const create = new CreateDeliveryStreamCommand({
    DeliveryStreamName: 'Clicks.raw',
    HttpEndpointDestinationConfiguration: endpoint(second.url),
  });
  await operator().send(create);
  await put('Clicks.raw', 'seven');
  await until('the seventh', () => second.records.length === 2);
  await machine.restart();
  expect(second.records).toEqual(['five', 'seven']);
  // The rows of the deleted one are there until retention.
  expect(await query(`SELECT count(*) FROM "Clicks.raw"`)).toEqual([[7]]);
});

test('one stream drains into another by the protocol of HTTP endpoints', async () => {
  const create = new CreateDeliveryStreamCommand({
    DeliveryStreamName: 'drained',
    HttpEndpointDestinationConfiguration: {
      ...endpoint(`${machine.url}/v1/firehose?stream=events`, INGEST),
      RequestConfiguration: { ContentEncoding: 'GZIP' },
    },
  });
  await operator().send(create);
  const events = Array.from({ length: 100 }, (_, i) =>
    JSON.stringify({ event_type: 'click', event_time: Date.now(), cost: `${i}` }),
  );
  await put('drained', ...events, 'no event');
  await until('all of them', async () => {
    const rows = await query(`SELECT count(*), count(DISTINCT event_id), sum(cost) FROM events`);
    return JSON.stringify(rows) === JSON.stringify([[100, 100, '4950.000000']]);
  });
  await until('the other is in the quarantine', async () => {
    const rows = await query(`SELECT count(*) FROM quarantine WHERE stream = 'events' AND code = 'EVENT_MALFORMED'`);
    return rows[0]![0] === 1;
  });
});
