/**
 * The log in a thread that does not own it.
 *
 * Reading needs no messages: how far the log reaches is on the shared board, and the rows are in the
 * segment files. Only appends, and being woken while waiting, go through the port. What is appended
 * is encoded here, so that the owner only copies bytes.
 */
import type { MessagePort } from 'node:worker_threads';
import { BATCH_ROWS_MAX, encodeBatch, sliceRows, type RowSlice } from '../event/batch.js';
import type { Disk } from '../io/disk.js';
import { realDisk } from '../io/disk-real.js';
import { createRpc, type Rpc } from '../io/rpc.js';
import { MillraceError } from '../util/errors.js';
import { Board } from './embedded/board.js';
import { SegmentCursor, type CursorSource } from './embedded/cursor.js';
import { asSchema, isEncoded } from './embedded/groups.js';
import { SegmentViews } from './embedded/segment-view.js';
import { readerRecord, readerState, type ReaderRecord, type StreamRecord } from './embedded/state.js';
import { Waiters } from './embedded/wake.js';
import type {
  AppendGroup,
  Appended,
  AppendResult,
  ArrivalClock,
  Log,
  LogCursor,
  PartitionRange,
  Position,
  ReaderState,
  StreamDefinition,
} from './log.js';
import { splitByPartition } from './partition.js';
import type { OwnerMethods, RemoteMethods, Welcome, WireRows } from './wire.js';

/** The log, seen from another thread. */
export interface RemoteLog extends Log {
  /** As `EmbeddedLog.createStream`. */
  createStream(definition: StreamDefinition): Promise<StreamDefinition>;
  /**
   * Resolves when this end knows the streams and readers that the owner has now. News of them come by a
   * port of their own, so what another port asks for may be ahead of them.
   */
  caughtUp(): Promise<void>;
  close(): void;
}

/** Connects to the log's owner by a port from `EmbeddedLog.remotePort()`. */
export async function connectLog(port: MessagePort, disk: Disk = realDisk): Promise<RemoteLog> {
  const log = new ConnectedLog(port, disk);
  await log.connect();
  return log;
}

class ConnectedLog implements RemoteLog {
  readonly #disk: Disk;
  readonly #rpc: Rpc<OwnerMethods>;
  readonly #streams = new Map<string, StreamRecord>();
  readonly #streamsById = new Map<number, StreamRecord>();
  readonly #readers = new Map<string, ReaderRecord>();
  readonly #waiters = new Waiters();
  #board!: Board;
  #views!: SegmentViews;
  #source!: CursorSource;
  #connection = 0;
  #closed = false;

  constructor(port: MessagePort, disk: Disk) {
    this.#disk = disk;
    this.#rpc = createRpc<OwnerMethods>(port, this.#methods());
  }

