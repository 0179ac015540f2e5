/**
 * The group commit.
 *
 * Appends queue up; whenever the disk is free, everything that waits becomes one commit: one write,
 * one fdatasync, then all answers. There is no timer: under load the next commit starts as soon as
 * the last sync returned, and an idle log starts one at the end of the current turn of the event
 * loop, so that what one turn brings goes together.
 *
 * Limits. `pendingBytesMax` bytes may wait (LOG_OVERLOADED beyond), `COMMIT_BYTES` go into one commit.
 *
 * Invariants
 * - State changes only after the sync; what is answered is on disk.
 * - A segment whose write or sync failed is never written or synced again: after a failed sync
 *   nobody knows what is on disk (the kernel may have dropped the pages and forgotten the error).
 *   Its synced end is written into the next segment's first commit, and nothing behind it counts.
 * - Segments change only between commits, and a commit keeps its descriptor from write to sync.
 *
 * Recovery from a failing disk. The groups of a failed commit are encoded anew for the next segment,
 * which is usually prepared. If that fails too, all that waits is refused (LOG_UNAVAILABLE,
 * LOG_DISK_FULL), appends are refused at once, and the disk is tried every `retryEveryMs` until a
 * segment can be begun.
 */
import type { Clock } from '../../io/clock.js';
import type { Disk } from '../../io/disk.js';
import type { Random } from '../../io/random.js';
import { MillraceError } from '../../util/errors.js';
import type { AppendResult } from '../log.js';
import { CommitEncoder, type CommitGroup, type EncodedCommit } from './commit.js';
import { beginSegment, headerBytes, type ActiveSegment } from './segment-file.js';
import { SegmentSupply } from './segment-supply.js';
import type { LogState } from './state.js';
import type { LogOptions } from './types.js';

/** Estimated bytes after which a commit takes no more groups. */
const COMMIT_BYTES = 8 * 1024 * 1024;

/** An append that waits. */
interface Waiting extends CommitGroup {
  /** Estimate, for the bounds. */
  readonly bytes: number;
  /** Looked at when its commit starts: throws when the group may not go. */
  readonly check: (() => void) | undefined;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: Error) => void;
  /** Goes into a commit of its own, because one that held it could not be encoded. */
  alone: boolean;
}

/** What the writer tells the log. */
export interface WriterEvents {
  /** A commit is on disk and applied to the state. */
  committed(commit: EncodedCommit, active: ActiveSegment): void;
  /** Commits go to a new segment; `old` gets no more, and is not to be touched unless `healthy`. */
  rolled(old: ActiveSegment | null, active: ActiveSegment, healthy: boolean): void;
  /** The disk fails, or works again. */
  problem(problem: MillraceError | null): void;
}

/** Counters for metrics. */
export interface WriterCounters {
  commits: number;
  rows: number;
  bytesWritten: number;
  failedCommits: number;
  syncs: number;
  syncSecondsSum: number;
  rawColumns: number;
}

/** What the writer works with. */
export interface WriterInput {
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly options: LogOptions;
  readonly state: LogState;
  readonly events: WriterEvents;
  /** Number of the first segment to begin, and the last one's end as recovered. */
  readonly firstSegment: number;
  readonly previous: { readonly segment: number; readonly end: number } | null;
}

/** The group commit of one log. */
export class Writer {
  readonly counters: WriterCounters = {
    commits: 0,
    rows: 0,
    bytesWritten: 0,
    failedCommits: 0,
    syncs: 0,
    syncSecondsSum: 0,
    rawColumns: 0,
  };
  readonly #input: WriterInput;
  readonly #encoder = new CommitEncoder();
  readonly #supply: SegmentSupply;
  #active: ActiveSegment | null = null;
  /** A segment whose write failed, until the next one is begun. */
  #abandoned: ActiveSegment | null = null;
  #previous: { segment: number; end: number } | null;
  #waiting: Waiting[] = [];
  #bytesPending = 0;
  #running: Promise<void> | null = null;
  #scheduled = false;
  #mustRoll = false;
  #problem: MillraceError | null = null;
  #closed = false;
  #cancelRetry: (() => void) | null = null;
  #inFlightStampMs: number | null = null;

  constructor(input: WriterInput) {
    this.#input = input;
    this.#previous = input.previous;
    this.#supply = new SegmentSupply(input.disk, input.folder, input.firstSegment, input.options);
  }

