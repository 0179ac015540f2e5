import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ComeAgain, Refused, type Sink } from '../../../src/deliver/sink.js';
import { Bench, cutRows, deliveryOptions, removeFolders, someRows, until } from '../support.js';
import { startReceiver, type Received, type Receiver } from './receiver.js';
import { openSink, REQUEST_ID, send } from './support.js';

interface Body {
  readonly requestId: string;
  readonly timestamp: number;
  readonly records: readonly { readonly data: string }[];
}

let receiver: Receiver;
let sink: Sink;
beforeEach(async () => {
  receiver = await startReceiver();
  answering(200);
});
afterEach(async () => {
  await sink.close();
  await receiver.close();
  removeFolders();
});

const open = async (to: Readonly<Record<string, unknown>> = {}): Promise<void> => {
  sink = await openSink({ type: 'http', url: `${receiver.url}/in?v=1`, ...to });
};
const bodyOf = ({ body }: Received): Body => JSON.parse(body.toString()) as Body;
const eventsOf = (request: Received): { id: string }[] =>
  bodyOf(request).records.map(({ data }) => JSON.parse(Buffer.from(data, 'base64').toString()) as { id: string });

/** Answers as the protocol asks, but for what a test changes. */
function answering(
  status: number,
  rest: { type?: string; body?: (id: string) => string; headers?: object } = {},
): void {
  const { type = 'application/json', body = (requestId) => JSON.stringify({ requestId, timestamp: 1 }) } = rest;
  receiver.answer = (request, response) => {
    response.writeHead(status, { 'content-type': type, ...rest.headers });
    response.end(body(String(request.headers['x-amz-firehose-request-id'])));
  };
}

