/**
 * A sink: where a delivery brings its rows. One file a sink in `sinks/`, one list in `sinks/index.ts`.
 *
 * Who calls what, and when (`courier.ts`):
 *
 *   open → ( requests → send+ )* → close
 *
 * - `open` sets up what the sink needs there (a table, an index template) and is called again after a
 *   failure. A sink that can't be opened holds back its delivery alone. `close` also ends what an `open`
 *   that failed has begun.
 * - `requests` divides the rows of a cut. It must divide the same rows the same way every time,
 *   after a restart too: ids of requests are made from it.
 * - `send` brings one request over, or throws. It may be called with the very same request again,
 *   after an error, a time-out or a kill; whether that can be seen at the other end is the sink's
 *   guarantee, and the docs say no more than that. Several requests of one cut may be under way at
 *   once, never those of two cuts. When its signal aborts it ends soon.
 * - What became of each row is marked on the receipt by the sink itself, where it knows: not before
 *   the other end has it. A row that nobody marks is missing in the audit, and named there.
 */
import type { Schema } from '../event/schema.js';
import type { Clock } from '../io/clock.js';
import type { Disk } from '../io/disk.js';
import type { Network } from '../io/network.js';
import type { Random } from '../io/random.js';
import type { CutRows } from './rows.js';
import type { Receipt } from './receipt.js';

/** One request of a cut. */
export interface SinkRequest {
  /** The same at every attempt, after a restart too: a UUID made from delivery, range of offsets and part. */
  readonly id: string;
  readonly rows: CutRows;
  /** 0 at first. */
  readonly attempt: number;
  /** Whether these rows are what is left of a request of which others were taken or refused. */
  readonly isRest: boolean;
  /** What the rows are part of. */
  readonly cut: CutPlace;
}

/** A cut, as far as a sink needs to know it. */
export interface CutPlace {
  /** The delivery's name. */
  readonly delivery: string;
  /** The stream that it reads. */
  readonly stream: string;
  /** The range of offsets as text: the same rows have the same range, others have another. */
  readonly range: string;
  /** When the log took its oldest row, ms; 0 for a cut without rows. */
  readonly receivedAt: number;
  /** Which replay brings these rows once more; null for the delivery itself. */
  readonly replay: string | null;
}

/** A sink, open or closed. */
export interface Sink {
  /** Most requests of one cut under way at once. */
  readonly requestsMax: number;
  open(signal: AbortSignal): Promise<void>;
  requests(rows: CutRows): readonly CutRows[];
  send(request: SinkRequest, receipt: Receipt, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** What sinks are made with. */
export interface SinkContext {
  /** The delivery's name. */
  readonly name: string;
  /** The stream that it reads. */
  readonly stream: string;
  /** Its schema. */
  readonly schema: Schema;
  /** The delivery's setting: most requests of one cut under way at once. */
  readonly requestsMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  /** Of alerts: names what a request tells, the same however often it is told. */
  readonly idempotencyKey?: (rows: CutRows) => string;
  /** Of a replay: its id. It has a sink of its own beside the delivery's. */
  readonly replay?: string;
}

/** The other end refuses these rows for good: another attempt can't help. Thrown by `send`. */
export class Refused extends Error {
  /** The rows may be fine one by one, or in a smaller request: they are sent again in halves. */
  readonly divisible: boolean;
  /** The row that the other end named, counted from 0 in the request; null: none. A hint: it still goes out alone. */
  readonly row: number | null;

  constructor(
    message: string,
    options: { readonly divisible: boolean; readonly row?: number | null; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Refused';
    this.divisible = options.divisible;
    this.row = options.row ?? null;
  }
}

/** The other end asks to come again later. Thrown by `send`; any other error means the same without a time. */
export class ComeAgain extends Error {
  /** Not before so long; null leaves it to the back-off. */
  readonly afterMs: number | null;

  constructor(message: string, afterMs: number | null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ComeAgain';
    this.afterMs = afterMs;
  }
}
