/**
 * Whose query runs next.
 *
 * Purpose. One tenant's heavy queries must not make the others wait: neither in the queue, nor for the processor. Places
 * are given out by start-time fair queuing. Each flow (a tenant and a class) has a tag that grows by what its queries
 * cost, in ms of running, so who has used much waits while who has used little goes first, and who was away has
 * saved nothing up.
 *
 * Classes. `interactive` (dashboards: saved endpoints, and what Millrace or an operator asks) goes before `adhoc`;
 * but after `TURNS` of them, one `adhoc` that waits has its turn.
 *
 * Heavy queries. The engine can't be told how much of the processor a query may have, so how many heavy ones run at
 * once is bounded: `heavyMax`, fewer than there are places. A flow is heavy when even the faster of its latest queries
 * took longer than `HEAVY_MS`, and `HEAVY_TIMES` as long as those of most other flows: on a machine that has too much to do
 * all are slow, and none the slower for it. A query counts as heavy when its flow is, or from the moment it has run for
 * so long. A heavy flow waits until another heavy query ends; all others pass it.
 *
 * Limits: `runningMax` queries at once, `tenantRunningMax` of one tenant; `waitingMax` waiting, `tenantWaitingMax` of one
 * tenant. Where all places to wait are taken, a newcomer whose tenant has fewer waiting than another displaces that
 * other's newest: many queries of one tenant never keep the others out. Who is refused gets QUERY_BUSY.
 * The costs of `FLOWS_MAX` flows are remembered.
 *
 * Invariants. A place is taken at `enter` and given back exactly once. Nothing waits while it could run.
 */
import type { Clock } from '../../io/clock.js';
import { MillraceError } from '../../util/errors.js';

/** Bounds of the queue. */
export interface QueueLimits {
  readonly runningMax: number;
  readonly tenantRunningMax: number;
  readonly heavyMax: number;
  readonly waitingMax: number;
  readonly tenantWaitingMax: number;
}

/** Who asks: dashboards go before questions of the moment. */
export type QueryClass = 'interactive' | 'adhoc';

/** What a query must cost to be heavy, at least. */
export const HEAVY_MS = 500;
/** How much more than those of other flows. */
const HEAVY_TIMES = 4;
/** Latest costs that are remembered of a flow, and flows that are compared. */
const COSTS = 8;
const FLOWS_COMPARED = 64;
/** So many `interactive` queries go before one `adhoc` that waits. */
export const TURNS = 8;
/** Most flows whose costs are remembered while nothing of theirs runs or waits. */
export const FLOWS_MAX = 4_096;
/** What a flow's first query is taken to cost, ms. */
const FIRST_MS = 20;

interface Flow {
  readonly tenant: Tenant;
  readonly kind: QueryClass;
  readonly waiting: Waiting[];
  /** Where its next query starts in virtual time, at the earliest. */
  tag: number;
  /** What its latest queries cost, ms. */
  readonly costs: number[];
  /** What the faster of them cost: a query is slow by itself or by what runs beside it. */
  costMs: number;
  running: number;
}

interface Tenant {
  readonly key: string;
  readonly runningMax: number;
  readonly waitingMax: number;
  running: number;
  waiting: number;
  /** How many flows it has. */
  flows: number;
}

interface Waiting {
  readonly place: number;
  readonly grant: (leave: () => void) => void;
  readonly refuse: (error: MillraceError) => void;
}

/** The queue of one engine. */
export class QueryQueue {
  readonly #limits: QueueLimits;
  readonly #clock: Clock;
  /** The least recently used first. */
  readonly #flows = new Map<string, Flow>();
  readonly #tenants = new Map<string, Tenant>();
  /** Flows of whom somebody waits. */
  readonly #queued = new Set<Flow>();
  #running = 0;
  #heavy = 0;
  #waiting = 0;
  /** Flows above this are heavy, ms. */
  #heavyMs = HEAVY_MS;
  #virtual = 0;
  #places = 0;
  #turns = 0;

