/**
 * One view's summary: its rows, the reader that keeps them current, and the store on disk.
 */
import { join } from 'node:path';
import type { ViewDescription } from '../event/view.js';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import type { LogBatch, Position } from '../log/log.js';
import type { OwnStage } from '../log/stage.js';
import { ClosedStore } from './closed-store.js';
import { layoutOf } from './layout.js';
import { KEEP_ALL, type Retention } from './retention.js';
import type { WriteRun } from './runs.js';
import { ViewStore, type SealWhen } from './view-store.js';

/** When windows leave memory. */
export interface SummaryOptions {
  /** A window that has not changed for so long is quiet, ms; default 5,000. */
  readonly quietMs: number;
  /** Quiet windows are sealed when they have so many rows together; default 300,000. */
  readonly sealRowsMin: number;
  /** ... or when one of them is so old, ms; default 300,000. */
  readonly sealAgeMs: number;
  /** A window that was closed before and changed again is sealed after this, ms; default 10,000. */
  readonly reopenedMs: number;
  /** Most rows and bytes in memory; beyond either the least recently changed are sealed. Defaults 1.5 M and 384 MiB. */
  readonly openRowsMax: number;
  readonly openBytesMax: number;
  /** How often it is seen to what leaves by age, ms; default 3,600,000. */
  readonly expireEveryMs: number;
}

/** The defaults of `SummaryOptions`. */
export const SUMMARY_DEFAULTS: SummaryOptions = {
  quietMs: 5_000,
  sealRowsMin: 300_000,
  sealAgeMs: 300_000,
  reopenedMs: 10_000,
  openRowsMax: 1_500_000,
  openBytesMax: 384 * 1024 * 1024,
  expireEveryMs: 3_600_000,
};

/** What a view's summary needs. */
export interface SummaryInput {
  readonly view: ViewDescription;
  /** Partitions of the changes stream. */
  readonly partitions: number;
  /** Where a partition of the changes stream ends now: always the end of a commit. */
  readonly endOf: (partition: number) => number;
  /** Folder of all summaries; this one makes its own below, by the name of the stream. */
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly writeRun: WriteRun;
  /** How long rows are kept; default for ever. */
  readonly retention?: Retention;
  readonly options?: Partial<SummaryOptions>;
}

/** One view's summary. */
export interface ViewSummary {
  readonly store: ViewStore;
  readonly closed: ClosedStore;
  /** To be run by a reader loop. */
  readonly stage: OwnStage;
  /** From now on rows are kept so long. What had left does not come again. */
  retain(retention: Retention): void;
  /** Seals everything that is in memory, lets leave what is beyond its age, and merges what is due. For tests and benches. */
  settle(): Promise<void>;
  /** Resolves when no sealing is under way, and gives the store back. */
  close(): Promise<void>;
}

/** Everything leaves memory. */
export const SEAL_ALL: SealWhen = {
  quietBeforeMs: Infinity,
  madeBeforeMs: Infinity,
  reopenedBeforeMs: Infinity,
  rowsMin: 0,
  short: false,
};

/** Opens a view's summary. Throws DATA_FOLDER_NEWER, SCHEMA_INVALID. */
export async function openSummary(input: SummaryInput): Promise<ViewSummary> {
  const { view, partitions, folder, disk, writeRun } = input;
  const layout = layoutOf(view);
  const closed = await ClosedStore.open({ layout, partitions, folder: join(folder, view.stream), disk, writeRun });
  const store = new ViewStore({ view, partitions, closed, endOf: input.endOf });
  const stage = new SummaryStage(store, closed, input.clock, { ...SUMMARY_DEFAULTS, ...input.options });
  stage.retain(input.retention ?? KEEP_ALL);
  return {
    store,
    closed,
    stage,
    retain: (retention) => stage.retain(retention),
    settle: () => stage.settle(),
    close: () => stage.end(),
  };
}

/**
 * The reader of a changes stream: log → tables → closed store. Sealing and merging go on beside it,
 * one at a time; what they fail with comes out of the next `flush`.
 */
