/** Kafka's client. It costs a good half second, so only a sink that opens loads it. */
import type * as Kafka from '@platformatic/kafka';

let loaded: typeof Kafka | undefined;

/** Loads it; `kafka` needs that. */
export async function loadKafka(): Promise<void> {
  loaded ??= await import('@platformatic/kafka');
}

/** The package. `loadKafka` first. */
export function kafka(): typeof Kafka {
  if (loaded === undefined) throw new Error('loadKafka comes first');
  return loaded;
}
