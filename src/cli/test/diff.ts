/** Expected rows against those that came: a line for each that is missing (`-`) or too many (`+`). */
import { textOf } from '../../mill/session/print.js';
import type { ResultColumn } from '../../mill/session/result.js';
import { MillraceError } from '../../util/errors.js';
import type { Value } from '../../sql/value.js';
import { sameValue, valueOf } from './values.js';

/** A row as a test file has it: by name, or all columns in order. */
export type GivenRow = Readonly<Record<string, unknown>> | readonly unknown[];

/** Rows that came, with their columns. */
export interface GotRows {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly Value[])[];
}

/**
 * The lines of a difference; empty where there is none. Columns that an expected row does not name are not looked at.
 *
 * @throws SQL_UNKNOWN_COLUMN for a name that is no column.
 */
export function differences(expected: readonly GivenRow[], got: GotRows, ordered: boolean): string[] {
  const columns = comparedColumns(expected, got);
  const wanted = expected.map((row) => readRow(row, columns));
  const came = got.rows.map((row) => columns.map(({ index }) => row[index]!));
  const same = (a: Wanted, b: readonly Value[]): boolean =>
    columns.every(({ type }, i) => a[i] === undefined || sameValue(type, a[i], b[i]!));
  const text = (row: Wanted): string =>
    columns
      .flatMap(({ name, type }, i) => (row[i] === undefined ? [] : [`${name}: ${textOf(type)(row[i]) ?? 'null'}`]))
      .join(', ');
  return ordered ? inOrder(wanted, came, same, text) : inAnyOrder(wanted, came, same, text);
}

/** Values of a row; undefined where it says nothing. */
type Wanted = readonly (Value | undefined)[];

interface ComparedColumn extends ResultColumn {
  readonly index: number;
}

function comparedColumns(expected: readonly GivenRow[], { columns }: GotRows): ComparedColumn[] {
  const all = columns.map((column, index) => ({ ...column, index }));
  if (expected.length === 0 || expected.some((row) => Array.isArray(row))) return all;
  const names = new Set(expected.flatMap((row) => Object.keys(row)));
  for (const name of names)
    if (!all.some((column) => column.name === name))
      throw new MillraceError(
        'SQL_UNKNOWN_COLUMN',
        `there is no column "${name}"; there are: ${all.map((column) => column.name).join(', ')}`,
      );
  return all.filter((column) => names.has(column.name));
}

function readRow(row: GivenRow, columns: readonly ComparedColumn[]): Wanted {
  if (Array.isArray(row) && row.length !== columns.length)
    throw new MillraceError(
      'SQL_TYPE',
      `expected a row of ${columns.length} values (${columns.map(({ name }) => name).join(', ')}), not of ${row.length}`,
    );
  return columns.map(({ name, type }, i) => {
    const given: unknown = Array.isArray(row) ? row[i] : (row as Record<string, unknown>)[name];
    return given === undefined ? undefined : valueOf(type, given);
  });
}

type Same = (a: Wanted, b: readonly Value[]) => boolean;
type Text = (row: Wanted) => string;

/** Most rows of a side that are aligned; more are compared place by place. */
const ALIGNED_MAX = 1_000;

/** Rows must come in order. What both have in common, in order, is shown between what differs. */
function inOrder(wanted: readonly Wanted[], came: readonly Value[][], same: Same, text: Text): string[] {
  if (wanted.length === came.length && wanted.every((row, i) => same(row, came[i]!))) return [];
  const common = commonLengths(wanted, came, same);
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < wanted.length || j < came.length) {
    if (i < wanted.length && j < came.length && same(wanted[i]!, came[j]!)) {
      lines.push(`  ${text(wanted[i]!)}`);
      i++;
      j++;
    } else if (j >= came.length || (i < wanted.length && common(i + 1, j) >= common(i, j + 1)))
      lines.push(`- ${text(wanted[i++]!)}`);
    else lines.push(`+ ${text(came[j++]!)}`);
  }
  return lines;
}

/** Length of the longest common subsequence of what follows each pair of places. */
function commonLengths(
  wanted: readonly Wanted[],
  came: readonly Value[][],
  same: Same,
): (i: number, j: number) => number {
  if (wanted.length > ALIGNED_MAX || came.length > ALIGNED_MAX) return () => 0;
  const width = came.length + 1;
  const lengths = new Int32Array((wanted.length + 1) * width);
  for (let i = wanted.length - 1; i >= 0; i--)
    for (let j = came.length - 1; j >= 0; j--)
      lengths[i * width + j] = same(wanted[i]!, came[j]!)
        ? 1 + lengths[(i + 1) * width + j + 1]!
        : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
  return (i, j) => lengths[i * width + j] ?? 0;
}

function inAnyOrder(wanted: readonly Wanted[], came: readonly Value[][], same: Same, text: Text): string[] {
  const left = [...came];
  // What says most is looked for first: it fits the fewest.
  const said = (row: Wanted): number => row.filter((value) => value !== undefined).length;
  const missing = wanted
    .toSorted((a, b) => said(b) - said(a))
    .filter((row) => {
      const at = left.findIndex((other) => same(row, other));
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  return [...missing.map((row) => `- ${text(row)}`), ...left.map((row) => `+ ${text(row)}`)];
}
