import type { ColumnBatch } from '../../event/columns.js';
import type { ErrorCode } from '../../util/errors.js';

/** How to decode. */
export interface DecoderOptions {
  /** Most events a request may hold; more throw BATCH_TOO_LARGE. Default 16,384. */
  readonly rowsMax?: number;
  /** Most bytes a request may hold; more throw BODY_TOO_LARGE. Default 8 MiB. */
  readonly bytesMax?: number;
  /** Most bytes one event may hold; a larger one is EVENT_TOO_LARGE. Default 32 KiB. */
  readonly eventBytesMax?: number;
  /**
   * Names of columns that an event may leave out though they are not nullable, because the caller
   * fills them in. Default: the event id and the event time. `received_at` always may.
   */
  readonly fill?: readonly string[];
  /** Seeds the hash tables. Default 1; a server gives a random one, so that nobody can aim for collisions. */
  readonly seed?: bigint;
  /** For tests: `general` predicts nothing, `json` sends every event to the last resort. Default `fast`. */
  readonly path?: DecodePath;
}

/** How one request differs from the decoder's options. */
export interface DecodeRequest {
  /**
   * One event a line, whatever the bytes are: a bracket begins no array, no event spans lines, and a
   * byte order mark is not passed over. For protocols that frame their events themselves.
   */
  readonly linesOnly?: boolean;
  /** Instead of the option. */
  readonly eventBytesMax?: number;
}

/** Which decoder took an event: predicted keys, looked-up keys, or `JSON.parse`. */
export type DecodePath = 'fast' | 'general' | 'json';

/** Events taken since the decoder was made, by path. */
export type DecodeCounts = Record<DecodePath, number>;

/** Why one event was rejected; the others go on. */
export interface DecodeError {
  /** Which event of the request, from 0; blank lines don't count. */
  readonly index: number;
  readonly code: ErrorCode;
  /** What is wrong and what was expected. */
  readonly message: string;
  /** The field, `labels[2]` for an item of a list; empty when the event as a whole is wrong. */
  readonly path: string;
  /** The event's bytes in the request. For a broken array: from the break to the end. */
  readonly start: number;
  readonly end: number;
}

/** The events of one request. It owns its memory and stays valid until `release`. */
export interface DecodedBatch {
  /** The events that were taken, in order. Each call of `column` gives the newest, after `fill` too. */
  readonly batch: ColumnBatch;
  readonly rows: number;
  /** All events of the request, rejected ones included. */
  readonly events: number;
  readonly errors: readonly DecodeError[];
  /** Three numbers a row: where its bytes start and end in the request, and its index in the request. */
  readonly places: Uint32Array;
  /** Rows that lack a column of `fill`, as a bitmap like `nulls`; null when none does. */
  missing(column: number): Uint8Array | null;
  /**
   * Gives the rows that lack a column their values: a bigint for timestamp and int64, millionths
   * for decimal, 16 bytes for uuid, text for string and dictionary.
   */
  fill(column: number, valueOf: (row: number) => bigint | string | Uint8Array): void;
  /** Gives the memory back to the decoder; nothing of the batch may be read any more. May be left out. */
  release(): void;
}

/** Decodes the requests of one stream. Not reentrant, but each result stands alone. */
export interface Decoder {
  /**
   * Decodes NDJSON, a JSON array of objects, or one object. Throws BODY_TOO_LARGE and
   * BATCH_TOO_LARGE; whatever is wrong with single events is in `errors`.
   */
  decode(bytes: Uint8Array, request?: DecodeRequest): DecodedBatch;
  readonly counts: Readonly<DecodeCounts>;
}
