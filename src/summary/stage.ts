/**
 * The reader of one view's changes stream: log → `ViewStore` → closed store.
 */
import type { Clock } from '../io/clock.js';
import type { LogBatch, Position } from '../log/log.js';
import type { OwnStage } from '../log/stage.js';
import type { ViewStore } from './view-store.js';

/** What becomes durable, and when; see `closer.ts`. */
export interface Closer {
  /** What the closed store holds: the next offset it needs, by partition. */
  restore(): Promise<readonly number[]>;
  /** Moves quiet windows out of memory. Answers the new offsets, or null when they did not move. */
  flush(): Promise<readonly number[] | null>;
}

/** Makes the stage of a view. */
export function summaryStage(store: ViewStore, closer: Closer, clock: Clock): OwnStage {
  const { stream } = store.view;
  const places = (offsets: readonly number[]): Position[] => offsets.map((offset, partition) => ({ stream, partition, offset }));
  return {
    store: 'own',
    // The stream's name tells one definition of a view from the next.
    id: `summary${stream.slice('view'.length)}`,
    inputs: [stream],
    async restore() {
      const offsets = await closer.restore();
      store.restart(offsets);
      return places(offsets);
    },
    process(batch: LogBatch) {
      if (store.gate.free) return store.apply(batch, clock.monotonic());
      return store.gate.change().then((release) => {
        store.apply(batch, clock.monotonic());
        release();
      });
    },
    async flush() {
      const offsets = await closer.flush();
      return offsets === null ? null : places(offsets);
    },
  };
}
