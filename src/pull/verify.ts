/**
 * Whether the table is what the server has: its digest against one of our own rows, a day at a time.
 *
 * A day is compared when we have applied its newest revision. Days that still move are pulled and asked for
 * again a few times; then they are said to be moving, which is no difference. What differs is listed again by
 * the server and replaced, in one transaction, and compared once more.
 */
import type { DayDigest } from '../event/feed.js';
import { decimalText } from './decimal-text.js';
import type { FeedClient } from './feed-client.js';
import type { Puller } from './puller.js';
import type { OwnDay } from './target.js';
import type { TablePlan } from './table-plan.js';

/** Times that moving days are asked for. */
const ATTEMPTS = 5;
/** Sums of doubles depend on the order of addition. */
const DOUBLE_SHARE = 1e-9;

/** What is wrong with a day. */
export interface Difference {
  readonly day: string;
  /** `rows`, `hash`, or a column. */
  readonly measure: string;
  readonly server: string;
  readonly own: string;
}

/** What a check found. */
export interface Verified {
  readonly days: number;
  readonly rows: number;
  /** Days that were found different, and are as the server's now. */
  readonly repaired: readonly string[];
  /** What differs at the end. */
  readonly differences: readonly Difference[];
  /** Days that changed faster than they could be compared. */
  readonly moving: readonly string[];
}

/** How a check is made. */
export interface VerifyInput {
  readonly client: FeedClient;
  readonly puller: Puller;
  /** Replaces days that differ; else they are only said. */
  readonly repairs: boolean;
  readonly signal?: AbortSignal;
  readonly onDifference?: (difference: Difference) => void;
}

/** Pulls to the end, compares all days, and repairs. */
export async function verify({ client, puller, repairs, signal, onDifference }: VerifyInput): Promise<Verified> {
  const seen = new Set<string>();
  let result = await compare(client, puller, signal);
  for (const difference of result.differences) onDifference?.(difference);
  for (let attempt = 0; repairs && result.differences.length > 0 && attempt < ATTEMPTS; attempt++) {
    for (const day of new Set(result.differences.map((difference) => difference.day))) {
      seen.add(day);
      await puller.replay(dayRange(day), signal);
    }
    result = await compare(client, puller, signal);
  }
  const wrong = new Set(result.differences.map(({ day }) => day));
  return { ...result, repaired: [...seen].filter((day) => !wrong.has(day)).toSorted() };
}

interface Compared {
  readonly days: number;
  readonly rows: number;
  readonly differences: readonly Difference[];
  readonly moving: readonly string[];
}

async function compare(client: FeedClient, puller: Puller, signal: AbortSignal | undefined): Promise<Compared> {
  let rows = 0;
  let days = 0;
  let moving: string[] = [];
  const differences: Difference[] = [];
  const done = new Set<string>();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await puller.catchUp(signal);
    const digest = await client.digest(signal === undefined ? {} : { signal });
    const own = await puller.digest(null, null, signal);
    moving = [];
    const said = new Map(digest.days.map((day) => [day.day, day]));
    // What the server has no rows of, we should not have either; beyond its retention ours may stay.
    const extra = [...own.days.keys()].filter((day) => !said.has(day) && isServed(day, digest.retained_from));
    for (const day of [...said.keys(), ...extra]) {
      if (done.has(day)) continue;
      const theirs = said.get(day) ?? NO_ROWS(day);
      const ours = own.days.get(day);
      const isPartly = digest.retained_from !== null && !isServed(day, digest.retained_from);
      if (isPartly || own.place.epoch !== digest.epoch || theirs.last_rev > own.place.rev) {
        if (!isPartly) moving.push(day);
        continue;
      }
      const found = differencesOf(theirs, ours, own.plan);
      // A change that we have and the digest had not yet.
      if (found.length > 0 && own.place.rev > digest.stable_rev && attempt < ATTEMPTS - 1) {
        moving.push(day);
        continue;
      }
      done.add(day);
      days++;
      rows += theirs.rows;
      differences.push(...found);
    }
    if (moving.length === 0) break;
  }
  return { days, rows, differences, moving };
}

const NO_ROWS = (day: string): DayDigest => ({ day, rows: 0, last_rev: 0, sums: {}, hash: '0'.repeat(16) });

/** Whether the server has all of a day. */
function isServed(day: string, retainedFrom: string | null): boolean {
  return retainedFrom === null || Date.parse(dayRange(day).from) >= Date.parse(retainedFrom);
}

function differencesOf(theirs: DayDigest, ours: OwnDay | undefined, plan: TablePlan): Difference[] {
  const { day } = theirs;
  const found: Difference[] = [];
  const tell = (measure: string, server: string, own: string): void => void found.push({ day, measure, server, own });
  const rows = ours?.rows ?? 0;
  if (rows !== theirs.rows) tell('rows', String(theirs.rows), String(rows));
  const hash = ours?.hash ?? '0'.repeat(16);
  if (hash !== theirs.hash) tell('hash', theirs.hash, hash);
  for (const { name, type, additive } of plan.columns) {
    if (additive !== true) continue;
    const server = decimalText(theirs.sums[name] ?? '0');
    const own = decimalText(ours?.sums[name] ?? '0');
    const isSame = type === 'double precision' ? isClose(Number(server), Number(own)) : server === own;
    if (!isSame) tell(name, server, own);
  }
  return found;
}

function isClose(a: number, b: number): boolean {
  return Object.is(a, b) || a === b || Math.abs(a - b) <= DOUBLE_SHARE * Math.max(Math.abs(a), Math.abs(b));
}

/** The window starts of a UTC day. */
export function dayRange(day: string): { readonly from: string; readonly to: string } {
  const start = Date.parse(`${day}T00:00:00.000Z`);
  return { from: new Date(start).toISOString(), to: new Date(start + 86_400_000).toISOString() };
}
