/**
 * Requests and answers over a MessagePort, between the threads of one process.
 *
 * Both ends are equal: each gives handlers and calls the other's. Answers may come in any order.
 * A `MillraceError` arrives as one, with code, message and place; any other error as an `Error`
 * with its message and stack. Bytes move without a copy when wrapped by `moved`.
 *
 * Bounds: at most `PENDING_MAX` calls wait for answers; one more is refused (`LOG_OVERLOADED`).
 * When the port closes, every waiting call is rejected.
 */
import type { MessagePort, TransferListItem, Worker } from 'node:worker_threads';
import { MillraceError, type ErrorCode } from '../util/errors.js';

/** What can be called: names to functions. */
export type RpcMethods = Record<string, (...args: never[]) => unknown>;

/** A port, a worker seen from its parent, or a channel to another process. */
export type RpcPort = MessagePort | Worker | RpcChannel;

/** What a connection needs of a port. */
export interface RpcChannel {
  postMessage(value: unknown, transfer?: readonly TransferListItem[]): void;
  on(event: 'message' | 'close' | 'exit', listener: (value: never) => void): unknown;
  off(event: 'message' | 'close' | 'exit', listener: (value: never) => void): unknown;
  close?(): void;
}

/** Most calls that wait for an answer at one end. */
export const PENDING_MAX = 65_536;

/** A value whose buffers change hands instead of being copied. */
export interface Moved<T> {
  readonly value: T;
  readonly transfer: readonly TransferListItem[];
  readonly moved: true;
}

/** Wraps the arguments or the answer of a call, so that `transfer` changes hands. */
export function moved<T>(value: T, transfer: readonly TransferListItem[]): Moved<T> {
  return { value, transfer, moved: true };
}

/** One end of a connection. */
export interface Rpc<Remote> {
  /** Calls a method of the other end. */
  call<K extends keyof Remote & string>(method: K, ...args: ArgumentsOf<Remote[K]>): Promise<AnswerOf<Remote[K]>>;
  /** As `call`, handing over `transfer`. */
  send<K extends keyof Remote & string>(
    method: K,
    transfer: readonly TransferListItem[],
    ...args: ArgumentsOf<Remote[K]>
  ): Promise<AnswerOf<Remote[K]>>;
  /** Tells the other end; no answer, no error. */
  notify<K extends keyof Remote & string>(method: K, ...args: ArgumentsOf<Remote[K]>): void;
  close(): void;
}

type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never;
type AnswerOf<F> = F extends (...args: never[]) => infer R
  ? Awaited<R> extends Moved<infer V>
    ? V
    : Awaited<R>
  : never;

interface Message {
  /** Number of the call; 0 for a notification. */
  readonly call?: number;
  readonly method?: string;
  readonly args?: unknown[];
  readonly answer?: number;
  readonly value?: unknown;
  readonly error?: WireError;
}

interface WireError {
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly place: string | undefined;
  readonly stack: string | undefined;
}

/** Connects `handlers` to a port and answers the end by which the other side is called. */
export function createRpc<Remote>(given: RpcPort, handlers: object = {}): Rpc<Remote> {
  const port = given as RpcChannel;
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  const methods = handlers as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  let last = 0;
  let closed = false;

  const listener = (message: Message): void => {
    if (message.answer !== undefined) {
      const call = waiting.get(message.answer);
      waiting.delete(message.answer);
      if (message.error === undefined) call?.resolve(message.value);
      else call?.reject(fromWire(message.error));
      return;
    }
    if (message.method !== undefined) void answer(port, methods, message);
  };
  const stop = (): void => {
    closed = true;
    for (const call of waiting.values()) call.reject(new MillraceError('SHUTTING_DOWN', 'the other thread has gone'));
    waiting.clear();
  };
  port.on('message', listener);
  port.on('close', stop);
  port.on('exit', stop);

  const send: Rpc<Remote>['send'] = (method, transfer, ...args) => {
    if (closed) return Promise.reject(new MillraceError('SHUTTING_DOWN', `${method}: the other thread has gone`));
    if (waiting.size >= PENDING_MAX)
      return Promise.reject(
        new MillraceError('LOG_OVERLOADED', `${method}: ${waiting.size} calls wait for an answer; try again`),
      );
    const call = ++last;
    return new Promise((resolve, reject) => {
      port.postMessage({ call, method, args } satisfies Message, transfer);
      waiting.set(call, { resolve: resolve as (value: unknown) => void, reject });
    });
  };
  return {
    send,
    call: (method, ...args) => send(method, [], ...args),
    notify(method, ...args) {
      if (!closed) port.postMessage({ call: 0, method, args } satisfies Message);
    },
    close() {
      port.off('message', listener);
      stop();
      port.close?.();
    },
  };
}

async function answer(
  port: RpcChannel,
  methods: Record<string, ((...args: unknown[]) => unknown) | undefined>,
  message: Message,
): Promise<void> {
  const call = message.call ?? 0;
  try {
    const handler = methods[message.method!];
    if (handler === undefined) throw new Error(`no method ${message.method} in this thread`);
    const value = await handler(...(message.args ?? []));
    if (call === 0) return;
    if (isMoved(value)) port.postMessage({ answer: call, value: value.value } satisfies Message, value.transfer);
    else port.postMessage({ answer: call, value } satisfies Message);
  } catch (error) {
    if (call === 0) throw error;
    port.postMessage({ answer: call, error: toWire(error) } satisfies Message);
  }
}

function isMoved(value: unknown): value is Moved<unknown> {
  return typeof value === 'object' && value !== null && (value as { moved?: unknown }).moved === true;
}

function toWire(error: unknown): WireError {
  const it = error instanceof Error ? error : new Error(String(error));
  const own = it instanceof MillraceError ? it : undefined;
  return { code: own?.code, message: it.message, place: own?.place, stack: it.stack };
}

function fromWire(wire: WireError): Error {
  const place = wire.place === undefined ? {} : { place: wire.place };
  const error = wire.code === undefined ? new Error(wire.message) : new MillraceError(wire.code, wire.message, place);
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}
