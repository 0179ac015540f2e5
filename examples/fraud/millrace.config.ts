import { adEvents, defineConfig } from 'millrace';

export default defineConfig({
  data: '../../data/fraud',

  streams: {
    // Impressions, clicks and conversions; a click names the impression that it came from.
    events: { schema: adEvents({ device_id: 'string?', impression_id: 'string?' }), partitions: 4 },
  },

  // Each file is one recipe; README.md says what it finds. `hot_ips` is a guard: it labels clicks.
  views: './*.sql',

  // Keys in clear, so that everybody can try: with them Millrace listens on this machine only.
  tenants: [
    {
      id: 'acme',
      keys: [
        { name: 'sends', key: 'mr_demo_fraud_ingest', role: 'ingest' },
        { name: 'numbers', key: 'mr_demo_fraud_read', role: 'read' },
      ],
      redirectHosts: ['shop.example'],
    },
    { id: 'bolt' },
  ],
  operators: [{ name: 'you', key: 'mr_demo_operator' }],
});
