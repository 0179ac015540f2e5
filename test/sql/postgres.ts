/** A real PostgreSQL 18 for oracle tests. */
import pg, { type Client } from 'pg';
import { startPostgres as startEngine } from '../engines/postgres.js';

/** A running server; `stop` ends it and deletes its data. */
export interface TestPostgres {
  readonly client: Client;
  stop(): Promise<void>;
}

/** Starts a server whose text compares and folds as documented: collation C.UTF-8, zone UTC. */
export async function startPostgres(): Promise<TestPostgres> {
  const engine = await startEngine();
  const client = new pg.Client({ connectionString: engine.url });
  await client.connect();
  return {
    client,
    stop: async () => {
      await client.end();
      await engine.stop();
    },
  };
}
