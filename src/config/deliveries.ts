/** Deliveries as options: units resolved, names checked. */
import { join } from 'node:path';
import { isReadableStream } from '../event/internal.js';
import { MillraceError } from '../util/errors.js';
import { deliveryField, type DeliveryValues } from './deliveries-field.js';
import { mistakesOf, type ConfigMistake } from './issues.js';
import type { DeliveryOptions, DeliveryRetryOptions } from './options.js';
import { sinkMistakes, withPaths } from './sinks/index.js';

/** One delivery; `at` makes a path absolute. What names no folder of its own gets one in `dataFolder`. */
export function deliveryOptions(
  name: string,
  values: DeliveryValues,
  at: (path: string) => string,
  dataFolder: string,
): DeliveryOptions {
  const { from, to, filter, buffer, retry, requestsMax, start } = values;
  return {
    name,
    from,
    sink: withPaths(to, at, join(dataFolder, 'delivered', name)),
    filter: filter ?? null,
    bufferBytes: buffer.size,
    bufferMs: buffer.interval,
    bufferRowsMax: buffer.rowsMax,
    retry: retryOptions(retry),
    requestsMax,
    start,
  };
}

/** When a sink fails. */
export function retryOptions({ first, longest, deadline }: DeliveryValues['retry']): DeliveryRetryOptions {
  return { minMs: first, maxMs: longest, deadlineMs: deadline ?? null };
}

/** A delivery made at run time, from what a configuration would say. Throws ARGUMENT_INVALID listing every mistake. */
export function parseDelivery(name: string, input: unknown): DeliveryOptions {
  const parsed = deliveryField.safeParse(input);
  const mistakes = parsed.success
    ? sinkMistakes(parsed.data.from, parsed.data.to).map(({ path, message }) => ({ path: `to.${path}`, message }))
    : mistakesOf(parsed.error.issues, input, () => []);
  if (parsed.success && mistakes.length === 0) return deliveryOptions(name, parsed.data, (path) => path, '');
  throw new MillraceError('ARGUMENT_INVALID', mistakes.map(({ path, message }) => `${path}: ${message}`).join('\n'), {
    place: mistakes[0]?.path ?? name,
  });
}

/** Deliveries whose stream is not there, or is none for their sink. `streams` are those that are declared. */
export function deliveryMistakes(
  deliveries: Readonly<Record<string, DeliveryValues>>,
  streams: readonly string[],
): ConfigMistake[] {
  return Object.entries(deliveries).flatMap(([name, { from, to }]) => {
    const mistakes = sinkMistakes(from, to).map(({ path, message }) => ({
      path: `deliveries.${name}.to.${path}`,
      message,
    }));
    if (!streams.includes(from) && !isReadableStream(from))
      mistakes.push({
        path: `deliveries.${name}.from`,
        message: `expected a stream: ${streams.join(', ')}, found '${from}'`,
      });
    return mistakes;
  });
}
