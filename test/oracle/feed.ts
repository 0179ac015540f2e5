/**
 * The order in which a case's rows come.
 *
 * A row in time comes while its source's clock has not gone beyond its event time, the lag and the allowed
 * lateness; within that the order is random, another one each time. Which rows come too late is the same in
 * every order: they come when every window they could be in is beyond that too.
 */
import { SeededRandom } from '../sim/random.js';
import type { Case, Change, Row, Table } from './ast.js';
import { changeStatement, insert, pick, START_MS } from './schema.js';

/** Longer than any window. */
const WINDOW_MS_MAX = 61_000;
/** All windows are closed then. */
export const END_MS = Date.UTC(2024, 3, 20);

/** What is to be known of a plan. */
export interface Facts {
  /** Streams of which a late row takes no part anywhere. */
  readonly lateStreams: ReadonlySet<string>;
  /** Streams of which a row without a time takes no part anywhere. */
  readonly timedStreams: ReadonlySet<string>;
  /** Streams and tables that are read. */
  readonly reads: ReadonlySet<string>;
  /** Rows look tables up as they come. */
  readonly looksUp: boolean;
}

function graceOf(of: Case): number {
  return of.options.lagMs + of.options.allowedMs;
}

/** Whether rows of a stream can be later than `timeMs` allows, at its end. */
function canBeLate(of: Case, table: Table, timeMs: number): boolean {
  if (table.clock === 'arrival') return true;
  const last = Math.max(...of.streams[table.name]!.map((row) => row.timeMs ?? -Infinity));
  return last - table.delayMs > timeMs + WINDOW_MS_MAX + graceOf(of);
}

/** Rows of a stream that come too late. */
export function lateRows(of: Case, facts: Facts, table: Table): ReadonlySet<Row> {
  const random = new SeededRandom(of.feedSeed ^ table.name.length);
  if (!facts.lateStreams.has(table.name) || !random.chance(0.6)) return new Set();
  const rows = of.streams[table.name]!;
  const last = Math.max(...rows.map((row) => row.timeMs ?? -Infinity));
  return new Set(
    rows.filter(
      (row) => row.timeMs !== null && row.timeMs < last && random.chance(0.12) && canBeLate(of, table, row.timeMs),
    ),
  );
}

/** Rows of a stream that take part. */
export function rowsInTime(of: Case, facts: Facts, table: Table): Row[] {
  const late = lateRows(of, facts, table);
  const isTimed = facts.timedStreams.has(table.name);
  return of.streams[table.name]!.filter((row) => !late.has(row) && (row.timeMs !== null || !isTimed));
}

interface Arrival {
  readonly table: Table;
  readonly row: Row;
  readonly atMs: number;
  readonly deadlineMs: number;
}

function arrivals(of: Case, facts: Facts, table: Table, random: SeededRandom): Arrival[] {
  const late = lateRows(of, facts, table);
  const graceMs = graceOf(of);
  const spanMs = graceMs + (table.clock === 'event' ? table.delayMs : 0);
  return of.streams[table.name]!.map((row): Arrival => {
    if (late.has(row)) {
      const atMs = table.clock === 'event' ? Infinity : row.timeMs! + WINDOW_MS_MAX + graceMs + 1 + random.below(9_000);
      return { table, row, atMs, deadlineMs: Infinity };
    }
    if (row.timeMs === null) return { table, row, atMs: START_MS + random.below(100_000), deadlineMs: Infinity };
    return { table, row, atMs: row.timeMs + random.below(spanMs + 1), deadlineMs: row.timeMs + graceMs };
  });
}

/** What brings a case's rows. */
export type Step =
  | { readonly kind: 'clock'; readonly ms: number }
  | { readonly kind: 'rows'; readonly table: Table; readonly rows: readonly Row[] }
  | { readonly kind: 'change'; readonly table: Table; readonly change: Change };

/** Statements that bring all rows, in an order that `seed` gives. */
export function feed(of: Case, facts: Facts, seed: number): string[] {
  return steps(of, facts, seed).map(statementOf);
}

function statementOf(step: Step): string {
  if (step.kind === 'clock') return `SET clock = '${textOf(step.ms)}'`;
  return step.kind === 'rows' ? insert(step.table.name, step.rows, 'sql') : changeStatement(step.table, step.change);
}

/** The same as steps. */
export function steps(of: Case, facts: Facts, seed: number): Step[] {
  const random = new SeededRandom(seed);
  const streams = of.tables.filter(({ kind, name }) => kind === 'stream' && facts.reads.has(name));
  const tables = of.tables.filter(({ kind, name }) => kind !== 'stream' && facts.reads.has(name));
  const arriving = streams
    .flatMap((table) => arrivals(of, facts, table, random))
    .toSorted((a, b) => a.atMs - b.atMs || random.next() - 0.5);
  const changes = mixed(
    random,
    tables.map((table) => of.changes[table.name]!.map((change): Step => ({ kind: 'change', table, change }))),
  );
  const inserts = inChunks(random, arriving);
  const all = facts.looksUp ? [...changes, ...inserts] : mixed(random, [changes, inserts]);
  return [{ kind: 'clock', ms: START_MS - 60_000 }, ...all, { kind: 'clock', ms: END_MS }];
}

function textOf(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}

/** Lists in one, each in its order. */
function mixed<T>(random: SeededRandom, lists: readonly (readonly T[])[]): T[] {
  const left = lists.filter((list) => list.length > 0).map((list) => [...list]);
  const all: T[] = [];
  while (left.length > 0) {
    const i = random.below(left.length);
    all.push(left[i]!.shift()!);
    if (left[i]!.length === 0) left.splice(i, 1);
  }
  return all;
}

/** Some rows each, with the clock set before where rows are stamped by it. */
function inChunks(random: SeededRandom, all: readonly Arrival[]): Step[] {
  const made: Step[] = [];
  const sizeMax = pick(random, [1, 5, 20]);
  for (let from = 0; from < all.length;) {
    const { table } = all[from]!;
    const size = 1 + random.below(sizeMax);
    let deadlineMs = Infinity;
    let to = from;
    while (to < all.length && to - from < size && all[to]!.table === table) {
      const { atMs } = all[to]!;
      if (table.clock === 'arrival' && atMs > deadlineMs) break;
      // Rows of one INSERT come at once: what is late by an event clock comes behind those that brought it there.
      if (to > from && atMs === Infinity && all[to - 1]!.atMs < Infinity) break;
      deadlineMs = Math.min(deadlineMs, all[to]!.deadlineMs);
      to++;
    }
    const chunk = all.slice(from, to);
    if (table.clock === 'arrival') made.push({ kind: 'clock', ms: chunk.at(-1)!.atMs });
    made.push({ kind: 'rows', table, rows: chunk.map(({ row }) => row) });
    from = to;
  }
  return made;
}
