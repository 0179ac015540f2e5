import type { Row, View } from './api.js';
import type { Series } from './chart.js';

/** Most windows a chart shows. */
export const WINDOWS_MAX = 240;

/** The columns of a view that hold a number to draw. */
export function measures(view: View): readonly string[] {
  return view.valueColumns.filter((name) =>
    /bigint|double|numeric|integer/.test(view.columns.find((column) => column.name === name)?.type ?? ''),
  );
}

/** Rows of all keys → one value a window: added up, or the largest where adding up means nothing. */
export function toSeries(rows: readonly Row[], measure: string, additive: boolean, windowMs: number): Series {
  const found = new Map<number, number>();
  for (const row of rows) {
    const at = timeOf(row['window_start']);
    const value = Number(row[measure] ?? 0);
    if (Number.isNaN(at) || Number.isNaN(value)) continue;
    const before = found.get(at);
    found.set(at, before === undefined ? value : additive ? before + value : Math.max(before, value));
  }
  const known = [...found.keys()].toSorted((a, b) => a - b);
  const last = known.at(-1);
  if (last === undefined) return { times: [], values: [] };
  const from = Math.max(known[0]!, last - (WINDOWS_MAX - 1) * windowMs);
  const times: number[] = [];
  for (let at = from; at <= last; at += windowMs) times.push(at);
  return { times, values: times.map((at) => found.get(at) ?? null) };
}

/** A timestamp as the API gives it (ms or ISO text) in ms. */
export function timeOf(value: Row[string] | undefined): number {
  return typeof value === 'number' ? value : Date.parse(String(value));
}
