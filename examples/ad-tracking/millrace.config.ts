import { adEvents, defineConfig, defineSchema } from 'millrace';

export default defineConfig({
  data: '../../data',

  streams: {
    // Impressions, clicks and conversions: what /i, /c, /postback and POST /v1/events write.
    events: { schema: adEvents(), partitions: 4 },

    // Requests of a web server, imported from its log. Its clock is the event time, so a log of
    // 2015 has its windows closed by its own rows, and a live click makes none of them late.
    web_log: {
      clock: 'event',
      schema: defineSchema({
        columns: {
          id: 'string',
          event_time: 'timestamp',
          tenant_id: 'dictionary',
          ip: 'string?',
          method: 'dictionary?',
          path: 'string?',
          status: 'int64?',
          bytes: 'int64?',
          referrer: 'string?',
          user_agent: 'dictionary?',
          labels: 'list?',
        },
        tenant: 'tenant_id',
        eventId: 'id',
        eventTime: 'event_time',
      }),
    },
  },

  views: './views/*.sql',

  // Saved queries: GET /v1/endpoints/top_campaigns?shown=3
  endpoints: './endpoints/*.sql',

  // Clicks and conversions as objects, a folder a tenant and hour, in data/delivered/actions: the keys
  // that Firehose makes. Put `type: 's3'` there, or 'opensearch', 'webhook', 'postgres', …
  deliveries: {
    actions: {
      from: 'events',
      filter: "event_type <> 'impression'",
      to: {
        type: 'directory',
        partitionBy: { tenant: 'tenant_id' },
        prefix: '!{partitionKeyFromQuery:tenant}/!{timestamp:yyyy/MM/dd/HH}/',
      },
      buffer: { interval: '2 s' },
    },
  },

  // Keys in clear, so that everybody can try: with them Millrace listens on this machine only.
  tenants: [
    {
      id: 'acme',
      keys: [
        { name: 'demo page', key: 'mr_demo_acme_ingest', role: 'ingest' },
        { name: 'demo numbers', key: 'mr_demo_acme_read', role: 'read' },
      ],
    },
    {
      id: 'bolt',
      keys: [
        { name: 'second advertiser', key: 'mr_demo_bolt_ingest', role: 'ingest' },
        { name: 'its numbers', key: 'mr_demo_bolt_read', role: 'read' },
      ],
    },
    {
      id: 'site',
      keys: [
        { name: 'the access log', key: 'mr_demo_site_ingest', role: 'ingest' },
        { name: 'its numbers', key: 'mr_demo_site_read', role: 'read' },
      ],
    },
  ],
  operators: [{ name: 'you', key: 'mr_demo_operator' }],

  pages: [{ path: '/demo', file: './demo.html' }],

  // 10,000 real requests, sent once through the front door; see access.log.md.
  samples: [{ name: 'access-log', file: './access.log.gz', format: 'combined', stream: 'web_log', tenant: 'site' }],
});
