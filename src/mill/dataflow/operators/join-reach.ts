/** Which times of the other side a join's rows can meet, and so how long they stay. */
import type { Join } from '../../../sql/relation/relation.js';

/** Half a microsecond, ms: times are exact to a microsecond, sums of doubles are not. */
const HALF_MICRO_MS = 0.0004;

/** Of one side. */
export interface Reach {
  /** The field that bounds which rows meet; null: the key alone decides. */
  readonly time: number | null;
  /** How long behind the clock a row of that time can still meet one, ms; null: for ever. */
  readonly lifetimeMs: number | null;
  /** Times of the other side that a row meets: its own time plus these, ms. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** The reach of both sides. A window's end that is among the keys bounds as a distance of 0 does. */
export function reachOf({ bound, windowEnd }: Join): { readonly left: Reach; readonly right: Reach } {
  const from = (lowMs: number | null): number => (lowMs ?? Number.NEGATIVE_INFINITY) - HALF_MICRO_MS;
  const to = (highMs: number | null): number => (highMs ?? Number.POSITIVE_INFINITY) + HALF_MICRO_MS;
  const low = from(bound?.lowMs ?? null);
  const high = to(bound?.highMs ?? null);
  const times = bound ?? (windowEnd === null ? null : { leftTime: windowEnd.left, rightTime: windowEnd.right });
  const { lowMs, highMs } = bound ?? (windowEnd === null ? { lowMs: null, highMs: null } : { lowMs: 0, highMs: 0 });
  return {
    left: { time: times?.leftTime ?? null, lifetimeMs: highMs, fromMs: low, toMs: high },
    right: {
      time: times?.rightTime ?? null,
      lifetimeMs: lowMs === null ? null : -lowMs,
      fromMs: -high,
      toMs: -low,
    },
  };
}
