/** Events → request bodies: so many events or bytes each, of one key each. */
import type { EventSource } from '../inputs/input.js';

/** What becomes one request. */
export interface Batch {
  /** NDJSON. */
  readonly body: Buffer;
  /** Which events of the source these are, from 0. */
  readonly numbers: readonly number[];
  readonly key: string;
}

/** How to cut. */
export interface BatchOptions {
  readonly eventsMax: number;
  readonly bytesMax: number;
  /** The key to send an event with. */
  readonly keyOf: (event: Uint8Array) => string;
}

/** Most events that wait for their batch to fill, over all keys. */
const WAITING_MAX = 20_000;

interface Open {
  events: Uint8Array[];
  numbers: number[];
  bytes: number;
}

const LINE_BREAK = Buffer.from('\n');

/** Cuts the source into batches. With many keys, batches leave in the order in which they fill. */
export async function* batchesOf(source: EventSource, options: BatchOptions): AsyncGenerator<Batch> {
  const open = new Map<string, Open>();
  let number = 0;
  let waiting = 0;
  for await (const group of source.groups) {
    for (const event of group) {
      const key = options.keyOf(event);
      let batch = open.get(key);
      if (batch !== undefined && batch.bytes + event.length + 1 > options.bytesMax) {
        waiting -= batch.numbers.length;
        yield close(key, batch);
        batch = undefined;
      }
      if (batch === undefined) open.set(key, (batch = { events: [], numbers: [], bytes: 0 }));
      batch.events.push(event, LINE_BREAK);
      batch.numbers.push(number++);
      batch.bytes += event.length + 1;
      waiting++;
      if (batch.numbers.length >= options.eventsMax) {
        open.delete(key);
        waiting -= batch.numbers.length;
        yield close(key, batch);
      }
    }
    if (waiting > WAITING_MAX) {
      for (const [key, batch] of open) yield close(key, batch);
      open.clear();
      waiting = 0;
    }
  }
  for (const [key, batch] of open) yield close(key, batch);
}

function close(key: string, { events, numbers, bytes }: Open): Batch {
  return { key, numbers, body: Buffer.concat(events, bytes) };
}
