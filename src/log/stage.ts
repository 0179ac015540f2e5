/**
 * What a stage is to the reader loop: something that takes batches in order and now and then makes
 * what it did durable. Every stage of the system (mill, transform, delivery, lake, summary) is one.
 *
 * There are two ways to be durable, and a stage has exactly one:
 * - `store: 'log'`: outputs, positions and a little state go into **one** append, all or none.
 * - `store: 'own'`: the stage's own store commits outputs and positions in its own transaction and
 *   tells the loop afterwards, which tells the log only for the sake of retention.
 *
 * Order of calls, always one at a time:
 *
 *   restore → process* (replay) → replayed → ( process* → tick* → flush → committed? )* → close
 *
 * After any error the loop calls `restore` again, so a stage must drop what it holds in memory
 * there. `process` may therefore see the same batches again; what was committed tells it where it is.
 */
import type { AppendResult, ArrivalClock, LogBatch, LostRows, Position, ReaderState, StreamRows } from './log.js';

/** What a `store: 'log'` stage wants to become durable together with its positions. */
export interface StageOutput {
  readonly outputs: readonly StreamRows[];
  /** Kept with the positions; handed to `restore`. At most 64 KiB. */
  readonly state: Uint8Array;
  /**
   * Where the reader goes on after a restart, when that is before what `process` has seen: a delivery
   * has rows under way. Default: all that `process` has seen.
   */
  readonly positions?: readonly Position[];
}

interface StageBase {
  /** Names the reader in the log, in metrics and in errors. */
  readonly id: string;
  /** Streams to read, every partition of each. */
  readonly inputs: readonly string[];
  /**
   * Takes one batch. `replay` is true below the committed positions: what this batch leads to is
   * published already, so only memory may change.
   */
  process(batch: LogBatch, replay: boolean): void | Promise<void>;
  /**
   * The arrival clock of an input stream: every row that will be stamped before `clock.clockMs` has
   * been given to `process`. Called when the stage has read up to there, never during replay.
   */
  tick?(stream: string, clock: ArrivalClock): void | Promise<void>;
  /** Whether it takes more now; while it does not, nothing is read, and ticks and flushes go on. Default: always. */
  ready?(): boolean;
  /**
   * Rows that the next flush would write. A stage that nets changes by key has fewer than it was given, and is given
   * more between two flushes while it catches up. Default: the rows it was given.
   */
  waiting?(): number;
  /** Whether others of the thread use what it makes of a batch: it waits a while for those that are close behind. */
  readonly isSharing?: boolean;
  /** Whether something has closed that waits for a flush: it does not wait for the next interval then. Default: never. */
  isDue?(): boolean;
  /** Resolves when `ready` or what `flush` would answer may have changed, or `signal` aborts. */
  changed?(signal: AbortSignal): Promise<void>;
  /** Rows that will never come: damaged, or cut by retention. Counted by the loop in any case. */
  skipped?(rows: LostRows): void;
  close?(): void | Promise<void>;
}

/** A stage whose outputs and positions are one append. */
export interface LogStage extends StageBase {
  readonly store: 'log';
  /** Rises when the definition changes incompatibly: fences an older instance. */
  readonly epoch: number;
  /**
   * Forgets everything and goes back to the last snapshot. Answers where it stands (S): the next
   * rows it needs, at or below what is committed (C). A stream or partition left out starts at C,
   * or at the oldest row when nothing is committed.
   */
  restore(committed: ReaderState | undefined): readonly Position[] | Promise<readonly Position[]>;
  /** Replay has reached the committed positions. */
  replayed?(committed: ReaderState | undefined): void | Promise<void>;
  /**
   * The rows needed to restore, where the last snapshot (S) is behind what is committed; retention
   * spares them. Asked at every commit. Default: the committed positions.
   */
  holds?(): readonly Position[];
  /** What to commit, or null when nothing changed (the positions then go with a later flush). */
  flush(positions: readonly Position[]): StageOutput | null | Promise<StageOutput | null>;
  /** Up to where what it was given is done with, when that is before what `process` has seen. Default: all of that. */
  done?(): readonly Position[];
  /** The append is on disk; `appended` is in the order of `outputs`. */
  committed?(result: AppendResult, output: StageOutput): void | Promise<void>;
}

/** A stage with a durable store of its own. */
export interface OwnStage extends StageBase {
  readonly store: 'own';
  /**
   * Forgets what is not durable. Answers what its store holds: the next rows it needs. A stream or
   * partition left out starts at the oldest row.
   */
  restore(): readonly Position[] | Promise<readonly Position[]>;
  /**
   * Makes durable what it wants, up to `positions` at most, and answers up to where its store now
   * holds everything; null when that did not move.
   */
  flush(positions: readonly Position[]): readonly Position[] | null | Promise<readonly Position[] | null>;
}

/** Anything that the reader loop runs. */
export type Stage = LogStage | OwnStage;

/** How a loop runs. */
export interface ReaderLoopOptions {
  /** Least time between two flushes, ms; default 50. */
  readonly flushEveryMs: number;
  /** Rows that wait to be written (`waiting`) for which it flushes without waiting for that; default 200,000. */
  readonly flushRows: number;
  /** Longest wait without a tick, ms; default 100. */
  readonly tickEveryMs: number;
  /** Longest time without letting the thread do other work, ms; default 8. */
  readonly sliceMs: number;
  /** First and longest pause after a failure, ms; defaults 100 and 30,000. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

/** What a loop is doing. */
export interface ReaderLoopStatus {
  readonly id: string;
  readonly state: 'starting' | 'replaying' | 'running' | 'stalled' | 'fenced' | 'stopped';
  /** Why it is stalled or fenced: code and message of the error. */
  readonly reason: string | null;
  readonly positions: readonly Position[];
  /** Durable rows that it has not processed yet. */
  readonly lagRows: number;
  /** Age of the newest batch it processed while more waits; 0 when it has caught up; ms. */
  readonly lagMs: number;
  readonly rowsRead: number;
  readonly rowsSkipped: number;
  readonly commits: number;
  readonly failures: number;
  /** Time in which the stage took rows and flushed, ms: `rowsRead` over it is its speed. */
  readonly busyMs: number;
}
