/**
 * The quarantine's desk: what is in it, and what becomes of it.
 *
 * A row of the quarantine stays where it is. What became of it is a row of `quarantine_resolved`, by
 * its offset; the two together are the open rows. Redriving appends the events to where they go on
 * (the front door's stream, or the redrive stream that every transform and delivery reads) and the
 * resolution in **one** commit, so an event is never in both places and never in neither.
 *
 * Limits: pages of `PAGE_ROWS`, one redrive or drop at a time; originals above the quarantine's size
 * are not kept, so these rows can only be dropped.
 */
import type { Ingest } from '../collect/ingest.js';
import type { ColumnBatch } from '../event/columns.js';
import {
  QUARANTINE_STREAM,
  REDRIVE_SCHEMA,
  REDRIVE_STREAM,
  RESOLVED_SCHEMA,
  RESOLVED_STREAM,
} from '../event/internal.js';
import { batchFromRows } from '../event/rows.js';
import type { Log, StreamRows } from '../log/log.js';
import { MillraceError } from '../util/errors.js';
import { sqlLiteral } from '../util/sql-text.js';

/** Rows that are worked on at once. */
const PAGE_ROWS = 100;

/** Which rows. What is left out is not asked for. */
export interface QuarantineFilter {
  readonly stage?: string;
  /** A transform or delivery, by name. */
  readonly reader?: string;
  readonly stream?: string;
  readonly tenant?: string;
  readonly code?: string;
  /** By the time in the quarantine, ms: from, and before. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** One row, by its offset. */
  readonly offset?: number;
}

/** A part of a list. */
export interface QuarantinePage {
  /** Most rows. */
  readonly limit: number;
  /** Offset of the last row of the page before. */
  readonly after: number;
  /** Which come first. */
  readonly order: 'oldest' | 'newest';
}

/** An open row, as it is shown. */
export interface QuarantinedRow {
  readonly offset: number;
  /** When it came here, ISO 8601. */
  readonly at: string;
  readonly tenant: string;
  readonly stage: string;
  readonly reader: string | null;
  readonly stream: string;
  readonly code: string;
  readonly message: string;
  readonly path: string | null;
  readonly attempts: number;
  readonly eventId: string | null;
  readonly originalLength: number;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
  /** Where the event is in its stream, if it came that far. */
  readonly place: { readonly partition: number; readonly offset: number } | null;
  /** The original, base 64; null where it was too long to be kept, left out in lists. */
  readonly original?: string | null;
}

/** Open rows that have the same cause. */
export interface QuarantineGroup {
  readonly stage: string;
  readonly reader: string | null;
  readonly stream: string;
  readonly code: string;
  readonly rows: number;
  readonly tenants: number;
  readonly oldest: string;
  readonly newest: string;
}

/** What a redrive or a drop did. */
export interface Resolution {
  readonly resolved: number;
  /** Rows that stay, and why; the first hundred. */
  readonly refused: readonly { readonly offset: number; readonly message: string }[];
  readonly refusedCount: number;
}

/** What the desk works with. */
export interface QuarantineDeskInput {
  readonly log: Log;
  /** Answers a SELECT as an operator: the rows as arrays. */
  readonly ask: (sql: string) => Promise<readonly (readonly unknown[])[]>;
  readonly ingestOf: (stream: string) => Ingest | undefined;
  /** Transforms and deliveries that run now. */
  readonly hasReader: (stage: string, name: string) => boolean;
}

const OPEN = `"_offset" NOT IN (SELECT "offset" FROM quarantine_resolved)`;
const COLUMNS = `"_offset", received_at, tenant, stage, reader, stream, code, message, path, attempts, event_id,
  original_length, first_at, last_at, "partition", "offset"`;

/** The desk. */
export class QuarantineDesk {
  readonly #input: QuarantineDeskInput;
  #working: Promise<unknown> = Promise.resolve();

  constructor(input: QuarantineDeskInput) {
    this.#input = input;
  }

