import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickHouse, type ClickHouse } from './clickhouse.js';
import { describeWith } from './missing.js';

describeWith(['clickhouse'], 'ClickHouse', () => {
  let engine: ClickHouse;
  let client: ClickHouseClient;
  beforeAll(async () => {
    engine = await startClickHouse();
    client = createClient({
      url: engine.url,
      username: engine.username,
      password: engine.password,
      database: 'shop',
      log: { level: ClickHouseLogLevel.OFF },
      compression: { request: true, response: true },
    });
    await ask({ query: 'create database shop', database: 'default' });
    await client.command({
      query:
        'create table events (id UInt64, name String) engine MergeTree order by id ' +
        'settings non_replicated_deduplication_window = 100',
    });
  });
  afterAll(async () => {
    await client?.close();
    await engine?.stop();
  });

  /** Plain HTTP, as a sink does. */
  async function ask(
    parameters: Readonly<Record<string, string>>,
    body: string | Uint8Array = '',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; text: string; headers: Headers }> {
    const query = new URLSearchParams({ database: 'shop', ...parameters });
    const credentials = { 'x-clickhouse-user': engine.username, 'x-clickhouse-key': engine.password };
    const answer = await fetch(`${engine.url}/?${query}`, {
      method: 'POST',
      body,
      headers: { ...credentials, ...headers },
    });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  }

  async function count(): Promise<number> {
    return Number((await ask({}, 'select count() from events')).text);
  }

  const insert = 'insert into events format JSONEachRow';

  test('an insert by token counts once, also after kill -9 and a restart', async () => {
    const rows = '{"id":1,"name":"a; drop table events"}\n\n{"id":"2","name":"b\\n\\nc"}\n';
    const token = { query: insert, insert_deduplication_token: 'batch-1' };
    const first = await ask(token, gzipSync(rows), { 'content-encoding': 'gzip' });
    expect(first).toMatchObject({ status: 200, text: '' });
    expect(JSON.parse(first.headers.get('x-clickhouse-summary')!)).toMatchObject({ written_rows: '2' });
    await engine.kill();
    await engine.restart();
    expect(await ask(token, rows)).toMatchObject({ status: 200 });
    expect(await count()).toBe(2);
    expect(await ask({ ...token, insert_deduplication_token: 'batch-2' }, rows)).toMatchObject({ status: 200 });
    expect(await count()).toBe(4);
    expect((await ask({}, 'select distinct name from events order by id format JSONEachRow')).text).toBe(
      '{"name":"a; drop table events"}\n{"name":"b\\n\\nc"}\n',
    );
  });

  test('serves the official client', async () => {
    expect(await client.ping()).toMatchObject({ success: true });
    await client.command({ query: 'truncate table events' });
    const values = Array.from({ length: 1000 }, (_, id) => ({ id, name: `n'${id}\\` }));
    const inserted = await client.insert({
      table: 'events',
      values,
      format: 'JSONEachRow',
      clickhouse_settings: { insert_deduplication_token: 'c', async_insert: 0 },
    });
    expect(inserted.summary).toMatchObject({ written_rows: '1000' });
    const found = await client.query({
      query: 'select id, name from events where id >= {from: UInt64} and name != {not: String} order by id',
      query_params: { from: 997, not: "n'998\\" },
      format: 'JSONEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    });
    expect(await found.json()).toEqual([values[997], values[999]]);
  });

  test('a request leaves no setting, parameter or database to the next', async () => {
    const setting = "select value from system.settings where name = 'max_threads'";
    const before = (await ask({}, setting)).text;
    expect((await ask({ max_threads: '17', database: 'system' }, setting)).text).toBe('17\n');
    expect((await ask({}, setting)).text).toBe(before);
    expect((await ask({}, 'select currentDatabase()')).text).toBe('shop\n');
    expect((await ask({ param_x: '5' }, 'select {x: UInt8}')).text).toBe('5\n');
    expect(await ask({}, 'select {y: UInt8}')).toMatchObject({ status: 500 });
  });

  test('tells errors by status and code', async () => {
    const wrong = { 'x-clickhouse-key': 'wrong' };
    const cases: [Parameters<typeof ask>, status: number, code: string][] = [
      [[{}, 'select', wrong], 403, '516'],
      [[{}, 'selec 1'], 400, '62'],
      [[{ query: 'insert into nowhere format JSONEachRow' }, '{"id":1}'], 404, '60'],
      [[{ query: insert }, '{"id":"many"}'], 400, '27'],
      [[{ nosuch: '1' }, 'select 1'], 404, '115'],
      [[{ database: 'nosuch' }, 'select 1'], 404, '81'],
      [[{ session_id: 's' }, 'select 1'], 501, '48'],
      [[{ query: 'insert into events format TabSeparated' }, '1\ta\n\n2\tb\n'], 501, '48'],
    ];
    for (const [request, status, code] of cases) {
      const answer = await ask(...request);
      expect({ status: answer.status, code: answer.headers.get('x-clickhouse-exception-code') }).toEqual({
        status,
        code,
      });
      expect(answer.text).toMatch(
        new RegExp(`^Code: ${code}\\. DB::Exception: .*\\([A-Z_]+\\) \\(version [\\d.]+\\)\\n$`, 's'),
      );
    }
    await expect(client.query({ query: 'select nosuch' })).rejects.toMatchObject({ type: 'UNKNOWN_IDENTIFIER' });
  });

  test('takes an insert wherever its text ends', async () => {
    await client.command({ query: 'truncate table events' });
    expect(await ask({}, `${insert}\n{"id":1,"name":"body"}`)).toMatchObject({ status: 200 });
    expect(await ask({ query: insert }, '')).toMatchObject({ status: 200 });
    expect(await ask({ query: 'insert into events values' }, "(2, 'format x'), (3, ';')")).toMatchObject({
      status: 200,
    });
    expect(await ask({}, 'insert into events select number, toString(number) from numbers(4, 2)')).toMatchObject({
      status: 200,
    });
    expect((await ask({}, 'select groupArray(name) from (select name from events order by id)')).text).toBe(
      "['body','format x',';','4','5']\n",
    );
    const get = await fetch(`${engine.url}/?query=${encodeURIComponent('truncate table shop.events')}`, {
      headers: { authorization: `Basic ${Buffer.from(`${engine.username}:${engine.password}`).toString('base64')}` },
    });
    expect([get.status, get.headers.get('x-clickhouse-exception-code')]).toEqual([500, '164']);
    expect(await count()).toBe(5);
  });
});