  async connect(): Promise<void> {
    const welcome: Welcome = await this.#rpc.call('hello');
    this.#board = new Board(welcome.board);
    this.#connection = welcome.connection;
    this.#views = new SegmentViews(this.#disk, welcome.folder, this.#board);
    this.#learn(welcome.streams, welcome.readers, []);
    this.#source = {
      board: this.#board,
      views: this.#views,
      stream: (id) => this.#streamsById.get(id),
      changed: (version, signal) => this.#changed(version, signal),
    };
  }

  append(group: AppendGroup): Promise<AppendResult> {
    try {
      const batches = group.batches.flatMap(({ stream, rows }): WireRows[] => {
        if (isEncoded(rows)) return [{ stream, ...rows }];
        return this.#encode(stream, rows);
      });
      // What came encoded is the caller's, and goes again when the log is busy: it is copied, not moved.
      const given = new Set(group.batches.map(({ rows }) => (isEncoded(rows) ? rows.bytes.buffer : null)));
      const transfer = batches.flatMap(({ bytes }) => (given.has(bytes.buffer) ? [] : [bytes.buffer]));
      return this.#rpc
        .send('append', transfer, batches, group.reader)
        .then((result) => this.#appended(group, batches, result));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  cursor(stream: string, partition: number, offset: number): LogCursor {
    if (this.#closed) throw new MillraceError('SHUTTING_DOWN', 'the log is closed');
    return new SegmentCursor(this.#source, this.#record(stream, partition), partition, offset);
  }

  stream(name: string): StreamDefinition | undefined {
    return this.#streams.get(name)?.definition;
  }

  streams(): readonly StreamDefinition[] {
    return Array.from(this.#streams.values(), (stream) => stream.definition);
  }

  range(stream: string, partition: number): PartitionRange {
    return this.#board.range(this.#record(stream, partition).firstSlot + partition);
  }

  arrivalClock(stream: string): ArrivalClock {
    const record = this.#record(stream, 0);
    return this.#board.arrivalClock(record.firstSlot, record.definition.partitions);
  }

  reader(id: string): ReaderState | undefined {
    return readerState(this.#readers.get(id));
  }

  holds(id: string): readonly Position[] | undefined {
    return this.#readers.get(id)?.holds;
  }

  registerReader(id: string, positions: readonly Position[]): Promise<void> {
    return this.#rpc.call('registerReader', id, positions);
  }

  removeReader(id: string): Promise<void> {
    return this.#rpc.call('removeReader', id);
  }

  async createStream(definition: StreamDefinition): Promise<StreamDefinition> {
    const record = await this.#rpc.call('createStream', definition);
    this.#learn([record], [], []);
    return record.definition;
  }

  caughtUp(): Promise<void> {
    return this.#rpc.call('seen');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rpc.close();
    this.#waiters.wake();
    this.#views.close();
  }

  #methods(): RemoteMethods {
    return {
      wake: () => this.#waiters.wake(),
      changed: (streams, readers, removed) => {
        this.#learn(streams, readers, removed);
        this.#waiters.wake();
      },
    };
  }

  #learn(streams: readonly StreamRecord[], readers: readonly ReaderRecord[], removed: readonly string[]): void {
    for (const stream of streams) {
      this.#streams.set(stream.definition.name, stream);
      this.#streamsById.set(stream.id, stream);
    }
    for (const reader of readers) this.#readers.set(reader.id, reader);
    for (const id of removed) this.#readers.delete(id);
  }

  #encode(stream: string, rows: Parameters<typeof asSchema>[0]): WireRows[] {
    if (rows.rows === 0) return [];
    const record = this.#record(stream, 0);
    const batch = asSchema(rows, record);
    return splitByPartition(batch, record.definition.partitions).flatMap(({ partition, rows: chosen }) =>
      pieces({ batch, rows: chosen }).map((slice, i) => ({
        stream,
        partition,
        count: sliceRows(slice),
        bytes: encodeBatch([slice]),
        continues: i > 0,
      })),
    );
  }

  #appended(group: AppendGroup, batches: readonly WireRows[], result: AppendResult): AppendResult {
    if (group.reader !== undefined) this.#readers.set(group.reader.id, readerRecord(group.reader));
    const appended: Appended[] = [];
    result.appended.forEach((part, i) => {
      const before = appended.at(-1);
      if (before === undefined || batches[i]!.continues !== true) appended.push(part);
      else appended[appended.length - 1] = { ...before, rows: before.rows + part.rows };
    });
    return { ...result, appended };
  }

  async #changed(version: number, signal: AbortSignal | undefined): Promise<void> {
    const woken = this.#waiters.wait(signal);
    this.#board.setWaiting(this.#connection, true);
    // The owner may have published before it could see the flag.
    if (this.#board.version !== version || this.#closed) this.#waiters.wake();
    await woken;
  }

  #record(stream: string, partition: number): StreamRecord {
    const record = this.#streams.get(stream);
    if (record === undefined || partition < 0 || partition >= record.definition.partitions)
      throw new MillraceError(
        'STREAM_UNKNOWN',
        record === undefined ? `there is no stream '${stream}'` : `stream '${stream}' has no partition ${partition}`,
      );
    return record;
  }
}

/** A slice in pieces that fit one batch each. */
function pieces(slice: RowSlice): RowSlice[] {
  const rows = sliceRows(slice);
  if (rows <= BATCH_ROWS_MAX) return [slice];
  return Array.from({ length: Math.ceil(rows / BATCH_ROWS_MAX) }, (_, i) => {
    const from = i * BATCH_ROWS_MAX;
    const to = Math.min(rows, from + BATCH_ROWS_MAX);
    return {
      batch: slice.batch,
      rows: slice.rows?.subarray(from, to) ?? Uint32Array.from({ length: to - from }, (_unused, j) => from + j),
    };
  });
}
