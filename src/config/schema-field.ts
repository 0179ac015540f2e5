/** How a stream's schema is written: a ready one, one made by `defineSchema`, or its description as data. */
import { z } from 'zod';
import { adEvents } from '../event/ad-events.js';
import { RECORDS_SCHEMA } from '../event/records.js';
import { defineSchema, type ColumnInput, type SchemaInput } from '../event/schema-define.js';
import type { Schema } from '../event/schema.js';
import { MillraceError } from '../util/errors.js';

/** What `schema:` of a stream may be. */
export type SchemaSetting =
  | Schema
  | SchemaInput
  | 'ad-events'
  | 'records'
  | { readonly adEvents: Readonly<Record<string, ColumnInput>> };

const EXPECTED =
  "expected adEvents(), defineSchema({ … }), the text 'ad-events' or 'records', or { columns, tenant, eventId, eventTime }";

/** A schema setting → `Schema`. */
export const schemaField = z
  .unknown()
  .transform((setting, context): Schema => {
    try {
      const schema = schemaOf(setting);
      if (schema !== undefined) return schema;
      context.addIssue({ code: 'custom', message: EXPECTED, input: setting });
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      context.addIssue({
        code: 'custom',
        message: error.message,
        input: setting,
        path: (error.place ?? '').split('.').filter(Boolean),
      });
    }
    return z.NEVER;
  })
  .meta({
    description:
      "The columns: `adEvents()`, `defineSchema({ … })`, `'ad-events'`, `'records'` (bytes as they are), or `{ columns, tenant, eventId, eventTime }`",
    kind: 'schema',
  });

function schemaOf(setting: unknown): Schema | undefined {
  if (setting === 'ad-events') return adEvents();
  if (setting === 'records') return RECORDS_SCHEMA;
  if (typeof setting !== 'object' || setting === null) return undefined;
  if ('columns' in setting && 'roles' in setting && Array.isArray(setting.columns)) return setting as Schema;
  if ('adEvents' in setting && typeof setting.adEvents === 'object')
    return adEvents(setting.adEvents as Record<string, ColumnInput>);
  if ('columns' in setting && typeof setting.columns === 'object' && setting.columns !== null)
    return defineSchema(setting as SchemaInput);
  return undefined;
}
