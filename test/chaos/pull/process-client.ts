/**
 * Clients of the real server: each request moves amounts between keys, and is sent again until it is
 * answered.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { OPERATOR_KEY } from '../client.js';
import type { Rng } from '../rng.js';
import { DEPOSIT, type SentEvent } from './events.js';
import { ALLOWED_MS, TENANTS } from './process-config.js';

/** Sends and resends. */
export class MoveClient {
  /** Every event that was answered 200. */
  readonly acknowledged = new Map<string, SentEvent>();
  readonly #unanswered: SentEvent[][] = [];
  readonly #rng: Rng;
  readonly #url: string;
  #sent = 0;

  constructor(rng: Rng, url: string) {
    this.#rng = rng;
    this.#url = url;
  }

  /** What every tenant begins with. */
  async deposit(): Promise<void> {
    const now = Date.now();
    this.#unanswered.push(TENANTS.map((tenant) => this.#event(tenant, 'deposit', now, DEPOSIT)));
    await this.settle();
  }

  /** Sends until the signal. */
  async run(until: AbortSignal): Promise<void> {
    const loop = async (): Promise<void> => {
      while (!until.aborted) {
        const [resent] = this.#unanswered.splice(0, 1);
        if (await this.#post(resent ?? this.#request())) await sleep(this.#rng.below(25));
        else await sleep(20);
      }
    };
    await Promise.all([loop(), loop(), loop()]);
  }

  /** Sends again until all is answered. */
  async settle(): Promise<void> {
    for (let tries = 0; this.#unanswered.length > 0; tries++) {
      if (tries > 3_000) throw new Error(`${this.#unanswered.length} requests were never answered`);
      if (!(await this.#post(this.#unanswered.pop()!))) await sleep(20);
    }
  }

  #request(): SentEvent[] {
    const rng = this.#rng;
    const tenant = TENANTS[rng.below(TENANTS.length)]!;
    const events: SentEvent[] = [];
    for (let moves = 1 + rng.below(8); moves > 0; moves--) {
      const roll = rng.below(100);
      const age =
        roll < 80 ? rng.below(500) : roll < 95 ? 3_000 + rng.below(4_000) : ALLOWED_MS + 4_000 + rng.below(9_000);
      const t = Date.now() - age;
      const [from, to] = [`c${rng.below(6)}`, `c${rng.below(6)}`];
      const units = (1 + rng.below(3)) * 1_000_000;
      if (rng.below(3) === 0) events.push(this.#event(tenant, from, t, 0));
      else events.push(this.#event(tenant, from, t, -units), this.#event(tenant, to, t, units));
    }
    return events;
  }

  #event(tenant: string, campaign: string, t: number, amount: number): SentEvent {
    return { id: `e${this.#sent++}`, tenant, campaign, t, amount, user: `u${this.#rng.below(50)}` };
  }

  async #post(events: SentEvent[]): Promise<boolean> {
    const body = events
      .map((event) => JSON.stringify({ ...event, amount: (event.amount / 1e6).toFixed(6) }))
      .join('\n');
    let status = 0;
    try {
      const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
      const answer = await fetch(`${this.#url}/v1/events`, { method: 'POST', body, headers });
      const text = await answer.text();
      status = answer.status;
      if (status !== 200 && status !== 429 && status !== 503) throw new Error(`answered ${status}: ${text}`);
    } catch (error) {
      // Only what was answered wrongly is an error; a connection that breaks is what this is about.
      if (status !== 0) throw error;
    }
    if (status === 200) for (const event of events) this.acknowledged.set(event.id, event);
    else this.#unanswered.push(events);
    // One in ten is sent again although it was answered.
    if (status === 200 && this.#rng.below(10) === 0) this.#unanswered.push(events);
    return status === 200;
  }
}
