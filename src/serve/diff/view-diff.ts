/**
 * The new definition of a view against the one before, over the windows that both have closed.
 *
 * Rows are brought together by key and window, in the query engine: what it bounds (time, memory, rows) bounds this. Values are compared
 * exactly, doubles within `DOUBLE_RELATIVE`: a sum of them depends on the order of its rows.
 */
import { definitionName } from '../../event/served.js';
import type { ViewColumn, ViewDescription } from '../../event/view.js';
import type { JsonValue } from '../../summary/row-values.js';
import type { QueryEngine } from '../query/engine.js';

/** What is compared. */
export interface ViewDiffInput {
  readonly engine: QueryEngine;
  readonly before: ViewDescription;
  readonly newest: ViewDescription;
  /** Windows that end at or before this are closed in both, ms; null: in one of them none is known to be. */
  readonly throughMs: number | null;
  /** Null: rows of all tenants. */
  readonly tenant: string | null;
  /** Examples of each kind. */
  readonly limit: number;
}

/** Rows by whether they are there. */
export interface DiffCounts {
  readonly same: number;
  readonly changed: number;
  readonly onlyBefore: number;
  readonly onlyNewest: number;
}

/** A measure that both have. */
export interface DiffColumn {
  readonly name: string;
  /** Rows of both whose values differ. */
  readonly changed: number;
  /** The largest differences; of a column without numbers any. */
  readonly examples: readonly {
    readonly key: Readonly<Record<string, JsonValue>>;
    readonly before: JsonValue;
    readonly newest: JsonValue;
  }[];
}

