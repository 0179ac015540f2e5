/**
 * The log in the thread that owns it: joins the writer, the board, the readers' side and retention.
 *
 * Timers, all of one clock: the arrival clock moves on while nothing is written; idle `clock =
 * 'event'` streams get clock records; retention looks for segments to delete.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { MillraceError } from '../../util/errors.js';
import type {
  AppendGroup,
  AppendResult,
  ArrivalClock,
  Log,
  LogCursor,
  PartitionRange,
  Position,
  ReaderState,
  StreamDefinition,
} from '../log.js';
import { Board } from './board.js';
import { ClosedSegments } from './closed-segments.js';
import type { CommitGroup, EncodedCommit } from './commit.js';
import { SegmentCursor, type CursorSource } from './cursor.js';
import { prepareGroup } from './groups.js';
import { IdleClock } from './idle-clock.js';
import { ENTRY_KIND } from './layout.js';
import type { Recovered } from './recovery.js';
import { RemoteHost } from './remote-host.js';
import { SegmentViews } from './segment-view.js';
import type { ActiveSegment } from './segment-file.js';
import { readerState, type LogState, type ReaderRecord, type StreamRecord } from './state.js';
import { streamChange } from './streams.js';
import {
  LOG_DEFAULTS,
  type EmbeddedLog,
  type LogOptions,
  type LogStats,
  type OpenLogInput,
  type RecoveryReport,
} from './types.js';
import { Waiters } from './wake.js';
import { Writer } from './writer.js';

/** The embedded log; made by `openLog`. */
export class OwnedLog implements EmbeddedLog, Log {
  readonly recovery: RecoveryReport;
  readonly #input: OpenLogInput;
  readonly #options: LogOptions;
  readonly #state: LogState;
  readonly #board = new Board();
  readonly #views: SegmentViews;
  readonly #waiters = new Waiters();
  readonly #writer: Writer;
  readonly #closed: ClosedSegments;
  readonly #idle: IdleClock;
  readonly #remotes: RemoteHost;
  readonly #source: CursorSource;
  readonly #epochs = new Map<string, number>();
  readonly #timers = new Set<() => void>();
  readonly #release: () => void;
  #creating: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(input: OpenLogInput, recovered: Recovered, release: () => void) {
    this.#input = input;
    this.#options = { ...LOG_DEFAULTS, ...input.options };
    this.#state = recovered.state;
    this.#release = release;
    this.recovery = recovered.report;
    this.#views = new SegmentViews(input.disk, input.folder, this.#board);
    this.#idle = new IdleClock(input.clock, this.#options);
    const newest = recovered.segments.at(-1);
    this.#writer = new Writer({
      ...input,
      options: this.#options,
      state: this.#state,
      firstSegment: recovered.nextNumber,
      previous: newest === undefined ? null : { segment: newest.number, end: newest.end },
      events: {
        committed: (commit, active) => this.#committed(commit, active),
        rolled: (old, active, healthy) => this.#rolled(old, active, healthy),
        problem: (problem) => this.#input.onProblem?.(problem),
      },
    });
    this.#source = {
      board: this.#board,
      views: this.#views,
      stream: (id) => this.#state.streamsById.get(id),
      changed: (version, signal) => (this.#board.version === version ? this.#waiters.wait(signal) : Promise.resolve()),
    };
    this.#closed = new ClosedSegments({
      ...input,
      state: this.#state,
      source: this.#source,
      segments: recovered.segments,
    });
    this.#remotes = new RemoteHost(this, this.#board, this.#state, input.folder);
  }

  /** Begins the first segment and the timers. */
  async start(): Promise<void> {
    await this.#writer.start();
    this.#every(this.#options.arrivalClockEveryMs, () => this.#moveArrivalClock());
    this.#every(this.#options.idleClockMinMs, () => this.#advanceIdleClocks());
    this.#every(this.#options.retentionEveryMs, () => this.#closed.clean());
    this.#closed.sealBehind();
  }

  append(group: AppendGroup): Promise<AppendResult> {
    try {
      this.#checkOpen();
      for (const { stream } of group.batches) this.#closed.checkRoom(stream);
      const prepared = prepareGroup(group, (name) => this.#state.streams.get(name));
      return this.#writer.append(
        prepared.group,
        prepared.bytes,
        group.reader === undefined ? undefined : () => this.#fence(group.reader!),
      );
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  cursor(stream: string, partition: number, offset: number): LogCursor {
    this.#checkOpen();
    const record = this.#record(stream, partition);
    return new SegmentCursor(this.#source, record, partition, offset);
  }

  stream(name: string): StreamDefinition | undefined {
    return this.#state.streams.get(name)?.definition;
  }

  streams(): readonly StreamDefinition[] {
    return Array.from(this.#state.streams.values(), (stream) => stream.definition);
  }

  range(stream: string, partition: number): PartitionRange {
    return this.#board.range(this.#record(stream, partition).firstSlot + partition);
  }

  arrivalClock(stream: string): ArrivalClock {
    const record = this.#record(stream, 0);
    this.#moveArrivalClock();
    return this.#board.arrivalClock(record.firstSlot, record.definition.partitions);
  }

  reader(id: string): ReaderState | undefined {
    return readerState(this.#state.readers.get(id));
  }

  holds(id: string): readonly Position[] | undefined {
    return this.#state.readers.get(id)?.holds;
  }

  async registerReader(id: string, positions: readonly Position[]): Promise<void> {
    const old = this.#state.readers.get(id);
    if (old !== undefined && JSON.stringify(old.holds) === JSON.stringify(positions)) return;
    await this.#control({ parts: [], metadata: { holds: [{ id, positions }] } });
  }

  async removeReader(id: string): Promise<void> {
    if (this.#state.readers.has(id)) await this.#control({ parts: [], metadata: { removed: [id] } });
    this.#epochs.delete(id);
  }

  createStream(definition: StreamDefinition): Promise<StreamDefinition> {
    const created = this.#creating.then(async () => {
      const record = streamChange(this.#state, definition);
      // In two commits: without it the stream's rows could not be read, so one bad sector must not take it.
      for (let copy = 0; record !== null && copy < 2; copy++)
        await this.#control({ parts: [], metadata: { streams: [record] } });
      return this.#state.streams.get(definition.name)!.definition;
    });
    // The caller gets the rejection; the queue goes on.
    this.#creating = created.catch(() => undefined);
    return created;
  }

  remotePort(): MessagePort {
    this.#checkOpen();
    const { port1, port2 } = new MessageChannel();
    this.#remotes.add(port1);
    return port2;
  }

  stats(): LogStats {
    const { problem, counters, bytesPending } = this.#writer;
    const failing = problem === null ? 'writing' : problem.code === 'LOG_DISK_FULL' ? 'full' : 'failing';
    return {
      state: this.#ended ? 'closed' : failing,
      reason: problem?.message ?? null,
      ...this.#closed.totals(this.#writer.active),
      bytesPending,
      commits: counters.commits,
      rows: counters.rows,
      bytesWritten: counters.bytesWritten,
      failedCommits: counters.failedCommits,
      syncs: counters.syncs,
      syncSecondsSum: counters.syncSecondsSum,
      dictionariesFull: counters.rawColumns,
      readers: Array.from(this.#state.readers.values(), (reader) => ({
        id: reader.id,
        lagRows: this.#lagRows(reader),
      })),
    };
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    for (const cancel of this.#timers) cancel();
    const active = await this.#writer.close();
    await this.#closed.close(active);
    this.#remotes.close();
    this.#waiters.wake();
    this.#views.close();
    this.#release();
  }

  #committed(commit: EncodedCommit, active: ActiveSegment): void {
    const touched = new Set<number>();
    for (const entry of commit.entries) {
      this.#closed.count(entry);
      if (entry.kind === ENTRY_KIND.rows) touched.add(entry.streamId);
    }
    for (const id of touched) this.#idle.touched(id);
    this.#board.publish(true, (write) => {
      write.durable(active.header.segment, active.end);
      write.clock(this.#state.floorMs);
      for (const { streamId, partition } of commit.entries) {
        const slot = this.#state.streamsById.get(streamId)!.firstSlot + partition;
        write.end(slot, this.#state.slots[slot]!.end);
      }
      for (const stream of commit.metadata?.streams ?? []) this.#publishSlots(stream, write);
    });
    this.#remotes.changed(commit.metadata);
    this.#waiters.wake();
  }

  #rolled(old: ActiveSegment | null, active: ActiveSegment, healthy: boolean): void {
    this.#board.publish(true, (write) => {
      write.durable(active.header.segment, active.end);
      write.oldest(this.#closed.oldest ?? old?.header.segment ?? active.header.segment);
      write.clock(this.#state.floorMs);
      for (const stream of this.#state.streams.values()) this.#publishSlots(stream, write);
    });
    if (old !== null) this.#closed.add(old, healthy);
    this.#remotes.changed(null);
    this.#waiters.wake();
  }

  #publishSlots(
    stream: StreamRecord,
    write: { start(slot: number, offset: number): void; end(slot: number, offset: number): void },
  ): void {
    for (let partition = 0; partition < stream.definition.partitions; partition++) {
      const { start, end } = this.#state.slot(stream, partition);
      write.start(stream.firstSlot + partition, start);
      write.end(stream.firstSlot + partition, end);
    }
  }

  #moveArrivalClock(): void {
    const inFlight = this.#writer.inFlightStampMs;
    const state = this.#state;
    if (inFlight === null) state.floorMs = Math.max(state.floorMs, Math.floor(this.#input.clock.now()));
    this.#board.publish(false, (write) => write.clock(inFlight ?? state.floorMs));
  }

  #advanceIdleClocks(): void {
    if (this.#writer.problem !== null) return;
    for (const { stream, advanceMs } of this.#idle.due(this.#state)) {
      const parts = Array.from({ length: stream.definition.partitions }, (_, partition) => ({
        stream,
        partition,
        content: advanceMs,
        rows: 0,
      }));
      this.#idle.advanced(stream.id, advanceMs);
      this.#control({ parts, metadata: null }).catch(() => {
        // Not on disk, so not advanced: the next record carries this time too.
        this.#idle.advanced(stream.id, -advanceMs);
      });
    }
  }

  async #control(group: CommitGroup): Promise<void> {
    this.#checkOpen();
    await this.#writer.append(group, 512);
  }

  #fence(reader: ReaderState): void {
    const epoch = Math.max(this.#epochs.get(reader.id) ?? 0, this.#state.readers.get(reader.id)?.epoch ?? 0);
    if (reader.epoch < epoch)
      throw new MillraceError(
        'READER_FENCED',
        `reader ${reader.id} is at epoch ${epoch}; this instance is of epoch ${reader.epoch} and must stop`,
      );
    this.#epochs.set(reader.id, reader.epoch);
  }

  #lagRows(reader: ReaderRecord): number {
    let rows = 0;
    for (const { stream, partition, offset } of reader.positions ?? reader.holds) {
      const record = this.#state.streams.get(stream);
      if (record !== undefined) rows += Math.max(0, this.#state.slot(record, partition).end - offset);
    }
    return rows;
  }

  #record(stream: string, partition: number): StreamRecord {
    const record = this.#state.streams.get(stream);
    if (record === undefined || partition < 0 || partition >= record.definition.partitions)
      throw new MillraceError(
        'STREAM_UNKNOWN',
        record === undefined ? `there is no stream '${stream}'` : `stream '${stream}' has no partition ${partition}`,
      );
    return record;
  }

  #every(periodMs: number, run: () => void): void {
    let cancel: () => void;
    const again = (): void => {
      this.#timers.delete(cancel);
      if (this.#ended) return;
      run();
      schedule();
    };
    const schedule = (): void => {
      cancel = this.#input.clock.after(periodMs, again);
      this.#timers.add(cancel);
    };
    schedule();
  }

  #checkOpen(): void {
    if (this.#ended) throw new MillraceError('SHUTTING_DOWN', 'the log is closed');
  }
}
