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
import type { Log, ReaderState } from '../log/log.js';
import { readMark } from '../mill/mark.js';
import { completeThroughOf } from '../mill/operators/flow.js';
import type { Progress } from '../mill/progress.js';
import type { ViewStore } from '../summary/view-store.js';

/** A probe is given up after this. */
const PROBE_MS_MAX = 10_000;

/** What is followed. */
export interface FreshnessInput {
  readonly log: Log;
  readonly store: ViewStore;
  readonly clock: Clock;
  /** The mill's reader of the view. */
  readonly reader: string;
  /** What the mill tells between commits. */
  readonly progress?: Progress;
}

/** Follows one view. */
export class Freshness {
  /** The last measurement, ms; null before the first. */
  lastMs: number | null = null;
  /** Windows that end at or before this are final unless corrected; null when not known yet. */
  completeThrough: number | null = null;
  readonly #input: FreshnessInput;
  #probe: { readonly startedMs: number; readonly ends: ReadonlyMap<string, readonly number[]> } | null = null;
  #probedEnds = '';

  constructor(input: FreshnessInput) {
    this.#input = input;
  }

  /** Looks once; to be called a few times a second. */
  look(): void {
    const { log, store, clock, reader, progress } = this.#input;
    const mark = log.reader(reader);
    if (mark === undefined) return;
    const told = progress?.read() ?? -Infinity;
    // In this order: what the mark and the mill's word stand for is below these ends.
    const changes = this.#ends(store.view.stream);
    const takenIn = changes.every((end, partition) => store.positions[partition]! >= end);
    if (takenIn) {
      const complete = Math.max(told, completeThroughOf(readMark(mark.state), store.view.lagMs ?? 0));
      if (Number.isFinite(complete)) this.completeThrough = complete;
    }
    const now = clock.monotonic();
    if (this.#probe !== null) {
      const read = [...this.#probe.ends].every(([stream, ends]) =>
        ends.every((end, partition) => (positionOf(mark, stream, partition) ?? 0) >= end),
      );
      if (read && takenIn) this.lastMs = now - this.#probe.startedMs;
      if ((read && takenIn) || now - this.#probe.startedMs > PROBE_MS_MAX) this.#probe = null;
      return;
    }
    const ends = new Map(store.view.sources.map((source) => [source, this.#ends(source)]));
    const shown = [...ends.values()].join();
    if (shown === this.#probedEnds) return;
    this.#probedEnds = shown;
    this.#probe = { startedMs: now, ends };
  }

  #ends(stream: string): number[] {
    const partitions = this.#input.log.stream(stream)?.partitions ?? 0;
    return Array.from({ length: partitions }, (_, partition) => this.#input.log.range(stream, partition).end);
  }
}

function positionOf({ positions }: ReaderState, stream: string, partition: number): number | undefined {
  return positions.find((position) => position.stream === stream && position.partition === partition)?.offset;
}
