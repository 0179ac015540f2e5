/**
 * A view's rows rolled up to longer periods, on reading: one SELECT over the view, so that all of it is of
 * one moment, no thread is held, and the limits are those of queries.
 *
 * Exact or not at all. Counts and sums are added, least and greatest compared, sketches merged; an estimate
 * is that of the merged sketch. What can't be had exactly from the rows (an average, a ratio, a count of
 * different values) is left out and named, with what the view should have instead.
 *
 * Limits: `PERIODS_MAX` days, weeks or months and `ROWS_READ_MAX` rows at once.
 */
import { definitionName } from '../../event/served.js';
import type { ViewColumn, ViewDescription } from '../../event/view.js';
import { zoneOf, type Zone } from '../../sql/zones.js';
import { WINDOW_START } from '../../summary/layout.js';
import type { JsonValue } from '../../summary/row-values.js';
import { MillraceError } from '../../util/errors.js';
import type { QueryEngine } from '../query/engine.js';
import { WINDOWS_SHOWN, type RowRange, type ViewRows } from '../store-protocol.js';
import { clockPieces, periodOf, periodsBetween, usualLengthMs, type Granularity, type Period } from './period.js';

/** Most days, weeks or months of one answer. */
const PERIODS_MAX = 4_000;
/** Most rows of the view that one answer is made of. */
const ROWS_READ_MAX = 5_000_000;

/** Where every changes stream has the end of the window. */
const WINDOW_END = 2;

/** What is rolled up, and how. */
export interface RollUpInput {
  readonly engine: QueryEngine;
  readonly view: ViewDescription;
  readonly range: RowRange;
  readonly granularity: Granularity;
  /** The name of the zone. */
  readonly zone: string;
  /** Windows that end at or before this are final unless corrected; ms, null when not known yet. */
  readonly completeThrough: number | null;
}

type Row = readonly JsonValue[];

/** A column of the answer: the SQL of its values. */
interface Field {
  readonly name: string;
  readonly sql: string;
}

/**
 * Rows by period and key, oldest first; the newest when there are too many. Periods are whole: `from` and
 * `to` are widened to them. Throws ARGUMENT_INVALID where windows do not fit into the periods, and
 * QUERY_TOO_LARGE beyond the limits.
 */
export async function rollUp(input: RollUpInput): Promise<ViewRows> {
  const { view, range, granularity } = input;
  refuse(view, granularity);
  const zone = zoneOf(input.zone);
  const said = { granularity, zone: input.zone, leftOut: leftOut(view) };
  const span = await spanOf(input, zone);
  if (span === null) return { rows: [], truncated: false, summed: false, ...said };
  const { keys, measures } = fieldsOf(view);
  const fields = [...keys, ...measures];
  const rows = await ask(input, statement(input, span, zone, fields, keys.length));
  const shown = rows.slice(0, range.limit).map((row) => {
    const period = periodOf(Date.parse(row[0] as string), granularity, zone);
    checkAligned(input, period, Date.parse(row[1] as string));
    return shownRow(input, period, row, fields);
  });
  return { rows: shown.reverse(), truncated: rows.length > range.limit, summed: false, ...said };
}

function refuse(view: ViewDescription, granularity: Granularity): void {
  if (view.partial === true)
    throw invalid(
      `rows of view '${view.name}' do not add up to longer periods: it has HAVING, or is more than groups of one stream in tumbling windows; sum what it shows by SQL where that is meant`,
      'granularity',
    );
  if (usualLengthMs(granularity) < view.windowMs)
    throw invalid(
      `the windows of view '${view.name}' are ${view.windowMs / 60_000} min long; '${granularity}' is finer`,
      'granularity',
    );
}

/** From the beginning of the first period asked for to the end of the last; null: there are no rows. */
async function spanOf(input: RollUpInput, zone: Zone): Promise<Period | null> {
  const { view, range, granularity } = input;
  const wanted = [
    ...(range.from === null ? [] : [`_window_start >= ${time(periodOf(range.from, granularity, zone).start)}`]),
    ...(range.to === null ? [] : [`_window_start < ${time(periodOf(range.to - 1, granularity, zone).end)}`]),
  ];
  const where = wanted.length === 0 ? '' : `WHERE ${wanted.join(' AND ')}`;
  const [bounds] = await ask(
    input,
    `SELECT min(_window_start), max(_window_start), count(*) FROM ${quote(definitionName(view))} ${where}`,
  );
  if (bounds === undefined || bounds[1] === null) return null;
  const last = periodOf(Date.parse(bounds[1] as string), granularity, zone);
  let first = periodOf(Date.parse(bounds[0] as string), granularity, zone);
  let rows = Number(bounds[2]);
  if (range.from === null) {
    first = newestPeriods(first, last, granularity, zone);
    if (rows > ROWS_READ_MAX) rows = await rowsWithin(input, { start: first.start, end: last.end });
  }
  if (rows > ROWS_READ_MAX)
    throw new MillraceError(
      'QUERY_TOO_LARGE',
      `${rows} rows would have to be read; at most ${ROWS_READ_MAX} are rolled up at once: ask for a shorter time`,
    );
  return { start: first.start, end: last.end };
}

/** The first of the newest `WINDOWS_SHOWN` periods. */
function newestPeriods(first: Period, last: Period, granularity: Granularity, zone: Zone): Period {
  let at = last;
  for (let shown = 1; shown < WINDOWS_SHOWN && at.start > first.start; shown++)
    at = periodOf(at.start - 1, granularity, zone);
  return at;
}

async function rowsWithin(input: RollUpInput, span: Period): Promise<number> {
  const [counted] = await ask(input, `SELECT count(*) FROM ${quote(definitionName(input.view))} WHERE ${within(span)}`);
  return Number(counted![0]);
}

