/** What S3's refusals mean: try again, mend it, or another key. */
import { MillraceError, type ErrorCode } from '../../util/errors.js';
import type { ErrorDocument } from './documents.js';

/** An error that S3 answered. */
export class S3Error extends MillraceError {
  readonly httpStatus: number;
  /** S3's code, such as `NoSuchKey`; empty when the answer had none. */
  readonly s3Code: string;
  /** How often the request had been sent. */
  attempts = 1;
  /** The header, or empty. */
  retryAfter = '';

  constructor(httpStatus: number, { code, message }: ErrorDocument, place: string) {
    super(meaning(httpStatus, code), `S3 answered ${httpStatus} ${clean(code, 80)}: ${clean(message, 300)}`, { place });
    this.httpStatus = httpStatus;
    this.s3Code = code;
  }
}

/** Codes that pass by themselves whatever their status. */
const PASSING: ReadonlySet<string> = new Set([
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'RequestLimitExceeded',
  'RequestTimeout',
  'InternalError',
  'ServiceUnavailable',
  // Two writers met; the one that lost may look again.
  'OperationAborted',
  'ConditionalRequestConflict',
  // Bytes were lost or changed on the way.
  'IncompleteBody',
  'BadDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
  // The next request is signed with the server's time, or with credentials that are asked for anew.
  'RequestTimeTooSkewed',
  'ExpiredToken',
  'TokenRefreshRequired',
]);

function meaning(status: number, code: string): ErrorCode {
  if (PASSING.has(code)) return 'STORE_UNAVAILABLE';
  if (code === 'KeyTooLongError' || code === 'XMinioInvalidObjectName') return 'STORE_KEY_INVALID';
  // 501: the server lacks a feature, and will lack it the next time.
  return status === 408 || status === 429 || (status >= 500 && status !== 501) ? 'STORE_UNAVAILABLE' : 'STORE_REFUSED';
}

/** A server's text, safe for a terminal and of bounded length. */
function clean(text: string, max: number): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, max);
}

/**
 * What a failed attempt means to the caller: STORE_UNAVAILABLE when there was no answer, or none that can
 * be read. Our own errors pass, and so does what undici says of a request that can't be sent: a bug.
 */
export function unavailable(error: unknown, place: string): Error {
  if (error instanceof MillraceError || !(error instanceof Error)) return error as Error;
  const { message, code } = error as NodeJS.ErrnoException;
  if (code === 'UND_ERR_INVALID_ARG') return error;
  // A refused connection to several addresses has its reasons below.
  const reason = message || (error as AggregateError).errors?.map(String).join(', ') || code || 'no reason given';
  return new MillraceError('STORE_UNAVAILABLE', `no answer of S3 that can be read: ${reason}`, { place, cause: error });
}