describe('what it sends', () => {
  test('headers and body of the protocol', async () => {
    await open({ accessKey: 's3cret', attributes: { env: 'prod', city: 'Zürich 🚂' } });
    const rows = someRows(5);
    const { receipt, error } = await send(sink, cutRows(rows, undefined, 2));
    expect(error).toBeNull();
    const [request] = receiver.seen as [Received];
    expect(request).toMatchObject({ method: 'POST', path: '/in?v=1' });
    expect(request.headers).toMatchObject({
      'content-type': 'application/json',
      'x-amz-firehose-protocol-version': '1.0',
      'x-amz-firehose-request-id': REQUEST_ID,
      'x-amz-firehose-source-arn': 'arn:aws:firehose:local:000000000000:deliverystream/out',
      'x-amz-firehose-access-key': 's3cret',
    });
    expect(JSON.parse(String(request.headers['x-amz-firehose-common-attributes']))).toEqual({
      commonAttributes: { env: 'prod', city: 'Zürich 🚂' },
    });
    expect(bodyOf(request)).toMatchObject({ requestId: REQUEST_ID, timestamp: 1_700_000_000_123 });
    expect(eventsOf(request).map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    expect(eventsOf(request)[0]).toMatchObject({ note: 'a "note" 0', cost: '0.250000', labels: ['x', 'y0'] });
    expect(receipt).toMatchObject({ bytes: request.body.length, objects: 1 });
    expect(receipt.count(1)).toBe(5);
  });

  test('records whose length leaves any remainder of three', async () => {
    await open();
    const rows = Array.from({ length: 7 }, (_, n) => ({ ...someRows(1)[0]!, id: 'x'.repeat(n + 1) }));
    await send(sink, cutRows(rows));
    expect(eventsOf(receiver.seen[0]!).map(({ id }) => id.length)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(bodyOf(receiver.seen[0]!).records.some(({ data }) => data.endsWith('=='))).toBe(true);
    expect(bodyOf(receiver.seen[0]!).records.some(({ data }) => !data.endsWith('='))).toBe(true);
  });

  test('gzip, a source of its own, the mark of a replay', async () => {
    await open({ compression: 'gzip', sourceArn: 'arn:aws:firehose:eu-west-1:1:deliverystream/x' });
    const { receipt } = await send(sink, cutRows(someRows(90)), { replay: 'again-1' });
    const [{ headers, body }] = receiver.seen as [Received];
    expect(headers['content-encoding']).toBe('gzip');
    expect(headers['x-amz-firehose-source-arn']).toBe('arn:aws:firehose:eu-west-1:1:deliverystream/x');
    expect(headers).not.toHaveProperty('x-amz-firehose-access-key');
    expect(JSON.parse(String(headers['x-amz-firehose-common-attributes']))).toEqual({
      commonAttributes: { millraceReplay: 'again-1' },
    });
    expect(receipt.bytes).toBe(Number(headers['content-length']));
    expect(receipt.bytes).toBeLessThan(body.length);
  });

  test('requests of bounded records and bytes', async () => {
    await open({ recordsMax: 7 });
    expect(sink.requests(cutRows(someRows(20))).map(({ count }) => count)).toEqual([7, 7, 6]);
    await sink.close();
    await open({ bodySizeMax: '1 KiB' });
    for (const part of sink.requests(cutRows(someRows(20)))) await send(sink, part);
    expect(receiver.seen.every(({ body }) => body.length <= 1024)).toBe(true);
    expect(receiver.seen.flatMap(eventsOf)).toHaveLength(20);
  });
});

describe('what answers mean', () => {
  test('200 with the id of the request: taken', async () => {
    await open();
    answering(200, { type: 'Application/JSON; charset=utf-8' });
    expect((await send(sink)).receipt.count(1)).toBe(3);
  });

  test.each([
    ['another id', { body: () => '{"requestId":"another"}' }],
    ['no id', { body: () => '{"timestamp":1}' }],
    ['an id that is no text', { body: () => '{"requestId":7}' }],
    ['null', { body: () => 'null' }],
    ['no JSON', { body: () => '<html>Welcome</html>' }],
    ['nothing', { body: () => '' }],
    ['a page', { type: 'text/html' }],
    ['more than the protocol allows', { body: (id: string) => `{"requestId":"${id}","x":"${'x'.repeat(2 ** 20)}"}` }],
  ])('200 with %s: come again', async (_what, rest) => {
    await open();
    answering(200, rest);
    const { receipt, error } = await send(sink);
    expect(error).toBeInstanceOf(ComeAgain);
    expect(String(error)).toContain("answered 200 without the request's id");
    expect((error as Error).message.length).toBeLessThan(500);
    expect(receipt.count(0)).toBe(3);
  });

  test('413: the request is too large, its halves may not be', async () => {
    await open();
    answering(413);
    const { error } = await send(sink);
    expect(error).toBeInstanceOf(Refused);
    expect(error).toMatchObject({ divisible: true });
  });

  test.each([201, 204, 302, 400, 401, 403, 404, 422, 429, 500, 503])('%i: come again', async (status) => {
    await open();
    answering(status, { headers: { location: `${receiver.url}/elsewhere` } });
    const { receipt, error } = await send(sink);
    expect(error).toBeInstanceOf(ComeAgain);
    expect(receipt.count(0)).toBe(3);
    expect(receiver.seen).toHaveLength(1);
  });

  test('Retry-After is obeyed, and the answer quoted', async () => {
    await open();
    answering(503, { headers: { 'retry-after': '11' }, body: () => '{"errorMessage":"busy"}' });
    const { error } = await send(sink);
    expect(error).toMatchObject({ afterMs: 11_000 });
    expect(String(error)).toMatch(/answered 503: \{"errorMessage":"busy"\}$/);
  });
});

test('a request that is too large is halved down to the row at fault', async () => {
  const bench = await new Bench().open();
  receiver.answer = (request, response) => {
    const requestId = request.headers['x-amz-firehose-request-id'];
    response.writeHead(request.body.length > 4000 ? 413 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ requestId }));
  };
  await open();
  await bench.append([...someRows(30), { ...someRows(1, 'large')[0]!, note: 'x'.repeat(5000) }, ...someRows(5, 'f')]);
  await bench.start(sink, deliveryOptions());
  await bench.drained();
  const taken = receiver.seen.filter(({ body }) => body.length <= 4000).flatMap(eventsOf);
  expect(taken.map(({ id }) => id).toSorted()).toEqual(
    [...someRows(30), ...someRows(5, 'f')].map(({ id }) => id).toSorted(),
  );
  expect(bench.rows('quarantine').map((row) => [row['event_id'], row['code']])).toEqual([
    ['large-0', 'DELIVERY_REFUSED'],
  ]);
  await bench.close();
});

test('after a crash the same requests go out: id, timestamp and records', async () => {
  const bench = await new Bench({ partitions: 2 }).open();
  await bench.append(someRows(60));
  answering(503, { headers: { 'retry-after': '3600' } });
  await open({ recordsMax: 25 });
  await bench.start(sink, deliveryOptions());
  await until('requests', () => receiver.seen.length >= 2);
  await bench.restart();
  const first = receiver.seen.splice(0);
  answering(200);
  await open({ recordsMax: 25 });
  await bench.start(sink, deliveryOptions());
  await bench.drained();
  const again = new Map(receiver.seen.map((request) => [bodyOf(request).requestId, request.body.toString()]));
  for (const request of first) expect(again.get(bodyOf(request).requestId)).toBe(request.body.toString());
  expect(again.size).toBe(receiver.seen.length);
  await bench.close();
});
