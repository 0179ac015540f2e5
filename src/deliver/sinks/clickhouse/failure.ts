/**
 * What an answer of ClickHouse means, by the code of its exception.
 *
 * | code | means |
 * |---|---|
 * | a value can't be read or does not fit, a constraint or a `throwIf` of yours | the rows are at fault: halves, down to the one |
 * | 252 for the partitions of one insert; 413 | too much at once: halves |
 * | a table, column or database that is not there | set up again, then come again |
 * | any other: 252 for parts, 241 memory, 159 and 209 time, 516 who we are, 497 rights, … | come again |
 */
import type { HttpAnswer } from '../../../io/http-client.js';
import { quoteOf } from '../../http.js';
import { ComeAgain, Refused } from '../../sink.js';

/** CANNOT_PARSE_…, TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND, INCORRECT_DATA, …: what only a row can be at fault of. */
const ROWS_FAULT: ReadonlySet<number> = new Set([
  ...[6, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 321, 349, 376, 395, 407, 441, 457, 467, 469, 691],
]);
const TABLE_CHANGED: ReadonlySet<number> = new Set([8, 10, 16, 44, 47, 60, 81]);
const NOT_ADMITTED: ReadonlySet<number> = new Set([192, 193, 194, 291, 497, 516]);
const TOO_MANY_PARTS = 252;
/** Of one insert; the other kind of 252 says that merges do not keep up. */
const OF_ONE_INSERT = /partitions for single INSERT block/;

/** The code of an answer's exception; null: it has none. */
export function codeOf({ header }: Pick<HttpAnswer, 'header'>): number | null {
  const code = Number(header('x-clickhouse-exception-code') ?? Number.NaN);
  return Number.isInteger(code) ? code : null;
}

/** What `send` throws for an answer that is no success; `place` is how errors call the other end. */
export function failureOf(answer: HttpAnswer, place: string): Refused | ComeAgain {
  const code = codeOf(answer);
  const message = `${place} answered ${answer.status}${quoteOf(answer)}`;
  const isTooMuch = code === null ? answer.status === 413 : code === TOO_MANY_PARTS && OF_ONE_INSERT.test(answer.text);
  if (isTooMuch || (code !== null && ROWS_FAULT.has(code))) return new Refused(message, { divisible: true });
  const hint =
    code !== null && NOT_ADMITTED.has(code) ? '; the rows wait until user, password and rights are mended' : '';
  return new ComeAgain(message + hint, null);
}

/** Whether the table may no longer be what was set up. */
export function isTableChanged(answer: HttpAnswer): boolean {
  const code = codeOf(answer);
  return code !== null && TABLE_CHANGED.has(code);
}
