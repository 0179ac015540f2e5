/**
 * What an error of PostgreSQL means, by SQLSTATE.
 *
 * | state | means |
 * |---|---|
 * | 22 data exception, 23 constraint violated, 44 view's check, 54 too large, P0 raised by a trigger | the rows are at fault: halves, down to the one |
 * | 42 access rule or name, 3D, 3F | the table changed: set up again, then come again |
 * | any other: 08, 40, 53, 55, 57, 25, 28, XX, no state at all (the connection) | come again |
 */
import { ComeAgain, Refused } from '../../sink.js';

const ROWS_FAULT: ReadonlySet<string> = new Set(['22', '23', '44', '54', 'P0']);
const TABLE_CHANGED: ReadonlySet<string> = new Set(['42', '3D', '3F']);

/** What `send` throws for an error; `place` is how errors call the other end. */
export function failureOf(error: unknown, place: string): Refused | ComeAgain {
  const { code, message, column, constraint, where } = error as {
    readonly code?: unknown;
    readonly message: string;
    readonly column?: string;
    readonly constraint?: string;
    readonly where?: string;
  };
  const state = isState(code) ? ` (${code})` : '';
  const what = [constraint && `constraint "${constraint}"`, column && `column "${column}"`].filter(Boolean).join(', ');
  const text = `${place}: ${message}${what === '' || message.includes(what) ? '' : `, ${what}`}${state}`;
  if (isRowsFault(error)) return new Refused(text, { divisible: true, row: rowOf(where ?? ''), cause: error });
  return new ComeAgain(text, null, error);
}

/** Whether rows are at fault; the session is as it was, but for its transaction. */
export function isRowsFault(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return isState(code) && ROWS_FAULT.has(code.slice(0, 2));
}

/** The row that COPY was at, as it says in any language: `COPY millrace_rows, line 7, column note`. */
function rowOf(where: string): number | null {
  const line = /^COPY millrace_rows\D+(\d+)/m.exec(where)?.[1];
  return line === undefined ? null : Number(line) - 1;
}

/** Whether the table may no longer be what was set up. */
export function isTableChanged(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return isState(code) && TABLE_CHANGED.has(code.slice(0, 2));
}

function isState(code: unknown): code is string {
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code);
}
