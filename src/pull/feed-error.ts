/** What a server of a feed says when it says no. */
import { ERRORS, MillraceError, type ErrorCode } from '../util/errors.js';

/** An error of the server, with what a client needs to go on. */
export class FeedError extends Error {
  /** As the server gave it: a code of Millrace's table, of this version or a newer one. */
  readonly code: string;
  readonly status: number;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** What the server asks to wait, ms. */
  readonly retryAfterMs: number;
  /** Of `CURSOR_GONE`: `epoch`, `expired` or `ahead`. */
  readonly reason: string | null;

  constructor(message: string, answer: FeedErrorInput) {
    super(message);
    this.name = 'FeedError';
    this.code = answer.code;
    this.status = answer.status;
    this.retryable = answer.status === 429 || answer.status >= 500;
    this.retryAfterMs = answer.retryAfterMs ?? 0;
    this.reason = answer.reason ?? null;
  }
}

/** What an error is made from. */
export interface FeedErrorInput {
  readonly code: string;
  readonly status: number;
  readonly retryAfterMs?: number;
  readonly reason?: string | null;
}

/** Whether a cursor can go on no more, so that a snapshot is needed. */
export function isGone(error: unknown): error is FeedError {
  return error instanceof FeedError && error.status === 410;
}

/** Whether trying again may help. What is no error of ours is a bug, and does not get better. */
export function isRetryable(error: unknown): boolean {
  return (error instanceof FeedError || error instanceof MillraceError) && error.retryable;
}

/** The code of any error, for metrics and messages. */
export function codeOf(error: unknown): string {
  return error instanceof FeedError || error instanceof MillraceError ? error.code : 'INTERNAL';
}

/** As an error of the one table; a code that this version does not know is PULL_ANSWER_INVALID. */
export function asMillraceError(error: unknown): unknown {
  if (!(error instanceof FeedError)) return error;
  const code = (error.code in ERRORS ? error.code : 'PULL_ANSWER_INVALID') as ErrorCode;
  return new MillraceError(code, error.message, { cause: error });
}
