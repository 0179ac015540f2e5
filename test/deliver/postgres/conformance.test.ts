import { afterAll, beforeAll } from 'vitest';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { sinkConformance } from '../../conformance/sinks.js';
import { startPostgres, type Postgres } from '../../engines/postgres.js';
import { sinkContext, someRows } from '../support.js';
import { ask, settings } from './support.js';

let engine: Postgres;
beforeAll(async () => {
  engine = await startPostgres();
});
afterAll(() => engine?.stop());

let tables = 0;
sinkConformance('postgres', async () => {
  const table = `Events ${tables++}`;
  const options = settings({ url: engine.url, table, requestRowsMax: 20 });
  return {
    make: () => createSink(options, sinkContext()),
    read: async () => {
      const [there] = await ask<{ name: string | null }>(engine.url, `SELECT to_regclass('"${table}"')::text AS name`);
      if (there!.name === null) return [];
      return (await ask<{ id: string }>(engine.url, `SELECT id FROM "${table}"`)).map(({ id }) => id);
    },
    guarantee: 'exactly once',
    ordered: false,
    poison: { ...someRows(1)[0]!, id: 'poison', note: 'zero \0 byte' },
    outage: { away: () => engine.kill(), back: () => engine.restart() },
    close: async () => undefined,
  };
});
