/** The pipeline that the kill harness runs: short windows, so that all of a row's life happens within a round. */
import { writeFileSync } from 'node:fs';
import { OPERATOR_KEY } from './client.js';

/** The same groups twice: a kernel makes the one, operators the other (a window that hops by its size). */
export const VIEWS = ['per_kind', 'per_kind_hop'] as const;
/** Pairs of a user's events, at most so long apart, ms. */
export const PAIRS = 'pairs';
export const PAIR_MS = 300;
export const WINDOW_MS = 2_000;
export const LAG_MS = 1_000;
export const ALLOWED_MS = 6_000;

const WITH = "WITH (watermark_lag = '1 second', allowed_lateness = '6 seconds')";

function groups(name: string, window: string): string {
  return `CREATE MATERIALIZED VIEW ${name} ${WITH} AS
SELECT tenant, kind, window_start, window_end, count(*) AS n, sum(amount) AS amount, count(DISTINCT "user") AS users
FROM ${window}
GROUP BY tenant, kind, window_start, window_end;`;
}

const SQL = `${groups(VIEWS[0], "TUMBLE(events, t, INTERVAL '2 seconds')")}
${groups(VIEWS[1], "HOP(events, t, INTERVAL '2 seconds', INTERVAL '2 seconds')")}
CREATE MATERIALIZED VIEW ${PAIRS} ${WITH} AS
SELECT a.tenant, a.id AS first, b.id AS second
FROM events a JOIN events b ON b.tenant = a.tenant AND b."user" = a."user" AND b.id <> a.id
 AND b.t BETWEEN a.t AND a.t + INTERVAL '${PAIR_MS} milliseconds';`;

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
