/** The Lambda contract, over HTTP against a server of the test's own, and in process with a handler as on Lambda. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { readAnswer } from '../../src/transform/lambda/contract.js';
import { edges, event, file, freshFolder, optionsOf, removeFolders, run, uuid, type Event } from './support.js';

interface Invocation {
  readonly invocationId: string;
  readonly deliveryStreamArn: string;
  readonly region: string;
  readonly records: readonly {
    readonly recordId: string;
    readonly approximateArrivalTimestamp: number;
    readonly data: string;
  }[];
}
type Answer = { status?: number; body: unknown };

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  removeFolders();
});

/** A function at an address. */
async function serve(handle: (invocation: Invocation, call: number) => Answer | Promise<Answer>): Promise<string> {
  let calls = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void (async () => {
        const { status = 200, body } = await handle(
          JSON.parse(Buffer.concat(chunks).toString()) as Invocation,
          calls++,
        );
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      })();
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/2015-03-31/functions/function/invocations`;
}

const base64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');
const parse = (data: string) => JSON.parse(Buffer.from(data, 'base64').toString()) as Event;
const echo = ({ records }: Invocation) => ({
  records: records.map(({ recordId, data }) => ({ recordId, result: 'Ok', data })),
});

async function through(
  lambda: string,
  events: readonly Event[],
  settings: Event = {},
  rest: Event = {},
  folder = freshFolder(),
) {
  const step = { lambda, bufferInterval: '20 ms', retries: 0, ...settings };
  const running = await run(folder, optionsOf({ out: { from: 'events', ...rest, steps: [step] } }, folder));
  await running.append(events);
  await running.drained();
  const result = {
    rows: running.rows('out'),
    quarantine: running.rows('quarantine'),
    edges: edges(running.log, 'transform.out'),
    said: running.said,
  };
  await running.stop();
  return result;
}

const events = (count: number): Event[] =>
  Array.from({ length: count }, (_, i) => event(i, { clicks: i, kind: 'click' }));
const clicks = (rows: readonly Event[]) => rows.map((row) => row['clicks']);

describe('over HTTP', () => {
  test('records in, and each out as Ok, Dropped or ProcessingFailed', async () => {
    const seen: Invocation[] = [];
    const url = await serve((invocation) => {
      seen.push(invocation);
      const records = invocation.records.map(({ recordId, data }, i) => {
        const one = parse(data);
        if (i === 1) return { recordId, result: 'Dropped' };
        if (i === 2) return { recordId, result: 'ProcessingFailed', data };
        if (i === 3)
          return {
            recordId,
            result: 'Ok',
            data: base64(`${JSON.stringify(one)}\n${JSON.stringify({ ...one, kind: 'copy' })}\n`),
          };
        return {
          recordId,
          result: 'Ok',
          data: base64({ ...one, kind: 'seen' }),
          metadata: { partitionKeys: { day: '7', n: i } },
        };
      });
      return { body: { records: records.toReversed() } };
    });
    const columns = {
      id: 'uuid',
      tenant: 'dictionary',
      at: 'timestamp',
      kind: 'dictionary?',
      clicks: 'int64?',
      partition_keys: 'json?',
    };
    const schema = { columns, tenant: 'tenant', eventId: 'id', eventTime: 'at' };
    const {
      rows,
      quarantine,
      edges: counts,
    } = await through(url, events(5), { arn: 'arn:x', region: 'eu-central-1' }, { schema });
    expect(rows.map(({ clicks: n, kind, partition_keys }) => [n, kind, partition_keys])).toEqual([
      [0, 'seen', { day: '7', n: 0 }],
      [3, 'click', undefined],
      [3, 'copy', undefined],
      [4, 'seen', { day: '7', n: 4 }],
    ]);
    expect(rows[1]!['id']).toBe(uuid(3));
    expect(rows[2]!['id']).not.toBe(uuid(3));
    expect(quarantine).toMatchObject([
      { code: 'TRANSFORM_FAILED', message: 'the function answered ProcessingFailed', event_id: uuid(2), attempts: 1 },
    ]);
    expect(counts).toEqual({ read: 5, ok: 3, written: 4, 'filtered function': 1, 'quarantined TRANSFORM_FAILED': 1 });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ deliveryStreamArn: 'arn:x', region: 'eu-central-1' });
    expect(Date.now() - seen[0]!.records[0]!.approximateArrivalTimestamp).toBeLessThan(60_000);
    expect(parse(seen[0]!.records[0]!.data)).toMatchObject({ id: uuid(0), tenant: 't0', kind: 'click', clicks: 0 });
    expect(Buffer.from(seen[0]!.records[0]!.data, 'base64').toString().endsWith('}\n')).toBe(true);
  });

  test('buffer hints: by records, by bytes, by time', async () => {
    const sizes: number[] = [];
    const url = await serve((invocation) => {
      sizes.push(invocation.records.length);
      return { body: echo(invocation) };
    });
    expect((await through(url, events(10), { bufferRecords: 4, concurrency: 1 })).rows).toHaveLength(10);
    expect(sizes.splice(0)).toEqual([4, 4, 2]);
    const long = events(10).map((one) => ({ ...one, user: 'x'.repeat(1_000) }));
    await through(url, long, { bufferSize: '3 KiB', concurrency: 1 });
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(10);
  });

  test('what comes back is in the order of the events, however long each invocation takes', async () => {
    const url = await serve(async (invocation, call) => {
      await new Promise((resolve) => setTimeout(resolve, (3 - (call % 4)) * 15));
      return { body: echo(invocation) };
    });
    expect(clicks((await through(url, events(40), { bufferRecords: 3, concurrency: 4 })).rows)).toEqual(
      clicks(events(40)),
    );
  });

  test('a step behind it sees the batches in order, so that of equals the first passes', async () => {
    const url = await serve(async (invocation, call) => {
      await new Promise((resolve) => setTimeout(resolve, call === 0 ? 200 : 1));
      return { body: echo(invocation) };
    });
    const folder = freshFolder();
    const steps = [{ lambda: url, bufferRecords: 1 }, { dedupe: { by: 'kind' } }];
    const running = await run(folder, optionsOf({ out: { from: 'events', steps } }, folder));
    for (let n = 0; n < 4; n++) await running.append([event(n * 3, { kind: 'same', clicks: n })]);
    await running.drained();
    expect(clicks(running.rows('out'))).toEqual([0]);
    await running.stop();
  });

  test.each<[string, (invocation: Invocation) => Answer, string, string]>([
    [
      'a missing record',
      (i) => ({ body: { records: echo(i).records.slice(1) } }),
      'TRANSFORM_ANSWER',
      `.0' did not come back`,
    ],
    ['several missing', () => ({ body: { records: [] } }), 'TRANSFORM_ANSWER', `.0' and 2 more did not come back`],
    [
      'a record twice',
      (i) => ({ body: { records: [...echo(i).records, echo(i).records[1]] } }),
      'TRANSFORM_ANSWER',
      `.1' came twice`,
    ],
    [
      'an unknown record',
      (i) => ({ body: { records: [...echo(i).records, { recordId: 'nobody', result: 'Dropped' }] } }),
      'TRANSFORM_ANSWER',
      `the record 'nobody' was not in the invocation`,
    ],
    [
      'an unknown result',
      (i) => ({ body: { records: echo(i).records.map((one) => ({ ...one, result: 'Fine' })) } }),
      'TRANSFORM_ANSWER',
      `.0' has the result "Fine"`,
    ],
    [
      'no data',
      (i) => ({ body: { records: i.records.map(({ recordId }) => ({ recordId, result: 'Ok' })) } }),
      'TRANSFORM_ANSWER',
      `.0' has no data in base64`,
    ],
    [
      'data that is not base64',
      (i) => ({ body: { records: i.records.map(({ recordId }) => ({ recordId, result: 'Ok', data: '{}' })) } }),
      'TRANSFORM_ANSWER',
      'has no data in base64',
    ],
    [
      'partition keys that are none',
      (i) => ({ body: { records: echo(i).records.map((one) => ({ ...one, metadata: { partitionKeys: 'x' } })) } }),
      'TRANSFORM_ANSWER',
      'has the partition keys "x"',
    ],
    [
      'no ids',
      (i) => ({ body: { records: i.records.map(({ data }) => ({ result: 'Ok', data })) } }),
      'TRANSFORM_ANSWER',
      'a record has the id missing',
    ],
    ['no list', () => ({ body: { records: 7 } }), 'TRANSFORM_ANSWER', 'records is 7; expected a list'],
    ['no JSON', () => ({ body: 'Bad Gateway' }), 'TRANSFORM_ANSWER', 'the answer is not JSON'],
    [
      'too much',
      () => ({ body: `{"records":[${' '.repeat(6 * 1024 * 1024)}]}` }),
      'TRANSFORM_ANSWER',
      'the answer is larger than',
    ],
    [
      'an error of the function',
      () => ({ body: { errorType: 'TypeError', errorMessage: 'x is undefined' } }),
      'TRANSFORM_FAILED',
      'the function failed: TypeError: x is undefined',
    ],
    [
      'an error of the server',
      () => ({ status: 502, body: 'no' }),
      'TRANSFORM_FAILED',
      'the function answered 502: no',
    ],
    ['a refusal', () => ({ status: 413, body: 'too large' }), 'TRANSFORM_FAILED', 'the function answered 413'],
  ])('%s fails the records of the invocation', async (_name, answer, code, message) => {
    const url = await serve((invocation) => answer(invocation));
    const { rows, quarantine, edges: counts } = await through(url, events(3));
    expect(rows).toEqual([]);
    expect(quarantine.map((row) => [row['code'], row['event_id']])).toEqual([0, 1, 2].map((n) => [code, uuid(n)]));
    expect(quarantine[0]!['message']).toContain(message);
    expect(counts).toEqual({ read: 3, [`quarantined ${code}`]: 3 });
  });

  test('data that is no event of the output fails that record alone', async () => {
    const datas = ['{"id":', '7', '', '{"tenant":"t1"}', JSON.stringify({ ...event(4), clicks: 'x' })];
    const url = await serve(({ records }) => ({
      body: {
        records: records.map(({ recordId, data }, i) => ({
          recordId,
          result: 'Ok',
          data: i < 5 ? base64(datas[i]) : data,
        })),
      },
    }));
    const { rows, quarantine } = await through(url, events(6));
    expect(clicks(rows)).toEqual([5]);
    expect(quarantine.map(({ code, path }) => [code, path])).toEqual([
      ['EVENT_MALFORMED', undefined],
      ['EVENT_MALFORMED', undefined],
      ['EVENT_MALFORMED', undefined],
      ['EVENT_FIELD_MISSING', 'id'],
      ['EVENT_TYPE', 'clicks'],
    ]);
  });

  test('a failed invocation is tried again, the same way, and counts once', async () => {
    const ids: string[] = [];
    const url = await serve((invocation, call) => {
      ids.push(invocation.invocationId);
      return call < 1 ? { status: 503, body: 'busy' } : { body: echo(invocation) };
    });
    const { rows, quarantine } = await through(url, events(3), { retries: 3 });
    expect(clicks(rows)).toEqual([0, 1, 2]);
    expect(quarantine).toEqual([]);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  test('after the last attempt, the records have attempts and times', async () => {
    const url = await serve(() => ({ status: 500, body: 'no' }));
    const { quarantine } = await through(url, events(1), { retries: 1 });
    expect(quarantine).toMatchObject([{ code: 'TRANSFORM_FAILED', attempts: 2 }]);
    expect(Number(quarantine[0]!['last_at']) - Number(quarantine[0]!['first_at'])).toBeGreaterThanOrEqual(400);
  });

  test('no answer in time', async () => {
    const url = await serve(() => new Promise(() => undefined));
    const { quarantine } = await through(url, events(2), { timeout: '100 ms' });
    expect(quarantine.map(({ code }) => code)).toEqual(['TRANSFORM_TIMEOUT', 'TRANSFORM_TIMEOUT']);
  });

  test('a wrong address or key fills no quarantine: the transform waits until it is mended', async () => {
    let isMended = false;
    const url = await serve((invocation) => (isMended ? { body: echo(invocation) } : { status: 403, body: 'no key' }));
    const folder = freshFolder();
    const step = { lambda: url, bufferInterval: '20 ms' };
    const running = await run(folder, optionsOf({ out: { from: 'events', steps: [step] } }, folder));
    await running.append(events(3));
    while (running.said.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(running.said[0]).toContain('stalled TRANSFORM_FAILED: the function answered 403: no key');
    isMended = true;
    await running.drained();
    expect(clicks(running.rows('out'))).toEqual([0, 1, 2]);
    expect(running.rows('quarantine')).toEqual([]);
    await running.stop();
  });
});

describe('a handler as on Lambda', () => {
  test('ES module with a promise', async () => {
    const folder = freshFolder();
    const path = file(
      folder,
      'handler.mjs',
      `export const handler = async (event, context) => ({
         records: event.records.map((record) => {
           const payload = JSON.parse(Buffer.from(record.data, 'base64').toString('utf8'));
           payload.user = context.awsRequestId.length + '/' + (context.getRemainingTimeInMillis() > 0);
           return { recordId: record.recordId, result: 'Ok', data: Buffer.from(JSON.stringify(payload) + '\\n').toString('base64') };
         }),
       });`,
    );
    const { rows } = await through(path, events(3), {}, {}, folder);
    expect(rows.map(({ user }) => user)).toEqual(Array(3).fill('36/true'));
  });

  test('CommonJS with a callback', async () => {
    const folder = freshFolder();
    const path = file(
      folder,
      'handler.cjs',
      `'use strict';
       exports.handler = (event, context, callback) => {
         const records = event.records.map(({ recordId, data }, i) => (i === 1 ? { recordId, result: 'Dropped' } : { recordId, result: 'Ok', data }));
         setTimeout(() => callback(null, { records }), 5);
       };`,
    );
    expect(clicks((await through(path, events(3), {}, {}, folder)).rows)).toEqual([0, 2]);
  });

  test('throwing, hanging, and answering nonsense fail the invocation', async () => {
    const folder = freshFolder();
    const path = file(
      folder,
      'handler.mjs',
      `export const handler = async ({ records }) => {
         const { clicks } = JSON.parse(Buffer.from(records[0].data, 'base64').toString());
         if (clicks === 0) throw new Error('no zero');
         while (clicks === 1);
         if (clicks === 2) return { records: [] };
         return { records: records.map(({ recordId, data }) => ({ recordId, result: 'Ok', data })) };
       };`,
    );
    const settings = { bufferRecords: 1, concurrency: 1, timeout: '300 ms' };
    const { rows, quarantine } = await through(path, events(5), settings, {}, folder);
    expect(clicks(rows)).toEqual([3, 4]);
    expect(quarantine.map(({ code }) => code)).toEqual(['TRANSFORM_FAILED', 'TRANSFORM_TIMEOUT', 'TRANSFORM_ANSWER']);
    expect(quarantine[0]!['message']).toContain('no zero');
  });

  test('a module without a handler stalls the transform', async () => {
    const folder = freshFolder();
    const path = file(folder, 'handler.mjs', `export default 7;`);
    const running = await run(
      folder,
      optionsOf({ out: { from: 'events', steps: [{ lambda: path, bufferInterval: '10 ms' }] } }, folder),
    );
    await running.append(events(1));
    while (running.said.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(running.said[0]).toContain('expected `export const handler');
    await running.stop();
  });
});

test('an answer in full', () => {
  const records = [
    { recordId: 'b', result: 'Dropped' },
    { recordId: 'a', result: 'Ok', data: base64('ü'), metadata: { partitionKeys: { k: 'v' } } },
  ];
  expect(readAnswer(JSON.stringify({ records }), ['a', 'b'])).toEqual([
    { result: 'Ok', data: Buffer.from('ü'), partitionKeys: { k: 'v' } },
    { result: 'Dropped' },
  ]);
});
