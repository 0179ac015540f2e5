/**
 * Compares a result with what a sqllogictest file expects of it.
 *
 * A file has either a row a line (sqllogictest-rs: columns joined with a space, white space normalised), or a value a
 * line (SQLite), or `N values hashing to MD5`. Which one it is follows from the lines.
 */
import { createHash } from 'node:crypto';
import type { SortMode } from './records.js';
import { renderings, roundsTo } from './styles.js';

/** A result as PostgreSQL prints it: NULL is null. */
export interface TextResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** What differs: null where nothing does. */
export interface Difference {
  readonly expected: readonly string[];
  readonly actual: readonly string[];
}

const HASH = /^(\d+) values hashing to ([0-9a-f]{32})$/;

/** What a file expects of a result. */
interface Expected {
  /** A letter a column. */
  readonly types: string;
  readonly lines: readonly string[];
  readonly sort: SortMode;
}

/**
 * Compares. Unless `isExact`, values may be printed as other engines print them, and numbers be rounded to what the
 * file shows of them: see `styles.ts`.
 */
export function compareResult(result: TextResult, expected: Expected, isExact = false): Difference | null {
  const difference = compareStyle(result, expected, isExact);
  if (difference === null || isExact) return difference;
  const others = renderings(result).slice(1);
  return others.some((other) => compareStyle(other, expected, isExact) === null) ? null : difference;
}

function compareStyle(result: TextResult, expected: Expected, isExact: boolean): Difference | null {
  const hashed = expected.lines.length === 1 ? HASH.exec(expected.lines[0]!) : null;
  if (hashed !== null) return compareHash(result, expected, hashed[2]!);
  const byRow = compareRows(result, expected, isExact);
  if (byRow === null || compareRows(trimmed(result), trimmedLines(result, expected), isExact) === null) return null;
  const isByValue = result.columns.length > 1 && expected.lines.length === result.rows.length * result.columns.length;
  return isByValue ? compareValues(result, expected) : byRow;
}

/** `4.5000` and `4.5` are one number: engines differ in how many zeros an average shows. */
const ZEROS = /^(-?\d+)(?:\.0+|(\.\d*?[1-9])0+)$/;

function trimNumber(text: string): string {
  return text.replace(ZEROS, '$1$2');
}

function isNumeric(columns: TextResult['columns'], i: number): boolean {
  return columns[i]?.type === 'numeric';
}

function trimmed({ columns, rows }: TextResult): TextResult {
  const cells = rows.map((row) =>
    row.map((cell, i) => (cell !== null && isNumeric(columns, i) ? trimNumber(cell) : cell)),
  );
  return { columns, rows: cells };
}

function trimmedLines(
  { columns }: TextResult,
  expected: { readonly lines: readonly string[]; readonly sort: SortMode },
): { readonly lines: readonly string[]; readonly sort: SortMode } {
  const lines = expected.lines.map((line) => {
    const parts = normalise(line).split(' ');
    if (parts.length !== columns.length) return line;
    return parts.map((part, i) => (isNumeric(columns, i) ? trimNumber(part) : part)).join(' ');
  });
  return { lines, sort: expected.sort };
}

function compareRows(
  { rows, columns }: TextResult,
  { lines, sort }: { readonly lines: readonly string[]; readonly sort: SortMode },
  isExact: boolean,
): Difference | null {
  const cells = sort === 'valuesort' ? rows.flat().map((cell) => [cell]) : rows;
  const actual = cells.map((row) => ({ text: normalise(row.map(cellText).join(' ')), row }));
  const wanted = lines.map(normalise);
  if (sort !== 'nosort') {
    actual.sort((a, b) => compareText(a.text, b.text));
    wanted.sort(compareText);
  }
  const same =
    actual.length === wanted.length &&
    actual.every(({ text, row }, i) => isLine(text, wanted[i]!) || isNear(row, wanted[i]!, columns, sort, isExact));
  return same ? null : { expected: wanted, actual: actual.map(({ text }) => text) };
}

/** Any text may stand where sqllogictest-rs says so. */
function isLine(text: string, wanted: string): boolean {
  if (!wanted.includes('<slt:ignore>')) return text === wanted;
  const parts = wanted.split('<slt:ignore>').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Doubles are equal within 1e-9 relative; numbers that a file rounds, to the digits that it shows. */
function isNear(
  row: readonly (string | null)[],
  line: string,
  columns: TextResult['columns'],
  sort: SortMode,
  isExact: boolean,
): boolean {
  const parts = line.split(' ');
  if (sort === 'valuesort' || parts.length !== row.length) return false;
  return row.every((cell, i) => {
    const text = normalise(cellText(cell));
    if (text === parts[i]) return true;
    const { type } = columns[i]!;
    if (cell === null || (type !== 'double precision' && type !== 'numeric')) return false;
    if (!isExact && roundsTo(cell, parts[i]!)) return true;
    if (type === 'numeric') return false;
    const [a, b] = [Number(cell), Number(parts[i])];
    return Number.isFinite(a) && Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
  });
}

function compareValues(
  result: TextResult,
  { types, lines, sort }: { readonly types: string; readonly lines: readonly string[]; readonly sort: SortMode },
): Difference | null {
  const actual = sortedValues(result, types, sort, true).map(normalise);
  const wanted = lines.map(normalise);
  if (sort === 'valuesort') wanted.sort(compareText);
  return actual.every((value, i) => value === wanted[i]) ? null : { expected: wanted, actual };
}

/** Values one by one, rows or values sorted. `asSqlite`: R with three digits behind the point, I without any. */
function sortedValues({ rows }: TextResult, types: string, sort: SortMode, asSqlite: boolean): string[] {
  const text = (cell: string | null, column: number): string => {
    const value = cellText(cell);
    const number = Number(value);
    if (!asSqlite || cell === null || cell.trim() === '' || Number.isNaN(number)) return value;
    if (types[column] === 'R') return number.toFixed(3);
    return types[column] === 'I' ? String(Math.trunc(number)) : value;
  };
  const texts = rows.map((row) => row.map(text));
  if (sort === 'rowsort') texts.sort((a, b) => compareText(a.join('\0'), b.join('\0')));
  const values = texts.flat();
  return sort === 'valuesort' ? values.sort(compareText) : values;
}

function compareHash(
  result: TextResult,
  { types, lines, sort }: { readonly types: string; readonly lines: readonly string[]; readonly sort: SortMode },
  expected: string,
): Difference | null {
  const hashes = [true, false].map((asSqlite) => {
    const values = sortedValues(result, types, sort, asSqlite);
    const digest = createHash('md5')
      .update(values.map((value) => `${value}\n`).join(''))
      .digest('hex');
    return { digest, line: `${values.length} values hashing to ${digest}` };
  });
  return hashes.some(({ digest }) => digest === expected) ? null : { expected: lines, actual: [hashes[0]!.line] };
}

/** A cell as sqllogictest writes it. */
export function cellText(cell: string | null): string {
  return cell === null ? 'NULL' : cell === '' ? '(empty)' : cell;
}

/** One space where there is white space; `+00` and `+00:00` are one spelling of UTC. */
function normalise(line: string): string {
  return line
    .trim()
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/(\d\d:\d\d:\d\d(?:\.\d+)?)\+00(?::00)?(?![\d:])/g, '$1+00:00');
}
