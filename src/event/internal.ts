/**
 * The streams that Millrace writes about its own work. They are streams like any other: read,
 * kept, queried and replayed the same way.
 */
import { defineSchema } from './schema-define.js';
import type { Schema } from './schema.js';

/** Name of the stream of what could not be taken or processed. */
export const QUARANTINE_STREAM = 'quarantine';

/** Name of the stream of what became of quarantined events: redriven or dropped. */
export const RESOLVED_STREAM = 'quarantine_resolved';

/** Name of the stream of quarantined events on their way through the stage that failed. */
export const REDRIVE_STREAM = 'redrive';

/** Name of the stream of what each transform and delivery read and made of it. */
export const EDGES_STREAM = 'edges';

/** Name of the stream of rows that came after their window's last correction. */
export const LATE_STREAM = 'late';

/** Name of the stream of the audit's accounts. */
export const ACCOUNTS_STREAM = 'accounts';

/** Name of the stream of their totals, from which a start goes on; not for queries. */
export const ACCOUNT_TOTALS_STREAM = 'accounts.totals';

const OWN: ReadonlySet<string> = new Set([
  QUARANTINE_STREAM,
  RESOLVED_STREAM,
  REDRIVE_STREAM,
  EDGES_STREAM,
  LATE_STREAM,
  ACCOUNTS_STREAM,
  ACCOUNT_TOTALS_STREAM,
]);

/** Whether Millrace writes a stream itself, so that it takes nothing from outside. */
export function isInternalStream(name: string): boolean {
  return OWN.has(name) || name.startsWith('view.') || name.startsWith('replay.') || name.startsWith('transform.');
}

/** Whether a stream of Millrace's own may be read by a delivery: all but what only starts read. */
export function isReadableStream(name: string): boolean {
  return isInternalStream(name) && name !== ACCOUNT_TOTALS_STREAM && name !== REDRIVE_STREAM;
}

/** Most original bytes a quarantined event keeps; longer ones keep length and hash. */
export const ORIGINAL_BYTES_MAX = 64 * 1024;

/**
 * Quarantine: one row an event that failed. `original` is null beyond `ORIGINAL_BYTES_MAX`, and
 * `original_hash` (SHA-256, hex) is there instead; `original_length` always is. `message` says what is
 * wrong, `path` is the JSON path, `index` the position in its request (behind the front door: in its
 * batch), `event_id` the event's id if it had one that could be read. `stage` is where it failed
 * (`collect`, `transform`, `deliver`) and `reader` which one, by name; `partition` and `offset` say
 * where the event is in `stream`, if it came that far. `first_at` and `last_at` are the times of the
 * first and the last attempt.
 */
export const QUARANTINE_SCHEMA = defineSchema({
  columns: {
    tenant: 'dictionary',
    stage: 'dictionary',
    stream: 'dictionary',
    code: 'dictionary',
    message: 'string',
    path: 'dictionary?',
    index: 'int64',
    attempts: 'int64',
    original: 'bytes?',
    original_length: 'int64',
    original_hash: 'string?',
    event_id: 'string?',
    reader: 'dictionary?',
    partition: 'int64?',
    offset: 'int64?',
    first_at: 'timestamp?',
    last_at: 'timestamp?',
  },
  tenant: 'tenant',
});

/** What became of a quarantined event: `offset` is that of its row in the quarantine, `outcome` `redriven` or `dropped`. */
export const RESOLVED_SCHEMA = defineSchema({
  columns: { tenant: 'dictionary', offset: 'int64', outcome: 'dictionary', by: 'dictionary?' },
  tenant: 'tenant',
});

/**
 * Redrive: a quarantined event, to be read again by the transform or delivery `reader`. `original` is
 * the event as JSON, `attempts` how often it was tried, `quarantine_offset` where its row is;
 * `stream`, `partition` and `offset` say where the event itself was.
 */
export const REDRIVE_SCHEMA = defineSchema({
  columns: {
    tenant: 'dictionary',
    stage: 'dictionary',
    reader: 'dictionary',
    stream: 'dictionary',
    partition: 'int64?',
    offset: 'int64?',
    original: 'bytes',
    event_id: 'string?',
    attempts: 'int64',
    first_at: 'timestamp?',
    quarantine_offset: 'int64',
  },
  tenant: 'tenant',
});

/**
 * Edges: what one reader (`edge`, its id) made of the rows of one input (`stream`), added up by tenant
 * and by the minute in which the log took them. Written in the commit that moves the reader.
 *
 * | outcome | reason | what |
 * |---|---|---|
 * | `read` | | rows of the input, from the batches' headers |
 * | `ok` | | rows that the sink or the transform has taken, by its own count |
 * | `filtered` | why | rows that were meant to end here |
 * | `quarantined` | error code | rows that are in the quarantine |
 * | `dropped` | why | rows that are nowhere: no room in the quarantine |
 * | `written` | | rows or objects that came out: fan-out, in no sum |
 *
 * read = ok + filtered + quarantined + dropped. Rows that the log has lost (damaged, cut by retention)
 * were never read: the reader's status counts those (`rowsSkipped`).
 */
export const EDGES_SCHEMA = defineSchema({
  columns: {
    minute: 'timestamp',
    edge: 'dictionary',
    stream: 'dictionary',
    tenant: 'dictionary',
    outcome: 'dictionary',
    reason: 'dictionary?',
    events: 'int64',
  },
  tenant: 'tenant',
});

/**
 * Late: one row an event and view that no longer takes it. `stream`, `partition` and `offset` say
 * where the event is in the log; `event` is the whole event as JSON; `late_by_ms` how long after the last moment in time
 * it came, where that is the reason.
 */
export const LATE_SCHEMA = defineSchema({
  columns: {
    tenant: 'dictionary',
    view: 'dictionary',
    stream: 'dictionary',
    partition: 'int64',
    offset: 'int64',
    window_start: 'timestamp?',
    event_time: 'timestamp?',
    reason: 'dictionary',
    event: 'json',
    late_by_ms: 'int64?',
  },
  tenant: 'tenant',
});

/**
 * Accounts: what happened to events, added up. One row a minute (of the count, give or take a
 * second), `edge` (where: `collect` is the front door, else the id of a reader), stream, tenant (`*`:
 * none that is known) and outcome, with the reason where an outcome has several.
 *
 * | outcome | reason |
 * |---|---|
 * | `received`, `accepted`, `duplicates`, `quarantined` | |
 * | `rejected` | error code, quarantined or dropped |
 * | `dropped` | `quarantine_full`, `tenant_unknown` |
 * | `unlogged` | pixels and clicks that were answered although the log had not taken them |
 * | `refused` | answered 429 or 503; the client's still |
 * | `cut` | rows that the disk bound took from the reader `edge` |
 */
export const ACCOUNTS_SCHEMA = defineSchema({
  columns: {
    minute: 'timestamp',
    edge: 'dictionary',
    stream: 'dictionary',
    tenant: 'dictionary',
    outcome: 'dictionary',
    reason: 'dictionary?',
    events: 'int64',
  },
  tenant: 'tenant',
});

/** The streams of Millrace's own that can be queried. */
export const QUERY_STREAMS: readonly { readonly name: string; readonly schema: Schema }[] = [
  { name: QUARANTINE_STREAM, schema: QUARANTINE_SCHEMA },
  { name: RESOLVED_STREAM, schema: RESOLVED_SCHEMA },
  { name: LATE_STREAM, schema: LATE_SCHEMA },
  { name: ACCOUNTS_STREAM, schema: ACCOUNTS_SCHEMA },
  { name: EDGES_STREAM, schema: EDGES_SCHEMA },
];