  get bytesPending(): number {
    return this.#bytesPending;
  }

  /** Why nothing can be written, or null. */
  get problem(): MillraceError | null {
    return this.#problem;
  }

  get active(): ActiveSegment | null {
    return this.#active;
  }

  /** The stamp of the commit that is being written, or null. */
  get inFlightStampMs(): number | null {
    return this.#inFlightStampMs;
  }

  /** Begins the first segment. Throws when the disk does not let it. */
  async start(): Promise<void> {
    await this.#roll();
  }

  /** Queues a group; `bytes` is an estimate. Resolves after the sync. */
  append(group: CommitGroup, bytes: number, check?: () => void): Promise<AppendResult> {
    if (this.#closed) return Promise.reject(new MillraceError('SHUTTING_DOWN', 'the log is closed'));
    if (this.#problem !== null) return Promise.reject(this.#problem);
    const { pendingBytesMax } = this.#input.options;
    if (this.#bytesPending > 0 && this.#bytesPending + bytes > pendingBytesMax)
      return Promise.reject(
        new MillraceError(
          'LOG_OVERLOADED',
          `${this.#bytesPending} bytes wait for the disk and at most ${pendingBytesMax} may; send again in a moment`,
        ),
      );
    return new Promise((resolve, reject) => {
      this.#bytesPending += bytes;
      this.#waiting.push({ parts: group.parts, metadata: group.metadata, bytes, check, resolve, reject, alone: false });
      this.#schedule();
    });
  }

  /** Writes what waits, then stops. The active segment is left to be sealed. */
  async close(): Promise<ActiveSegment | null> {
    this.#closed = true;
    this.#cancelRetry?.();
    while (this.#running !== null || (this.#waiting.length > 0 && this.#problem === null)) {
      if (this.#running === null) this.#run();
      await this.#running;
    }
    // A segment that could not be prepared is told when it is needed.
    await this.#supply.close();
    return this.#active;
  }

  #schedule(): void {
    if (this.#scheduled || this.#running !== null) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#running === null && this.#waiting.length > 0) this.#run();
    });
  }

  #run(): void {
    this.#running = this.#drain().finally(() => {
      this.#running = null;
      if (this.#waiting.length > 0 && this.#problem === null) this.#schedule();
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0 && this.#problem === null) {
      const groups = this.#take();
      if (groups.length > 0) await this.#commit(groups);
    }
  }

  /** The groups of the next commit; those that may not go are refused here. */
  #take(): Waiting[] {
    const groups: Waiting[] = [];
    let bytes = 0;
    let taken = 0;
    for (const group of this.#waiting) {
      if (groups.length > 0 && (bytes + group.bytes > COMMIT_BYTES || group.alone || groups[0]!.alone)) break;
      taken += 1;
      try {
        group.check?.();
        groups.push(group);
        bytes += group.bytes;
      } catch (error) {
        this.#bytesPending -= group.bytes;
        group.reject(error as Error);
      }
    }
    this.#waiting = this.#waiting.slice(taken);
    return groups;
  }

