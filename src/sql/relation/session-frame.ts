/** `SESSION WITH GAP`: frames that are the sessions of their partition. */
import { MillraceError } from '../../util/errors.js';
import { bindError } from '../context.js';
import type { BindContext } from '../context.js';
import { fixedLengthMs, parseInterval } from '../interval.js';
import type { Expression } from '../plan.js';
import type { SessionFrame } from '../statements/session-frames.js';
import { columnOf } from './columns.js';
import type { Field, OrderItem, Relation } from './relation.js';
import { SIZE_MS_MAX } from './windows.js';

const ADVICE = "Write OVER (PARTITION BY key ORDER BY ts SESSION WITH GAP INTERVAL '10 minutes').";

/** The gap of a window's sessions, ms. Throws SQL_TYPE. */
export function sessionGap(context: BindContext, frame: SessionFrame, order: readonly OrderItem[]): number {
  const refuse = (message: string): Error => bindError(context, 'SQL_TYPE', message, frame.location, ADVICE);
  const [item, more] = order;
  const isTime = item?.expression.type === 'timestamp' || item?.expression.type === 'timestamptz';
  if (item?.expression.kind !== 'column' || !isTime || item.descending || more !== undefined)
    throw refuse('sessions are ordered by one time column, ascending');
  try {
    const ms = fixedLengthMs(parseInterval(frame.gap, frame.unit === '' ? undefined : frame.unit));
    if (ms !== undefined && ms > 0 && ms <= SIZE_MS_MAX && Number.isInteger(ms)) return ms;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw refuse(error.message);
  }
  throw refuse('the gap of a session must be a whole number of ms, more than 0 and at most 366 days');
}

/** Rows with the sessions that they are in, and the partition that is a session. */
export function inSessions(
  input: Relation,
  partition: readonly Expression[],
  order: readonly OrderItem[],
  gapMs: number,
): { readonly relation: Relation; readonly partition: readonly Expression[] } {
  const time = order[0]!.expression;
  if (time.kind !== 'column') throw new Error('sessions are ordered by a column');
  const bounds = ['window_start', 'window_end'].map((name): Field => ({ name, type: time.type, nullable: false }));
  const fields = [...input.fields, ...bounds];
  const window = { kind: 'session', gapMs, keys: partition } as const;
  return {
    relation: { kind: 'window', fields, input, time: time.index, window, late: false },
    partition: [...partition, columnOf(fields, fields.length - 1)],
  };
}