  constructor(limits: QueueLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Queries running (of them heavy) and waiting now. */
  get load(): { readonly running: number; readonly heavy: number; readonly waiting: number } {
    return { running: this.#running, heavy: this.#heavy, waiting: this.#waiting };
  }

  /**
   * Waits for a place; answers what gives it back. `tenant` is null for an operator.
   *
   * @throws QUERY_BUSY, and the signal's reason when it is aborted while waiting.
   */
  enter(tenant: string | null, kind: QueryClass, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const flow = this.#flow(tenant, kind);
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#remove(flow, waiting);
        reject(signal.reason as Error);
      };
      const done = (): void => signal.removeEventListener('abort', abort);
      const waiting: Waiting = {
        place: ++this.#places,
        grant(leave) {
          done();
          resolve(leave);
        },
        refuse(error) {
          done();
          reject(error);
        },
      };
      flow.waiting.push(waiting);
      this.#queued.add(flow);
      flow.tenant.waiting += 1;
      this.#waiting += 1;
      signal.addEventListener('abort', abort, { once: true });
      this.#next();
      this.#makeRoom(flow, waiting);
    });
  }

  /** Refuses somebody when too many wait now that `newcomer` does. */
  #makeRoom(flow: Flow, newcomer: Waiting): void {
    if (!flow.waiting.includes(newcomer)) return;
    const { tenant } = flow;
    if (tenant.waiting > tenant.waitingMax) {
      this.#remove(flow, newcomer);
      const { running, waiting } = tenant;
      newcomer.refuse(busy(`${running} queries of this tenant run and ${waiting} wait, which is its bound; try again`));
    } else if (this.#waiting > this.#limits.waitingMax) {
      const crowded = this.#mostWaiting();
      const [from, who] =
        crowded.tenant.waiting > tenant.waiting ? [crowded, crowded.waiting.at(-1)!] : ([flow, newcomer] as const);
      this.#remove(from, who);
      who.refuse(
        busy(`${this.#running} queries run and ${this.#waiting} wait, which is the bound of all tenants; try again`),
      );
    }
  }

  /** Of the tenant with most waiting, the flow with the newest. */
  #mostWaiting(): Flow {
    const newest = ({ waiting }: Flow): number => waiting.at(-1)!.place;
    return [...this.#queued].reduce((most, flow) => {
      const more = flow.tenant.waiting - most.tenant.waiting;
      return more > 0 || (more === 0 && newest(flow) > newest(most)) ? flow : most;
    });
  }

  #remove(flow: Flow, waiting: Waiting): void {
    flow.waiting.splice(flow.waiting.indexOf(waiting), 1);
    if (flow.waiting.length === 0) this.#queued.delete(flow);
    flow.tenant.waiting -= 1;
    this.#waiting -= 1;
  }

  /** Gives out places while there are any and somebody may have one. */
  #next(): void {
    while (this.#running < this.#limits.runningMax) {
      const flow = this.#choose();
      if (flow === null) return;
      this.#start(flow);
    }
  }

  #choose(): Flow | null {
    const best: Record<QueryClass, Flow | null> = { interactive: null, adhoc: null };
    for (const flow of this.#queued) {
      if (flow.tenant.running >= flow.tenant.runningMax) continue;
      if (flow.costMs > this.#heavyMs && this.#heavy >= this.#limits.heavyMax) continue;
      const other = best[flow.kind];
      if (other === null || this.#isBefore(flow, other)) best[flow.kind] = flow;
    }
    if (best.interactive === null || best.adhoc === null) return best.interactive ?? best.adhoc;
    this.#turns = (this.#turns + 1) % (TURNS + 1);
    return this.#turns === 0 ? best.adhoc : best.interactive;
  }

  #isBefore(a: Flow, b: Flow): boolean {
    const [tagA, tagB] = [Math.max(a.tag, this.#virtual), Math.max(b.tag, this.#virtual)];
    return tagA === tagB ? a.waiting[0]!.place < b.waiting[0]!.place : tagA < tagB;
  }

  #start(flow: Flow): void {
    const first = flow.waiting[0]!;
    this.#remove(flow, first);
    const { tenant } = flow;
    flow.running += 1;
    tenant.running += 1;
    this.#running += 1;
    const expectedMs = flow.costs.length === 0 ? FIRST_MS : mean(flow.costs);
    this.#virtual = Math.max(this.#virtual, flow.tag);
    flow.tag = this.#virtual + expectedMs;
    let heavy = flow.costMs > this.#heavyMs;
    if (heavy) this.#heavy += 1;
    const startedMs = this.#clock.monotonic();
    const heavyMs = this.#heavyMs;
    const cancel = this.#clock.after(heavyMs, () => {
      if (!heavy) this.#heavy += 1;
      heavy = true;
      // What it costs in the end is not known yet; but of a flow that nothing else is known of, it is the best guess.
      if (flow.costs.length === 0) flow.costMs = heavyMs + 1;
    });
    let left = false;
    first.grant(() => {
      if (left) return;
      left = true;
      cancel();
      const costMs = this.#clock.monotonic() - startedMs;
      flow.tag += costMs - expectedMs;
      flow.costs.push(costMs);
      if (flow.costs.length > COSTS) flow.costs.shift();
      flow.costMs = quarter(flow.costs);
      this.#heavyMs = Math.max(HEAVY_MS, HEAVY_TIMES * quarter(this.#lately()));
      flow.running -= 1;
      tenant.running -= 1;
      this.#running -= 1;
      if (heavy) this.#heavy -= 1;
      this.#next();
    });
  }

  #flow(name: string | null, kind: QueryClass): Flow {
    const tenantKey = JSON.stringify(name);
    const key = `${kind} ${tenantKey}`;
    const known = this.#flows.get(key);
    if (known !== undefined) {
      this.#flows.delete(key);
      this.#flows.set(key, known);
      return known;
    }
    const tenant = this.#tenants.get(tenantKey) ?? this.#newTenant(tenantKey, name);
    tenant.flows += 1;
    const flow: Flow = { tenant, kind, waiting: [], tag: this.#virtual, costs: [], costMs: FIRST_MS, running: 0 };
    this.#flows.set(key, flow);
    this.#forget();
    return flow;
  }

  /** An operator's queries, and Millrace's own, have no bound but those of all. */
  #newTenant(key: string, name: string | null): Tenant {
    const { runningMax, tenantRunningMax, waitingMax, tenantWaitingMax } = this.#limits;
    const bounds =
      name === null ? { runningMax, waitingMax } : { runningMax: tenantRunningMax, waitingMax: tenantWaitingMax };
    const tenant: Tenant = { key, ...bounds, running: 0, waiting: 0, flows: 0 };
    this.#tenants.set(key, tenant);
    return tenant;
  }

  /** The costs of the flows that asked last. */
  #lately(): number[] {
    const known = [...this.#flows.values()].slice(-FLOWS_COMPARED).filter(({ costs }) => costs.length > 0);
    return known.map(({ costMs }) => costMs);
  }

  /** Forgets the flow that has been idle for longest, when there are too many. */
  #forget(): void {
    if (this.#flows.size <= FLOWS_MAX) return;
    for (const [key, flow] of this.#flows) {
      if (flow.running > 0 || flow.waiting.length > 0) continue;
      // The newest flow is about to wait: it comes last, and the one before it goes.
      this.#flows.delete(key);
      flow.tenant.flows -= 1;
      if (flow.tenant.flows === 0) this.#tenants.delete(flow.tenant.key);
      return;
    }
  }
}

/** The value that three quarters are not below. */
function quarter(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 2]!;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function busy(message: string): MillraceError {
  return new MillraceError('QUERY_BUSY', message);
}