  async #commit(groups: Waiting[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#makeRoom(groups);
        const active = this.#active!;
        const commit = this.#encode(groups, active);
        if (commit === null) return;
        await this.#write(commit, active);
        this.#succeed(groups, commit, active);
        return;
      } catch (error) {
        if (attempt === 1 || this.#closed) return this.#fail(groups, error);
      }
    }
  }

  async #makeRoom(groups: readonly Waiting[]): Promise<void> {
    const bytes = groups.reduce((sum, group) => sum + group.bytes, 0);
    const full =
      this.#active !== null &&
      this.#active.end + bytes > this.#active.size &&
      this.#active.end > this.#active.size >> 2;
    if (this.#active === null || this.#mustRoll || full) await this.#roll();
  }

  #encode(groups: Waiting[], active: ActiveSegment): EncodedCommit | null {
    const { state, clock } = this.#input;
    const stampMs = Math.max(state.floorMs, clock.now());
    try {
      const { header: segment, scopes, end: position } = active;
      return this.#encoder.encode(groups, state, { segment, scopes, position, stampMs, checkpoint: false });
    } catch (error) {
      // Its dictionaries may now hold entries that no page on disk has.
      this.#mustRoll = true;
      if (groups.length === 1) {
        this.#bytesPending -= groups[0]!.bytes;
        groups[0]!.reject(error as Error);
      } else {
        for (const group of groups) group.alone = true;
        this.#waiting.unshift(...groups);
      }
      return null;
    }
  }

  async #write(commit: EncodedCommit, { file, end }: ActiveSegment): Promise<void> {
    this.#inFlightStampMs = commit.stampMs;
    const start = performance.now();
    try {
      await file.write(commit.bytes, end);
      await file.sync();
    } catch (error) {
      this.#abandon();
      throw error;
    } finally {
      this.#inFlightStampMs = null;
      this.counters.syncs += 1;
      this.counters.syncSecondsSum += (performance.now() - start) / 1e3;
    }
  }

  #succeed(groups: readonly Waiting[], commit: EncodedCommit, active: ActiveSegment): void {
    active.index.add(commit.entries, active.end);
    active.end += commit.bytes.length;
    this.#input.state.apply(commit.sequence, commit.stampMs, commit.entries, commit.metadata);
    this.counters.commits += 1;
    this.counters.rows += commit.rows;
    this.counters.bytesWritten += commit.bytes.length;
    this.counters.rawColumns += commit.rawColumns;
    this.#input.events.committed(commit, active);
    groups.forEach((group, i) => {
      this.#bytesPending -= group.bytes;
      group.resolve({ appended: commit.appended[i]!, receivedAt: commit.stampMs });
    });
  }

  /** The active segment is never touched again. */
  #abandon(): void {
    const active = this.#active;
    if (active === null) return;
    this.counters.failedCommits += 1;
    this.#previous = { segment: active.header.segment, end: active.end };
    this.#active = null;
    this.#abandoned = active;
    active.file.close();
  }

  #fail(groups: readonly Waiting[], cause: unknown): void {
    const problem = problemOf(cause);
    this.#problem = problem;
    this.#input.events.problem(problem);
    for (const group of [...groups, ...this.#waiting]) {
      this.#bytesPending -= group.bytes;
      group.reject(problem);
    }
    this.#waiting = [];
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#cancelRetry = this.#input.clock.after(this.#input.options.retryEveryMs, () => {
      this.#running = this.#retry().finally(() => {
        this.#running = null;
      });
    });
  }

  async #retry(): Promise<void> {
    try {
      await this.#roll();
      this.#problem = null;
      this.#input.events.problem(null);
    } catch (error) {
      this.#problem = problemOf(error);
      this.#retryLater();
    }
  }

  /** Begins the next segment with a checkpoint, synced, and prepares the one after it. */
  async #roll(): Promise<void> {
    const { state, clock, random, events } = this.#input;
    const prepared = await this.#supply.take();
    const old = this.#active;
    const previous = old === null ? this.#previous : { segment: old.header.segment, end: old.end };
    const nowMs = Math.max(state.floorMs, clock.now());
    const active = beginSegment(prepared, random, nowMs);
    const { header: segment, scopes, end: position } = active;
    const groups = [{ parts: [], metadata: state.checkpoint(previous) }];
    const commit = this.#encoder.encode(groups, state, { segment, scopes, position, stampMs: nowMs, checkpoint: true });
    // Twice: whoever reads the segment needs it, so one bad sector must not take it.
    const bytes = new Uint8Array(position + 2 * commit.bytes.length);
    bytes.set(headerBytes(segment));
    bytes.set(commit.bytes, position);
    bytes.set(commit.bytes, position + commit.bytes.length);
    try {
      await active.file.write(bytes, 0);
      await active.file.sync();
    } catch (error) {
      // Void: the next checkpoint names the segment before it, and nothing between them counts.
      active.file.close();
      throw error;
    }
    active.end = bytes.length;
    this.#active = active;
    this.#previous = previous;
    this.#mustRoll = false;
    state.apply(commit.sequence, commit.stampMs, [], null);
    events.rolled(old ?? this.#abandoned, active, old !== null);
    this.#abandoned = null;
    this.#supply.prepareAhead();
  }
}

function problemOf(cause: unknown): MillraceError {
  if (cause instanceof MillraceError) return cause;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const text = cause instanceof Error ? cause.message : String(cause);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new MillraceError(
      'LOG_DISK_FULL',
      `the disk is full, so nothing can be taken; free some space and it goes on by itself (${text})`,
      { cause },
    );
  return new MillraceError('LOG_UNAVAILABLE', `the log can't be written at the moment; it keeps trying (${text})`, {
    cause,
  });
}
