/** Reads a view's WITH (…). */
import { MillraceError } from '../util/errors.js';
import { bindError } from './context.js';
import { fixedLengthMs, parseInterval } from './interval.js';
import type { ViewOption, ViewStatement } from './parse.js';
import type { ViewSource } from './plan-from.js';
import type { ViewPlan } from './plan.js';

/** Watermark lag of a view that gives none, ms. */
export const WATERMARK_LAG_DEFAULT_MS = 10_000;
/** The shortest retention, ms. */
export const VIEW_RETENTION_MIN_MS = 3_600_000;
/** Allowed lateness of a view that gives none, ms. */
export const ALLOWED_LATENESS_DEFAULT_MS = 7 * 86_400_000;

const NAMES = ['watermark_lag', 'allowed_lateness', 'emit', 'event_time', 'retention'];

/** The options of a view, defaults filled in. */
export function readOptions(
  view: ViewStatement,
  source: ViewSource,
): Pick<ViewPlan, 'lagMs' | 'allowedLatenessMs' | 'emit' | 'retentionMs'> {
  for (const [name, { location }] of view.options) {
    if (!NAMES.includes(name)) {
      throw bindError(
        view,
        'SQL_UNSUPPORTED',
        `there is no option ${name}`,
        location,
        `The options are: ${NAMES.join(', ')}.`,
      );
    }
  }
  const eventTime = view.options.get('event_time');
  const column = source.stream.schema.columns[source.eventTime]!.name;
  if (eventTime !== undefined && eventTime.value !== column) {
    throw bindError(
      view,
      'SQL_TYPE',
      `event_time is "${eventTime.value}", but the window is over "${column}"`,
      eventTime.location,
      'Name the same column in both, or leave the option out.',
    );
  }
  return {
    lagMs: duration(view, 'watermark_lag', WATERMARK_LAG_DEFAULT_MS),
    allowedLatenessMs: duration(view, 'allowed_lateness', ALLOWED_LATENESS_DEFAULT_MS),
    emit: emitMode(view),
    ...retention(view),
  };
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
