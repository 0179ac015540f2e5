/**
 * A view's rows over all tenants, for an operator's chart: each row while they are few, else one
 * row a window with the counts and sums added up.
 */
import { definitionName } from '../event/served.js';
import type { ViewDescription } from '../event/view.js';
import type { JsonValue } from '../summary/row-values.js';
import type { QueryEngine } from './query/engine.js';
import { WINDOWS_SHOWN, type RowRange, type ViewRows } from './store-protocol.js';

type Row = Readonly<Record<string, JsonValue>>;

/** The rows of a range, oldest window first. */
export async function rowsOfAll(engine: QueryEngine, view: ViewDescription, range: RowRange): Promise<ViewRows> {
  const name = quote(definitionName(view));
  const conditions: string[] = [];
  if (range.from === null)
    conditions.push(
      `_window_start > (SELECT max(_window_start) FROM ${name}) - INTERVAL '${WINDOWS_SHOWN * view.windowMs} milliseconds'`,
    );
  else conditions.push(`_window_start >= '${new Date(range.from).toISOString()}'`);
  if (range.to !== null) conditions.push(`_window_start < '${new Date(range.to).toISOString()}'`);
  const where = conditions.join(' AND ');
  const rows = await ask(
    engine,
    `SELECT *, _window_start AS window_start, _state AS state FROM ${name} WHERE ${where} ORDER BY _window_start DESC LIMIT ${range.limit + 1}`,
  );
  if (rows.length <= range.limit) return { rows: rows.reverse(), truncated: false, summed: false };
  const measures = view.columns.filter(({ additive }) => additive === true);
  const sums = measures.map(({ name: measure }) => `sum(${quote(measure)}) AS ${quote(measure)}`);
  const list = [
    '_window_start AS window_start',
    "CASE WHEN bool_or(_state = 'open') THEN 'open' ELSE 'final' END AS state",
    ...sums,
  ];
  const summed = await ask(
    engine,
    `SELECT ${list.join(', ')} FROM ${name} WHERE ${where} GROUP BY _window_start ORDER BY _window_start DESC LIMIT ${range.limit}`,
  );
  return { rows: summed.reverse(), truncated: false, summed: true };
}

async function ask(engine: QueryEngine, sql: string): Promise<Row[]> {
  const { body } = await engine.run({ sql, tenant: null, format: 'ndjson' });
  const text = new TextDecoder().decode(body);
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Row);
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
