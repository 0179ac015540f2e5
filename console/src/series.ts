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

/** Rows of all keys → one value a window, summed; windows without rows in between are zero. */
export function toSeries(rows: readonly Row[], measure: string, windowMs: number): Series {
  const sums = new Map<number, number>();
  for (const row of rows) {
    const at = timeOf(row['window_start']);
    const value = Number(row[measure] ?? 0);
    if (!Number.isNaN(at) && !Number.isNaN(value)) sums.set(at, (sums.get(at) ?? 0) + value);
  }
  const known = [...sums.keys()].toSorted((a, b) => a - b).slice(-WINDOWS_MAX);
  const first = known[0];
  const last = known.at(-1);
  if (first === undefined || last === undefined) return { times: [], values: [] };
  const from = Math.max(first, last - (WINDOWS_MAX - 1) * windowMs);
  const times: number[] = [];
  for (let at = from; at <= last; at += windowMs) times.push(at);
  return { times, values: times.map((at) => sums.get(at) ?? 0) };
}

/** A timestamp as the API gives it (ms or ISO text) in ms. */
export function timeOf(value: Row[string] | undefined): number {
  return typeof value === 'number' ? value : Date.parse(String(value));
}
