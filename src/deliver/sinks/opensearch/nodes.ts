/**
 * The nodes of a cluster: each request goes to the next one in turn. A node that did not answer is left
 * out for `NODE_PAUSE_MS`, unless all are.
 *
 * Limits: `requestsMax` connections a node; `timeout` for a request and its answer, of which the first
 * `ANSWER_BYTES_MAX` are read.
 */
import type { SinkOptionsOf } from '../../../config/sinks/index.js';
import type { Clock } from '../../../io/clock.js';
import type { HttpAnswer, HttpClient, HttpRequest } from '../../../io/http-client.js';
import { httpClient, quoteOf, sendTo } from '../../http.js';
import type { SinkContext } from '../../sink.js';

/** About 100 bytes an item are usual; where each says why it was refused, 1 KiB. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const NODE_PAUSE_MS = 10_000;

/** One request to whichever node. */
export interface NodeRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** From `/` on, with its query. */
  readonly path: string;
  readonly body?: Uint8Array | object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer. */
export interface NodeAnswer extends HttpAnswer {
  /** The request and who answered it, as errors call them. */
  readonly place: string;
}

interface Node {
  readonly url: string;
  readonly client: HttpClient;
  /** Monotonic, ms: left out until then. */
  pausedUntil: number;
}

/** The nodes of one cluster. */
export class Nodes {
  readonly #nodes: readonly Node[];
  readonly #headers: Readonly<Record<string, string>>;
  readonly #clock: Clock;
  #turn = 0;

  constructor({ url, timeout, tls, auth }: SinkOptionsOf<'opensearch'>, context: SinkContext) {
    // Clusters are in private networks, and only the operator says where.
    const place = { timeout, tls, allowPrivate: true };
    this.#nodes = url.map((one) => ({
      url: one,
      client: httpClient({ ...place, url: one }, context, ANSWER_BYTES_MAX),
      pausedUntil: -Infinity,
    }));
    this.#headers = { accept: 'application/json', 'content-type': 'application/json', ...authorization(auth) };
    this.#clock = context.clock;
  }

  /** Sends; throws ComeAgain when there was no answer, whatever the node has done. */
  async send({ method, path, body, headers }: NodeRequest, signal: AbortSignal): Promise<NodeAnswer> {
    const node = this.#next();
    const { pathname } = new URL(node.url);
    const request: HttpRequest = {
      method,
      path: pathname === '/' ? path : pathname + path,
      headers: { ...this.#headers, ...headers },
      body: body instanceof Uint8Array ? body : Buffer.from(body === undefined ? '' : JSON.stringify(body)),
    };
    const place = `${method} ${node.url}${path.replace(/\?.*/, '')}`;
    try {
      return { ...(await sendTo(node.client, place, request, signal)), place };
    } catch (error) {
      node.pausedUntil = this.#clock.monotonic() + NODE_PAUSE_MS;
      throw error;
    }
  }

  /** Ends connections, and with them what is under way. */
  async close(): Promise<void> {
    await Promise.all(this.#nodes.map(({ client }) => client.close()));
  }

  #next(): Node {
    const nowMs = this.#clock.monotonic();
    const { length } = this.#nodes;
    const inTurn = Array.from({ length }, (_, i) => this.#nodes[(this.#turn + i) % length]!);
    this.#turn = (this.#turn + 1) % length;
    const open = inTurn.find(({ pausedUntil }) => pausedUntil <= nowMs);
    return open ?? inTurn.reduce((best, node) => (node.pausedUntil < best.pausedUntil ? node : best));
  }
}

function authorization({ user, password, apiKey }: SinkOptionsOf<'opensearch'>['auth']): Record<string, string> {
  if (apiKey !== undefined) return { authorization: `ApiKey ${apiKey}` };
  if (user === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` };
}

/** What an answer says, for errors. */
export function answerText(answer: NodeAnswer): string {
  return `${answer.place} answered ${answer.status}${quoteOf(answer)}`;
}
