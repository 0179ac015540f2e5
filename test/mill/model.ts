/** A recount of a view in plain JavaScript: 60 lines to hold the mill against. */
import { readAll } from './support.js';
import type { Log } from '../../src/log/log.js';

/** What a view groups by, and what it counts. */
export interface ModelView {
  readonly keys: readonly string[];
  readonly sizeMs: number;
  readonly lagMs: number;
  readonly allowedMs: number;
  readonly where: (row: Row) => boolean;
}

type Row = Record<string, unknown>;

/** One group of the recount. */
export interface ModelGroup {
  rows: Row[];
  corrected: boolean;
}

/** Groups by key and window; late rows as `partition/offset`. */
export interface Recount {
  readonly groups: Map<string, ModelGroup>;
  readonly late: string[];
}

/** Counts the events of a log anew. `clock`: as the stream's; windows from `end` on are left out. */
export function recount(log: Log, view: ModelView, clock: 'arrival' | 'event', end: number): Recount {
  const groups = new Map<string, ModelGroup>();
  const late: string[] = [];
  const clocks = new Map<string, number>();
  for (const row of readAll(log, 'events')) {
    const before = clocks.get(row.tenant as string) ?? -Infinity;
    const now = clock === 'arrival' ? (row.received_at as number) : before;
    clocks.set(row.tenant as string, Math.max(before, row.at as number));
    if (!view.where(row) || (row.at as number) >= end) continue;
    const start = Math.floor((row.at as number) / view.sizeMs) * view.sizeMs;
    const limit = start + view.sizeMs + view.lagMs;
    const isPast = (moment: number): boolean => (clock === 'event' ? now >= moment : now > moment);
    if (isPast(limit + view.allowedMs)) {
      late.push(`${row.logPartition}/${row.logOffset}`);
      continue;
    }
    const odd = row.number === null ? null : Number(BigInt(row.number as string | number) % 2n);
    const key = JSON.stringify([...view.keys.map((name) => (name === 'odd' ? odd : row[name])), start]);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { rows: [], corrected: false }));
    group.rows.push(row);
    if (isPast(limit)) group.corrected = true;
  }
  return { groups, late: late.sort() };
}

/** The measures that the tests' views have, of one group. */
export function measures(rows: readonly Row[]): Row {
  const costs = rows.flatMap((row) => (row.cost === null ? [] : [BigInt((row.cost as string).replace('.', ''))]));
  const numbers = rows.flatMap((row) => (row.number === null ? [] : [BigInt(row.number as string | number)]));
  const texts = rows.flatMap((row) => (row.user === null ? [] : [row.user as string])).sort();
  return {
    events: rows.length,
    clicks: rows.filter((row) => row.kind === 'click').length,
    cost: costs.length === 0 ? null : decimal(costs.reduce((sum, cost) => sum + cost, 0n)),
    most: numbers.length === 0 ? null : String(numbers.reduce((a, b) => (a > b ? a : b))),
    least: numbers.length === 0 ? null : String(numbers.reduce((a, b) => (a < b ? a : b))),
    users: new Set(texts).size,
    devices: new Set(rows.flatMap((row) => (row.device === null ? [] : [row.device]))).size,
    about: new Set(texts).size,
    first: texts[0] ?? null,
    total: numbers.length === 0 ? null : String(numbers.reduce((sum, number) => sum + number, 0n)),
  };
}

function decimal(units: bigint): string {
  const sign = units < 0n ? '-' : '';
  const digits = String(units < 0n ? -units : units).padStart(7, '0');
  return `${sign}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** The same as a SQL SELECT list. */
export const MEASURES_SQL =
  `count(*) AS events, count(*) FILTER (WHERE kind = 'click') AS clicks, sum(cost) AS cost, max(number) AS most, min(number) AS least,
  count(DISTINCT user) AS users, count(DISTINCT device) AS devices, approx_count_distinct(user) AS about, min("user") AS first, sum(number) AS total`
    .replaceAll('DISTINCT user', 'DISTINCT "user"')
    .replace('distinct(user)', 'distinct("user")');

/** A measure as the recount writes it. */
export function asText(row: Row): Row {
  const { most, least, total } = row;
  const text = (value: unknown): unknown => (value === null || value === undefined ? null : String(value));
  return { ...row, most: text(most), least: text(least), total: text(total) };
}
