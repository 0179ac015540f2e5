import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ROW } from '../../../src/deliver/receipt.js';
import { CutRows } from '../../../src/deliver/rows.js';
import { ComeAgain, Refused, type Sink } from '../../../src/deliver/sink.js';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { batchFromRows } from '../../../src/event/rows.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import type { Schema } from '../../../src/event/schema.js';
import { SeededRandom } from '../../sim/random.js';
import { startClickHouse, type ClickHouse } from '../../engines/clickhouse.js';
import { describeWith } from '../../engines/missing.js';
import { Bench, cutRows, deliveryOptions, removeFolders, SCHEMA, sinkContext, someRows, type Row } from '../support.js';
import { send, settings, type Settings } from './support.js';

const EVERY = defineSchema({
  columns: {
    id: 'uuid',
    tenant: 'dictionary',
    note: 'string?',
    kind: 'dictionary?',
    labels: 'list?',
    raw: 'bytes?',
    count: 'int64?',
    ratio: 'double?',
    cost: 'decimal?',
    at: 'timestamp?',
    yes: 'boolean?',
    props: 'json?',
  },
  tenant: 'tenant',
  eventId: 'id',
});

describeWith(['clickhouse'], 'rows in ClickHouse', () => {
  let engine: ClickHouse;
  let client: ClickHouseClient;
  let sink: Sink;
  let table = '';
  let tables = 0;

  beforeAll(async () => {
    engine = await startClickHouse();
    const { url, username, password } = engine;
    client = createClient({ url, username, password, keep_alive: { enabled: false } });
  });
  afterAll(async () => {
    await client?.close();
    await engine?.stop();
  });
  beforeEach(() => {
    table = `ev\`e"n\\ts ${tables++}`;
  });
  afterEach(async () => {
    await sink.close();
    removeFolders();
  });

  const make = (rest: Settings = {}, schema: Schema = SCHEMA): Sink => {
    const { url, username: user, password } = engine;
    return (sink = createSink(
      settings(url, { table, user, password, ...rest }),
      sinkContext({ schema, requestsMax: 3 }),
    ));
  };
  const open = async (rest: Settings = {}, schema: Schema = SCHEMA): Promise<Sink> => {
    await make(rest, schema).open(new AbortController().signal);
    return sink;
  };
  const name = (): string => `\`${table.replaceAll(/[\\`]/g, String.raw`\$&`)}\``;
  const command = (query: string) => client.command({ query });
  const ask = async <T = Record<string, unknown>>(query: string): Promise<T[]> =>
    (await client.query({ query, format: 'JSONEachRow' })).json<T>();
  const count = async (): Promise<number> =>
    Number((await ask<{ n: string }>(`SELECT count() AS n FROM ${name()}`))[0]!.n);

  test('every type comes out as it went in', async () => {
    await open({}, EVERY);
    const full = {
      id: '0198b2f0-0000-7000-8000-000000000001',
      tenant: 'acme',
      note: 'ä "quote" \\ \n \u0000 end',
      kind: 'click',
      labels: ['x', "y'"],
      raw: 'AAEC',
      count: '9007199254740993',
      ratio: 0.1,
      cost: '9223372036854.775807',
      at: -1,
      yes: false,
      props: { a: { b: [1, 'ü'] }, n: null },
      received_at: 1_700_000_000_123,
    };
    const least = { id: '0198b2f0-0000-7000-8000-000000000002', tenant: 'bolt', received_at: 1_700_000_000_124 };
    const low = {
      ...least,
      id: '0198b2f0-0000-7000-8000-000000000003',
      cost: '-9223372036854.775808',
      at: 1_700_000_000,
    };
    await send(sink, cutRows([full, least, low] as unknown as Row[], EVERY));
    const rows = await ask(
      `SELECT id, tenant, note, kind, labels, raw, toString(count) AS count, ratio, toString(cost) AS cost,
              toUnixTimestamp64Milli(at) AS at, yes, props, toUnixTimestamp64Milli(received_at) AS received_at
         FROM ${name()} ORDER BY id SETTINGS output_format_json_quote_64bit_integers = 0`,
    );
    expect(rows[0]).toEqual({ ...full, props: JSON.stringify(full.props) });
    const nulls = { note: null, kind: null, raw: null, count: null, ratio: null, cost: null, at: null, yes: null };
    expect(rows[1]).toEqual({ ...least, ...nulls, labels: [], props: null });
    expect(rows[2]).toMatchObject({ cost: low.cost, at: low.at });
  });

  test('the same request counts once, after a restart too; another with the same rows counts on its own', async () => {
    const rows = cutRows(someRows(50));
    await open();
    await send(sink, rows, 'a');
    await send(sink, rows, 'a');
    expect(await count()).toBe(50);
    await engine.kill();
    await engine.restart();
    await open({ compression: 'gzip' });
    expect((await send(sink, rows, 'a')).count(ROW.taken)).toBe(50);
    expect(await count()).toBe(50);
    await send(sink, rows, 'b');
    expect(await count()).toBe(100);
    // Divided in another way under the same id: rather twice than not at all.
    await send(sink, cutRows(someRows(60)), 'b');
    expect(await count()).toBe(160);
  });

  test('a table that remembers no inserts is told to, or refused', async () => {
    const columns = 'id String, tenant String, received_at DateTime64(3)';
    await command(`CREATE TABLE ${name()} (${columns}) ENGINE = MergeTree ORDER BY id`);
    await expect(open({ setUp: false })).rejects.toThrow(
      /does not remember inserts; run: ALTER TABLE .* ADD COLUMN IF NOT EXISTS `at`.*; ALTER TABLE .* MODIFY SETTING non_replicated_deduplication_window = 10000/,
    );
    await open();
    await open({ setUp: false });
    const rows = cutRows(someRows(10));
    await send(sink, rows);
    await send(sink, rows);
    expect(await count()).toBe(10);
    // The control: without the memory the same request is there twice.
    await command(`ALTER TABLE ${name()} MODIFY SETTING non_replicated_deduplication_window = 0`);
    await send(sink, rows);
    expect(await count()).toBe(20);
  });

  test.each([
    ['count', 'Int32'],
    ['count', 'UInt64'],
    ['at', 'DateTime'],
    ['cost', 'Decimal(9, 2)'],
    ['cost', 'Float64'],
    ['labels', 'String'],
    ['kind', 'UInt8'],
  ])('a column %s of type %s, which does not hold every value, is refused at the start', async (column, type) => {
    await command(`CREATE TABLE ${name()} (id String, \`${column}\` ${type}) ENGINE = MergeTree ORDER BY id`);
    await expect(open()).rejects.toThrow(new RegExp(`column "${column}" is .*, expected`));
  });

  test('a column of finer times has the same times', async () => {
    const columns = 'id String, tenant String, at DateTime64(6), received_at DateTime64(9)';
    await command(`CREATE TABLE ${name()} (${columns}) ENGINE = MergeTree ORDER BY id`);
    await open();
    await send(sink, cutRows([{ ...someRows(1)[0]!, at: 1_700_000_000_123 }]));
    expect(await ask(`SELECT toString(toUnixTimestamp64Micro(at)) AS at FROM ${name()}`)).toEqual([
      { at: '1700000000123000' },
    ]);
  });

  test('a new column is added, and others stay', async () => {
    await open();
    await send(sink, cutRows(someRows(2)), 'a');
    await command(`ALTER TABLE ${name()} ADD COLUMN mine String DEFAULT 'x', DROP COLUMN cost`);
    // The table changed while the sink was open.
    await expect(send(sink, cutRows(someRows(2, 'f')), 'b')).rejects.toThrow(ComeAgain);
    await send(sink, cutRows(someRows(2, 'f')), 'b');
    expect(await ask(`SELECT id, mine, toString(cost) AS cost FROM ${name()} WHERE id = 'f-1'`)).toEqual([
      { id: 'f-1', mine: 'x', cost: '0.25' },
    ]);
  });

  test('rows that are refused go to the quarantine, the others arrive', async () => {
    const bench = await new Bench().open();
    await make().open(new AbortController().signal);
    await command(`ALTER TABLE ${name()} ADD CONSTRAINT no_bad CHECK kind != 'bad'`);
    const rows = someRows(60).map((row, n) => ({
      ...row,
      ...(n === 7 ? { at: 8.6e15 } : n === 31 || n === 32 ? { kind: 'bad' } : {}),
    }));
    await bench.append(rows);
    await bench.start(make());
    await bench.drained();
    expect(await count()).toBe(57);
    const quarantined = bench.rows('quarantine').map((row) => [row['event_id'], String(row['message'])]);
    expect(quarantined.map(([id]) => id)).toEqual(['e-7', 'e-31', 'e-32']);
    expect(quarantined[1]![1]).toMatch(/Code: 469.*no_bad/);
    await bench.close();
  });

  test('an insert of more partitions than one may have goes in halves', async () => {
    await open();
    const month = 31 * 86_400_000;
    const rows = someRows(130).map((row, n) => ({ ...row, received_at: n * month }));
    await expect(send(sink, cutRows(rows))).rejects.toThrow(Refused);
    await expect(send(sink, cutRows(rows))).rejects.toMatchObject({ divisible: true });
    await send(sink, cutRows(rows).part(0, 65), 'a.0');
    await send(sink, cutRows(rows).part(65, 130), 'a.1');
    expect(await count()).toBe(130);
  });

  test('a Replacing table has an event once, however often it was sent', async () => {
    await open({ engine: 'ReplacingMergeTree' });
    await send(sink, cutRows(someRows(10)), 'a');
    await send(sink, cutRows(someRows(10)), 'b');
    expect(await ask(`SELECT count() AS n FROM ${name()} FINAL`)).toEqual([
      { n: expect.toSatisfy((n) => Number(n) === 10) },
    ]);
    const without = defineSchema({ columns: { n: 'int64' } });
    expect(() => make({ engine: 'ReplacingMergeTree' }, without)).toThrow(
      /deliveries\.out\.to\.engine: expected a stream with event ids/,
    );
  });

  test('streams without tenant and ids: rows with the same values all count', async () => {
    const schema = defineSchema({ columns: { n: 'int64' } });
    await open({}, schema);
    const rows = new CutRows(schema, [
      {
        stream: 'events',
        partition: 0,
        baseOffset: 0,
        receivedAt: 0,
        batch: batchFromRows(schema, [{ n: 1 }, { n: 1 }]),
        rows: null,
        attempts: null,
      },
    ]);
    await send(sink, rows, 'a');
    await send(sink, rows, 'b');
    expect(await count()).toBe(4);
  });

  test('a wrong password waits, is told, and is not shown', async () => {
    const wrong = open({ password: 'guessed-0' });
    await expect(wrong).rejects.toThrow(/the rows wait until user, password and rights are mended/);
    await expect(wrong).rejects.not.toThrow(/guessed-0/);
  });

  test('kill -9 of the server and of the delivery, under load: every event exactly once', async () => {
    const random = new SeededRandom(20261129);
    const bench = await new Bench({ partitions: 2 }).open();
    let events = 0;
    const start = () =>
      bench.start(
        make({ requestRowsMax: 50, timeout: '5 s' }),
        deliveryOptions({ bufferRowsMax: 300, requestsMax: 3 }),
      );
    const feed = async (commits: number): Promise<void> => {
      for (let n = 0; n < commits; n++, events += 100) {
        await bench.append(someRows(100, 'e', events));
        await new Promise((resolve) => setTimeout(resolve, random.below(20)));
      }
    };
    await start();
    for (let round = 0; round < 4; round++) {
      await feed(5);
      if (round % 2 === 1) await bench.restart();
      await engine.kill();
      if (round % 2 === 1) await start();
      await feed(3);
      await engine.restart();
      await feed(2);
    }
    await bench.drained();
    const found = await ask<{ id: string }>(`SELECT id FROM ${name()}`);
    expect(found).toHaveLength(events);
    expect(new Set(found.map(({ id }) => id)).size).toBe(events);
    expect(bench.edges()).toEqual({ read: events, ok: events, written: expect.any(Number) });
    await bench.close();
  });
});
