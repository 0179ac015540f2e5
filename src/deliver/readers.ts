/** Readers of deliveries that are no longer defined: retention must not wait for them. */
import type { DeliveryOptions } from '../config/options.js';
import type { Log } from '../log/log.js';
import { deliveryReader } from './reader-id.js';

const PREFIX = deliveryReader('');

/** Removes them; answers their names. One that is defined again begins anew. */
export async function removeOldDeliveries(
  log: Log,
  readers: readonly { readonly id: string }[],
  deliveries: readonly DeliveryOptions[],
): Promise<string[]> {
  const defined = new Set(deliveries.map(({ name }) => deliveryReader(name)));
  const old = readers.map(({ id }) => id).filter((id) => id.startsWith(PREFIX) && !defined.has(id));
  for (const id of old) await log.removeReader(id);
  return old.map((id) => id.slice(PREFIX.length));
}
