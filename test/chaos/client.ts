/**
 * A producer that never gives up: it resends what was not answered, as SDKs do, and remembers what
 * was acknowledged. Events it made: some on time, some that correct a closed window, some too late.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rng } from './rng.js';

/** The key of the operator in the harness's configuration. */
export const OPERATOR_KEY = 'mr_chaos_operator_key_0123456789';

/** An event as it was sent. */
export interface SentEvent {
  readonly id: string;
  readonly tenant: string;
  readonly kind: string;
  readonly t: number;
  /** Millionths. */
  readonly amount: number;
  readonly user: string;
}

const KINDS = ['view', 'click', 'buy'];

/** A producer. */
export class Client {
  /** Every event that was answered 200, by id. */
  readonly acknowledged = new Map<string, SentEvent>();
  /** Batches without an answer. */
  #unanswered: SentEvent[][] = [];
  #sent = 0;
  readonly #rng: Rng;
  readonly #prefix: string;

  constructor(rng: Rng, prefix: string) {
    this.#rng = rng;
    this.#prefix = prefix;
  }

  /** Sends batches until `until` resolves or the server is gone. */
  async run(url: string, until: AbortSignal): Promise<void> {
    const workers = Array.from({ length: 4 }, async () => {
      while (!until.aborted) {
        const resent = this.#unanswered.pop();
        if (!(await this.#post(url, resent ?? this.#batch()))) await sleep(15);
        else await sleep(this.#rng.below(8));
      }
    });
    await Promise.all(workers);
  }

  /** Resends until nothing is unanswered. */
  async settle(url: string): Promise<void> {
    for (let tries = 0; this.#unanswered.length > 0; tries++) {
      if (tries > 2000) throw new Error(`${this.#unanswered.length} batches were never answered`);
      if (!(await this.#post(url, this.#unanswered.pop()!))) await sleep(20);
    }
  }

  async #post(url: string, batch: SentEvent[]): Promise<boolean> {
    const body = batch.map((event) => JSON.stringify({ ...event, amount: (event.amount / 1e6).toFixed(6) })).join('\n');
    try {
      const answer = await fetch(`${url}/v1/events`, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${OPERATOR_KEY}` },
      });
      const text = await answer.text();
      if (answer.status === 200) {
        const { accepted, duplicates, rejected } = JSON.parse(text) as {
          accepted: number;
          duplicates: number;
          rejected: unknown[];
        };
        if (accepted + duplicates !== batch.length)
          throw new Unexpected(`${batch.length} sent, answered ${text}; rejected ${rejected.length}`);
        for (const event of batch) this.acknowledged.set(event.id, event);
        return true;
      }
      if (answer.status !== 503 && answer.status !== 429) throw new Unexpected(`answered ${answer.status}: ${text}`);
    } catch (error) {
      if (error instanceof Unexpected) throw error;
    }
    this.#unanswered.push(batch);
    return false;
  }

  #batch(): SentEvent[] {
    const rng = this.#rng;
    const size = rng.below(10) === 0 ? 1 + rng.below(300) : 1 + rng.below(20);
    return Array.from({ length: size }, () => {
      const number = this.#sent++;
      const roll = rng.below(100);
      const age = roll < 85 ? rng.below(600) : roll < 95 ? 3_200 + rng.below(2_500) : 12_000 + rng.below(60_000);
      return {
        id: `${this.#prefix}-${number}`,
        tenant: `t${rng.below(rng.below(12) + 1)}`,
        kind: KINDS[rng.below(3)]!,
        t: Date.now() - age,
        amount: rng.below(5_000_000),
        user: `u${rng.below(200)}`,
      };
    });
  }
}

/** An answer that should never come. */
class Unexpected extends Error {}
