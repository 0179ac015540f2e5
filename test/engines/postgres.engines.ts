import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres, type Postgres } from './postgres.js';

describe('PostgreSQL', () => {
  let engine: Postgres;
  beforeAll(async () => {
    engine = await startPostgres({ settings: { max_connections: 17 } });
  });
  afterAll(() => engine?.stop());

  async function ask(sql: string): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: engine.url });
    // The query itself rejects when the server goes.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  test('keeps what it committed over kill -9, also with a query under way', async () => {
    await ask('create table events (id int primary key)');
    await ask('insert into events select generate_series(1, 1000)');
    // A busy child of the server wouldn't notice that its parent is gone, and commit.
    const busy = 'insert into events select 2000 + count(*)::int from generate_series(1, 20000000)';
    const cut = expect(ask(busy)).rejects.toThrow();
    const underWay = "select from pg_stat_activity where state = 'active' and query like 'insert%'";
    while ((await ask(underWay)).length === 0) await sleep(10);
    await engine.kill();
    await engine.restart();
    await cut;
    expect(await ask('select count(*)::int as n from events')).toEqual([{ n: 1000 }]);
  });

  test('a graceful restart waits for no client, and keeps the settings', async () => {
    const idle = new pg.Client({ connectionString: engine.url });
    const lost = new Promise((resolve) => idle.on('error', resolve));
    await idle.connect();
    await engine.restart();
    await lost;
    expect(readFileSync(engine.logFile, 'utf8')).toContain('received fast shutdown request');
    expect(await ask('show max_connections')).toEqual([{ max_connections: '17' }]);
  });
});
