/**
 * Brings a replay's rows of the lake into the replay's own stream, page by page, in the order of
 * (partition, offset).
 *
 * Each page is appended together with where the next one begins (the state of the reader
 * `feed.<id>`), so a restart repeats nothing and leaves nothing out. A page is a range of offsets
 * below the log's start; its length follows how many rows of the range are asked for, so that one
 * tenant of thousands takes few pages and all of them together no large ones.
 *
 * Limits: one page of at most `PAGE_ROWS_MAX` rows at a time; the feed waits while the replay is more
 * than `AHEAD_ROWS` rows behind it.
 */
import { batchFromRows } from '../event/rows.js';
import { RECEIVED_AT, type Schema } from '../event/schema.js';
import type { Log } from '../log/log.js';
import { MillraceError } from '../util/errors.js';
import { sqlLiteral } from '../util/sql-text.js';
import { ORIGINAL_RECEIVED_AT, replayStream, type ReplayOptions } from './replay.js';

const PAGE_ROWS_MAX = 10_000;
const PAGE_OFFSETS = 5_000;
const PAGE_OFFSETS_MAX = 50_000_000;
const AHEAD_ROWS = 100_000;

/** How far a feed is. */
interface FeedState {
  readonly partition: number;
  /** The next offset of it. */
  readonly offset: number;
}

/** What a feed works with. */
export interface FeedInput {
  readonly log: Log;
  readonly replay: ReplayOptions;
  /** Answers a SELECT as NDJSON, as an operator; QUERY_TOO_LARGE when it has more than `PAGE_ROWS_MAX` rows. */
  readonly ask: (sql: string, rowsMax: number) => Promise<Uint8Array>;
  /** How far the replay has delivered its stream. */
  readonly deliveredTo: () => number;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The reader that keeps a feed's place. */
export function feedReader(id: string): string {
  return `feed.${id}`;
}

/** Feeds until all is appended; answers one past the last row in the replay's stream. Rejects when `signal` aborts. */
export async function feedReplay(input: FeedInput, signal: AbortSignal): Promise<number> {
  const { log, replay } = input;
  const target = replayStream(replay.id);
  const ends = replay.lakeBelow ?? [];
  let at = readState(log.reader(feedReader(replay.id))?.state);
  let span = PAGE_OFFSETS;
  while (at.partition < ends.length) {
    signal.throwIfAborted();
    if (log.range(target, 0).end - input.deliveredTo() > AHEAD_ROWS) {
      await input.pause(100, signal);
      continue;
    }
    const end = Math.min(ends[at.partition]!, at.offset + span);
    const rows = end > at.offset ? await page(input, at, end) : [];
    if (rows === null) {
      span = Math.max(1, Math.floor(span / 4));
      continue;
    }
    if (rows.length < PAGE_ROWS_MAX / 8) span = Math.min(PAGE_OFFSETS_MAX, span * 2);
    at = end >= ends[at.partition]! ? { partition: at.partition + 1, offset: 0 } : { ...at, offset: end };
    await append(input, rows, at);
  }
  return log.range(target, 0).end;
}

/** The rows of a range of offsets; null when they are too many for a page. */
async function page({ ask, replay, log }: FeedInput, at: FeedState, end: number): Promise<object[] | null> {
  const { schema } = log.stream(replay.stream)!;
  const conditions = [
    `"_partition" = ${at.partition}`,
    `"_offset" >= ${at.offset}`,
    `"_offset" < ${end}`,
    `received_at >= TIMESTAMPTZ ${sqlLiteral(new Date(replay.fromMs).toISOString())}`,
    `received_at < TIMESTAMPTZ ${sqlLiteral(new Date(replay.toMs).toISOString())}`,
    ...tenantCondition(schema, replay.tenant),
  ];
  const columns = schema.columns.map(({ name }) => `"${name}"`).join(', ');
  const sql = `SELECT ${columns} FROM "${replay.stream}" WHERE ${conditions.join(' AND ')} ORDER BY "_offset"`;
  try {
    const text = new TextDecoder().decode(await ask(sql, PAGE_ROWS_MAX));
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as object);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'QUERY_TOO_LARGE' && end - at.offset > 1) return null;
    throw error;
  }
}

function tenantCondition({ roles, columns }: Schema, tenant: string | null): string[] {
  if (tenant === null || roles.tenant < 0) return [];
  return [`"${columns[roles.tenant]!.name}" = ${sqlLiteral(tenant)}`];
}

async function append({ log, replay }: FeedInput, rows: readonly object[], next: FeedState): Promise<void> {
  const stream = replayStream(replay.id);
  const { schema } = log.stream(stream)!;
  const stamped = (rows as Record<string, unknown>[]).map(({ [RECEIVED_AT]: at, ...row }) => ({
    ...row,
    [ORIGINAL_RECEIVED_AT]: at,
  }));
  await log.append({
    batches: rows.length === 0 ? [] : [{ stream, rows: batchFromRows(schema, stamped) }],
    reader: {
      id: feedReader(replay.id),
      epoch: 1,
      positions: [],
      state: new TextEncoder().encode(JSON.stringify(next)),
    },
  });
}

function readState(bytes: Uint8Array | undefined): FeedState {
  if (bytes === undefined || bytes.length === 0) return { partition: 0, offset: 0 };
  return JSON.parse(new TextDecoder().decode(bytes)) as FeedState;
}