function within({ start, end }: Period): string {
  return `_window_start >= ${time(start)} AND _window_start < ${time(end)}`;
}

function fieldsOf(view: ViewDescription): { readonly keys: Field[]; readonly measures: Field[] } {
  const keys: Field[] = [];
  const measures: Field[] = [];
  for (const column of view.columns) {
    if (column.column === WINDOW_START || column.column === WINDOW_END) continue;
    if (view.keyColumns.includes(column.column)) keys.push({ name: column.name, sql: quote(column.name) });
    else if (column.rollUp !== undefined) measures.push({ name: column.name, sql: measure(column) });
  }
  return { keys, measures };
}

function measure({ name, type, rollUp: how }: ViewColumn): string {
  const column = quote(name);
  if (typeof how === 'object') return `sketch_count(sketch_merge(${quote(how.sketch)}))`;
  if (how === 'sketch') return `sketch_merge(${column})`;
  if (how === 'sum') return type === 'bigint' ? `CAST(sum(${column}) AS bigint)` : `sum(${column})`;
  return `${how}(${column})`;
}

/** Period, a window of it, whether any part is open or corrected, then the fields; the newest first. */
function statement(
  { view, range, granularity }: RollUpInput,
  span: Period,
  zone: Zone,
  fields: readonly Field[],
  keys: number,
): string {
  const { period, join } = periodSql(span, granularity, zone);
  const list = [
    period,
    'min(_window_start)',
    "bool_or(_state = 'open')",
    "bool_or(_state = 'corrected')",
    ...fields.map(({ sql }) => sql),
  ];
  const groups = [1, ...Array.from({ length: keys }, (_, index) => index + 5)];
  return `SELECT ${list.join(', ')} FROM ${quote(definitionName(view))} ${join} WHERE ${within(span)}
    GROUP BY ${groups.join(', ')} ORDER BY ${groups.map((group) => `${group} DESC`).join(', ')} LIMIT ${range.limit + 1}`;
}

/** The start of a row's period, as `periodOf` says. */
function periodSql(
  span: Period,
  granularity: Granularity,
  zone: Zone,
): { readonly period: string; readonly join: string } {
  const pieces = clockPieces(span.start, span.end, granularity, zone);
  if (pieces !== null) {
    const cases = pieces
      .toReversed()
      .map(
        ({ start, origin, sizeMs }) =>
          `WHEN _window_start >= ${time(start)} THEN greatest(${time(start)}, date_bin(INTERVAL '${sizeMs / 1000} seconds', _window_start, ${time(origin)}))`,
      );
    return { period: `CASE ${cases.join(' ')} END`, join: '' };
  }
  const periods = periodsBetween(span.start, span.end, granularity, zone, PERIODS_MAX);
  if (periods === null)
    throw new MillraceError(
      'QUERY_TOO_LARGE',
      `more than ${PERIODS_MAX} periods of '${granularity}'; ask for a shorter time or a coarser granularity`,
    );
  const values = periods.map(({ start, end }) => `(${time(start)}, ${time(end)})`);
  const join = `JOIN (VALUES ${values.join(', ')}) AS _p(_starts, _ends) ON _window_start >= _starts AND _window_start < _ends`;
  return { period: '_starts', join };
}

/** Windows lie on a grid: if a period's bounds do too, no window is in two periods. */
function checkAligned({ view, granularity, zone }: RollUpInput, { start, end }: Period, windowMs: number): void {
  if ((start - windowMs) % view.windowMs === 0 && (end - windowMs) % view.windowMs === 0) return;
  const bound = (start - windowMs) % view.windowMs === 0 ? end : start;
  throw invalid(
    `'${granularity}' in ${zone} begins at ${new Date(bound).toISOString()}, within a window of view '${view.name}' (${view.windowMs / 60_000} min long): take another zone, or shorter windows in the view`,
    'zone',
  );
}

function shownRow(
  { view, completeThrough }: RollUpInput,
  { start, end }: Period,
  row: Row,
  fields: readonly Field[],
): Record<string, JsonValue> {
  const values: Record<string, JsonValue> = {};
  for (const { name, column } of view.columns) {
    const at = fields.findIndex((field) => field.name === name);
    if (column === WINDOW_START) values[name] = new Date(start).toISOString();
    else if (column === WINDOW_END) values[name] = new Date(end).toISOString();
    else if (at >= 0) values[name] = row[4 + at]!;
  }
  values['window_start'] ??= new Date(start).toISOString();
  values['window_end'] ??= new Date(end).toISOString();
  const open = row[2] === true || completeThrough === null || end > completeThrough;
  values['state'] ??= open ? 'open' : row[3] === true ? 'corrected' : 'final';
  return values;
}

/** The measures that are not in the answer, and what to write in the view. */
function leftOut(view: ViewDescription): { readonly column: string; readonly instead: string }[] {
  return view.columns
    .filter(({ column, rollUp: how }) => view.valueColumns.includes(column) && how === undefined)
    .map(({ name, instead }) => ({ column: name, instead: instead ?? 'its parts as columns of their own' }));
}

async function ask({ engine, range }: RollUpInput, sql: string): Promise<Row[]> {
  const { body } = await engine.run({ sql, tenant: range.tenant, format: 'json' });
  return (JSON.parse(new TextDecoder().decode(body)) as { rows: Row[] }).rows;
}

function time(ms: number): string {
  return `TIMESTAMPTZ '${new Date(ms).toISOString()}'`;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function invalid(message: string, parameter: string): MillraceError {
  return new MillraceError('ARGUMENT_INVALID', message, { place: `query ${parameter}` });
}
