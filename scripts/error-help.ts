/** What each error code means and what to do about it, for docs/reference/errors.md. */
import type { ErrorCode } from '../src/util/errors.js';

/** One sentence or two a code; a new code without one does not pass the type check. */
export const ERROR_HELP: Readonly<Record<ErrorCode, string>> = {
  CONFIG_INVALID:
    'The configuration has a mistake; the message names file, path, what was expected and what was found. `millrace check` lists all.',
  CONFIG_NOT_FOUND: 'A file that was named is not there. `millrace init` writes a configuration to start from.',
  DATA_FOLDER_IN_USE:
    'Another process owns the data folder, or the folder of a pull. Stop it, or give this one another `--data` or `--into`.',
  DATA_FOLDER_NEWER: 'The data folder was written by a newer Millrace. Start that version; nothing was changed.',
  DATA_FOLDER_DAMAGED:
    'Something in the data folder is not what was written. The message names file and place; nothing was changed.',
  PORT_IN_USE: 'Something listens at the port already. Stop it, or give another `--port`.',
  DEMO_KEYS_EXPOSED:
    'Keys stand in clear in the configuration and `http.host` is reachable from other machines. Listen at 127.0.0.1, or replace them by hashed keys (`millrace key`).',
  SCHEMA_INVALID:
    'A schema can not be: a column name or type, or a role that does not fit. The message names the column.',
  SCHEMA_INCOMPATIBLE:
    'A stream exists with another schema that can not become this one. Columns may be added or widened; for anything else, make a new stream.',
  EVENT_MALFORMED: 'An event is not JSON. It is in the quarantine with its original bytes.',
  EVENT_TYPE: 'A field has a value of the wrong type; `path` names it. The event is in the quarantine.',
  EVENT_FIELD_MISSING: 'A field that must be there is missing; `path` names it. The event is in the quarantine.',
  EVENT_FIELD_UNKNOWN: 'The schema has no such field; `path` names it. The event is in the quarantine.',
  EVENT_TOO_LARGE: 'An event is larger than `http.eventSizeMax`. The quarantine has its length and hash.',
  EVENT_GUARDED:
    'The event has a key that a guard blocks: a row of the view named is there. It is in the quarantine; see docs/guide/guards.md.',
  EVENT_TIME_FUTURE: 'An event time is further ahead than `collect.futureMax`. The event is in the quarantine.',
  TENANT_MISMATCH: "An event names another tenant than the key's. The event is in the quarantine of the key's tenant.",
  TENANT_UNKNOWN: 'There is no such tenant in the configuration or the tenants file.',
  BODY_MALFORMED: 'The body is not what its headers say: JSON, NDJSON, or gzip of these. Nothing of it was taken.',
  BODY_TOO_LARGE:
    'The body is larger than `http.bodySizeMax` after decompression. Send smaller batches; nothing of it was taken.',
  BATCH_TOO_LARGE: 'More events than `http.batchEventsMax`. Send smaller batches; nothing of it was taken.',
  ENCODING_UNSUPPORTED: 'Expected `Content-Encoding: gzip` or none.',
  KEY_MISSING: 'Expected the header `Authorization: Bearer <key>`.',
  KEY_INVALID: 'No such key. The bytes were counted and not stored.',
  KEY_FORBIDDEN:
    'The key exists and may not do this: an `ingest` key does not query, a `read` key does not send, and only an operator sees all tenants.',
  ARGUMENT_INVALID:
    'A call of the Firehose API asks for what can not be; the message says what is expected. Answered as `InvalidArgumentException`.',
  ARGUMENT_OUT_OF_BOUNDS:
    'A member of a call of the Firehose API is missing, or breaks a limit. Answered as `ValidationException`; nothing was taken.',
  OPERATION_UNKNOWN:
    'There is no such operation of the Firehose API, or not here. Answered as `UnknownOperationException`.',
  STREAM_EXISTS: 'A stream of this name is there already. Answered as `ResourceInUseException`.',
  STREAM_CHANGED:
    'The stream was changed since its version was asked for: describe it again. Answered as `ConcurrentModificationException`.',
  LIMIT_EXCEEDED: 'There are as many streams or tags as can be. Answered as `LimitExceededException`.',
  PARAMETER_INVALID:
    'A parameter of a saved endpoint is missing, not known, or not of its type. `GET /v1/endpoints` lists what each endpoint takes.',
  LINK_INVALID: 'A click link is neither signed for its destination nor leads to an allowed host of the tenant.',
  CLICK_ID_INVALID: 'A click id was not minted here, or was changed on the way.',
  NOT_FOUND: 'There is nothing at this address. `/v1/openapi.json` lists what there is.',
  METHOD_NOT_ALLOWED: 'The address exists for another method; the `Allow` header names it.',
  RATE_LIMITED: 'Too many requests at once. Wait for `Retry-After`; nothing was taken.',
  SHUTTING_DOWN: 'The process is draining. Send again; nothing of this request was taken.',
  INTERNAL: 'A bug in Millrace. The log of the process has the stack; please report it.',
  LOG_UNAVAILABLE:
    'The disk refuses writes (EIO). Events are answered 503 until it takes them again; the process goes on by itself.',
  LOG_DISK_FULL: 'The disk, or the size of the stream, is full. Events are answered 503 until there is room.',
  LOG_OVERLOADED: 'More bytes wait for the disk than `log.pendingSizeMax`. Wait for `Retry-After`.',
  LOG_PAGE_DAMAGED: 'The checksum of a column does not match. The message names segment, offset and rows.',
  LOG_SEGMENT_DAMAGED: 'A segment can not be read below what was synced. The message names file and byte.',
  OFFSET_OUT_OF_RANGE:
    'The rows at this offset are gone by retention, or not there yet. The message names the range kept.',
  STREAM_UNKNOWN: 'The configuration has no such stream.',
  TABLE_FILE_INVALID:
    'A file that fills a table can not be taken: the message says line and column. The table keeps its rows; mend the file, and it is read again.',
  READER_FENCED: 'Another reader with the same id and a newer epoch has taken over.',
  BATCH_INVALID: 'Bytes that should be a batch are not. Nothing of them was taken.',
  DELIVERY_UNKNOWN: 'The configuration has no such delivery, and none was made through the API.',
  DELIVERY_REFUSED:
    'The sink refuses this row for good; the message is its own. The row is in the quarantine: mend the cause, then `millrace redrive`.',
  ADDRESS_REFUSED:
    'A host of a delivery has no address that may be connected to. If it is meant to be private, permit it by `allowPrivate`.',
  DELIVERY_GAVE_UP:
    'The sink failed until `retry.deadline`. The rows are in the quarantine: once it works again, `millrace redrive`.',
  TRANSFORM_FAILED:
    'A function of a transform threw, or a step could not do its work; the message says what. The event is in the quarantine: repair the function, then redrive it.',
  TRANSFORM_TIMEOUT:
    'A function took longer for an event than its `timeout`. Its thread was started anew, the event is in the quarantine.',
  TRANSFORM_MEMORY:
    'A function needed more than its `memory`. Its thread was started anew, the event is in the quarantine.',
  TRANSFORM_ANSWER:
    'A Lambda function answered something else than each record once; the message names the id. The records of the invocation are in the quarantine.',
  VIEW_UNCHANGED: 'The view has no new definition that waits to answer: nothing was changed, or it answers already.',
  VIEW_BEHIND:
    'The new definition of a view has not read as far as the one that answers. `millrace explain VIEW` says how far it is; ask again, or swap with `--force`.',
  CURSOR_INVALID:
    'A cursor of the changes feed that this server did not write, or of another tenant, view or range. Take `next_cursor` as it came, or begin with a snapshot.',
  CURSOR_GONE:
    'A cursor of the changes feed is too old, or its view has another definition now; `error.reason` says which. Load the snapshot at `error.snapshot`; `millrace pull` does so by itself.',
  PULL_SERVER_UNREACHABLE: '`millrace pull` gets no answer from the server. It tries again by itself.',
  PULL_ANSWER_INVALID:
    'The server answered what is no answer of a changes feed: look whether a proxy answers in its place, and whether it is a newer version.',
  PULL_NAME_REFUSED:
    'A view, or a column of it, has a name that a database could take for another. The message says how to give another one.',
  PULL_TABLE_CHANGED:
    "The table in the advertiser's database is not what the view needs. The message names column and types, and what to run.",
  PULL_ROWS_REFUSED:
    "The database refuses a row by a constraint or trigger that is not Millrace's, or a Parquet file can not hold a number. Nothing of its page was kept; take the constraint away, and it goes on.",
  PULL_DATABASE_REFUSED:
    'The database does not let the worker in, or not do what it must. The message has the GRANT to run.',
  PULL_DATABASE_FULL: "The advertiser's database has no room left. The worker tries again by itself.",
  PULL_DATABASE_UNAVAILABLE:
    "The advertiser's database gives no answer, or ended the session. The worker tries again by itself.",
  PULL_PAGE_ELSEWHERE:
    '`applyTo` was given a page that does not follow on what the table has. Begin again at `savedCursor`; nothing was changed.',
  STORE_UNAVAILABLE:
    'The object store can not be reached, is overloaded, or its disk is full. The delivery waits and tries again; nothing is lost meanwhile.',
  STORE_REFUSED:
    'The object store refuses until somebody mends it: no such bucket, no permission, wrong keys. The message has its own words.',
  STORE_KEY_INVALID:
    'No object can have this key: too long, a control character, a segment that is empty, `.` or `..`; in a folder also a name that is taken by a folder.',
  SQL_SYNTAX: 'The statement does not parse; the message has line, column and a caret.',
  SQL_UNSUPPORTED: 'PostgreSQL knows this, Millrace does not; the message says what to write instead.',
  SQL_UNKNOWN_RELATION: 'No such stream or view, or none that this key may see.',
  SQL_UNKNOWN_COLUMN: 'No such column; the message lists what there is.',
  SQL_UNKNOWN_FUNCTION: 'No such function, or not with these types.',
  SQL_TYPE: 'The types do not fit; the message names what was expected.',
  SQL_RUNTIME: 'A value did not fit while running, such as a division by zero or a cast.',
  QUERY_TIMEOUT: 'Slower than `query.timeout`. Narrow the time range.',
  QUERY_TOO_LARGE: 'More rows, bytes or memory than the caps of `query`. Narrow it, or add a LIMIT.',
  QUERY_BUSY: 'All `query.concurrentMax` are running and `query.waitingMax` wait. Try again.',
};
