/** The pipeline that the kill harness runs: short windows, so that all of a row's life happens within a round. */
import { writeFileSync } from 'node:fs';
import { OPERATOR_KEY } from './client.js';

/** The view under test. */
export const VIEW = 'per_kind';
export const WINDOW_MS = 2_000;
export const LAG_MS = 1_000;
export const ALLOWED_MS = 6_000;

const SQL = `CREATE MATERIALIZED VIEW ${VIEW}
WITH (watermark_lag = '1 second', allowed_lateness = '6 seconds') AS
SELECT tenant, kind, window_start, window_end, count(*) AS n, sum(amount) AS amount, count(DISTINCT "user") AS users
FROM TUMBLE(events, t, INTERVAL '2 seconds')
GROUP BY tenant, kind, window_start, window_end`;

/** Writes the configuration. */
export function writeConfig(file: string): void {
  const config = {
    streams: {
      events: {
        schema: {
          columns: {
            id: 'string',
            tenant: 'dictionary',
            kind: 'dictionary',
            t: 'timestamp',
            amount: 'decimal?',
            user: 'string',
          },
          tenant: 'tenant',
          eventId: 'id',
          eventTime: 't',
        },
        partitions: 2,
      },
    },
    views: [{ sql: SQL }],
    tenants: Array.from({ length: 12 }, (_, i) => ({ id: `t${i}` })),
    operators: [{ name: 'chaos', key: OPERATOR_KEY }],
    log: { segmentSize: '1 MiB' },
    mill: { checkpoint: '400 ms' },
    lake: { run: '500 ms', runRowsMax: 5_000 },
    messages: { level: 'info', format: 'json' },
  };
  writeFileSync(file, JSON.stringify(config, null, 2));
}
