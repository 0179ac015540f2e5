import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { sinkField } from '../../../src/config/sinks/index.js';
import { parseDelivery } from '../../../src/config/deliveries.js';
import { checkDelivery } from '../../../src/deliver/check.js';
import { Receipt, ROW } from '../../../src/deliver/receipt.js';
import { CutRows } from '../../../src/deliver/rows.js';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { QUARANTINE_SCHEMA, QUARANTINE_STREAM } from '../../../src/event/internal.js';
import { batchFromRows } from '../../../src/event/rows.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import type { Schema } from '../../../src/event/schema.js';
import { parquetMetadata } from 'hyparquet';
import { deliveryOptions, freshFolder, removeFolders, SCHEMA, someRows } from '../support.js';
import { CONTEXT, directoryOptions, objectsIn, readObject } from './support.js';

const AT = Date.UTC(2018, 7, 27, 10, 30, 5);

/** Sends rows as one cut; answers the receipt and the objects. */
async function send(
  settings: object,
  rows: readonly Record<string, unknown>[],
  { schema = SCHEMA, replay = null }: { readonly schema?: Schema; readonly replay?: string | null } = {},
) {
  const folder = join(freshFolder(), 'objects');
  const sink = createSink(directoryOptions(folder, settings), { ...CONTEXT, schema });
  const stamped = rows.map((row, i) => ({ received_at: AT + i * 1000, ...row }));
  const batch = batchFromRows(schema, stamped);
  const place = { stream: 'events', partition: 0, baseOffset: 0, receivedAt: AT };
  const cut = new CutRows(schema, [{ ...place, batch, rows: null, attempts: null }]);
  const receipt = new Receipt(cut.count);
  const range = `events/0:0-${cut.count}`;
  const { signal } = new AbortController();
  await sink.open(signal);
  const part = { delivery: 'out', stream: 'events', range, receivedAt: AT, replay };
  await sink.send({ id: 'x', rows: cut, attempt: 0, isRest: false, cut: part }, receipt, signal);
  await sink.close();
  return { receipt, objects: objectsIn(folder) };
}

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

