/** The view whose changes the benches of summary and feed write themselves, as a mill would. */
import { defineSchema } from '../src/event/schema-define.js';
import type { ViewDescription } from '../src/event/view.js';

/** Length of its windows, ms. */
export const WINDOW_MS = 60_000;

/** Its changes stream. */
export const SCHEMA = defineSchema({
  columns: {
    tenant: 'dictionary',
    window_start: 'timestamp',
    window_end: 'timestamp',
    op: 'dictionary',
    state: 'dictionary',
    reason: 'dictionary?',
    txn: 'int64',
    campaign: 'dictionary?',
    impressions: 'int64',
    clicks: 'int64',
    cost: 'decimal?',
  },
  tenant: 'tenant',
});

/** The view. */
export const VIEW: ViewDescription = {
  name: 'traffic',
  epoch: '1.0123456789abcdef',
  stream: 'view.traffic',
  schema: SCHEMA,
  source: 'view.traffic',
  sources: ['view.traffic'],
  columns: [
    { name: 'tenant_id', type: 'text', column: 0 },
    { name: 'window_start', type: 'timestamptz', column: 1 },
    { name: 'campaign', type: 'text', column: 7 },
    { name: 'impressions', type: 'bigint', additive: true, column: 8 },
    { name: 'clicks', type: 'bigint', additive: true, column: 9 },
    { name: 'cost', type: 'numeric', scale: 6, additive: true, column: 10 },
  ],
  keyColumns: [0, 1, 2, 7],
  valueColumns: [8, 9, 10],
  windowMs: WINDOW_MS,
  global: false,
};
