/** Errors of the engine as the HTTP interface of ClickHouse tells them. */
import { Refusal } from './statement.js';

/** One error: the number, the status, and the body's text. */
export interface Failure {
  readonly code: number;
  readonly status: number;
  readonly text: string;
}

/** The statuses that ClickHouse gives to its errors, by their names; all others are 500. */
const STATUS: readonly [status: number, names: RegExp][] = [
  [401, /^REQUIRED_PASSWORD$/],
  [403, /^(UNKNOWN_USER|WRONG_PASSWORD|AUTHENTICATION_FAILED|ACCESS_DENIED)$/],
  [
    400,
    /^(BAD_ARGUMENTS|CANNOT_COMPILE_REGEXP|SYNTAX_ERROR|INCORRECT_DATA|TYPE_MISMATCH|VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE)$/,
  ],
  [
    400,
    /^CANNOT_PARSE_(TEXT|ESCAPE_SEQUENCE|QUOTED_STRING|DATE|DATETIME|NUMBER|UUID|IPV4|IPV6|INPUT_ASSERTION_FAILED)$/,
  ],
  [400, /^(DUPLICATE_COLUMN|ILLEGAL_COLUMN|THERE_IS_NO_COLUMN|TOO_DEEP_AST|TOO_BIG_AST|UNEXPECTED_AST_STRUCTURE)$/],
  [
    404,
    /^UNKNOWN_(TABLE|FUNCTION|IDENTIFIER|TYPE|STORAGE|DATABASE|SETTING|FORMAT|DATABASE_ENGINE|AGGREGATE_FUNCTION)$/,
  ],
  [408, /^TIMEOUT_EXCEEDED$/],
  [413, /^QUERY_IS_TOO_LARGE$/],
  [501, /^NOT_IMPLEMENTED$/],
  [503, /^(SOCKET_TIMEOUT|CANNOT_OPEN_FILE|CANNOT_SCHEDULE_TASK)$/],
];

/** Whatever was thrown, as ClickHouse would answer it. */
export function failureOf(error: unknown, version: string): Failure {
  const message = (error as Error).message.trim();
  const own = error instanceof Refusal;
  const text = own ? `Code: ${error.code}. DB::Exception: ${message}. (${error.kind})` : message;
  const code = Number(/^Code: (\d+)\./.exec(text)?.[1] ?? 1001);
  const name = /\(([A-Z][A-Z0-9_]{2,})\)(?: \(version [^)]*\))?$/.exec(text)?.[1] ?? 'STD_EXCEPTION';
  const status = STATUS.find(([, names]) => names.test(name))?.[0] ?? 500;
  return { code, status, text: `${text.replace(/ \(version [^)]*\)$/, '')} (version ${version})\n` };
}
