/**
 * Answers of the Firehose API: JSON, or an error as AWS's clients read it.
 *
 * ```
 * 200  {…}
 * 4xx  {"__type": "InvalidArgumentException", "message": "…"}
 * 5xx  the same; the SDKs send such a call again by themselves
 * ```
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MillraceError, type ErrorCode } from '../../../util/errors.js';
import { RETRY_AFTER_SECONDS } from '../../http/answer.js';

/** An error in AWS's words. */
export interface AwsError {
  /** The exception's name. */
  readonly type: string;
  readonly status: number;
  readonly message: string;
}

/** Our codes in AWS's names; all of them are answered 400. */
const CLIENT_ERRORS: Partial<Record<ErrorCode, string>> = {
  ARGUMENT_INVALID: 'InvalidArgumentException',
  ARGUMENT_OUT_OF_BOUNDS: 'ValidationException',
  OPERATION_UNKNOWN: 'UnknownOperationException',
  BODY_MALFORMED: 'SerializationException',
  ENCODING_UNSUPPORTED: 'SerializationException',
  BODY_TOO_LARGE: 'InvalidArgumentException',
  BATCH_TOO_LARGE: 'InvalidArgumentException',
  KEY_FORBIDDEN: 'AccessDeniedException',
  STREAM_UNKNOWN: 'ResourceNotFoundException',
  STREAM_EXISTS: 'ResourceInUseException',
  STREAM_CHANGED: 'ConcurrentModificationException',
  LIMIT_EXCEEDED: 'LimitExceededException',
};

/** `error` in AWS's words. One that is no `MillraceError`, or has no word there, is a fault of ours. */
export function awsErrorOf(error: unknown): AwsError {
  if (error instanceof MillraceError) {
    const type = CLIENT_ERRORS[error.code];
    if (type !== undefined) return { type, status: 400, message: error.message };
    if (error.retryable) return { type: 'ServiceUnavailableException', status: 500, message: error.message };
  }
  return { type: 'InternalFailure', status: 500, message: 'this is a bug in Millrace; its log says more' };
}

/** Answers success. */
export function answerAws(response: ServerResponse, value: object): void {
  write(response, 200, value, {});
}

/** Answers an error. */
export function answerAwsError(request: IncomingMessage, response: ServerResponse, error: AwsError): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const headers: Record<string, string> = { 'x-amzn-errortype': error.type };
  if (error.type === 'ServiceUnavailableException') headers['retry-after'] = String(RETRY_AFTER_SECONDS);
  if (!request.complete) headers['connection'] = 'close';
  write(response, error.status, { __type: error.type, message: error.message }, headers);
}

function write(
  response: ServerResponse,
  status: number,
  value: object,
  headers: Readonly<Record<string, string>>,
): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'content-length': body.length,
    ...headers,
  });
  response.end(body);
}
