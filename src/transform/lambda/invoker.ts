/**
 * Invokes a function that speaks the contract: over HTTP, or a handler in a process of ours.
 *
 * | answer | means |
 * |---|---|
 * | 200 | the function's answer |
 * | 408, 425, 429, 5xx, none | try again |
 * | 400, 409, 413, 422 | these records are at fault |
 * | any other | address, key or method are wrong: the transform waits until that is mended |
 */
import { addressGuard } from '../../io/address-guard.js';
import { HttpClient } from '../../io/http-client.js';
import { systemNetwork } from '../../io/network.js';
import { MillraceError } from '../../util/errors.js';
import type { FunctionHost } from '../functions/host.js';
import { PAYLOAD_BYTES_MAX } from './contract.js';

/** Connecting takes no longer. */
const CONNECT_MS = 10_000;

/** Invokes; both texts are JSON. Rejects with a `MillraceError`, one of those below where trying again is of no use. */
export interface Invoker {
  invoke(event: string, signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

/** These records fail, at every attempt. */
export class RecordsRefused extends MillraceError {}

/** All records would fail: it is the configuration that is wrong. */
export class Misconfigured extends MillraceError {}

/** Posts an invocation to an address: a function's URL, a gateway, or a runtime on this machine. */
export function httpInvoker(url: string, timeoutMs: number, concurrency: number): Invoker {
  const { origin, pathname, search, username, password } = new URL(url);
  const client = new HttpClient({
    origin,
    connectionsMax: concurrency,
    connectTimeoutMs: Math.min(CONNECT_MS, timeoutMs),
    timeoutMs,
    answerBytesMax: PAYLOAD_BYTES_MAX,
    network: systemNetwork,
    // The address is the configuration's own, and a runtime beside Millrace is the usual case.
    guard: addressGuard(true),
    tls: {},
  });
  const headers = {
    'content-type': 'application/json',
    ...(username === '' ? {} : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }),
  };
  return {
    async invoke(event, signal) {
      const { status, text, isCut } = await send(client, pathname + search, headers, event, signal);
      if (status === 200) {
        if (isCut) throw new MillraceError('TRANSFORM_ANSWER', `the answer is larger than ${PAYLOAD_BYTES_MAX} bytes`);
        return text;
      }
      const message = `the function answered ${status}: ${text.slice(0, 300)}`;
      if ([408, 425, 429].includes(status) || status >= 500) throw new MillraceError('TRANSFORM_FAILED', message);
      if ([400, 409, 413, 422].includes(status)) throw new RecordsRefused('TRANSFORM_FAILED', message);
      throw new Misconfigured('TRANSFORM_FAILED', message);
    },
    close: () => client.close(),
  };
}

async function send(
  client: HttpClient,
  path: string,
  headers: Readonly<Record<string, string>>,
  event: string,
  signal: AbortSignal,
) {
  try {
    return await client.send({ method: 'POST', path, headers, body: Buffer.from(event) }, signal);
  } catch (cause) {
    signal.throwIfAborted();
    const { message } = cause as Error;
    const code = message.startsWith('no answer within') ? 'TRANSFORM_TIMEOUT' : 'TRANSFORM_FAILED';
    throw new MillraceError(code, `the function could not be reached: ${message}`, { cause });
  }
}

/** A handler's module, as it runs on Lambda. */
export function handlerInvoker(host: FunctionHost): Invoker {
  return {
    async invoke(event) {
      const answer = await host.invoke(event);
      if (answer.length > PAYLOAD_BYTES_MAX)
        throw new MillraceError('TRANSFORM_ANSWER', `the answer is larger than ${PAYLOAD_BYTES_MAX} bytes`);
      return answer;
    },
    close: () => host.close(),
  };
}
