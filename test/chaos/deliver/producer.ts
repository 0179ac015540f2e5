/**
 * A producer that never gives up. Most of its events suit every sink; some are poison for one of
 * them: a NUL that PostgreSQL's texts can't hold, a `props` that the index has another type for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { OPERATOR_KEY } from '../client.js';
import type { Rng } from '../rng.js';
import type { DeliveryName } from './config.js';

/** An event as it was sent. */
export interface SentEvent {
  readonly id: string;
  readonly tenant: string;
  readonly amount: number;
  /** The sink that can't take it; null for all others. */
  readonly poisonFor: DeliveryName | null;
}

/** New events of one run: the small disk has room for ten of them, however long an engine takes to come back. */
const RUN_EVENTS_MAX = 10_000;

const KINDS = ['view', 'click', 'buy'];

/** A producer. */
export class Producer {
  /** Every event that was answered 200, by id. */
  readonly acknowledged = new Map<string, SentEvent>();
  readonly #rng: Rng;
  readonly #prefix: string;
  #unanswered: { readonly events: SentEvent[]; readonly body: string }[] = [];
  #sent = 0;

  constructor(rng: Rng, prefix: string) {
    this.#rng = rng;
    this.#prefix = prefix;
  }

  /** Sends until `until` aborts, about `RUN_EVENTS_MAX` events at most; whoever does not answer is asked again. */
  async run(url: () => string, until: AbortSignal): Promise<void> {
    const end = this.#sent + RUN_EVENTS_MAX;
    const workers = Array.from({ length: 3 }, async () => {
      while (!until.aborted) {
        const batch = this.#unanswered.pop() ?? (this.#sent < end ? this.#batch() : null);
        if (batch === null) await sleep(20);
        else if (!(await this.#post(url(), batch))) await sleep(20);
        else await sleep(this.#rng.below(25));
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

  async #post(url: string, batch: { readonly events: SentEvent[]; readonly body: string }): Promise<boolean> {
    try {
      const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
      const answer = await fetch(`${url}/v1/events`, { method: 'POST', body: batch.body, headers });
      const text = await answer.text();
      if (answer.status === 200) {
        const { accepted, duplicates } = JSON.parse(text) as { accepted: number; duplicates: number };
        if (accepted + duplicates !== batch.events.length)
          throw new Unexpected(`${batch.events.length} sent, answered ${text}`);
        for (const event of batch.events) this.acknowledged.set(event.id, event);
        return true;
      }
      if (answer.status !== 503 && answer.status !== 429) throw new Unexpected(`answered ${answer.status}: ${text}`);
    } catch (error) {
      if (error instanceof Unexpected) throw error;
    }
    this.#unanswered.push(batch);
    return false;
  }

  #batch(): { events: SentEvent[]; body: string } {
    const rng = this.#rng;
    const size = 1 + rng.below(rng.below(8) === 0 ? 200 : 30);
    const lines: string[] = [];
    const events = Array.from({ length: size }, (): SentEvent => {
      const roll = rng.below(200);
      const poisonFor = roll === 0 ? 'db' : roll === 1 ? 'search' : null;
      const id = `${this.#prefix}-${this.#sent++}`;
      const tenant = `t${rng.below(5)}`;
      const amount = rng.below(1000);
      lines.push(
        JSON.stringify({
          id,
          tenant,
          kind: KINDS[rng.below(3)],
          t: Date.now() - rng.below(5000),
          amount,
          note: poisonFor === 'db' ? 'a NUL: \u0000' : `note "${'n'.repeat(rng.below(400))}"`,
          props: poisonFor === 'search' ? 'not an object' : { n: amount },
        }),
      );
      return { id, tenant, amount, poisonFor };
    });
    return { events, body: lines.join('\n') };
  }
}

/** An answer that should never come. */
class Unexpected extends Error {}
