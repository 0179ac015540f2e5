import { defineConfig, defineSchema } from 'millrace';

export default defineConfig({
  streams: {
    events: {
      schema: defineSchema({
        columns: {
          id: 'string',
          tenant: 'dictionary',
          at: 'timestamp',
          campaign: 'dictionary',
          user: 'string',
          cost: 'decimal',
        },
        tenant: 'tenant',
        eventId: 'id',
        eventTime: 'at',
      }),
    },
  },

  views: './views/*.sql',

  // Keys in clear, so that everybody can try: with them Millrace listens on this machine only.
  // A worker has its advertiser's key, and sees no other's rows.
  tenants: ['acme', 'bolt', 'core'].map((id) => ({
    id,
    keys: [{ name: 'worker', key: `mr_demo_pull_${id}`, role: 'read' as const }],
  })),
  operators: [{ name: 'demo', key: 'mr_demo_operator' }],
});
