/** Reads the options of a view whose rows have an effect: `guard…` acts on events, `alert…` on a webhook. */
import { bindError } from './context.js';
import { typeName } from './types.js';
import type { SqlType } from './plan.js';
import type { ViewOption, ViewStatement } from './parse.js';

/** What becomes of the events that a guard meets. */
export type GuardAction = 'label' | 'block' | 'redirect';

/** A view whose rows name keys that the front door acts on. */
export interface ViewGuard {
  /** Columns of the view that together are the key; an event has the same columns. */
  readonly columns: readonly string[];
  readonly action: GuardAction;
  /** What events are labelled with. */
  readonly label: string;
  /** Where a click's visitor goes instead; null: where the click leads. */
  readonly url: string | null;
  /** How long a key is guarded after its row appeared, ms. */
  readonly forMs: number;
}

/** A view of whose rows a webhook is told. `env:NAME` stands for what the environment has. */
export interface ViewAlert {
  readonly url: string;
  /** Of every request; values may be `env:NAME`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Columns of the view that with the window are the key; null: what tells its rows apart. */
  readonly columns: readonly string[] | null;
  /** At most one alert of a key in each period of so long, ms; null: one a window. */
  readonly everyMs: number | null;
}

/** What a view's rows do beside being there. */
export interface ViewActions {
  readonly guard?: ViewGuard;
  readonly alert?: ViewAlert;
}

/** The names of the options. */
export const ACTION_OPTIONS: readonly string[] = [
  'guard',
  'guard_action',
  'guard_label',
  'guard_url',
  'guard_for',
  'alert',
  'alert_headers',
  'alert_key',
  'alert_every',
];

/** How long a key is guarded after its row appeared, where the view does not say, ms. */
export const GUARD_FOR_DEFAULT_MS = 600_000;
const KEY_COLUMNS_MAX = 4;
const LABEL = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/;
/** Types whose values are the same text in a view and in an event. */
const KEY_TYPES: ReadonlySet<SqlType> = new Set(['text', 'smallint', 'integer', 'bigint', 'uuid', 'boolean']);

/** A column that a view shows. */
interface ShownColumn {
  readonly name: string;
  readonly type: SqlType;
}

/** Reads a length of time; undefined where an option gives none. */
type ReadLength = (option: ViewOption) => number | undefined;

/**
 * The actions that a view's options declare.
 *
 * @throws SQL_TYPE, SQL_UNKNOWN_COLUMN, SQL_UNSUPPORTED with line, caret, and what to write instead.
 */
export function readActions(view: ViewStatement, shown: readonly ShownColumn[], lengthOf: ReadLength): ViewActions {
  const guard = readGuard(view, shown, lengthOf);
  const alert = readAlert(view, shown, lengthOf);
  return { ...(guard === null ? {} : { guard }), ...(alert === null ? {} : { alert }) };
}

function readGuard(view: ViewStatement, shown: readonly ShownColumn[], lengthOf: ReadLength): ViewGuard | null {
  const { options } = view;
  const option = options.get('guard');
  if (option === undefined) {
    refuseAlone(view, 'guard', "Name the column that events are looked up by: guard = 'ip'.");
    return null;
  }
  const columns = keyColumns(view, option, shown);
  const action = options.get('guard_action')?.value.toLowerCase() ?? 'label';
  if (action !== 'label' && action !== 'block' && action !== 'redirect')
    throw wrong(view, 'guard_action', "'label', 'block' or 'redirect'", "Write guard_action = 'label'.");
  const label = options.get('guard_label')?.value ?? view.name;
  if (!LABEL.test(label))
    throw wrong(
      view,
      'guard_label',
      'a label of letters, digits and _.:-, at most 64',
      "Write guard_label = 'hot_ip'.",
    );
  const url = urlOf(view, 'guard_url');
  if (action === 'redirect' && url === null)
    throw bindError(
      view,
      'SQL_TYPE',
      'a guard that redirects needs a guard_url',
      options.get('guard_action')!.location,
      "Add guard_url = 'https://…', or write guard_action = 'label'.",
    );
  if (action === 'label' && url !== null)
    throw bindError(
      view,
      'SQL_TYPE',
      'a guard that labels sends nobody elsewhere',
      options.get('guard_url')!.location,
      "Leave guard_url out, or write guard_action = 'redirect'.",
    );
  return { columns, action, label, url, forMs: lengthIn(view, 'guard_for', lengthOf, 0) ?? GUARD_FOR_DEFAULT_MS };
}

