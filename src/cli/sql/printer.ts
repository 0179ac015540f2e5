/** How answers are printed: aligned, one column a line, JSON or CSV. */
import { bold, cellText, dim, printJson, table, type Cell } from '../output.js';
import type { SqlAnswer, SqlChange } from './backend.js';
import { csvCell } from './csv.js';

/** The form of answers. */
export interface PrintOptions {
  readonly form: 'table' | 'json' | 'csv';
  /** One column a line, as psql's `\x`. */
  readonly expanded: boolean;
  /** Whether the time is printed. */
  readonly timing: boolean;
}

const RULE_MAX = 40;
const LINE_MAX = 500;

/** Prints an answer that took `elapsedMs`. */
export function printAnswer(
  answer: SqlAnswer,
  { form, expanded, timing }: PrintOptions,
  elapsedMs: number,
  out: (line: string) => void,
): void {
  const names = answer.columns.map(({ name }) => name);
  if (form === 'json') {
    for (const row of answer.json) printJson(Object.fromEntries(names.map((name, i) => [name, row[i]])));
    return;
  }
  if (form === 'csv') {
    if (names.length > 0) for (const row of [names, ...answer.rows]) out(row.map(csvCell).join(','));
    return;
  }
  if (names.length > 0) {
    if (expanded) answer.rows.forEach((row, i) => out(record(names, row, i)));
    // A single column, as of EXPLAIN and SHOW CREATE, has the whole line.
    else out(table(names, answer.rows, names.length === 1 ? LINE_MAX : undefined));
  }
  const rows = `${answer.rows.length.toLocaleString('en-US')} row${answer.rows.length === 1 ? '' : 's'}`;
  const time = timing ? ` in ${Math.round(elapsedMs)} ms` : '';
  out(dim(`${names.length > 0 ? rows : (answer.tag ?? 'done')}${time}`));
  if (answer.notice !== undefined) out(dim(`note: ${answer.notice}`));
}

function record(names: readonly string[], row: readonly Cell[], index: number): string {
  const width = Math.max(...names.map((name) => name.length));
  const head = `-[ ${index + 1} ]`;
  return [
    bold(head.padEnd(Math.min(RULE_MAX, width + 3), '-')),
    ...names.map((name, i) => `${name.padEnd(width)} | ${cellText(row[i])}`),
  ].join('\n');
}

/** Prints a change of a view. */
export function printChange({ op, row }: SqlChange, form: PrintOptions['form'], out: (line: string) => void): void {
  if (form === 'json') return printJson({ op, row });
  const cells = Object.entries(row).map(([name, value]) => `${dim(`${name}=`)}${cellText(value)}`);
  out(`${op} ${cells.join(' ')}`);
}
