/** Reads a view's WITH (…). */
import { MillraceError } from '../util/errors.js';
import { bindError } from './context.js';
import { fixedLengthMs, parseInterval } from './interval.js';
import type { ViewOption, ViewStatement } from './parse.js';
import type { SqlType, ViewPlan } from './plan.js';
import { ACTION_OPTIONS, readActions, type ViewActions } from './view-actions.js';

/** Watermark lag of a view that gives none, ms. */
export const WATERMARK_LAG_DEFAULT_MS = 10_000;
/** The shortest retention, ms. */
export const VIEW_RETENTION_MIN_MS = 3_600_000;
/** Allowed lateness of a view that gives none, ms. */
export const ALLOWED_LATENESS_DEFAULT_MS = 7 * 86_400_000;

/** The options of a view. */
export const VIEW_OPTIONS = [
  'watermark_lag',
  'allowed_lateness',
  'emit',
  'event_time',
  'retention',
  'late',
  'idle_timeout',
  'state_policy',
  ...ACTION_OPTIONS,
];

/** What becomes of a view's state beyond its budget, if rows that need more are not refused: the oldest is let go of, or it goes to disk. */
export type StatePolicy = 'shed' | 'spill';

/** How long a view waits, and for how long rows correct it. */
type Patience = Pick<ViewPlan, 'lagMs' | 'allowedLatenessMs'>;

const PATIENCE_DEFAULT: Patience = { lagMs: WATERMARK_LAG_DEFAULT_MS, allowedLatenessMs: ALLOWED_LATENESS_DEFAULT_MS };

/**
 * The options of a view, defaults filled in. `times`: the columns that its windows are over; `shown`: what it shows.
 * `patience`: that of a view that says nothing of it.
 */
export function readOptions(
  view: ViewStatement,
  times: readonly string[],
  shown: readonly { readonly name: string; readonly type: SqlType }[],
  patience: Patience = PATIENCE_DEFAULT,
): Pick<ViewPlan, 'lagMs' | 'allowedLatenessMs' | 'emit' | 'retentionMs' | 'dropsLate'> & {
  statePolicy?: StatePolicy;
} & ViewActions {
  for (const [name, { location }] of view.options) {
    if (!VIEW_OPTIONS.includes(name)) {
      throw bindError(
        view,
        'SQL_UNSUPPORTED',
        `there is no option ${name}`,
        location,
        `The options are: ${VIEW_OPTIONS.join(', ')}.`,
      );
    }
  }
  const eventTime = view.options.get('event_time');
  if (eventTime !== undefined && !times.includes(eventTime.value)) {
    throw bindError(
      view,
      'SQL_TYPE',
      `event_time is "${eventTime.value}", but the window is over "${times[0] ?? 'no time'}"`,
      eventTime.location,
      'Name the same column in both, or leave the option out.',
    );
  }
  // What Flink's idle timeout is for never happens here: a source without events holds no window back.
  duration(view, 'idle_timeout', 0);
  return {
    lagMs: duration(view, 'watermark_lag', patience.lagMs),
    allowedLatenessMs: duration(view, 'allowed_lateness', patience.allowedLatenessMs),
    emit: emitMode(view),
    ...retention(view),
    ...latePolicy(view),
    ...statePolicy(view),
    ...readActions(view, shown, lengthOf),
  };
}

/** `late = 'drop'`: rows that take no part are counted, and not kept. */
function latePolicy(view: ViewStatement): Pick<ViewPlan, 'dropsLate'> {
  const option = view.options.get('late');
  if (option === undefined || option.value === 'keep') return {};
  if (option.value === 'drop') return { dropsLate: true };
  throw bindError(
    view,
    'SQL_TYPE',
    `late must be 'keep' or 'drop', not "${option.value}"`,
    option.location,
    "Write late = 'keep', the default, for rows with their reason in the table late; 'drop' only counts them.",
  );
}

function statePolicy(view: ViewStatement): { statePolicy?: StatePolicy } {
  const option = view.options.get('state_policy');
  if (option === undefined || option.value === 'refuse') return {};
  if (option.value === 'shed' || option.value === 'spill') return { statePolicy: option.value };
  throw bindError(
    view,
    'SQL_TYPE',
    `state_policy must be 'refuse', 'shed' or 'spill', not "${option.value}"`,
    option.location,
    "Write state_policy = 'refuse', the default, for new groups to be refused when the state is full; 'shed' lets go of the oldest; 'spill' puts state on disk.",
  );
}

function retention(view: ViewStatement): Pick<ViewPlan, 'retentionMs'> {
  const option = view.options.get('retention');
  if (option === undefined) return {};
  const retentionMs = duration(view, 'retention', 0);
  const lagMs = duration(view, 'watermark_lag', WATERMARK_LAG_DEFAULT_MS);
  if (retentionMs < Math.max(VIEW_RETENTION_MIN_MS, lagMs)) {
    throw bindError(
      view,
      'SQL_TYPE',
      'retention must be at least an hour, and no shorter than watermark_lag',
      option.location,
      "Write retention = '90 days', or leave it out to keep everything.",
    );
  }
  return { retentionMs };
}

function duration(view: ViewStatement, name: string, fallback: number): number {
  const option = view.options.get(name);
  if (option === undefined) return fallback;
  const ms = lengthOf(option);
  if (ms === undefined || ms < 0 || !Number.isInteger(ms)) {
    throw bindError(
      view,
      'SQL_TYPE',
      `${name} must be a length of time, not "${option.value}"`,
      option.location,
      `Write ${name} = '5 seconds'.`,
    );
  }
  return ms;
}

/** The length an option gives in ms; undefined where it gives none. */
function lengthOf(option: ViewOption): number | undefined {
  // A bare number has no unit: 5 could be meant as ms.
  if (/^\s*[\d.+-]+\s*$/.test(option.value) && !/^\s*0+\s*$/.test(option.value)) return undefined;
  try {
    return fixedLengthMs(parseInterval(option.value));
  } catch (error) {
    if (error instanceof MillraceError) return undefined;
    throw error;
  }
}

function emitMode(view: ViewStatement): ViewPlan['emit'] {
  const option = view.options.get('emit');
  if (option === undefined || option.value.toLowerCase() === 'change') return { kind: 'change' };
  if (option.value.toLowerCase() === 'close') return { kind: 'close' };
  const ms = lengthOf(option);
  if (ms === undefined || ms <= 0 || !Number.isInteger(ms)) {
    throw bindError(
      view,
      'SQL_TYPE',
      `emit must be 'change', 'close' or a length of time, not "${option.value}"`,
      option.location,
      "Write emit = 'change', emit = 'close' or emit = '10 seconds'.",
    );
  }
  return { kind: 'every', ms };
}