class SummaryStage implements OwnStage {
  readonly store = 'own';
  readonly id: string;
  readonly inputs: readonly string[];
  readonly #view: ViewStore;
  readonly #closed: ClosedStore;
  readonly #clock: Clock;
  readonly #options: SummaryOptions;
  #retention: Retention = KEEP_ALL;
  /** When what leaves by age is seen to next, by the wall clock. */
  #expireAt = -Infinity;
  #work: Promise<void> | null = null;
  #failure: unknown = null;

  constructor(view: ViewStore, closed: ClosedStore, clock: Clock, options: SummaryOptions) {
    const { stream } = view.view;
    // The stream's name tells one definition of a view from the next.
    this.id = `summary${stream.slice('view'.length)}`;
    this.inputs = [stream];
    this.#view = view;
    this.#closed = closed;
    this.#clock = clock;
    this.#options = options;
  }

  retain(retention: Retention): void {
    this.#retention = retention;
    this.#expireAt = -Infinity;
  }

  async restore(): Promise<readonly Position[]> {
    await this.#work;
    this.#failure = null;
    this.#expireAt = -Infinity;
    this.#view.restart(this.#closed.offsets);
    return this.#positions(this.#closed.offsets);
  }

  process(batch: LogBatch): void {
    this.#view.apply(batch, this.#clock.monotonic());
  }

  async flush(): Promise<readonly Position[] | null> {
    if (this.#failure !== null) throw this.#failure;
    this.#begin();
    const offsets = this.#view.closedOffsets();
    return (await this.#closed.advance(offsets)) ? this.#positions(offsets) : null;
  }

  /** Starts what is to be done beside the reader, unless something is being done. */
  #begin(): void {
    if (this.#work !== null) return;
    const now = this.#clock.monotonic();
    const { quietMs, sealRowsMin, sealAgeMs, reopenedMs, openRowsMax, openBytesMax } = this.#options;
    const { rows, bytes } = this.#view.openSize();
    const tables = this.#view.beginSealing({
      quietBeforeMs: now - quietMs,
      madeBeforeMs: now - sealAgeMs,
      reopenedBeforeMs: now - reopenedMs,
      rowsMin: sealRowsMin,
      short: rows > openRowsMax || bytes > openBytesMax,
    });
    const work =
      tables.length > 0
        ? this.#closed.seal(tables, () => this.#view.endSealing())
        : this.#closed.mergeDue
          ? this.#closed.merge()
          : this.#expire();
    if (work === null) return;
    this.#work = work
      .then(
        () => undefined,
        (error: unknown) => {
          this.#failure = error;
        },
      )
      .finally(() => {
        this.#work = null;
      });
  }

  /** The next piece of what leaves by age; null: nothing is due. */
  #expire(): Promise<void> | null {
    const { expiry } = this.#closed;
    if (expiry.sweeping) return expiry.sweep();
    const now = this.#clock.now();
    // Rows that a replay brings again were here before: what they mean must not depend on a newer cut.
    if (now < this.#expireAt || !this.#view.isCurrent) return null;
    this.#expireAt = now + this.#options.expireEveryMs;
    return expiry.begin(this.#retention, now, [...this.#view.positions]).then(() => this.#closed.expireFiles());
  }

  #positions(offsets: readonly number[]): Position[] {
    const { stream } = this.#view.view;
    return offsets.map((offset, partition) => ({ stream, partition, offset }));
  }

  async settle(): Promise<void> {
    for (;;) {
      await this.#work;
      if (this.#failure !== null) throw this.#failure;
      const tables = this.#view.beginSealing(SEAL_ALL);
      if (tables.length > 0) await this.#closed.seal(tables, () => this.#view.endSealing());
      else if (!(await this.#closed.merge())) {
        const expiring = this.#expire();
        if (expiring === null) break;
        await expiring;
      }
    }
    await this.#closed.advance(this.#view.closedOffsets());
  }

  async end(): Promise<void> {
    await this.#work;
    await this.#closed.close();
  }
}