/** See the head of the file. */
export interface ViewDiff {
  readonly view: string;
  readonly before: string;
  readonly newest: string;
  readonly throughMs: number | null;
  /** Rows stamped before were gone when a definition began, ms; null: none was. Windows before may lack some there. */
  readonly beforeSinceMs: number | null;
  readonly newestSinceMs: number | null;
  /** Why rows can't be brought together; null: they are. */
  readonly incomparable: string | null;
  readonly counts: DiffCounts;
  readonly columns: readonly DiffColumn[];
  /** Measures of one of them alone. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly onlyBefore: readonly Readonly<Record<string, JsonValue>>[];
  readonly onlyNewest: readonly Readonly<Record<string, JsonValue>>[];
}

/** Doubles that differ by less, relatively, are equal. */
export const DOUBLE_RELATIVE = 1e-9;
/** Columns with examples. */
const COLUMNS_SHOWN = 16;

const NOTHING: DiffCounts = { same: 0, changed: 0, onlyBefore: 0, onlyNewest: 0 };

/** Compares. Throws what a query throws: QUERY_TIMEOUT, QUERY_TOO_LARGE, QUERY_BUSY. */
export async function diffViews(input: ViewDiffInput): Promise<ViewDiff> {
  const { before, newest, throughMs } = input;
  const [keys, newKeys] = [namesOf(before, before.keyColumns), namesOf(newest, newest.keyColumns)];
  const measures = shared(before, newest);
  const names = (of: ViewDescription) => namesOf(of, of.valueColumns);
  const head = {
    view: newest.name,
    before: before.epoch,
    newest: newest.epoch,
    throughMs,
    beforeSinceMs: before.sinceMs ?? null,
    newestSinceMs: newest.sinceMs ?? null,
    added: names(newest).filter((name) => !names(before).includes(name)),
    removed: names(before).filter((name) => !names(newest).includes(name)),
  };
  const none = { counts: NOTHING, columns: [], onlyBefore: [], onlyNewest: [] };
  if ([...keys].sort().join() !== [...newKeys].sort().join())
    return {
      ...head,
      ...none,
      incomparable: `rows are of other keys: ${keys.join(', ')} before, ${newKeys.join(', ')} now`,
    };
  if (throughMs === null) return { ...head, ...none, incomparable: 'no window is closed yet in both' };
  const both = bothSides(input, keys, measures, throughMs);
  const [counted] = await ask(input, countsOf(both, measures));
  const numbers = Object.values(counted!).map(Number);
  const [together = 0, changed = 0, onlyBefore = 0, onlyNewest = 0, ...byColumn] = numbers;
  const columns: DiffColumn[] = [];
  for (const [at, measure] of measures.entries())
    columns.push({
      name: measure.name,
      changed: byColumn[at]!,
      examples: byColumn[at] === 0 || at >= COLUMNS_SHOWN ? [] : await examples(input, both, keys, measure, at),
    });
  const alone = async (side: 'b' | 'n', rows: number) =>
    rows === 0 ? [] : ask(input, `SELECT ${keyList(keys)} FROM (${both}) d WHERE ${side} = 0 LIMIT ${input.limit}`);
  return {
    ...head,
    incomparable: null,
    counts: { same: together - changed, changed, onlyBefore, onlyNewest },
    columns,
    onlyBefore: await alone('n', onlyBefore),
    onlyNewest: await alone('b', onlyNewest),
  };
}

/** A measure of both: as a number where it is one in both, else as text. */
interface Measure {
  readonly name: string;
  readonly cast: 'numeric' | 'double precision' | 'text';
}

const EXACT = new Set(['bigint', 'numeric']);

function shared(before: ViewDescription, newest: ViewDescription): Measure[] {
  return measuresOf(before).flatMap(({ name, type }): Measure[] => {
    const other = measuresOf(newest).find((column) => column.name === name);
    if (other === undefined) return [];
    const types = [type, other.type];
    if (types.every((one) => EXACT.has(one))) return [{ name, cast: 'numeric' }];
    if (types.every((one) => one === 'double precision' || EXACT.has(one))) return [{ name, cast: 'double precision' }];
    return [{ name, cast: 'text' }];
  });
}

function measuresOf({ columns, valueColumns }: ViewDescription): ViewColumn[] {
  return columns.filter(({ column, type }) => valueColumns.includes(column) && type !== 'bytea');
}

function namesOf({ columns }: ViewDescription, positions: readonly number[]): string[] {
  return columns.filter(({ column }) => positions.includes(column)).map(({ name }) => name);
}

/** Every key of either, `b` and `n` 1 where the definition before and the newest have it, with the values of both. */
function bothSides(
  { before, newest }: ViewDiffInput,
  keys: readonly string[],
  measures: readonly Measure[],
  throughMs: number,
): string {
  const side = (view: ViewDescription, isNewest: boolean): string => {
    const values = measures.flatMap(({ cast, name }, i) => {
      const value = `CAST(${quote(name)} AS ${cast})`;
      const none = `CAST(NULL AS ${cast})`;
      return [`${isNewest ? none : value} AS b${i}`, `${isNewest ? value : none} AS n${i}`];
    });
    const sides = `${isNewest ? 0 : 1} AS b, ${isNewest ? 1 : 0} AS n`;
    const last = new Date(throughMs - view.windowMs).toISOString();
    return `SELECT ${[...keys.map((key, i) => `${quote(key)} AS k${i}`), '_window_start AS w', sides, ...values].join(', ')}
      FROM ${quote(definitionName(view))} WHERE _state <> 'open' AND _window_start <= '${last}'`;
  };
  const grouped = [...keys.map((_, i) => `k${i}`), 'w'].join(', ');
  const values = measures.flatMap((_, i) => [`max(b${i}) AS b${i}`, `max(n${i}) AS n${i}`]);
  return `SELECT ${[grouped, 'max(b) AS b', 'max(n) AS n', ...values].join(', ')}
    FROM (${side(before, false)} UNION ALL ${side(newest, true)}) s GROUP BY ${grouped}`;
}

function differs({ cast }: Measure, i: number): string {
  const apart = `b${i} IS DISTINCT FROM n${i}`;
  if (cast !== 'double precision') return `(${apart})`;
  return `(${apart} AND coalesce(abs(b${i} - n${i}) > ${DOUBLE_RELATIVE} * greatest(abs(b${i}), abs(n${i})), true))`;
}

function countsOf(both: string, measures: readonly Measure[]): string {
  const together = 'b = 1 AND n = 1';
  const any = measures.length === 0 ? 'false' : measures.map(differs).join(' OR ');
  const counts = [
    together,
    `${together} AND (${any})`,
    'n = 0',
    'b = 0',
    ...measures.map((one, i) => `${together} AND ${differs(one, i)}`),
  ];
  return `SELECT ${counts.map((where, i) => `count(*) FILTER (WHERE ${where}) AS c${i}`).join(', ')} FROM (${both}) d`;
}

async function examples(
  input: ViewDiffInput,
  both: string,
  keys: readonly string[],
  measure: Measure,
  at: number,
): Promise<DiffColumn['examples']> {
  const order = measure.cast === 'text' ? '' : `ORDER BY abs(n${at} - b${at}) DESC NULLS FIRST`;
  const rows = await ask(
    input,
    `SELECT ${keyList(keys)}, b${at} AS _before, n${at} AS _newest FROM (${both}) d
     WHERE b = 1 AND n = 1 AND ${differs(measure, at)} ${order} LIMIT ${input.limit}`,
  );
  return rows.map(({ _before, _newest, ...key }) => ({ key, before: _before!, newest: _newest! }));
}

/** The keys by their names, and the window where no key says it. */
function keyList(keys: readonly string[]): string {
  const named = keys.map((key, i) => `k${i} AS ${quote(key)}`);
  return [...named, ...(keys.includes('window_start') ? [] : ['w AS _window'])].join(', ');
}

async function ask({ engine, tenant }: ViewDiffInput, sql: string): Promise<Record<string, JsonValue>[]> {
  const { body } = await engine.run({ sql, tenant, format: 'ndjson' });
  const text = new TextDecoder().decode(body).trimEnd();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Record<string, JsonValue>);
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