describe('objects of a cut', () => {
  afterEach(removeFolders);

  test.each<[object, string]>([
    [{}, `2018/08/27/10/events-1-2018-08-27-10-30-05-${UUID}`],
    [{ prefix: 'a/', compression: 'gzip' }, `a/2018/08/27/10/events-1-2018-08-27-10-30-05-${UUID}\\.gz`],
    [{ format: 'csv', compression: 'zstd' }, `2018/08/27/10/events-1-2018-08-27-10-30-05-${UUID}\\.csv\\.zst`],
    [{ format: 'parquet', name: 'x', version: 7 }, `2018/08/27/10/x-7-2018-08-27-10-30-05-${UUID}\\.parquet`],
    [{ extension: '.json' }, `2018/08/27/10/events-1-2018-08-27-10-30-05-${UUID}\\.json`],
    [{ timeZone: 'Asia/Tokyo' }, `2018/08/27/19/events-1-2018-08-27-19-30-05-${UUID}`],
    [
      { prefix: 'r=!{firehose:random-string}/!{firehose:random-string}/!{timestamp:HH}/' },
      `r=([0-9a-f]{11})/(?!\\1)[0-9a-f]{11}/10/events-1-2018-08-27-10-30-05-${UUID}`,
    ],
  ])('%j', async (settings, expected) => {
    const { objects } = await send(settings, someRows(3));
    expect([...objects.keys()]).toEqual([expect.stringMatching(new RegExp(`^${expected}$`))]);
    const again = await send(settings, someRows(3));
    expect([...again.objects.keys()]).toEqual([...objects.keys()]);
  });

  test('times are those of the oldest row of each object', async () => {
    const rows = someRows(3).map((row, i) => ({ ...row, received_at: AT + [7_200_000, 3_600_000, 0][i]! }));
    const settings = { partitionBy: { t: 'tenant' }, prefix: '!{partitionKeyFromQuery:t}/!{timestamp:HH}/' };
    const { objects } = await send(settings, rows);
    expect([...objects.keys()].map((key) => key.slice(0, 7)).toSorted()).toEqual(['acme/12', 'bolt/11', 'crux/10']);
  });

  test('a replay writes objects of its own', async () => {
    const first = await send({}, someRows(3));
    const replayed = await send({}, someRows(3), { replay: 'r1' });
    const [key] = first.objects.keys();
    const [other] = replayed.objects.keys();
    expect(other).toMatch(new RegExp(`-${UUID}-replay-r1$`));
    expect(other!.startsWith(key!)).toBe(false);
  });

  test('a row whose partition key fails is refused, the others arrive', async () => {
    const settings = { partitionBy: { n: '10 / (count - 3)' }, prefix: 'n=!{partitionKeyFromQuery:n}/' };
    const { receipt, objects } = await send(settings, someRows(5));
    expect([...receipt.marks]).toEqual([ROW.taken, ROW.taken, ROW.taken, ROW.refused, ROW.taken]);
    expect(receipt.refusals.get(3)).toEqual({ code: 'SQL_RUNTIME', message: 'division by zero' });
    expect([...objects.keys()].map((key) => key.split('/')[0]).toSorted()).toEqual(['n=-10', 'n=-3', 'n=-5', 'n=10']);
    expect(receipt).toMatchObject({ objects: 4 });
  });

  test('a key that no object can have refuses its rows alone', async () => {
    const names = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`k${i}`, `note || '${i}'`]));
    const prefix = Object.keys(names)
      .map((name) => `!{partitionKeyFromQuery:${name}}/`)
      .join('');
    const rows = someRows(2).map((row, i) => ({ ...row, note: i === 0 ? 'short' : 'x'.repeat(400) }));
    const { receipt, objects } = await send({ partitionBy: names, prefix }, rows);
    expect([...receipt.marks]).toEqual([ROW.taken, ROW.refused]);
    expect(receipt.refusals.get(1)!.code).toBe('STORE_KEY_INVALID');
    expect(objects.size).toBe(1);
  });

  test('partition keys of a transform come from the column partition_keys', async () => {
    const schema = defineSchema({ columns: { id: 'string', partition_keys: 'json?' }, eventId: 'id' });
    const rows = [
      { id: 'a', partition_keys: { customer: 'c/1' } },
      { id: 'b', partition_keys: null },
    ];
    const settings = { prefix: 'c=!{partitionKeyFromLambda:customer}/' };
    const { objects } = await send(settings, rows, { schema });
    const folders = [...objects.keys()].map((key) => key.split('/')[0]).toSorted();
    expect(folders).toEqual(['c=__HIVE_DEFAULT_PARTITION__', 'c=c%2F1']);
  });

  test('packed: one object, sorted, with row groups whose bounds tell tenants apart', async () => {
    const rows = someRows(5_000).map((row, i) => ({ ...row, at: Number(row['at']), tenant: `t-${(i * 7919) % 500}` }));
    const settings = {
      format: 'parquet',
      partitionBy: { t: 'tenant' },
      pack: true,
      sortBy: ['at'],
      rowGroupRows: 1000,
    };
    const { objects, receipt } = await send(settings, rows);
    expect(receipt).toMatchObject({ objects: 1 });
    expect(receipt.count(ROW.taken)).toBe(5_000);
    const [bytes] = objects.values();
    const read = await readObject(bytes!, { format: 'parquet' });
    const expected = rows.toSorted((a, b) => (a.tenant < b.tenant ? -1 : a.tenant > b.tenant ? 1 : a.at - b.at));
    expect(read.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    const { row_groups } = parquetMetadata(new Uint8Array(bytes!).buffer);
    const bounds = row_groups.map(({ columns }) => {
      const column = columns.find(({ meta_data }) => meta_data!.path_in_schema[0] === 'tenant')!;
      const { min_value, max_value } = column.meta_data!.statistics!;
      return [String(min_value), String(max_value)] as const;
    });
    expect(bounds).toHaveLength(5);
    for (let i = 1; i < bounds.length; i++) expect(bounds[i]![0] >= bounds[i - 1]![1]).toBe(true);
  });

  test('sorted: numbers, times, texts and what is missing', async () => {
    const values = [3, null, -1, 10, 2];
    const rows = someRows(5).map((row, i) => ({ ...row, count: values[i] }));
    for (const [sortBy, expected] of [
      [['count'], ['e-2', 'e-4', 'e-0', 'e-3', 'e-1']],
      [['-count'], ['e-3', 'e-0', 'e-4', 'e-2', 'e-1']],
      [
        ['kind', 'at'],
        ['e-0', 'e-2', 'e-4', 'e-1', 'e-3'],
      ],
      [['id'], ['e-0', 'e-1', 'e-2', 'e-3', 'e-4']],
    ] as const)
      for (const format of ['ndjson', 'csv', 'parquet']) {
        const { objects } = await send({ format, sortBy }, rows);
        const [bytes] = objects.values();
        expect((await readObject(bytes!, { format })).map(({ id }) => id)).toEqual(expected);
      }
  });

  test("errors of the quarantine as Firehose's", async () => {
    const failed = (stage: string, code: string) => ({
      tenant: 'acme',
      stage,
      stream: 'events',
      code,
      message: 'no',
      index: 0,
      attempts: 3,
      original: Buffer.from('raw').toString('base64'),
      original_length: 3,
      first_at: AT - 5000,
      last_at: AT - 1000,
    });
    const rows = [
      failed('transform', 'TRANSFORM_FAILED'),
      failed('collect', 'EVENT_TYPE'),
      failed('deliver', 'DELIVERY_REFUSED'),
      failed('deliver', 'SQL_RUNTIME'),
    ];
    const settings = { errorPrefix: 'failed/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/', format: 'errors' };
    const { objects } = await send(settings, rows, { schema: QUARANTINE_SCHEMA });
    expect([...objects.keys()].map((key) => key.split('/').slice(0, 5).join('/')).toSorted()).toEqual([
      'failed/delivery-failed/2018/08/27',
      'failed/dynamic-partitioning-failed/2018/08/27',
      'failed/format-conversion-failed/2018/08/27',
      'failed/processing-failed/2018/08/27',
    ]);
    const bytes = [...objects].find(([key]) => key.startsWith('failed/processing-failed/'))![1];
    expect(JSON.parse(bytes.toString())).toEqual({
      attemptsMade: 3,
      arrivalTimestamp: AT - 5000,
      errorCode: 'TRANSFORM_FAILED',
      errorMessage: 'no',
      attemptEndingTimestamp: AT - 1000,
      rawData: 'cmF3',
    });
  });

  test('a cut without rows makes nothing', async () => {
    const folder = join(freshFolder(), 'objects');
    const sink = createSink(directoryOptions(folder), CONTEXT);
    expect(sink.requests(new CutRows(SCHEMA, []))).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});

describe('settings', () => {
  const mistakes = (settings: object): string[] =>
    sinkField
      .safeParse({ type: 'directory', path: 'x', ...settings })
      .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

  test.each<[object, string]>([
    [{ prefix: 'a/!{timestamp:yyyy/jj}/' }, 'prefix: at character 20: expected one of the letters'],
    [{ prefix: 'a/!{firehose:error-output-type}/' }, 'prefix: at character 5:'],
    [{ prefix: '../a/' }, 'prefix: no object can have this key'],
    [{ prefix: '/a/' }, 'prefix: no object can have this key'],
    [{ errorPrefix: 'failed/' }, 'errorPrefix: at character 1: expected !{firehose:error-output-type}'],
    [{ timeZone: 'Mars/Olympus' }, 'timeZone: time zone "Mars/Olympus" not recognized'],
    [{ extension: 'json' }, 'extension: expected an extension'],
    [{ name: 'a/b' }, 'name: expected at most 64'],
    [{ format: 'parquet', compression: 'gzip' }, "compression: expected 'zstd' or 'none'"],
    [{ pack: true, prefix: '!{partitionKeyFromQuery:k}/' }, 'pack: expected no partition key in the prefix'],
    [{ format: 'xml' }, 'format: expected ndjson'],
  ])('%j is refused', (settings, expected) => {
    expect(mistakes(settings)).toEqual([expect.stringContaining(expected)]);
  });

  test("Firehose's errors are the quarantine's only", () => {
    const to = { type: 'directory', path: '/x', format: 'errors', errorPrefix: '!{firehose:error-output-type}/' };
    expect(() => parseDelivery('out', { from: 'events', to })).toThrow(
      "to.errorPrefix: expected a delivery from 'quarantine'",
    );
    expect(parseDelivery('out', { from: QUARANTINE_STREAM, to }).name).toBe('out');
  });

  test.each<[object, string]>([
    [{ prefix: '!{partitionKeyFromQuery:k}/' }, "deliveries.out.to.partitionBy: expected the partition key 'k'"],
    [{ partitionBy: { k: 'nothing' } }, 'nothing'],
    [{ partitionBy: { k: 'count(*)' } }, 'count'],
    [{ sortBy: ['labels'] }, 'deliveries.out.to.sortBy[0]: expected what can be sorted by'],
  ])('%j is found by a check against the schema', async (settings, expected) => {
    const sink = directoryOptions('/x', settings);
    await expect(checkDelivery(deliveryOptions({ sink }), SCHEMA)).rejects.toThrow(expected);
  });

  test('a filter too', async () => {
    await expect(checkDelivery(deliveryOptions({ filter: 'nothing = 1' }), SCHEMA)).rejects.toThrow('nothing');
    await checkDelivery(deliveryOptions({ filter: "kind = 'click'" }), SCHEMA);
  });
});
