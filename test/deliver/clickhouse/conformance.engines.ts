import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll } from 'vitest';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { sinkConformance } from '../../conformance/sinks.js';
import { startClickHouse, type ClickHouse } from '../../engines/clickhouse.js';
import { describeWith } from '../../engines/missing.js';
import { sinkContext, someRows } from '../support.js';
import { settings } from './support.js';

describeWith(['clickhouse'], 'the sink clickhouse', () => {
  let engine: ClickHouse;
  let client: ClickHouseClient;
  beforeAll(async () => {
    engine = await startClickHouse();
    const { url, username, password } = engine;
    client = createClient({ url, username, password, keep_alive: { enabled: false } });
  });
  afterAll(async () => {
    await client?.close();
    await engine?.stop();
  });

  let tables = 0;
  sinkConformance('clickhouse', async () => {
    const table = `Events ${tables++}`;
    const { url, username: user, password } = engine;
    const options = settings(url, { table, user, password, requestRowsMax: 20, compression: 'gzip' });
    const isThere = async (): Promise<boolean> => {
      const asked = await client.query({
        query: "SELECT name FROM system.tables WHERE database = 'default' AND name = {table: String}",
        query_params: { table },
        format: 'JSONEachRow',
      });
      return (await asked.json()).length > 0;
    };
    return {
      make: () => createSink(options, sinkContext()),
      read: async () => {
        if (!(await isThere())) return [];
        const found = await client.query({ query: `SELECT id FROM \`${table}\``, format: 'JSONEachRow' });
        return (await found.json<{ id: string }>()).map(({ id }) => id);
      },
      guarantee: 'exactly once',
      ordered: false,
      // A time that the column can't hold.
      poison: { ...someRows(1)[0]!, id: 'poison', at: 8.6e15 },
      outage: { away: () => engine.kill(), back: () => engine.restart() },
      close: async () => undefined,
    };
  });
});
