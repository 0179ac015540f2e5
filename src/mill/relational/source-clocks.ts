/** The clocks of all sources of a view: the stamp of each row, and a bound below which none will come. */
import type { ArrivalClock, LogBatch, StreamDefinition } from '../../log/log.js';
import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import { knownMs } from '../standing.js';
import type { SourceStanding } from '../standing.js';
import { ArrivalClocks, EventClocks } from '../operators/clocks.js';

/** The clock of one source; see `operators/clocks.ts`. */
export type SourceClock = { readonly arrival: ArrivalClocks } | { readonly event: EventClocks };

/** The clocks of a view's sources. */
export class SourceClocks {
  readonly #clocks: ReadonlyMap<string, SourceClock>;
  /**
   * Whether state can be dropped when the clock passes. On an event clock that tenants have each for themselves, one
   * that was never seen may come with any time, and is in time: there nothing is ever out of reach.
   */
  readonly expires: boolean;

  constructor(sources: readonly StreamDefinition[]) {
    this.#clocks = new Map(sources.map((source) => [source.name, clockOf(source)]));
    this.expires = !sources.some(({ clock, schema }) => clock === 'event' && schema.roles.tenant >= 0);
  }

  /** No row still to come is stamped below this, ms. */
  get now(): number {
    let now = Infinity;
    for (const clock of this.#clocks.values())
      now = Math.min(now, 'arrival' in clock ? clock.arrival.now : clock.event.least());
    return now;
  }

  /** Takes a batch; answers the stamps of its rows. */
  take(batch: LogBatch): number[] | number {
    const clock = this.#clocks.get(batch.stream)!;
    if ('arrival' in clock) {
      clock.arrival.saw(batch);
      return batch.receivedAt;
    }
    if (batch.rows > 0) return Array.from(clock.event.take(batch));
    clock.event.advance(batch.partition, batch.clockAdvanceMs);
    return [];
  }

  /** What the log says now of a source, `offsets` being the next row to be read of each partition. */
  tick(source: string, clock: ArrivalClock, offsets: readonly number[]): void {
    const own = this.#clocks.get(source);
    if (own !== undefined && 'arrival' in own) own.arrival.tick(clock, offsets);
  }

  /** How each source's clock stands. */
  standing(): SourceStanding[] {
    return Array.from(this.#clocks, ([stream, clock]) => sourceStanding(stream, clock));
  }

  write(writer: ByteWriter): void {
    for (const clock of this.#clocks.values()) if ('event' in clock) clock.event.write(writer);
  }

  read(reader: ByteReader): void {
    for (const clock of this.#clocks.values()) if ('event' in clock) clock.event.read(reader);
  }
}

/** How the clock of a source stands. */
export function sourceStanding(stream: string, clock: SourceClock): SourceStanding {
  const partitionsOf = (last: readonly number[]) =>
    Array.from(last, (ms = -Infinity, partition) => ({ partition, lastMs: knownMs(ms) }));
  if ('arrival' in clock) {
    const { last, now } = clock.arrival;
    return { stream, clock: 'arrival', nowMs: knownMs(now), partitions: partitionsOf(last) };
  }
  const slowest = clock.event.slowest();
  return {
    stream,
    clock: 'event',
    nowMs: knownMs(clock.event.least()),
    partitions: partitionsOf(clock.event.partitions),
    ...(slowest === undefined ? {} : { slowest }),
  };
}

function clockOf({ clock, partitions, schema }: StreamDefinition): SourceClock {
  if (clock === 'arrival') return { arrival: new ArrivalClocks(partitions) };
  return { event: new EventClocks(schema.roles.eventTime, schema.roles.tenant, null) };
}
