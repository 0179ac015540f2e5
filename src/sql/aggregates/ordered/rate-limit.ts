import { evaluationError } from '../../value.js';
import { ordered } from '../define.js';
import type { OrderedDefinition, OrderedFunction } from '../definition.js';
import { lengthMsOf } from './ewma.js';

/** A level this much above the limit is the rounding of many small steps, not a row too many. */
const ROUNDING = 1e-9;

interface Bucket {
  /** Rows that were let through and have not drained yet. */
  level: number;
  timeMs: number;
}

/**
 * The generic cell rate algorithm in event time, as a leaky bucket that drains `rows` in `lengthMs` (ITU-T
 * I.371, annex A, "continuous-state leaky bucket"): a row passes when there is room for it. A row that does
 * not pass takes no room.
 */
function limiter(rows: number, lengthMs: number): OrderedFunction<Bucket> {
  return {
    create: () => ({ level: 0, timeMs: NaN }),
    step: (state, _, timeMs) => {
      if (Number.isNaN(timeMs)) throw evaluationError('rate_limit needs ORDER BY a time that is not NULL');
      const drained = Number.isNaN(state.timeMs) ? 0 : (Math.abs(timeMs - state.timeMs) * rows) / lengthMs;
      state.level = Math.max(0, state.level - drained);
      state.timeMs = timeMs;
      const isAllowed = state.level + 1 <= rows + ROUNDING;
      if (isAllowed) state.level++;
      return isAllowed;
    },
    copy: (state) => ({ ...state }),
    bytes: () => 32,
    write: (state, writer) => {
      writer.double(state.level);
      writer.double(state.timeMs);
    },
    read: (reader) => ({ level: reader.double(), timeMs: reader.double() }),
  };
}

/** `rate_limit(n, interval)`; the key is what OVER partitions by. */
export const rateLimitFunctions: readonly OrderedDefinition[] = [
  ordered({
    name: 'rate_limit',
    params: ['bigint', 'interval'],
    constants: 2,
    result: 'boolean',
    help: 'Whether a row is within n an interval of event time (GCRA): n may come at once, then one each interval / n. Rows beyond it use nothing up.',
    create: (_, [rows, length]) => {
      const limit = Number(rows);
      if (!(limit >= 1)) throw new Error(`rate_limit lets through at least 1 row, not ${limit}`);
      return limiter(limit, lengthMsOf(length, 'an interval of rate_limit'));
    },
  }),
];
