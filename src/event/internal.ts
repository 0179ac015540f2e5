/**
 * The streams that Millrace writes about its own work. They are streams like any other: read,
 * kept, queried and replayed the same way.
 */
import { defineSchema } from './schema-define.js';

/** Name of the stream of what could not be taken or processed. */
export const QUARANTINE_STREAM = 'quarantine';

/** Name of the stream of rows that came after their window's last correction. */
export const LATE_STREAM = 'late';

/** Name of the stream of the audit's accounts. */
export const ACCOUNTS_STREAM = 'accounts';

/** Name of the stream of their totals, from which a start goes on; not for queries. */
export const ACCOUNT_TOTALS_STREAM = 'accounts.totals';

/** Whether Millrace writes a stream itself, so that it takes nothing from outside. */
export function isInternalStream(name: string): boolean {
  const own = [QUARANTINE_STREAM, LATE_STREAM, ACCOUNTS_STREAM, ACCOUNT_TOTALS_STREAM];
  return own.includes(name) || name.startsWith('view.');
}

/** Most original bytes a quarantined event keeps; longer ones keep length and hash. */
export const ORIGINAL_BYTES_MAX = 64 * 1024;

/**
 * Quarantine: one row an event that failed. `original` is null beyond `ORIGINAL_BYTES_MAX`, and
 * `original_hash` (SHA-256, hex) is there instead; `original_length` always is. `message` says what is
 * wrong, `path` is the JSON path, `index` the position in its request, `event_id` the event's id if
 * it had one that could be read.
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
  },
  tenant: 'tenant',
});

/**
 * Late: one row an event and view that no longer takes it. `stream`, `partition` and `offset` say
 * where the event is in the log; `event` is the whole event as JSON.
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