  /** Open rows, without their originals. */
  async list(filter: QuarantineFilter, { limit, after, order }: QuarantinePage): Promise<QuarantinedRow[]> {
    const [isBehind, direction] = order === 'oldest' ? ['>', 'ASC'] : ['<', 'DESC'];
    const rows = await this.#input.ask(
      `SELECT ${COLUMNS} FROM quarantine WHERE ${OPEN} AND "_offset" ${isBehind} ${after} ${conditions(filter)}
       ORDER BY "_offset" ${direction} LIMIT ${limit}`,
    );
    return rows.map((row) => shown(row));
  }

  /** One row with its original. Throws NOT_FOUND when there is none, or it is resolved. */
  async show(offset: number, tenant: string | null): Promise<QuarantinedRow> {
    const filter = tenant === null ? { offset } : { offset, tenant };
    const [row] = await this.#page(filter, -1, 1, offset + 1);
    if (row === undefined)
      throw new MillraceError('NOT_FOUND', `there is no open row at offset ${offset} of the quarantine`, {
        place: 'offset',
      });
    return row;
  }

  /** Open rows by stage, reader, stream and code. */
  async stats(filter: QuarantineFilter): Promise<QuarantineGroup[]> {
    const rows = await this.#input.ask(
      `SELECT stage, reader, stream, code, count(*), count(DISTINCT tenant), min(received_at), max(received_at)
       FROM quarantine WHERE ${OPEN} ${conditions(filter)}
       GROUP BY stage, reader, stream, code ORDER BY 5 DESC, stage, stream, code LIMIT 1000`,
    );
    return rows.map(([stage, reader, stream, code, count, tenants, oldest, newest]) => ({
      stage: String(stage),
      reader: textOrNull(reader),
      stream: String(stream),
      code: String(code),
      rows: Number(count),
      tenants: Number(tenants),
      oldest: String(oldest),
      newest: String(newest),
    }));
  }

  /** Runs open rows through the stage that failed; at most `limit`. */
  redrive(filter: QuarantineFilter, limit: number, by: string): Promise<Resolution> {
    return this.#each(filter, limit, (row) => this.#redriveRow(row, by));
  }

  /** Gives open rows up; at most `limit`. They stay in the stream. */
  drop(filter: QuarantineFilter, limit: number, by: string): Promise<Resolution> {
    return this.#each(filter, limit, async (row) => {
      await this.#input.log.append({ batches: [resolved(row, 'dropped', by)] });
      return null;
    });
  }

  /** One after the other, so that no row is taken up twice. */
  #each(
    filter: QuarantineFilter,
    limit: number,
    work: (row: QuarantinedRow) => Promise<string | null>,
  ): Promise<Resolution> {
    const done = this.#working.then(async () => {
      const refused: { offset: number; message: string }[] = [];
      let count = 0;
      let after = -1;
      // What fails again comes back behind this end, and would be taken up for ever.
      const { end } = this.#input.log.range(QUARANTINE_STREAM, 0);
      for (let left = limit; left > 0;) {
        const page = await this.#page(filter, after, Math.min(left, PAGE_ROWS), end);
        const messages = await Promise.all(page.map(work));
        messages.forEach((message, index) => {
          if (message === null) count += 1;
          else refused.push({ offset: page[index]!.offset, message });
        });
        left -= page.length;
        after = page.at(-1)?.offset ?? after;
        if (page.length === 0) break;
      }
      return { resolved: count, refused: refused.slice(0, 100), refusedCount: refused.length };
    });
    // The caller gets the rejection; the queue goes on.
    this.#working = done.catch(() => undefined);
    return done;
  }

  async #page(filter: QuarantineFilter, after: number, limit: number, end: number): Promise<QuarantinedRow[]> {
    const rows = await this.#input.ask(
      `SELECT ${COLUMNS}, original FROM quarantine
       WHERE ${OPEN} AND "_offset" > ${after} AND "_offset" < ${end} ${conditions(filter)}
       ORDER BY "_offset" LIMIT ${limit}`,
    );
    return rows.map((row) => ({ ...shown(row), original: textOrNull(row[16]) }));
  }

  /** Null when it is on its way, else why it can't be. */
  async #redriveRow(row: QuarantinedRow, by: string): Promise<string | null> {
    if (row.original === null || row.original === undefined)
      return `its original of ${row.originalLength} bytes was too long to be kept`;
    const { log, hasReader } = this.#input;
    const also = [resolved(row, 'redriven', by)];
    if (row.stage === 'collect') return this.#takeAgain(row, also);
    if (!hasReader(row.stage, row.reader ?? '')) return `there is no ${row.stage} '${row.reader}' any more`;
    await log.append({ batches: [redriven(row), ...also] });
    return null;
  }

  async #takeAgain(row: QuarantinedRow, also: readonly StreamRows[]): Promise<string | null> {
    const ingest = this.#input.ingestOf(row.stream);
    if (ingest === undefined) return `stream '${row.stream}' has no front door any more`;
    const body = Buffer.from(row.original!, 'base64');
    if (body[0] !== 0x7b) return 'its original is a request, not an event; the visitor has gone';
    const firstMs = Date.parse(row.firstAt ?? row.at);
    try {
      await ingest.take(body, row.tenant, { also, before: { attempts: row.attempts, firstMs } });
      return null;
    } catch (error) {
      if (error instanceof MillraceError && !error.retryable) return `${error.code}: ${error.message}`;
      throw error;
    }
  }
}

