/**
 * `kafka`: each row a message of one topic, acknowledged by all replicas in sync.
 *
 * Guarantee: at least once. The producer is idempotent: while this process lives, a request that goes out
 * again because its answer was lost or a broker died counts once (`kafka/lane.ts`). After a restart, after
 * an answer that took longer than `timeout`, or when only a part of a request is known to be there, the
 * rest goes out by a new producer, and may be there twice; `millrace-event-id` tells.
 *
 * Order: rows with one key are in one partition, in the order of the stream, with `requestsMax: 1`; what
 * comes twice comes after its first time.
 *
 * A batch that is too large or invalid is refused as a whole: it is sent in halves down to the row, which
 * goes to the quarantine. The other partitions of the request are not touched. Everything else (no broker,
 * no leader, too few replicas, no topic, no right) is tried again.
 *
 * Limits: `requestsMax` producers, each with one request of `requestRowsMax` rows and `requestSizeMax`
 * bytes, and one connection a broker; `timeout` a send.
 */
import { readTlsFiles } from '../../io/tls-files.js';
import type { SinkOptionsOf } from '../../config/sinks/index.js';
import { divide, jsonLines } from '../encoded.js';
import type { Receipt } from '../receipt.js';
import type { CutRows } from '../rows.js';
import { ComeAgain, type Sink, type SinkContext, type SinkRequest } from '../sink.js';
import { bounded, end, newAdmin, newProducer, type ClientInput } from './kafka/client.js';
import { failureText, type SendFailure } from './kafka/failure.js';
import { Lane, type Whole } from './kafka/lane.js';
import { keyColumn, MESSAGE_BYTES, messagesOf, type RowMessage } from './kafka/messages.js';
import { loadKafka } from './kafka/package.js';

/** Messages of a topic. */
export function createKafkaSink(options: SinkOptionsOf<'kafka'>, context: SinkContext): Sink {
  return new KafkaSink(options, context);
}

class KafkaSink implements Sink {
  readonly requestsMax: number;
  readonly #options: SinkOptionsOf<'kafka'>;
  readonly #context: SinkContext;
  readonly #keyColumn: number;
  /** How errors call the other end. */
  readonly #place: string;
  #lanes: readonly Lane[] = [];

  constructor(options: SinkOptionsOf<'kafka'>, context: SinkContext) {
    this.requestsMax = context.requestsMax;
    this.#options = options;
    this.#context = context;
    this.#keyColumn = keyColumn(options.key, context.schema, context.name);
    const [{ host, port }] = options.brokers as [{ host: string; port: number }];
    this.#place = `Kafka ${host}:${port} topic ${options.topic}`;
  }

  async open(signal: AbortSignal): Promise<void> {
    const { tls, topic, timeout } = this.#options;
    const { disk, name } = this.#context;
    await this.close();
    await loadKafka();
    const input: ClientInput = {
      options: this.#options,
      tls: tls === undefined ? null : readTlsFiles(tls, disk),
      clientId: `millrace-${name}`,
    };
    this.#lanes = Array.from({ length: this.requestsMax }, () => new Lane(() => newProducer(input), topic, timeout));
    await this.#orComeAgain(signal, async () => {
      await this.#setUp(input, signal);
      await this.#lanes[0]!.begin('', 0, signal);
    });
  }

  requests(rows: CutRows): readonly CutRows[] {
    const { requestRowsMax, requestSizeMax } = this.#options;
    return divide(jsonLines(rows.schema), rows, {
      rowsMax: requestRowsMax,
      bytesMax: requestSizeMax,
      rowBytes: MESSAGE_BYTES,
    });
  }

  async send(request: SinkRequest, receipt: Receipt, signal: AbortSignal): Promise<void> {
    const { id, rows } = request;
    const free = this.#lanes.filter(({ isBusy }) => !isBusy);
    const lane =
      free.find(({ waitsFor }) => waitsFor === id) ?? free.find(({ waitsFor }) => waitsFor === null) ?? free[0];
    if (lane === undefined) throw new ComeAgain(`${this.#place} is not open, or busy`, null);
    lane.isBusy = true;
    try {
      const partitions = await this.#orComeAgain(signal, () => lane.begin(id, rows.count, signal));
      const messages = messagesOf(request, this.#options.topic, this.#keyColumn, partitions);
      const failure = await sendAll(lane, messages, { id, partitions }, receipt, signal);
      if (failure !== null) throw new ComeAgain(`${this.#place}: ${failure.text}`, null);
    } finally {
      lane.isBusy = false;
    }
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.end();
    this.#lanes = [];
  }

  /** Makes the topic, where that is asked for. */
  async #setUp(input: ClientInput, signal: AbortSignal): Promise<void> {
    const { setUp, topic, timeout } = this.#options;
    if (setUp === undefined) return;
    const admin = newAdmin(input);
    try {
      const { partitions, replication } = setUp;
      await bounded(admin.createTopics({ topics: [topic], partitions, replicas: replication }), timeout, signal);
    } catch (error) {
      if (signal.aborted || !/\bTOPIC_ALREADY_EXISTS\b/.test(failureText(error))) throw error;
    } finally {
      end(admin);
    }
  }

  async #orComeAgain<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw error;
      throw new ComeAgain(`${this.#place}: ${failureText(error)}`, null, error);
    }
  }
}

/**
 * Sends, batches that are refused in halves, and marks the rows; answers the failure after which the rest
 * must go out again, or null.
 */
async function sendAll(
  lane: Lane,
  messages: readonly RowMessage[],
  whole: Whole,
  receipt: Receipt,
  signal: AbortSignal,
): Promise<SendFailure | null> {
  const portions = [messages];
  for (let portion = portions.shift(); portion !== undefined; portion = portions.shift()) {
    const failure = await lane.send(portion, portion === messages ? whole : null, signal);
    const taken = failure === null ? portion : portion.filter(({ partition }) => failure.taken.has(partition));
    for (const { row, value } of taken) {
      receipt.take(row);
      receipt.bytes += value.length;
      receipt.objects += 1;
    }
    if (failure === null) continue;
    let unknown = portion.length - taken.length;
    for (const [partition, reason] of failure.refused) {
      const batch = portion.filter((message) => message.partition === partition);
      const middle = batch.length >> 1;
      unknown -= batch.length;
      if (batch.length === 1) receipt.refuse(batch[0]!.row, 'DELIVERY_REFUSED', reason);
      else portions.unshift(batch.slice(0, middle), batch.slice(middle));
    }
    if (unknown > 0) return failure;
  }
  return null;
}
