/**
 * Realistic ad traffic, from a seed: the same options give the same bytes.
 *
 * Purpose: load that behaves like the real thing. Advertisers are Zipf-sized. A visit is a session
 * of impressions by one user; some are clicked after seconds; some clicks convert, on impulse within
 * seconds to a minute, or considered after minutes to hours; bots look at much and click at once. Events arrive a little out of order, some come late,
 * some come twice, byte for byte.
 *
 * Time is simulated: the n-th event arrives at `startMs + n / rate` and its event time lies a little
 * before that. Limits: at most `PENDING_MAX` clicks, conversions, late events and resends wait; past it
 * no new ones are planned. What still waits at the end is left out, as it is whenever one stops.
 */
import { AsciiWriter } from './ascii-writer.js';
import { Pending } from './pending.js';
import { SeededRandom } from './random.js';
import { World, type Placement, type Session } from './world.js';

const PENDING_MAX = 500_000;
const SESSIONS_MAX = 2000;
/** No event is longer than this and its tenant's name. */
const EVENT_BYTES_MAX = 1024;

/** What to generate. */
export interface TrafficOptions {
  readonly seed: number;
  /** Advertisers, the largest first. */
  readonly tenants: readonly string[];
  /** When the first event arrives; ms since 1970. */
  readonly startMs: number;
  /** Events a second of simulated time. */
  readonly rate: number;
  /** Share of visits that are bots. Default 0.04. */
  readonly bots?: number;
  /** Share of events that are sent twice. Default 0.01. */
  readonly duplicates?: number;
  /** Share of events that arrive 1 to 30 minutes late. Default 0.005. */
  readonly late?: number;
  /** Mean time from event to arrival; ms. Default 150. */
  readonly jitterMs?: number;
}

/** What was generated so far. */
export interface TrafficTotals {
  events: number;
  /** Events without the resends: what must be counted. */
  unique: number;
  impressions: number;
  clicks: number;
  conversions: number;
  bots: number;
  duplicates: number;
  late: number;
}

/** A click or conversion that was decided on. */
interface Planned {
  readonly kind: 'click' | 'conversion';
  readonly session: Session;
  readonly placement: Placement;
  readonly clickId: Buffer;
}

/** An event that arrives later than it was written. */
interface Delayed {
  readonly tenant: number;
  readonly bytes: Buffer;
}

/** A source of events without end. */
export class Traffic {
  readonly totals: TrafficTotals = {
    events: 0,
    unique: 0,
    impressions: 0,
    clicks: 0,
    conversions: 0,
    bots: 0,
    duplicates: 0,
    late: 0,
  };
  readonly #options: Required<TrafficOptions>;
  readonly #random: SeededRandom;
  readonly #world: World;
  /** Each tenant's `"tenant_id":"…"`. */
  readonly #tenantMembers: readonly Buffer[];
  readonly #sessions: Session[] = [];
  /** By time of the event. */
  readonly #planned = new Pending<Planned>();
  /** By time of arrival: late events and resends. */
  readonly #delayed = new Pending<Delayed>();
  #out = new AsciiWriter(0);

  constructor(options: TrafficOptions) {
    this.#options = { bots: 0.04, duplicates: 0.01, late: 0.005, jitterMs: 150, ...options };
    this.#random = new SeededRandom(options.seed);
    this.#world = new World(this.#random, options.tenants.length, this.#options.bots);
    this.#tenantMembers = options.tenants.map((tenant) => Buffer.from(`"tenant_id":${JSON.stringify(tenant)},`));
  }

  /** When the next event arrives; ms since 1970. */
  get arrivalMs(): number {
    return this.#options.startMs + (this.totals.events * 1000) / this.#options.rate;
  }

  /** Writes the next event as JSON, without a line break; answers the position of its tenant. */
  next(out: AsciiWriter): number {
    this.#out = out;
    for (;;) {
      const now = this.arrivalMs;
      if (this.#delayed.nextTime <= now) {
        this.totals.events++;
        const { tenant, bytes } = this.#delayed.take();
        out.reserve(bytes.length);
        out.bytes(bytes);
        return tenant;
      }
      const start = out.length;
      const tenant = this.#fresh(now);
      this.totals.unique++;
      if (!this.#delay(now, tenant, start)) {
        this.totals.events++;
        return tenant;
      }
      out.length = start;
    }
  }

