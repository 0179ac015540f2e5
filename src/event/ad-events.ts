import type { Columns, TypedSchema } from './event-type.js';
import { defineSchema, type ColumnInput } from './schema-define.js';

const COLUMNS = {
  event_id: 'uuid',
  event_type: 'dictionary',
  event_time: 'timestamp',
  tenant_id: 'dictionary',
  campaign_id: 'dictionary?',
  ad_id: 'dictionary?',
  creative_id: 'dictionary?',
  publisher_id: 'dictionary?',
  placement_id: 'dictionary?',
  user_id: 'string?',
  click_id: 'string?',
  ip: 'string?',
  country: 'dictionary?',
  user_agent: 'dictionary?',
  url: 'string?',
  referrer: 'string?',
  cost: 'decimal?',
  revenue: 'decimal?',
  currency: 'dictionary?',
  labels: 'list?',
  props: 'json?',
} as const satisfies Record<string, ColumnInput>;

/**
 * A ready schema for ad tracking: impressions, clicks and conversions (`event_type`), whose ids,
 * where and what it cost. `extra` adds columns of your own behind the ready ones.
 */
export function adEvents<const C extends Columns = Record<never, never>>(
  extra?: C,
): TypedSchema<Omit<typeof COLUMNS, keyof C> & C> {
  return defineSchema({
    columns: { ...COLUMNS, ...extra } as unknown as Omit<typeof COLUMNS, keyof C> & C,
    tenant: 'tenant_id',
    eventId: 'event_id',
    eventTime: 'event_time',
  });
}
