/** Clients of Kafka, each with a bound on everything, and ended at once. */
import { isIP } from 'node:net';
import type { Admin, Base, BaseOptions, Producer, SASLMechanismValue } from '@platformatic/kafka';
import type { SinkOptionsOf } from '../../../config/sinks/index.js';
import type { TlsTexts } from '../../../io/tls-files.js';
import { kafka } from './package.js';

/** Connecting takes no longer. */
const CONNECT_MS_MAX = 10_000;
/** The client's own attempts, within one send; the courier makes all others. The client takes 0 and 1 for no bound. */
const RETRIES = 2;
const RETRY_MS = 200;

/** How clients are made. */
export interface ClientInput {
  readonly options: SinkOptionsOf<'kafka'>;
  /** Null: not encrypted. */
  readonly tls: TlsTexts | null;
  /** Told to the brokers: who this is. */
  readonly clientId: string;
}

/** A producer whose resends a broker counts once. It takes one send at a time (`lane.ts`). */
export function newProducer(input: ClientInput): Producer {
  const { compression } = input.options;
  return guarded(new (kafka().Producer)({ ...baseOptions(input), idempotent: true, compression }));
}

/** A client that makes topics. */
export function newAdmin(input: ClientInput): Admin {
  return guarded(new (kafka().Admin)(baseOptions(input)));
}

function baseOptions({ options, tls, clientId }: ClientInput): BaseOptions {
  const { brokers, sasl, timeout } = options;
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: Math.min(CONNECT_MS_MAX, timeout),
    requestTimeout: timeout,
    timeout,
    retries: RETRIES,
    retryDelay: RETRY_MS,
    autocreateTopics: false,
    // A certificate is asked for by name; an address has none.
    ...(tls === null ? {} : { tls: { ...tls }, tlsServerName: !brokers.some(({ host }) => isIP(host) !== 0) }),
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: sasl.mechanism.toUpperCase() as SASLMechanismValue,
            username: sasl.user,
            password: sasl.password,
          },
        }),
  };
}

/** A connection tells its request that it broke; the event that tells it once more has no one else to hear it. */
function guarded<Client extends Base>(client: Client): Client {
  client.connections.on('connecting', ({ connection }) => void connection.on('error', () => undefined));
  return client;
}

/** Ends a client at once: brokers that hang are not waited for. */
export function end(client: Base): void {
  for (const [, connection] of client.connections) connection.socket?.destroy();
  // Whoever waits for an answer is told by its own request.
  client.close().catch(() => undefined);
}

/** Waits for `work`, but not for longer than `timeoutMs` and not after `signal` aborts. */
export async function bounded<T>(work: Promise<T>, timeoutMs: number, signal: AbortSignal): Promise<T> {
  let stop: (reason: unknown) => void = () => undefined;
  const stopped = new Promise<never>((_resolve, reject) => (stop = reject));
  const abort = (): void => stop(signal.reason);
  const timer = setTimeout(() => stop(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, stopped]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
