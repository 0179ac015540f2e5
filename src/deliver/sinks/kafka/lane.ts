/**
 * A lane: one producer, used by one request at a time.
 *
 * An idempotent producer numbers its batches by partition, and a broker drops a number that it has seen.
 * So a number must never come twice with other messages: they would be lost without a word. Hence
 *
 * - no two requests share a producer at once: the client numbers a batch before it knows of the last;
 * - after a failure the producer lives on only for the very same messages, by which a broker that has
 *   them already knows them again. For anything else there is a new producer, with a new id.
 */
import type { Producer } from '@platformatic/kafka';
import { bounded, end } from './client.js';
import { readFailure, type SendFailure } from './failure.js';
import type { RowMessage } from './messages.js';

/** A request, and of how many partitions it is. */
export interface Whole {
  readonly id: string;
  readonly partitions: number;
}

/** A request of which so many messages may be there or not. */
interface Unanswered extends Whole {
  readonly rows: number;
}

/** One producer. */
export class Lane {
  isBusy = false;
  readonly #newProducer: () => Producer;
  readonly #topic: string;
  readonly #timeoutMs: number;
  #producer: Producer | null = null;
  #unanswered: Unanswered | null = null;

  constructor(newProducer: () => Producer, topic: string, timeoutMs: number) {
    this.#newProducer = newProducer;
    this.#topic = topic;
    this.#timeoutMs = timeoutMs;
  }

  /** The request that this lane waits to send once more, or null. */
  get waitsFor(): string | null {
    return this.#unanswered?.id ?? null;
  }

  /** Begins a request of so many rows; answers how many partitions the topic has. */
  async begin(id: string, rows: number, signal: AbortSignal): Promise<number> {
    const before = this.#unanswered;
    if (before !== null && before.id === id && before.rows === rows) return before.partitions;
    if (before !== null) this.end();
    this.#producer ??= this.#newProducer();
    try {
      const asked = this.#producer.metadata({ topics: [this.#topic] });
      const { topics } = await bounded(asked, this.#timeoutMs, signal);
      const count = topics.get(this.#topic)?.partitionsCount ?? 0;
      if (count === 0) throw new Error(`no broker knows the partitions of ${this.#topic}`);
      return count;
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /**
   * Sends; null: everything is there. `whole`: these are all messages of that request, and it goes out again
   * with what is left of them. Rejects when `signal` aborts.
   */
  async send(messages: readonly RowMessage[], whole: Whole | null, signal: AbortSignal): Promise<SendFailure | null> {
    this.#unanswered = null;
    this.#producer ??= this.#newProducer();
    try {
      await bounded(this.#producer.send({ messages: [...messages] }), this.#timeoutMs, signal);
      return null;
    } catch (error) {
      const failure = readFailure(error);
      const rows = messages.filter(({ partition }) => !failure.taken.has(partition)).length;
      if (whole !== null && failure.isRepeatable && !signal.aborted) this.#unanswered = { ...whole, rows };
      else this.end();
      if (signal.aborted) throw error;
      return failure;
    }
  }

  /** Ends the producer, and with it what is under way; the next request has a new one. */
  end(): void {
    this.#unanswered = null;
    if (this.#producer !== null) end(this.#producer);
    this.#producer = null;
  }
}
