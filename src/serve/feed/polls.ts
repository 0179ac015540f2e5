/**
 * Long polls that wait in the HTTP thread for a tenant's next change.
 *
 * Limits: `TENANT_MAX` wait for one tenant and view, beyond it the longest waiting ends; `ALL_MAX` in all,
 * beyond it a poll does not wait. Every wait ends by its own time, and with its connection.
 */
import type { Clock } from '../../io/clock.js';

const TENANT_MAX = 4;
const ALL_MAX = 100_000;

/** Waits, by view and tenant. */
export class Polls {
  readonly #clock: Clock;
  readonly #waits = new Map<string, Set<() => void>>();
  #size = 0;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits now. */
  get size(): number {
    return this.#size;
  }

  /** Resolves when the tenant's rows changed, the time is over, or `ended` resolves. */
  wait(view: string, tenant: string, waitMs: number, onEnd: (end: () => void) => void): Promise<void> {
    if (this.#closed || this.#size >= ALL_MAX) return Promise.resolve();
    const name = nameOf(view, tenant);
    return new Promise((resolve) => {
      const end = (): void => {
        if (!waits.delete(end)) return;
        cancel();
        this.#size -= 1;
        if (waits.size === 0) this.#waits.delete(name);
        resolve();
      };
      const cancel = this.#clock.after(waitMs, end);
      const waits = this.#waits.get(name) ?? new Set();
      this.#waits.set(name, waits);
      waits.add(end);
      this.#size += 1;
      if (waits.size > TENANT_MAX) for (const oldest of waits) return (oldest(), onEnd(end));
      onEnd(end);
    });
  }

  /** Ends the waits of tenants that have changes. */
  changed(view: string, tenants: readonly string[]): void {
    for (const tenant of tenants) for (const end of [...(this.#waits.get(nameOf(view, tenant)) ?? [])]) end();
  }

  /** Ends all waits, now and to come. */
  close(): void {
    this.#closed = true;
    for (const waits of [...this.#waits.values()]) for (const end of [...waits]) end();
  }
}

function nameOf(view: string, tenant: string): string {
  return `${view}\0${tenant}`;
}
