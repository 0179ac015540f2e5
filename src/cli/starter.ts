/** What `millrace init` writes. A test starts it. */

/** The keys of a starter. */
export interface StarterKeys {
  readonly ingest: string;
  readonly read: string;
  readonly operator: string;
}

/** The files of a starter: path → content. */
export function starterFiles(keys: StarterKeys): Record<string, string> {
  return {
    'millrace.config.ts': config(keys),
    'views/traffic.sql': VIEW,
    'README.md': readme(keys),
    '.gitignore': 'data/\nnode_modules/\n',
  };
}

function config(keys: StarterKeys): string {
  return `import { adEvents, defineConfig } from 'millrace';

export default defineConfig({
  data: './data',
  streams: {
    events: { schema: adEvents(), partitions: 2 },
  },
  views: './views/*.sql',

  // Keys in clear are for trying out on this machine; with them, Millrace listens nowhere else.
  // \`npx millrace key\` makes a key and its hash: give the key away, write \`hash: '…'\` here.
  tenants: [
    {
      id: 'acme',
      keys: [
        { name: 'send', key: '${keys.ingest}', role: 'ingest' },
        { name: 'read', key: '${keys.read}', role: 'read' },
      ],
    },
  ],
  operators: [{ name: 'me', key: '${keys.operator}' }],
});
`;
}

const VIEW = `-- Traffic of each campaign, a row a minute. Open minutes are visible at once; a minute is final
-- five seconds after its end, and later events correct it for a week.
CREATE MATERIALIZED VIEW traffic
WITH (watermark_lag = '5 seconds', allowed_lateness = '7 days') AS
SELECT
  tenant_id,
  campaign_id,
  window_start,
  window_end,
  count(*) FILTER (WHERE event_type = 'impression') AS impressions,
  count(*) FILTER (WHERE event_type = 'click') AS clicks,
  count(*) FILTER (WHERE event_type = 'conversion') AS conversions,
  sum(cost) AS cost,
  sum(revenue) AS revenue,
  approx_count_distinct(user_id) AS users
FROM TUMBLE(events, event_time, INTERVAL '1 minute')
GROUP BY tenant_id, campaign_id, window_start, window_end;
`;

function readme(keys: StarterKeys): string {
  return `# A Millrace

\`\`\`sh
npx millrace check    # explains every mistake in millrace.config.ts and views/
npx millrace start    # http://127.0.0.1:7070
\`\`\`

Send an event, then ask for the number:

\`\`\`sh
curl -X POST http://127.0.0.1:7070/v1/events \\
  -H 'authorization: Bearer ${keys.ingest}' \\
  -d '{"event_id":"'$(uuidgen)'","event_type":"click","event_time":'$(date +%s000)',"tenant_id":"acme","campaign_id":"spring","cost":"0.25"}'

MILLRACE_KEY=${keys.read} npx millrace sql 'SELECT * FROM traffic ORDER BY window_start DESC LIMIT 5'
\`\`\`

Generate realistic traffic: \`npx millrace send --help\`.
`;
}
