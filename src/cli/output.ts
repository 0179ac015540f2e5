/** What commands print: tables and lines for people, JSON for programs, errors the same way everywhere. */
import { MillraceError } from '../util/errors.js';
import { sourceStack } from '../util/source-stack.js';

/** A cell of a table. */
export type Cell = string | number | boolean | bigint | null | undefined | object;

const color =
  (code: number) =>
  (text: string, stream: NodeJS.WriteStream = process.stdout) =>
    stream.isTTY === true && process.env['NO_COLOR'] === undefined ? `\u001b[${code}m${text}\u001b[0m` : text;

/** Bold on a terminal. */
export const bold = color(1);
/** Grey on a terminal. */
export const dim = color(90);
/** Red on a terminal. */
export const red = color(31);
/** Green on a terminal. */
export const green = color(32);

/** One line to standard output. */
export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** One JSON value a line, the form of every `--json`. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner)));
}

/** Rows as a table with numbers to the right. Cells longer than `widthMax` are cut with an ellipsis. */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[], widthMax = 60): string {
  const texts = rows.map((row) => header.map((_, i) => cut(cellText(row[i]), widthMax)));
  const widths = header.map((name, i) => texts.reduce((width, row) => Math.max(width, row[i]!.length), name.length));
  const right = header.map(
    (_, i) => rows.length > 0 && rows.every((row) => cellText(row[i]) === '' || isNumber(row[i])),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (right[i]! ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [bold(line(header)), ...texts.map(line)].join('\n');
}

function isNumber(cell: Cell): boolean {
  return (
    typeof cell === 'number' || typeof cell === 'bigint' || (typeof cell === 'string' && /^-?\d+(\.\d+)?$/.test(cell))
  );
}

/** A cell as text; null is empty. */
export function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}

function cut(text: string, widthMax: number): string {
  const line = text.replaceAll('\n', '⏎');
  return line.length > widthMax ? `${line.slice(0, widthMax - 1)}…` : line;
}

/** An error as people read it, to standard error; as JSON with `json`. A bug shows its stack. */
export function printError(error: unknown, json: boolean): void {
  if (json) {
    process.stderr.write(`${JSON.stringify({ error: errorObject(error) })}\n`);
    return;
  }
  if (error instanceof MillraceError) {
    process.stderr.write(`${red('error', process.stderr)} ${error.code}: ${error.message}\n`);
    return;
  }
  const stack = error instanceof Error ? sourceStack(error.stack ?? error.message) : String(error);
  process.stderr.write(`${red('error', process.stderr)} INTERNAL: ${stack}\n`);
}

function errorObject(error: unknown): object {
  if (error instanceof MillraceError) {
    const { code, message, place, retryable } = error;
    return { code, message, place, retryable };
  }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), retryable: false };
}

/** A number with thousands separated: 12,345. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 day`, `1,234 days`. */
export function several(value: number, one: string): string {
  return `${count(value)} ${one}${value === 1 ? '' : 's'}`;
}
