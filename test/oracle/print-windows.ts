/** Windows of our SQL as plain SQL of DuckDB. Times are whole microseconds there. */
import type { Query, Windowed } from './ast.js';
import { NotInDuck } from './dialect.js';

/** A window over a relation: all of its columns, then `window_start` and `window_end`. */
export function duckWindow(window: Windowed, print: (query: Query) => string): string {
  const { alias, input } = window;
  const source = input.f === 'named' ? input.name : `(${print(input.query)})`;
  return `(${body(window, source)}) AS ${alias}`;
}

function body(window: Windowed, source: string): string {
  const { kind, offsetMs, sizeMs, stepMs, time } = window;
  const us = `epoch_us(w.${time.name})`;
  const floor = (length: number): string =>
    `(${us} - ((${us} - ${offsetMs * 1000}) % ${length * 1000} + ${length * 1000}) % ${length * 1000})`;
  const both = (start: string, end: string): string =>
    `${instant(start, time.type)} AS window_start, ${instant(end, time.type)} AS window_end`;
  const timed = `w.${time.name} IS NOT NULL`;
  switch (kind) {
    case 'TUMBLE': {
      const start = floor(sizeMs);
      return `SELECT w.*, ${both(start, `${start} + ${sizeMs * 1000}`)} FROM ${source} AS w WHERE ${timed}`;
    }
    case 'HOP': {
      const start = `(${floor(stepMs)} - step * ${stepMs * 1000})`;
      const count = Math.ceil(sizeMs / stepMs);
      return `SELECT w.*, ${both(start, `${start} + ${sizeMs * 1000}`)} FROM ${source} AS w, (SELECT unnest(generate_series(0, ${count - 1})) AS step) AS steps WHERE ${timed} AND ${start} + ${sizeMs * 1000} > ${us}`;
    }
    case 'CUMULATE': {
      const start = floor(sizeMs);
      const end = `(${start} + step * ${stepMs * 1000})`;
      return `SELECT w.*, ${both(start, end)} FROM ${source} AS w, (SELECT unnest(generate_series(1, ${sizeMs / stepMs})) AS step) AS steps WHERE ${timed} AND ${end} > ${us}`;
    }
    case 'SESSION':
      return session(window, source);
    default:
      return stagger(window, source);
  }
}

function instant(us: string, type: string): string {
  return `CAST(make_timestamp(CAST(${us} AS BIGINT)) AS ${type === 'timestamptz' ? 'TIMESTAMPTZ' : 'TIMESTAMP'})`;
}

function partition(keys: readonly string[]): string {
  return keys.length === 0 ? '' : `PARTITION BY ${keys.join(', ')} `;
}

/** A row opens a session when it comes `gap` or more behind the one before. */
function session({ keys, sizeMs, time }: Windowed, source: string): string {
  const at = time.name;
  const by = partition(keys);
  const opened = `SELECT w.*, CASE WHEN epoch_us(${at}) - lag(epoch_us(${at})) OVER (${by}ORDER BY ${at}) < ${sizeMs * 1000} THEN 0 ELSE 1 END AS opens_ FROM ${source} AS w WHERE ${at} IS NOT NULL`;
  const numbered = `SELECT o.*, sum(opens_) OVER (${by}ORDER BY ${at} RANGE UNBOUNDED PRECEDING) AS session_ FROM (${opened}) AS o`;
  // Rows at one time are peers: RANGE counts all of them, whichever of them opened.
  const over = `OVER (PARTITION BY ${[...keys, 'session_'].join(', ')})`;
  return `SELECT * EXCLUDE (opens_, session_), min(${at}) ${over} AS window_start, max(${at}) ${over} + to_milliseconds(${sizeMs}) AS window_end FROM (${numbered}) AS n`;
}

/** Each row in order either falls into the window that is open or opens the next. */
function stagger({ input, keys, sizeMs, time }: Windowed, source: string): string {
  if (input.f !== 'named') throw new NotInDuck('STAGGER over a subquery');
  const at = time.name;
  const by = partition(keys);
  const numbered = `SELECT w.*, row_number() OVER (${by}ORDER BY ${at}) AS n_ FROM ${source} AS w WHERE ${at} IS NOT NULL`;
  const same = ['n.n_ = r.n_ + 1', ...keys.map((key) => `n.${key} IS NOT DISTINCT FROM r.${key}`)].join(' AND ');
  const next = `SELECT n.*, CASE WHEN epoch_us(n.${at}) >= epoch_us(r.window_start) + ${sizeMs * 1000} THEN n.${at} ELSE r.window_start END FROM rows_ AS n JOIN walk_ AS r ON ${same}`;
  const walk = `WITH RECURSIVE rows_ AS MATERIALIZED (${numbered}), walk_ AS (SELECT *, ${at} AS window_start FROM rows_ WHERE n_ = 1 UNION ALL ${next})`;
  return `${walk} SELECT * EXCLUDE (n_), window_start + to_milliseconds(${sizeMs}) AS window_end FROM walk_`;
}
