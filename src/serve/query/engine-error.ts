/**
 * DuckDB's errors as ours. What a tenant reads never holds DuckDB's own text: it may quote values.
 */
import { NOT_SKETCH } from '../../sql/aggregates/sketches/hyperloglog-bytes.js';
import { MillraceError, type ErrorCode } from '../../util/errors.js';
import { DIVISION_BY_ZERO } from './numbers.js';
import { TOO_MANY_SKETCHES } from './sketch-functions.js';

/** DuckDB's own faults: the operator is told of them, whatever the tenant reads. */
export const ENGINE_FAULT = /^(INTERNAL|Serialization) Error/;

/** What DuckDB's message starts with or holds → code and what to say. */
const KNOWN: readonly (readonly [form: RegExp, code: ErrorCode, message: string])[] = [
  [new RegExp(DIVISION_BY_ZERO), 'SQL_RUNTIME', DIVISION_BY_ZERO],
  [/negative substring length/, 'SQL_RUNTIME', 'negative substring length not allowed'],
  [/field position must not be zero/, 'SQL_RUNTIME', 'field position must not be zero'],
  [/invalid input syntax for type (\w+)/, 'SQL_RUNTIME', 'invalid input syntax for a number'],
  [
    /More than one row returned by a subquery/i,
    'SQL_RUNTIME',
    'more than one row returned by a subquery used as an expression',
  ],
  [
    /^Out of Range Error/,
    'SQL_RUNTIME',
    'a number is out of range; numeric holds 38 digits here, double precision any size',
  ],
  [new RegExp(NOT_SKETCH), 'SQL_RUNTIME', NOT_SKETCH],
  [new RegExp(TOO_MANY_SKETCHES), 'QUERY_TOO_LARGE', TOO_MANY_SKETCHES],
  [/^Conversion Error/, 'SQL_RUNTIME', "a value can't be converted to the type it is cast to"],
  [/^Invalid Input Error/, 'SQL_RUNTIME', "a function was given a value that it can't take"],
  [
    /^Out of Memory Error|max_temp_directory_size/,
    'QUERY_TOO_LARGE',
    'the query needs more memory than it may have; filter or group more',
  ],
  [/Max expression depth|stack depth/i, 'QUERY_TOO_LARGE', 'the statement is nested too deep'],
  // Faults of DuckDB 1.5.6 with subqueries that look out of several levels at once; they have many texts.
  [ENGINE_FAULT, 'SQL_UNSUPPORTED', 'the engine can not run these nested subqueries; write the inner one as a join'],
  [/^(Binder|Not implemented|Invalid) Error/, 'SQL_UNSUPPORTED', 'the engine does not run this form of the statement'],
];

/** An error of the engine as one that people are meant to read. */
export function engineError(error: unknown, hideText: boolean): MillraceError {
  if (error instanceof MillraceError) return error;
  const text = error instanceof Error ? error.message : String(error);
  for (const [form, code, message] of KNOWN)
    if (form.test(text))
      return new MillraceError(
        code,
        hideText || code !== 'SQL_UNSUPPORTED' ? message : `${message}: ${firstLine(text)}`,
        { cause: error },
      );
  return new MillraceError(
    'INTERNAL',
    hideText ? 'the query failed in the engine' : `the query failed in the engine: ${firstLine(text)}`,
    { cause: error },
  );
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.slice(0, 300);
}
