/**
 * What happens in a round, and the independent recount: plain code over the events that were sent,
 * which knows nothing of the log, the mill or the feed.
 */
import type { SeededRandom } from '../../sim/random.js';

/** Length of a window, and the view's lag and allowed lateness, ms. */
export const WINDOW_MS = 60_000;
export const LAG_MS = 2_000;
export const ALLOWED_MS = 600_000;
/** The view under test. */
export const VIEW = 'traffic';
/** The tenant whose rows are pulled, and one whose rows are between them. */
export const TENANT = 'acme';
export const OTHER = 'bolt';
/** What the tenant has in all, millionths, when only moves happen. */
export const DEPOSIT = 1_000_000_000;

/**
 * - `counts`: events of all kinds, each adds to one key.
 * - `moves`: amounts leave one key for another, both halves in one request; rows that come to nothing are
 *   deleted, so the sum over all rows never changes.
 */
export type Family = 'counts' | 'moves';

/** An event as it is sent. */
export interface SentEvent {
  readonly id: string;
  readonly tenant: string;
  readonly campaign: string;
  /** When it happened, ms since 1970. */
  readonly t: number;
  /** Millionths. */
  readonly amount: number;
  readonly user: string;
}

/** The view's definition. */
export function viewSql(family: Family): string {
  const having = family === 'moves' ? ' HAVING sum(amount) <> 0' : '';
  return `CREATE MATERIALIZED VIEW ${VIEW} WITH (watermark_lag = '${LAG_MS / 1000} seconds', allowed_lateness = '${ALLOWED_MS / 60_000} minutes') AS
    SELECT tenant, campaign, window_start, window_end, count(*) AS n, sum(amount) AS amount, count(DISTINCT "user") AS users
    FROM TUMBLE(events, t, INTERVAL '${WINDOW_MS / 60_000} minute') GROUP BY tenant, campaign, window_start, window_end${having}`;
}

/** Makes requests. */
export class Generator {
  readonly #random: SeededRandom;
  readonly #family: Family;
  #sent = 0;

  constructor(random: SeededRandom, family: Family) {
    this.#random = random;
    this.#family = family;
  }

  /** What the tenant begins with. */
  deposit(nowMs: number): SentEvent[] {
    return [this.#event(TENANT, 'c0', nowMs, DEPOSIT)];
  }

  /** The events of one request. */
  request(nowMs: number): SentEvent[] {
    const random = this.#random;
    const count = 1 + random.below(random.chance(0.1) ? 60 : 6);
    const events: SentEvent[] = [];
    while (events.length < count) {
      const tenant = random.chance(0.85) ? TENANT : OTHER;
      const t = nowMs - this.#ageMs();
      if (this.#family === 'counts') events.push(this.#event(tenant, this.#campaign(), t, random.below(5_000_000)));
      else if (random.chance(0.4)) events.push(this.#event(tenant, this.#campaign(), t, 0));
      else events.push(...this.move(tenant, this.#campaign(), this.#campaign(), t, 1 + random.below(3)));
    }
    return events;
  }

  /** An amount leaves one key for another of the same window. */
  move(tenant: string, from: string, to: string, t: number, units: number): SentEvent[] {
    return [this.#event(tenant, from, t, -units * 1_000_000), this.#event(tenant, to, t, units * 1_000_000)];
  }

  /** A key changes, and no amount does. */
  touch(campaign: string, t: number): SentEvent[] {
    return [this.#event(TENANT, campaign, t, 0)];
  }

  #event(tenant: string, campaign: string, t: number, amount: number): SentEvent {
    const number = this.#sent++;
    return { id: `e${number}`, tenant, campaign, t, amount, user: `u${this.#random.below(40)}` };
  }

  #campaign(): string {
    return `c${this.#random.below(1 + this.#random.below(8))}`;
  }

  /** On time, out of order, as a correction of a closed window, or too late. */
  #ageMs(): number {
    const roll = this.#random.below(100);
    if (roll < 60) return this.#random.below(5_000);
    if (roll < 80) return this.#random.below(120_000);
    if (roll < 94) return this.#random.below(580_000);
    return this.#random.below(3_600_000);
  }
}

/** A row as the recount has it. */
export interface Recounted {
  readonly n: number;
  /** Millionths. */
  readonly amount: number;
  readonly users: number;
}

/** Names a row: window start and campaign. */
export function rowName(windowMs: number, campaign: string): string {
  return `${windowMs}/${campaign}`;
}

/** Windows and what is too late for them, ms. */
export interface Lateness {
  readonly windowMs: number;
  readonly lagMs: number;
  readonly allowedMs: number;
}

const LATENESS: Lateness = { windowMs: WINDOW_MS, lagMs: LAG_MS, allowedMs: ALLOWED_MS };

/** Counts a tenant's events once each. `receivedAt`: the stamp that the log gave; beyond the lateness it does not count. */
export function recount(
  family: Family,
  tenant: string,
  events: Iterable<SentEvent>,
  receivedAt: ReadonlyMap<string, number>,
  { windowMs, lagMs, allowedMs }: Lateness = LATENESS,
): Map<string, Recounted> {
  const groups = new Map<string, { n: number; amount: number; users: Set<string> }>();
  const seen = new Set<string>();
  for (const event of events) {
    if (event.tenant !== tenant || seen.has(event.id)) continue;
    seen.add(event.id);
    const start = Math.floor(event.t / windowMs) * windowMs;
    if (receivedAt.get(event.id)! > start + windowMs + lagMs + allowedMs) continue;
    const name = rowName(start, event.campaign);
    const group = groups.get(name) ?? { n: 0, amount: 0, users: new Set<string>() };
    groups.set(name, group);
    group.n += 1;
    group.amount += event.amount;
    group.users.add(event.user);
  }
  const rows = [...groups].filter(([, { amount }]) => family === 'counts' || amount !== 0);
  return new Map(rows.map(([name, { n, amount, users }]) => [name, { n, amount, users: users.size }]));
}
