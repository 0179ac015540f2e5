/**
 * INTERSECT and EXCEPT, with and without ALL.
 *
 * Purpose: how often each side has a row decides how often the result has it. Rows that SQL calls equal
 * are one row; the result shows it as the one of its forms (1.0, 1.00) that sorts first among those there.
 * A result's stamp is -Infinity, as of all that is made of groups.
 *
 * Limits: each row that either side has is kept, and counts against the budget; without room new rows go to
 * the late stream.
 * Recovery: the counts of each row, from the table.
 */
import type { SetOperation } from '../../../sql/relation/relation.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import { wholeRowKey } from '../keys.js';
import type { Deltas, Operator, Row } from '../operator.js';
import { rowComparator, type Compare } from '../order.js';
import { rowCodec } from '../rows.js';
import { StateTable, type Key, type StateCodec } from '../state-table.js';
import { RowOutput } from './row-output.js';
import { LeftOut } from './left-out.js';

/** Bytes of equal rows beside their forms, with the text they are found by; and of a form beside its row. */
const ENTRY_BYTES = 240;
const FORM_BYTES = 56;

/** One form of a row, and how often each side has it. */
interface Form {
  readonly row: Row;
  left: number;
  right: number;
}

/** Equal rows. */
interface Entry {
  readonly forms: Form[];
  /** What was passed on. */
  shown: Row | null;
  times: number;
}

/** How often a result has a row that the sides have so often. */
function timesOf({ kind, all }: SetOperation): (left: number, right: number) => number {
  if (kind === 'intersect') return all ? Math.min : (left, right) => (left > 0 && right > 0 ? 1 : 0);
  return all ? (left, right) => Math.max(0, left - right) : (left, right) => (left > 0 && right === 0 ? 1 : 0);
}

/** INTERSECT or EXCEPT. */
export class SetOperator implements Operator {
  readonly name: string;
  readonly tables: readonly StateTable<unknown>[];
  readonly #scope: OperatorScope;
  readonly #entries: StateTable<Entry>;
  readonly #keyOf: (row: Row) => Key;
  readonly #compare: Compare<Row>;
  readonly #times: (left: number, right: number) => number;
  readonly #output: RowOutput;
  readonly #leftOut: readonly [LeftOut, LeftOut];
  readonly #touched = new Set<Key>();

  constructor(operation: SetOperation, scope: OperatorScope) {
    const { context, path, output } = scope;
    const { fields, left, right } = operation;
    this.name = operation.kind;
    this.#scope = scope;
    this.#entries = new StateTable(`${path}.rows`, entryCodec(rowCodec(fields)), context.budget);
    this.tables = [this.#entries as StateTable<unknown>];
    this.#keyOf = wholeRowKey(fields.map(({ type }) => type));
    this.#compare = rowComparator([], fields);
    this.#times = timesOf(operation);
    this.#output = new RowOutput(output);
    this.#leftOut = [new LeftOut(context, left, left.fields), new LeftOut(context, right, right.fields)];
  }

  take(input: number, { rows, weights }: Deltas): void {
    for (let i = 0; i < rows.length; i++) this.#row(input, rows[i]!, weights === null ? 1 : weights[i]!);
  }

  #row(input: number, row: Row, weight: number): void {
    const key = this.#keyOf(row);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      // It never had room: nobody can see it go.
      if (weight < 0) return;
      if (!this.#scope.context.budget.hasRoom()) return this.#leftOut[input]!.report(row, 'state_full');
      entry = { forms: [{ row, left: 0, right: 0 }], shown: null, times: 0 };
      this.#entries.set(key, entry);
    } else this.#entries.touch(key);
    const { forms } = entry;
    let at = forms.findIndex((form) => this.#compare(form.row, row) >= 0);
    if (at === -1) at = forms.length;
    if (forms[at] === undefined || this.#compare(forms[at]!.row, row) !== 0) {
      if (weight < 0) return;
      forms.splice(at, 0, { row, left: 0, right: 0 });
    }
    const form = forms[at]!;
    if (input === 0) form.left = Math.max(0, form.left + weight);
    else form.right = Math.max(0, form.right + weight);
    if (form.left === 0 && form.right === 0) forms.splice(at, 1);
    this.#touched.add(key);
  }

  flush(): void {
    for (const key of this.#touched) {
      const entry = this.#entries.get(key)!;
      let left = 0;
      let right = 0;
      for (const form of entry.forms) {
        left += form.left;
        right += form.right;
      }
      this.#show(entry, entry.forms.find((form) => form.left > 0)?.row ?? null, this.#times(left, right));
      if (entry.forms.length === 0) this.#entries.delete(key);
    }
    this.#touched.clear();
    this.#output.send();
  }

  /** Passes on the difference between what was shown of a row and what is to be. */
  #show(entry: Entry, row: Row | null, times: number): void {
    const isSame = entry.shown !== null && row !== null && this.#compare(entry.shown, row) === 0;
    for (let i = isSame ? times : 0; i < entry.times; i++) this.#emit(entry.shown!, -1);
    for (let i = isSame ? entry.times : 0; i < times; i++) this.#emit(row!, 1);
    entry.shown = times > 0 ? row : null;
    entry.times = times;
  }

  #emit(row: Row, weight: number): void {
    this.#output.emit(row, weight, Number.NEGATIVE_INFINITY);
  }

  advance(): void {}

  restored(): void {}
}

/** Forms with their counts, how often one is shown, and which. */
function entryCodec(row: StateCodec<Row>): StateCodec<Entry> {
  return {
    write: ({ forms, shown, times }, writer) => {
      writer.unsigned(forms.length);
      for (const form of forms) {
        writer.unsigned(form.left);
        writer.unsigned(form.right);
        row.write(form.row, writer);
      }
      writer.unsigned(times);
      if (times > 0) row.write(shown!, writer);
    },
    read: (reader) => {
      const forms = Array.from({ length: reader.unsigned() }, () => ({
        left: reader.unsigned(),
        right: reader.unsigned(),
        row: row.read(reader),
      }));
      const times = reader.unsigned();
      return { forms, times, shown: times > 0 ? row.read(reader) : null };
    },
    bytes: ({ forms }) => forms.reduce((sum, form) => sum + FORM_BYTES + row.bytes(form.row), ENTRY_BYTES),
  };
}

/** The operator of INTERSECT and EXCEPT. */
export function setOperator(operation: SetOperation, scope: OperatorScope): BuiltOperator {
  return { operator: new SetOperator(operation, scope) };
}
