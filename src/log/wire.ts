/** What the log's owner and other threads say to each other, over `io/rpc.ts`. */
import type { AppendResult, Position, ReaderState, StreamDefinition } from './log.js';
import type { ReaderRecord, StreamRecord } from './embedded/state.js';

/** Rows for one partition, encoded in the thread that appends them. */
export interface WireRows {
  readonly stream: string;
  readonly partition: number;
  readonly count: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Goes on where the one before it ended: a large batch comes in pieces. */
  readonly continues?: boolean;
}

/** What another thread learns when it connects. */
export interface Welcome {
  readonly folder: string;
  readonly board: SharedArrayBuffer;
  /** Its place among the waiting flags of the board. */
  readonly connection: number;
  readonly streams: readonly StreamRecord[];
  readonly readers: readonly ReaderRecord[];
}

/** What another thread asks of the owner. */
export interface OwnerMethods {
  hello(): Welcome;
  append(batches: readonly WireRows[], reader: ReaderState | undefined): Promise<AppendResult>;
  createStream(definition: StreamDefinition): Promise<StreamRecord>;
  registerReader(id: string, positions: readonly Position[]): Promise<void>;
  removeReader(id: string): Promise<void>;
  /** Answers nothing; what was told before has arrived when the answer does. */
  seen(): void;
}

/** What the owner tells another thread. */
export interface RemoteMethods {
  /** The board has changed since the thread said that it waits. */
  wake(): void;
  /** Streams were made or changed, readers have committed or gone. */
  changed(streams: readonly StreamRecord[], readers: readonly ReaderRecord[], removed: readonly string[]): void;
}
