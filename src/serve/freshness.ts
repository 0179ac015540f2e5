/**
 * How fresh a view is, measured and not guessed: from a moment at which an event was durable to the
 * moment at which every change that it led to can be read.
 *
 * A probe notes the ends of the source stream and the time. When the mill has committed past those
 * ends, it notes the ends of the changes stream; when the summary has taken those in, the time
 * since the probe began is the freshness. One probe a view at a time; a probe whose rows change
 * nothing ends by age and counts for nothing.
 *
 * The mill's mark also says how far windows are closed; it holds for the rows up to the same ends.
 */
import type { Clock } from '../io/clock.js';
import type { Log } from '../log/log.js';
import type { ViewStore } from '../summary/view-store.js';

/** A probe is given up after this. */
const PROBE_MS_MAX = 10_000;

/** Follows one view. */
export class Freshness {
  /** The last measurement, ms; null before the first. */
  lastMs: number | null = null;
  /** Windows that end at or before this are final unless corrected; null when not known yet. */
  completeThrough: number | null = null;
  readonly #log: Log;
  readonly #store: ViewStore;
  readonly #clock: Clock;
  readonly #reader: string;
  #probe: { readonly startedMs: number; readonly ends: readonly number[] } | null = null;
  #probedEnds = '';

  /** `reader` is the mill's reader of the view. */
  constructor(log: Log, store: ViewStore, clock: Clock, reader: string) {
    this.#log = log;
    this.#store = store;
    this.#clock = clock;
    this.#reader = reader;
  }

  /** Looks once; to be called a few times a second. */
  look(): void {
    const mark = this.#log.reader(this.#reader);
    if (mark === undefined) return;
    // In this order: what the mark stands for is below these ends.
    const changes = this.#ends(this.#store.view.stream);
    const takenIn = changes.every((end, partition) => this.#store.positions[partition]! >= end);
    if (takenIn)
      this.completeThrough = completeThrough(mark.state, this.#store.view.lagMs ?? 0) ?? this.completeThrough;
    const now = this.#clock.monotonic();
    if (this.#probe !== null) {
      const read = this.#probe.ends.every(
        (end, partition) =>
          (mark.positions.find(
            (position) => position.stream === this.#store.view.source && position.partition === partition,
          )?.offset ?? 0) >= end,
      );
      if (read && takenIn) this.lastMs = now - this.#probe.startedMs;
      if ((read && takenIn) || now - this.#probe.startedMs > PROBE_MS_MAX) this.#probe = null;
      return;
    }
    const ends = this.#ends(this.#store.view.source);
    if (ends.join() === this.#probedEnds) return;
    this.#probedEnds = ends.join();
    this.#probe = { startedMs: now, ends };
  }

  #ends(stream: string): number[] {
    const partitions = this.#log.stream(stream)?.partitions ?? 0;
    return Array.from({ length: partitions }, (_, partition) => this.#log.range(stream, partition).end);
  }
}

function completeThrough(state: Uint8Array, lagMs: number): number | null {
  const { closeClock } = JSON.parse(new TextDecoder().decode(state)) as { closeClock?: number | null };
  return typeof closeClock === 'number' ? closeClock - lagMs : null;
}
