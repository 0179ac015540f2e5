/**
 * A replay: a part of a stream brought once more to a delivery's sink, by a reader of its own.
 *
 * The part is fixed when the replay is made: rows of the log between two vectors of positions, and,
 * for what the log does not hold any more, rows of the lake, which `replay-feed.ts` appends to a
 * stream of the replay's own with the stamps that they had.
 *
 * Everything else is as for any delivery: cuts, retries, quarantine, edges (under `replay.<id>`, so
 * that whoever counts or bills by edges can tell). A replay of a replay's range is made of the same
 * rows and goes on where it was after a restart.
 */
import type { ColumnBatch } from '../event/columns.js';
import { numberAt } from '../event/integers.js';
import { defineSchema } from '../event/schema-define.js';
import { RECEIVED_AT, type Schema } from '../event/schema.js';
import type { LogBatch, Position } from '../log/log.js';
import { positionKey } from '../log/reader-inputs.js';

/** Column of a replay's stream: the stamp that the row had in its own. */
export const ORIGINAL_RECEIVED_AT = 'original_received_at';

/** A replay, as it is kept. */
export interface ReplayOptions {
  readonly id: string;
  /** The delivery whose sink it uses. */
  readonly delivery: string;
  readonly stream: string;
  /** Null: all tenants. */
  readonly tenant: string | null;
  /** By the stamp of the log, ms: from, and before. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Most rows a second; null: as fast as the sink takes them. */
  readonly rowsPerSecond: number | null;
  readonly createdMs: number;
  /** The part of the log. */
  readonly from: readonly Position[];
  readonly until: readonly Position[];
  /** Rows of the lake below these offsets, by partition, come first; null: none. */
  readonly lakeBelow: readonly number[] | null;
}

/** How the names of replays' streams and readers begin. */
export const REPLAY_STREAMS = 'replay.';

/** The stream that holds a replay's rows of the lake; also the id of its reader. */
export function replayStream(id: string): string {
  return `${REPLAY_STREAMS}${id}`;
}

/** Its schema: the stream's own, with the stamp that each row had. */
export function replaySchema(schema: Schema): Schema {
  const { columns, roles } = schema;
  const name = (index: number): string | undefined => columns[index]?.name;
  const own = columns.filter(({ name }) => name !== RECEIVED_AT);
  const [tenant, eventId, eventTime] = [name(roles.tenant), name(roles.eventId), name(roles.eventTime)];
  return defineSchema({
    columns: {
      ...Object.fromEntries(own.map((column) => [column.name, { type: column.type, nullable: column.nullable }])),
      [ORIGINAL_RECEIVED_AT]: 'timestamp',
    },
    ...(tenant === undefined ? {} : { tenant }),
    ...(eventId === undefined ? {} : { eventId }),
    ...(eventTime === undefined ? {} : { eventTime }),
  });
}

/** A batch of a replay's stream as one of the stream itself; the stamp of its oldest row is the batch's. */
export function asReplayed(log: LogBatch, schema: Schema): LogBatch {
  const places = schema.columns.map(({ name }) => {
    const wanted = name === RECEIVED_AT ? ORIGINAL_RECEIVED_AT : name;
    return log.batch.schema.columns.findIndex((column) => column.name === wanted);
  });
  const batch: ColumnBatch = { schema, rows: log.rows, column: (index) => log.batch.column(places[index]!) };
  const column = batch.column(schema.roles.receivedAt);
  let receivedAt = Infinity;
  for (let row = 0; row < log.rows; row++)
    if (column.kind === 'integer') receivedAt = Math.min(receivedAt, numberAt(column, row));
  return { ...log, batch, receivedAt };
}

/** How far a replay may read, how fast, and whether it is done. */
export class ReplayBounds {
  readonly #until: Map<string, number>;
  readonly #rowsPerSecond: number | null;
  readonly #tenant: string | null;
  #readyAt = -Infinity;

  constructor({ until, rowsPerSecond, tenant }: Pick<ReplayOptions, 'until' | 'rowsPerSecond' | 'tenant'>) {
    this.#until = new Map(until.map((position) => [positionKey(position), position.offset]));
    this.#rowsPerSecond = rowsPerSecond;
    this.#tenant = tenant;
  }

  /** The replay's own stream has all rows of the lake, up to `offset`. */
  fed(stream: string, offset: number): void {
    this.#until.set(positionKey({ stream, partition: 0 }), offset);
  }

  /** Whether a batch lies behind the end; ends lie between batches. */
  isBehind(batch: LogBatch): boolean {
    const until = this.#until.get(positionKey(batch));
    return until !== undefined && batch.baseOffset >= until;
  }

  /** Takes note of rows that were taken at `monotonic`. */
  took(rows: number, monotonic: number): void {
    if (this.#rowsPerSecond === null) return;
    this.#readyAt = Math.max(this.#readyAt, monotonic) + (rows / this.#rowsPerSecond) * 1000;
  }

  /** Whether the rate allows more. */
  isReady(monotonic: number): boolean {
    return monotonic >= this.#readyAt;
  }

  /** Whether `delivered` has reached every end. */
  isDone(delivered: readonly Position[]): boolean {
    const at = new Map(delivered.map((position) => [positionKey(position), position.offset]));
    for (const [key, until] of this.#until) if ((at.get(key) ?? 0) < until) return false;
    return true;
  }

  /** Which rows of a batch are the tenant's; null: all. */
  only(batch: LogBatch): ((row: number) => boolean) | null {
    const { tenant } = batch.batch.schema.roles;
    if (this.#tenant === null || tenant < 0) return null;
    const column = batch.batch.column(tenant);
    const wanted = Buffer.from(this.#tenant);
    if (column.kind === 'dictionary') {
      const code = column.dictionary.find(wanted);
      return (row) => column.codes[row] === code;
    }
    if (column.kind !== 'bytes') return null;
    const { data, offsets } = column;
    return (row) => wanted.equals(data.subarray(offsets[row], offsets[row + 1]));
  }
}