  /** Decides whether the event written from `start` on comes late (true), or once more. */
  #delay(now: number, tenant: number, start: number): boolean {
    if (this.#delayed.size >= PENDING_MAX) return false;
    const late = this.#random.chance(this.#options.late);
    if (!late && !this.#random.chance(this.#options.duplicates)) return false;
    const waitMs = late ? 60_000 + this.#random.unit() * 29 * 60_000 : 1000 + this.#random.exponential(30_000);
    this.totals[late ? 'late' : 'duplicates']++;
    this.#delayed.add(now + waitMs, { tenant, bytes: Buffer.from(this.#out.buffer.subarray(start, this.#out.length)) });
    return late;
  }

  #fresh(now: number): number {
    const timeMs = Math.floor(now - this.#random.exponential(this.#options.jitterMs));
    if (this.#planned.nextTime <= now) {
      const planned = this.#planned.take();
      if (planned.kind === 'click') this.#click(planned, timeMs);
      else this.#conversion(planned, timeMs);
      return planned.placement.tenant;
    }
    const session = this.#session();
    const placement = this.#world.placement();
    this.#planClick(now, session, placement);
    this.#impression(session, placement, timeMs);
    return placement.tenant;
  }

  #session(): Session {
    const random = this.#random;
    if (this.#sessions.length < SESSIONS_MAX) this.#sessions.push(this.#world.session());
    const at = random.below(this.#sessions.length);
    const session = this.#sessions[at]!;
    if (--session.left === 0) this.#sessions[at] = this.#world.session();
    return session;
  }

  /** A person clicks 1 impression in 70, after seconds; a bot 1 in 4, at once. */
  #planClick(now: number, session: Session, placement: Placement): void {
    const random = this.#random;
    if (this.#planned.size >= PENDING_MAX || !random.chance(session.bot ? 0.25 : 0.015)) return;
    const delayMs = session.bot ? 50 + random.exponential(100) : random.logNormal(4000, 0.9);
    const id = new AsciiWriter(36);
    id.uuid(random.bits(), random.bits(), random.bits(), random.bits());
    this.#planned.add(now + delayMs, { kind: 'click', session, placement, clickId: id.buffer });
  }

  #impression(session: Session, placement: Placement, timeMs: number): void {
    this.totals.impressions++;
    this.#begin('impression', session, placement, timeMs);
    const out = this.#out;
    out.text('"url":"https://pub');
    out.number(placement.publisher);
    out.text('.example/a/');
    out.number(this.#random.below(100_000));
    out.text('","cost":');
    out.fixed(this.#random.below(5000), 6);
    out.text(',"currency":"USD"}');
  }

  /** 1 click in 12 of a person converts. */
  #click(planned: Planned, timeMs: number): void {
    this.totals.clicks++;
    const { session, placement, clickId } = planned;
    if (!session.bot && this.#planned.size < PENDING_MAX && this.#random.chance(0.08))
      this.#planned.add(timeMs + this.#conversionDelayMs(), { ...planned, kind: 'conversion' });
    this.#begin('click', session, placement, timeMs);
    const out = this.#out;
    out.text('"click_id":"');
    out.bytes(clickId);
    out.text('","url":"https://shop.example/landing?cid=');
    out.bytes(clickId);
    out.text('","referrer":"https://pub');
    out.number(placement.publisher);
    out.text('.example/","cost":');
    out.fixed(5 + this.#random.below(200), 2);
    out.text(',"currency":"USD"}');
  }

  /** 2 in 5 buy on impulse, half of them within 15 s; the others consider, half of them for 12 minutes. */
  #conversionDelayMs(): number {
    const random = this.#random;
    return random.chance(0.4) ? random.logNormal(15_000, 1) : random.logNormal(12 * 60_000, 1.4);
  }

  #conversion({ session, placement, clickId }: Planned, timeMs: number): void {
    this.totals.conversions++;
    this.#begin('conversion', session, placement, timeMs);
    const random = this.#random;
    const out = this.#out;
    out.text('"click_id":"');
    out.bytes(clickId);
    out.text('","revenue":');
    out.fixed(Math.round(random.logNormal(4000, 0.8)), 2);
    out.text(',"currency":"USD"');
    if (random.chance(0.3)) out.text(`,"props":{"order":"o-${random.bits()}","items":${1 + random.below(5)}}`);
    out.text('}');
  }

  #begin(type: string, session: Session, placement: Placement, timeMs: number): void {
    if (session.bot) this.totals.bots++;
    const { tenant, campaign, ad, publisher, place } = placement;
    const random = this.#random;
    const out = this.#out;
    out.reserve(EVENT_BYTES_MAX + this.#tenantMembers[tenant]!.length);
    out.text('{"event_id":"');
    out.uuid(random.bits(), random.bits(), random.bits(), random.bits());
    out.text('","event_type":"');
    out.text(type);
    out.text('","event_time":');
    out.number(timeMs);
    out.text(',');
    out.bytes(this.#tenantMembers[tenant]!);
    this.#id('"campaign_id":"c', tenant, campaign);
    this.#id('"ad_id":"a', tenant, ad);
    this.#id('"creative_id":"cr', tenant, ad % 17);
    out.text('"publisher_id":"p');
    out.number(publisher);
    out.text('",');
    this.#id('"placement_id":"p', publisher, place);
    out.bytes(session.visitor);
  }

  #id(name: string, owner: number, number: number): void {
    const out = this.#out;
    out.text(name);
    out.number(owner);
    out.text('-');
    out.number(number);
    out.text('",');
  }
}

/** Names of `count` advertisers: `advertiser-00001` and so on, the largest first. */
export function tenantNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `advertiser-${String(i + 1).padStart(5, '0')}`);
}
