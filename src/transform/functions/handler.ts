/** Calls a Lambda handler as the Lambda runtime for Node does: promise, value, or callback. */
import { randomUUID } from 'node:crypto';
import { MillraceError } from '../../util/errors.js';
import type { FunctionData } from './protocol.js';

/** A handler as it is exported. */
export type Handler = (
  event: unknown,
  context: LambdaContext,
  callback: (error: unknown, answer?: unknown) => void,
) => unknown;

/** The parts of Lambda's context that have a meaning here. */
export interface LambdaContext {
  callbackWaitsForEmptyEventLoop: boolean;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  readonly memoryLimitInMB: string;
  readonly awsRequestId: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  getRemainingTimeInMillis(): number;
}

/** The handler's answer to an event; both are JSON. Throws TRANSFORM_FAILED with what the handler threw. */
export async function invokeHandler(handler: Handler, event: string, data: FunctionData): Promise<string> {
  const until = performance.now() + data.timeoutMs;
  const context: LambdaContext = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: data.name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${data.name}`,
    memoryLimitInMB: '256',
    awsRequestId: randomUUID(),
    logGroupName: `/aws/lambda/${data.name}`,
    logStreamName: data.name,
    getRemainingTimeInMillis: () => Math.max(0, Math.round(until - performance.now())),
  };
  try {
    const answer = await new Promise<unknown>((resolve, reject) => {
      const result = handler(JSON.parse(event), context, (error, value) =>
        error === null || error === undefined ? resolve(value) : reject(asError(error)),
      );
      const isPromise = typeof (result as { then?: unknown } | undefined)?.then === 'function';
      if (isPromise || result !== undefined) resolve(result);
    });
    return JSON.stringify(answer) ?? 'null';
  } catch (cause) {
    const { name, message } = asError(cause);
    throw new MillraceError('TRANSFORM_FAILED', `the handler threw ${name}: ${message.slice(0, 400)}`, { cause });
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
