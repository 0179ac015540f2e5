/** Results as rows that can be compared across engines. */
import { textOf } from '../../src/mill/session/print.js';
import type { Result } from '../../src/mill/session/result.js';
import type { SqlType } from '../../src/sql/plan.js';

/** A value in a form that all engines can be brought to; doubles stay numbers. */
export type Plain = string | number | null;

/** Rows, and which columns are compared as doubles. */
export interface PlainRows {
  readonly rows: readonly (readonly Plain[])[];
}

/** Our rows exactly as they print; doubles as numbers. */
export function exactRows({ columns, rows }: Pick<Result, 'columns' | 'rows'>): Plain[][] {
  const print = columns.map(({ type }) => (type === 'double precision' ? doubleOf : textOf(type)));
  return rows.map((row) => row.map((value, i) => print[i]!(value)));
}

function doubleOf(value: unknown): number | null {
  return value === null ? null : (value as number) + 0;
}

/** Our rows as far as DuckDB can have the same: numbers by value, spans by length. */
export function looseRows({ columns, rows }: Pick<Result, 'columns' | 'rows'>): Plain[][] {
  const print = columns.map(({ type }) => looseOf(type));
  return rows.map((row) => row.map((value, i) => (value === null ? null : print[i]!(value))));
}

const NUMBERS: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint']);

function looseOf(type: SqlType): (value: unknown) => Plain {
  const text = textOf(type);
  if (NUMBERS.has(type)) return String;
  if (type === 'numeric') return (value) => decimal(text(value as never)!);
  if (type === 'double precision' || type === 'real') return (value) => doubleOf(value);
  if (type === 'boolean') return String;
  if (type === 'timestamptz' || type === 'timestamp' || type === 'time')
    return (value) => instant(text(value as never)!);
  if (type === 'interval') return (value) => span(value as { months: number; days: number; ms: number });
  if (type === 'json' || type === 'jsonb') return (value) => document(value as string);
  if (type.endsWith('[]'))
    return (value) => JSON.stringify((value as unknown[]).map((each) => (each === null ? null : String(each))));
  return (value) => text(value as never);
}

function decimal(text: string): string {
  const plain = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return plain === '-0' ? '0' : plain;
}

function instant(text: string): string {
  const plain = text.replace(/\+00$/, '');
  return plain.includes('.') ? plain.replace(/\.?0+$/, '') : plain;
}

function span({ days, months, ms }: { months: number; days: number; ms: number }): string {
  return `${months * 30 + days} ${Math.round(ms * 1000)}`;
}

/** A value of DuckDB's JSON as `looseRows` has it for a type of ours. */
export function duckValue(value: unknown, type: SqlType): Plain {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' && !NUMBERS.has(type)) return value + 0;
  if (type === 'double precision' || type === 'real') return Number(value) + 0;
  if (NUMBERS.has(type) || type === 'numeric') return decimal(String(value));
  if (type === 'timestamptz' || type === 'timestamp' || type === 'time') return instant(String(value));
  if (type === 'interval') {
    const { days, micros, months } = value as { months: number; days: number; micros: string };
    return span({ months, days, ms: Number(micros) / 1000 });
  }
  if (type.endsWith('[]'))
    return JSON.stringify((value as unknown[]).map((each) => (each === null ? null : String(each))));
  if (type === 'json' || type === 'jsonb') return document(String(value));
  if (type === 'bytea') return `\\x${String(value).toLowerCase()}`;
  return String(value);
}

/** A document with its keys in order. */
function document(text: string): string {
  return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

/** Our rows as a changes stream can have them: whole numbers, decimals and times by value, what else has no column as text. */
export function storedRows({ columns, rows }: Pick<Result, 'columns' | 'rows'>): Plain[][] {
  const print = columns.map(({ type }) => storedOf(type));
  return rows.map((row) => row.map((value, i) => (value === null ? null : print[i]!(value))));
}

const TIMES: ReadonlySet<string> = new Set(['timestamptz', 'timestamp', 'date']);

function storedOf(type: SqlType): (value: unknown) => Plain {
  const text = textOf(type);
  if (type === 'date') return (value) => String((value as number) * 86_400_000);
  if (TIMES.has(type) || type === 'boolean') return String;
  if (type === 'bytea') return (value) => Buffer.from(value as Uint8Array).toString('base64');
  if (type.endsWith('[]') || type === 'interval' || type === 'time') return (value) => text(value as never);
  return looseOf(type);
}

/** Rows of a changes stream, as `rowOf` has their values, to be held against `storedRows`. */
export function shownRows(columns: Result['columns'], rows: readonly (readonly unknown[])[]): Plain[][] {
  return rows.map((row) => row.map((value, i) => shownOf(value, columns[i]!.type)));
}

function shownOf(value: unknown, type: SqlType): Plain {
  if (value === null) return null;
  if (type === 'double precision' || type === 'real') return (value as number) + 0;
  if (type === 'numeric') return decimal(String(value));
  if (type === 'json' || type === 'jsonb') return document(JSON.stringify(value));
  return String(value);
}

function isClose(a: number, b: number): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}

function isSame(a: Plain, b: Plain): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a !== null && b !== null && isClose(Number(a), Number(b));
  return a === b;
}

function keyOf(row: readonly Plain[], inexact: readonly boolean[]): string {
  return JSON.stringify(row.map((value, i) => (inexact[i] === true && value !== null ? '~' : value)));
}

/** What one multiset of rows has and the other has not; null where they are equal. */
export function difference(
  a: readonly (readonly Plain[])[],
  b: readonly (readonly Plain[])[],
): { more: Plain[][]; less: Plain[][] } | null {
  const width = Math.max(a[0]?.length ?? 0, b[0]?.length ?? 0);
  const inexact = Array.from({ length: width }, (_, i) => [...a, ...b].some((row) => typeof row[i] === 'number'));
  const left = new Map<string, (readonly Plain[])[]>();
  for (const row of b) {
    const key = keyOf(row, inexact);
    const list = left.get(key);
    if (list === undefined) left.set(key, [row]);
    else list.push(row);
  }
  const more: Plain[][] = [];
  for (const row of a) {
    const list = left.get(keyOf(row, inexact)) ?? [];
    const at = list.findIndex((other) => row.every((value, i) => isSame(value, other[i]!)));
    if (at < 0) more.push([...row]);
    else list.splice(at, 1);
  }
  const less = [...left.values()].flat().map((row) => [...row]);
  return more.length === 0 && less.length === 0 ? null : { more, less };
}
