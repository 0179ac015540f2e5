/**
 * One line of a mill bench: a view's records per CPU-second over a plain program's, and its answer against that one's.
 *
 * The plain program reads lines of JSON from disk and keeps what it needs in Maps. Where it would take minutes, it
 * gets the first part of the events only (`Plain.rig`), over which the view's answer is checked; the view is timed
 * over all of them.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ColumnBatch } from '../../src/event/columns.js';
import { valueOf } from '../../src/event/rows.js';
import { describeView } from '../../src/sql/describe.js';
import { isRelational, type StandingPlan } from '../../src/sql/standing.js';
import { measure, row, type BenchRow, type Measured } from '../harness.js';
import { NO_EPOCH, type Rig, type RunOptions } from './rig.js';

/** How far off an estimate may be, relative: some standard errors of the sketch. */
const ESTIMATE_ERROR = 0.12;

/** Digits that numbers are compared in; a time in ms has 13. */
const DIGITS = 14;

/** An event as `JSON.parse` gives it; `stream` says of which stream. */
export type Event = Readonly<Record<string, never>>;

/** Both sides are run so long before they are timed. */
const WARM_SECONDS = 4;

/** A program over events in their order; answers the view's rows, its columns in order. */
export type Plain = (events: Iterable<Event>) => Iterable<readonly unknown[]>;

/** What is compared. */
export interface Comparison {
  readonly name: string;
  readonly sql: string;
  /** The log that is timed. */
  readonly rig: Rig;
  /** The log over which the answer is checked, and its events. */
  readonly part: { readonly rig: Rig; readonly file: string; readonly records: number };
  /** Null where no exact answer can be had (a sketch): the plain program is timed only. */
  readonly plain: Plain;
  /** Whether answers are compared within `ESTIMATE_ERROR` in these columns: estimates. */
  readonly estimates?: readonly number[];
  /** What a CPU-second is counted in; default: rows read. */
  readonly target?: string;
  readonly run?: RunOptions;
  readonly times?: number;
  /** Shared by lines over the same events. */
  readonly baseline?: Measured;
}

/** Checks the answer, then times both. */
export async function compare(input: Comparison): Promise<BenchRow> {
  const { name, part, plain, rig, run = {}, sql, target, times = 3 } = input;
  const plan = await rig.plan(sql);
  const { changes } = await part.rig.run(plan, { ...run, keeps: true, durable: false });
  const answer = published(plan, changes);
  let expected: Iterable<readonly unknown[]> = [];
  const baseline =
    input.baseline ??
    (await measure(
      () => {
        expected = [...plain(eventsOf(join(part.rig.folder, part.file)))];
        return part.records;
      },
      { warm: 1, warmSeconds: WARM_SECONDS, times: 1 },
    ));
  check(name, answer, [...expected], input.estimates ?? []);
  let operators = '';
  const measured = await measure(
    async () => {
      const { records, stage } = await rig.run(plan, run);
      operators = isRelational(plan) ? 'operators' : 'kernel';
      stage.stats();
      return records;
    },
    { warm: 1, warmSeconds: WARM_SECONDS, times },
  );
  return row(name, measured, 'JSON.parse + Map', baseline, {
    ...(target === undefined ? {} : { target }),
    extra: { rows: answer.length, by: operators },
  });
}

/** The rows that stand once all changes are applied. */
function published(plan: StandingPlan, changes: readonly ColumnBatch[]): unknown[][] {
  const { columns, keyColumns, schema } = describeView(plan, NO_EPOCH);
  const operation = schema.columns.findIndex(({ name }) => name === 'op');
  const rows = new Map<string, unknown[]>();
  for (const batch of changes) {
    const read = (column: number, i: number): unknown => valueOf(batch.column(column), schema.columns[column]!.type, i);
    for (let i = 0; i < batch.rows; i++) {
      const key = keyColumns.map((column) => String(read(column, i))).join('\n');
      if (read(operation, i) === 'delete') rows.delete(key);
      else
        rows.set(
          key,
          columns.map(({ column }) => read(column, i)),
        );
    }
  }
  return [...rows.values()];
}

/** Throws unless both have the same rows, in whatever order. */
function check(
  name: string,
  answer: readonly unknown[][],
  expected: readonly (readonly unknown[])[],
  estimates: readonly number[],
): void {
  const split = (row: readonly unknown[]): [string, number[]] => [
    JSON.stringify(row.filter((_, i) => !estimates.includes(i)).map(plainValue)),
    estimates.map((i) => Number(row[i])),
  ];
  const left = new Map<string, number[][]>();
  for (const one of answer) {
    const [text, numbers] = split(one);
    const same = left.get(text);
    if (same === undefined) left.set(text, [numbers]);
    else same.push(numbers);
  }
  for (const one of expected) {
    const [text, numbers] = split(one);
    const found = left.get(text)?.pop();
    if (found === undefined)
      throw new Error(
        `${name}: expected ${text}, which is not in the ${answer.length} rows such as ${JSON.stringify(answer[0])}`,
      );
    numbers.forEach((number, i) => {
      if (Math.abs(found[i]! - number) > Math.max(3, ESTIMATE_ERROR * number))
        throw new Error(`${name}: ${text} is ${found[i]}, expected about ${number}`);
    });
  }
  if (answer.length !== expected.length) {
    const more = [...left].find(([, rows]) => rows.length > 0);
    throw new Error(`${name}: ${answer.length} rows, expected ${expected.length}; one too many: ${more?.[0]}`);
  }
}

/** Numbers by what they are, whatever digits they print: averages have more of them than a double. */
function plainValue(value: unknown): unknown {
  const isNumber = typeof value === 'number' || (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value));
  return isNumber ? Number(Number(value).toPrecision(DIGITS)) : value;
}

/** The events of a file, a line each. */
export function* eventsOf(file: string): Iterable<Event> {
  const buffer = Buffer.alloc(1 << 20);
  const handle = openSync(file, 'r');
  let rest = '';
  for (let read = readSync(handle, buffer); read > 0; read = readSync(handle, buffer)) {
    const lines = (rest + buffer.toString('utf8', 0, read)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as Event;
  }
  closeSync(handle);
}
