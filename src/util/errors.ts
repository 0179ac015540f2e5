/**
 * The one table of errors. A code is stable: clients and runbooks may match on it.
 *
 * Every error that leaves the system is a `MillraceError`: what is wrong, where, what was expected
 * and what to do. Anything else that is thrown is a bug and answers INTERNAL.
 */

/** What a code means to a client. */
export interface ErrorKind {
  /** HTTP status when it ends a request. */
  readonly status: number;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
}

/** Every code there is. */
export const ERRORS = {
  // configuration and start
  CONFIG_INVALID: { status: 500, retryable: false },
  CONFIG_NOT_FOUND: { status: 500, retryable: false },
  DATA_FOLDER_IN_USE: { status: 500, retryable: false },
  DATA_FOLDER_NEWER: { status: 500, retryable: false },
  DATA_FOLDER_DAMAGED: { status: 500, retryable: false },
  PORT_IN_USE: { status: 500, retryable: true },
  DEMO_KEYS_EXPOSED: { status: 500, retryable: false },
  // schema and events
  SCHEMA_INVALID: { status: 500, retryable: false },
  SCHEMA_INCOMPATIBLE: { status: 500, retryable: false },
  EVENT_MALFORMED: { status: 400, retryable: false },
  EVENT_TYPE: { status: 400, retryable: false },
  EVENT_FIELD_MISSING: { status: 400, retryable: false },
  EVENT_FIELD_UNKNOWN: { status: 400, retryable: false },
  EVENT_TOO_LARGE: { status: 400, retryable: false },
  EVENT_TIME_FUTURE: { status: 400, retryable: false },
  EVENT_GUARDED: { status: 400, retryable: false },
  TENANT_MISMATCH: { status: 400, retryable: false },
  TENANT_UNKNOWN: { status: 404, retryable: false },
  // requests
  BODY_MALFORMED: { status: 400, retryable: false },
  BODY_TOO_LARGE: { status: 400, retryable: false },
  BATCH_TOO_LARGE: { status: 400, retryable: false },
  ENCODING_UNSUPPORTED: { status: 415, retryable: false },
  KEY_MISSING: { status: 401, retryable: false },
  KEY_INVALID: { status: 401, retryable: false },
  KEY_FORBIDDEN: { status: 403, retryable: false },
  ARGUMENT_INVALID: { status: 400, retryable: false },
  ARGUMENT_OUT_OF_BOUNDS: { status: 400, retryable: false },
  OPERATION_UNKNOWN: { status: 400, retryable: false },
  STREAM_EXISTS: { status: 409, retryable: false },
  STREAM_CHANGED: { status: 409, retryable: false },
  LIMIT_EXCEEDED: { status: 400, retryable: false },
  PARAMETER_INVALID: { status: 400, retryable: false },
  LINK_INVALID: { status: 400, retryable: false },
  CLICK_ID_INVALID: { status: 400, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false },
  RATE_LIMITED: { status: 429, retryable: true },
  SHUTTING_DOWN: { status: 503, retryable: true },
  INTERNAL: { status: 500, retryable: false },
  // log
  LOG_UNAVAILABLE: { status: 503, retryable: true },
  LOG_DISK_FULL: { status: 503, retryable: true },
  LOG_OVERLOADED: { status: 429, retryable: true },
  LOG_PAGE_DAMAGED: { status: 500, retryable: false },
  LOG_SEGMENT_DAMAGED: { status: 500, retryable: false },
  OFFSET_OUT_OF_RANGE: { status: 410, retryable: false },
  STREAM_UNKNOWN: { status: 404, retryable: false },
  TABLE_FILE_INVALID: { status: 400, retryable: false },
  READER_FENCED: { status: 409, retryable: false },
  BATCH_INVALID: { status: 500, retryable: false },
  // deliveries
  DELIVERY_UNKNOWN: { status: 404, retryable: false },
  DELIVERY_REFUSED: { status: 502, retryable: false },
  ADDRESS_REFUSED: { status: 502, retryable: false },
  DELIVERY_GAVE_UP: { status: 502, retryable: true },
  // transforms
  TRANSFORM_FAILED: { status: 500, retryable: false },
  TRANSFORM_TIMEOUT: { status: 500, retryable: false },
  TRANSFORM_MEMORY: { status: 500, retryable: false },
  TRANSFORM_ANSWER: { status: 500, retryable: false },
  // changed views
  VIEW_UNCHANGED: { status: 409, retryable: false },
  VIEW_BEHIND: { status: 409, retryable: true },
  // changes feed
  CURSOR_INVALID: { status: 400, retryable: false },
  CURSOR_GONE: { status: 410, retryable: false },
  // the pull worker
  PULL_SERVER_UNREACHABLE: { status: 503, retryable: true },
  PULL_ANSWER_INVALID: { status: 502, retryable: true },
  PULL_NAME_REFUSED: { status: 400, retryable: false },
  PULL_TABLE_CHANGED: { status: 409, retryable: false },
  PULL_ROWS_REFUSED: { status: 409, retryable: false },
  PULL_DATABASE_REFUSED: { status: 403, retryable: false },
  PULL_DATABASE_FULL: { status: 503, retryable: true },
  PULL_DATABASE_UNAVAILABLE: { status: 503, retryable: true },
  PULL_PAGE_ELSEWHERE: { status: 409, retryable: false },
  // object store
  STORE_UNAVAILABLE: { status: 503, retryable: true },
  STORE_REFUSED: { status: 502, retryable: false },
  STORE_KEY_INVALID: { status: 400, retryable: false },
  // SQL
  SQL_SYNTAX: { status: 400, retryable: false },
  SQL_UNSUPPORTED: { status: 400, retryable: false },
  SQL_UNKNOWN_RELATION: { status: 400, retryable: false },
  SQL_UNKNOWN_COLUMN: { status: 400, retryable: false },
  SQL_UNKNOWN_FUNCTION: { status: 400, retryable: false },
  SQL_TYPE: { status: 400, retryable: false },
  SQL_RUNTIME: { status: 400, retryable: false },
  QUERY_TIMEOUT: { status: 408, retryable: true },
  QUERY_TOO_LARGE: { status: 400, retryable: false },
  QUERY_BUSY: { status: 429, retryable: true },
} as const satisfies Record<string, ErrorKind>;

/** A stable error code. */
export type ErrorCode = keyof typeof ERRORS;

/** An error that people are meant to read. */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  /** Where: a file, a JSON path, a SQL position, an offset. */
  readonly place: string | undefined;
  /** What a program needs to go on: answered beside code and message. */
  readonly details: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { place?: string; cause?: unknown; details?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.place = options.place;
    this.details = options.details ?? {};
  }

  /** HTTP status for this error. */
  get status(): number {
    return ERRORS[this.code].status;
  }

  /** Whether trying again may help. */
  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}
