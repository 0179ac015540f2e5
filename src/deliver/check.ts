/** What only shows with a stream's schema, for `millrace check`: SQL in a delivery's settings. */
import type { DeliveryOptions } from '../config/options.js';
import type { Schema } from '../event/schema.js';
import { parseCondition } from '../sql/expression.js';
import { extensionOf } from './objects/format.js';
import { ObjectLayout } from './objects/layout.js';

/** Throws SQL_* or CONFIG_INVALID with the place of the first mistake. */
export async function checkDelivery({ name, filter, sink }: DeliveryOptions, schema: Schema): Promise<void> {
  if (filter !== null) await parseCondition(filter, schema, `deliveries.${name}.filter`);
  if (sink.type === 'directory' || sink.type === 's3')
    await ObjectLayout.of(sink, schema, extensionOf(sink), `deliveries.${name}.to`);
}