function readAlert(view: ViewStatement, shown: readonly ShownColumn[], lengthOf: ReadLength): ViewAlert | null {
  const { options } = view;
  if (!options.has('alert')) {
    refuseAlone(view, 'alert', "Say where alerts go: alert = 'https://…'.");
    return null;
  }
  const key = options.get('alert_key');
  return {
    url: urlOf(view, 'alert')!,
    headers: headersOf(view),
    columns: key === undefined ? null : keyColumns(view, key, shown),
    everyMs: lengthIn(view, 'alert_every', lengthOf, 1_000) ?? null,
  };
}

/** Refuses `guard_label` without `guard`. */
function refuseAlone(view: ViewStatement, option: 'guard' | 'alert', instead: string): void {
  for (const [name, { location }] of view.options)
    if (name.startsWith(`${option}_`))
      throw bindError(view, 'SQL_TYPE', `${name} is given without ${option}`, location, instead);
}

function keyColumns(view: ViewStatement, option: ViewOption, shown: readonly ShownColumn[]): string[] {
  const names = option.value.split(',').map((name) => name.trim());
  if (names.length > KEY_COLUMNS_MAX || new Set(names).size !== names.length)
    throw bindError(
      view,
      'SQL_TYPE',
      `expected 1 to ${KEY_COLUMNS_MAX} columns, each once, found "${option.value}"`,
      option.location,
      "Write guard = 'ip' or guard = 'ip, user_agent'.",
    );
  for (const name of names) {
    const column = shown.find((one) => one.name === name);
    if (column === undefined)
      throw bindError(
        view,
        'SQL_UNKNOWN_COLUMN',
        `the view has no column "${name}"`,
        option.location,
        `Its columns are: ${shown.map((one) => one.name).join(', ')}.`,
      );
    if (!KEY_TYPES.has(column.type))
      throw bindError(
        view,
        'SQL_TYPE',
        `"${name}" is of type ${typeName(column.type)}, and can't be a key`,
        option.location,
        'Take columns of type text, bigint, uuid or boolean.',
      );
  }
  return names;
}

function urlOf(view: ViewStatement, name: string): string | null {
  const option = view.options.get(name);
  if (option === undefined) return null;
  if (name === 'alert' && /^env:\w+$/.test(option.value)) return option.value;
  const url = URL.canParse(option.value) ? new URL(option.value) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw wrong(
      view,
      name,
      'a URL of http or https, without user and password',
      `Write ${name} = 'https://example.com/…'.`,
    );
  return option.value;
}

/** `alert_headers = 'Authorization: Bearer …; X-Team: fraud'`. */
function headersOf(view: ViewStatement): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const part of (view.options.get('alert_headers')?.value ?? '').split(';')) {
    if (part.trim() === '') continue;
    const match = /^\s*([\w!#$%&'*+.^`|~-]+)\s*:\s*([\x20-\x7e]*)$/.exec(part);
    if (match === null || OWN_HEADERS.test(match[1]!))
      throw bindError(
        view,
        'SQL_TYPE',
        `"${part.trim()}" is no header that can be set`,
        view.options.get('alert_headers')!.location,
        "Write alert_headers = 'Authorization: Bearer …; X-Team: fraud'.",
      );
    headers[match[1]!] = match[2]!.trim();
  }
  return headers;
}

/** Headers that requests get by themselves. */
const OWN_HEADERS =
  /^(host|connection|content-length|content-type|content-encoding|transfer-encoding|idempotency-key|webhook-.*)$/i;

function lengthIn(view: ViewStatement, name: string, lengthOf: ReadLength, least: number): number | undefined {
  const option = view.options.get(name);
  if (option === undefined) return undefined;
  const ms = lengthOf(option);
  if (ms === undefined || !Number.isInteger(ms) || ms < least)
    throw wrong(
      view,
      name,
      `a length of time${least > 0 ? ` of at least ${least / 1000} second` : ''}`,
      `Write ${name} = '10 minutes'.`,
    );
  return ms;
}

function wrong(view: ViewStatement, name: string, expected: string, instead: string) {
  const { value, location } = view.options.get(name)!;
  return bindError(view, 'SQL_TYPE', `${name} must be ${expected}, not "${value}"`, location, instead);
}
