/** The pipeline of the real processes: short windows, so that all of a row's life happens within a round. */
import { writeFileSync } from 'node:fs';
import { OPERATOR_KEY } from '../client.js';

/** Names and times of the view. */
export const VIEW = 'traffic';
export const WINDOW_MS = 2_000;
export const LAG_MS = 1_000;
export const ALLOWED_MS = 6_000;
/** Whose rows are pulled. */
export const TENANTS = ['t0', 't1', 't2'] as const;

const SQL = `CREATE MATERIALIZED VIEW ${VIEW} WITH (watermark_lag = '1 second', allowed_lateness = '6 seconds') AS
SELECT tenant, campaign, window_start, window_end, count(*) AS n, sum(amount) AS amount, count(DISTINCT "user") AS users
FROM TUMBLE(events, t, INTERVAL '2 seconds') GROUP BY tenant, campaign, window_start, window_end HAVING sum(amount) <> 0`;

/** Writes the server's configuration. */
export function writeServerConfig(file: string): void {
  const config = {
    streams: {
      events: {
        schema: {
          columns: {
            id: 'string',
            tenant: 'dictionary',
            campaign: 'dictionary',
            t: 'timestamp',
            amount: 'decimal',
            user: 'string',
          },
          tenant: 'tenant',
          eventId: 'id',
          eventTime: 't',
        },
        partitions: 2,
        lake: false,
      },
    },
    views: [{ sql: SQL }],
    tenants: TENANTS.map((id) => ({ id })),
    operators: [{ name: 'chaos', key: OPERATOR_KEY }],
    log: { segmentSize: '1 MiB' },
    mill: { checkpoint: '400 ms' },
    messages: { level: 'info', format: 'json' },
  };
  writeFileSync(file, JSON.stringify(config, null, 2));
}

/** Writes the configuration of a worker that pulls all tenants. */
export function writePullConfig(file: string, url: string, into: string, schema: string, limit: number): void {
  const pulls = TENANTS.map((tenant) => ({ tenant, views: [VIEW] }));
  writeFileSync(file, JSON.stringify({ url, into, schema, limit, pulls }, null, 2));
}
