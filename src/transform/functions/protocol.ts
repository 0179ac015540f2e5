/**
 * What the host of a function and the function's process say to each other.
 *
 * Beside requests and answers there is a pipe of words (`io/child.ts`): `row + 1` and `end`, the rows
 * that are under way (0: none), so that the host knows whom to blame when the process has ended.
 */
import type { Schema } from '../../event/schema.js';
import type { ErrorCode } from '../../util/errors.js';

/** Which kind of function. */
export type FunctionKind = 'event' | 'batch' | 'lambda';

/** What the process is started with. */
export interface FunctionData {
  readonly kind: FunctionKind;
  /** The bundled module. */
  readonly code: string;
  readonly file: string;
  /** The transform's name. */
  readonly name: string;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly input: Schema;
  readonly output: Schema;
}

/** One batch for the function. */
export interface FunctionRequest {
  /** Bytes of the batch in the mailbox, and whether dictionaries begin anew: see `columns-channel.ts`. */
  readonly length: number;
  readonly fresh: boolean;
  readonly stream: string;
  readonly partition: number;
  readonly receivedAt: number;
  /** By row, its offset in the log. */
  readonly offsets: Float64Array;
  /** Rows that are not given to the function: it was ended for them. */
  readonly skip: readonly number[];
  /** One event at a time, each told before it begins, so that it is certain which one is under way. */
  readonly careful: boolean;
  /** For a batch function: the rows of each call, `from` and `to` in turn. */
  readonly ranges: readonly number[];
}

/** A row that failed. */
export interface RowFailure {
  readonly row: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly path: string | null;
}

/** What came of a batch. */
export interface FunctionAnswer extends FunctionCounts {
  /** What came out, as a batch that stands for itself; null when nothing did. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
}

/** The answer to a request; the batch itself is in the mailbox. */
export interface FunctionReply extends FunctionCounts {
  /** Its bytes; 0 when nothing came out. */
  readonly length: number;
}

/** What became of the rows. */
export interface FunctionCounts {
  /** Of each row that came out, the row it came from. */
  readonly origins: Uint32Array;
  /** Rows that the function dropped. */
  readonly dropped: Uint32Array;
  readonly failures: readonly RowFailure[];
}

/** What the host calls. */
export interface FunctionMethods {
  /** Loads the module; rejects with what is wrong with it. */
  load(data: FunctionData): Promise<void>;
  run(request: FunctionRequest): Promise<FunctionReply>;
  /** A Lambda handler's answer to an event, both as JSON. */
  invoke(event: string): Promise<string>;
}

/** What the process tells its host. */
export interface FunctionHostMethods {
  said(message: string): void;
}