/** Conditions as SQL; names and texts are literals of the grammar, numbers are checked. */
function conditions({ fromMs, toMs, offset, ...texts }: QuarantineFilter): string {
  const parts = Object.entries(texts).map(([column, text]) => `${column} = ${sqlLiteral(text)}`);
  if (fromMs !== undefined) parts.push(`received_at >= ${timeLiteral(fromMs)}`);
  if (toMs !== undefined) parts.push(`received_at < ${timeLiteral(toMs)}`);
  if (offset !== undefined) parts.push(`"_offset" = ${Math.trunc(offset)}`);
  return parts.map((part) => `AND ${part}`).join(' ');
}

function timeLiteral(timeMs: number): string {
  return `TIMESTAMPTZ ${sqlLiteral(new Date(timeMs).toISOString())}`;
}

function shown(row: readonly unknown[]): QuarantinedRow {
  const [offset, at, tenant, stage, reader, stream, code, message, path, attempts, id, length, first, last] = row;
  const [partition, placed] = row.slice(14);
  return {
    offset: Number(offset),
    at: String(at),
    tenant: String(tenant),
    stage: String(stage),
    reader: textOrNull(reader),
    stream: String(stream),
    code: String(code),
    message: String(message),
    path: textOrNull(path),
    attempts: Number(attempts),
    eventId: textOrNull(id),
    originalLength: Number(length),
    firstAt: textOrNull(first),
    lastAt: textOrNull(last),
    place: partition === null ? null : { partition: Number(partition), offset: Number(placed) },
  };
}

function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

function resolved({ tenant, offset }: QuarantinedRow, outcome: 'redriven' | 'dropped', by: string): StreamRows {
  return { stream: RESOLVED_STREAM, rows: batchFromRows(RESOLVED_SCHEMA, [{ tenant, offset, outcome, by }]) };
}

function redriven(row: QuarantinedRow): StreamRows {
  const rows: ColumnBatch = batchFromRows(REDRIVE_SCHEMA, [
    {
      tenant: row.tenant,
      stage: row.stage,
      reader: row.reader,
      stream: row.stream,
      partition: row.place?.partition ?? null,
      offset: row.place?.offset ?? null,
      original: row.original,
      event_id: row.eventId,
      attempts: row.attempts,
      first_at: row.firstAt ?? row.at,
      quarantine_offset: row.offset,
    },
  ]);
  return { stream: REDRIVE_STREAM, rows };
}
