/**
 * Makes rows of a table from what INSERT and UPDATE give: assignment to each column's type, defaults, generated columns.
 */
import type { Node } from 'libpg-query';
import { RECEIVED_AT } from '../../event/schema.js';
import { bindError } from '../../sql/context.js';
import type { SqlType } from '../../sql/plan.js';
import { planSelect } from '../../sql/relation/view.js';
import type { ColumnDefinition, StatementSource } from '../../sql/statements/statement.js';
import type { Value } from '../../sql/value.js';
import type { Row } from '../dataflow/operator.js';
import { assignment, assignmentError } from './assign.js';
import type { TableEntry } from './catalog.js';
import { bindOverRow, constantValue } from './expressions.js';
import { asksForMoment, atMoment } from './moment.js';
import { NULL_NODE, typedLiteral, valuesOf } from './trees.js';

/** Columns of a table that a statement gives values to, by position in the table. */
export type Targets = readonly number[];

/** What rows are made by, ms. */
export interface WriterClocks {
  /** What a source's rows that leave `received_at` out are stamped with. */
  clockMs(): number;
  /** What `now()` in a DEFAULT is. */
  moment(): number;
}

/** Makes rows of one table. */
export class TableWriter {
  readonly #name: string;
  readonly #columns: readonly ColumnDefinition[];
  readonly #defaults: () => readonly Value[];
  /** What each column does to a value of its own type: NOT NULL, precision, length. */
  readonly #rules: readonly ((value: Value) => Value)[];
  /** Computes the generated columns, in order, from the others. */
  readonly #generated: ((row: Row) => Row) | null;

  /** The column that the log would fill in; -1: none. */
  readonly #stamped: number;
  readonly #clocks: WriterClocks;

  constructor(table: Pick<TableEntry, 'statement' | 'fields' | 'name'>, clocks: WriterClocks) {
    const { columns, kind } = table.statement;
    this.#clocks = clocks;
    this.#stamped =
      kind === 'createSource'
        ? columns.findIndex(({ name, type }) => name === RECEIVED_AT && type === 'timestamptz')
        : -1;
    this.#name = table.name;
    this.#columns = columns;
    this.#rules = columns.map((column) => assignment(column.type, column, table.name)!);
    const constants = defaultsOf(table, clocks.moment());
    const isOfMoment = columns.some((column) => asksForMoment([column.default]));
    this.#defaults = isOfMoment ? () => defaultsOf(table, clocks.moment()) : () => constants;
    this.#generated = generatedOf(table);
  }

  /** A row function for values of these types at these targets; the rest are defaults. Throws SQL_TYPE. */
  rowsFrom(
    source: StatementSource,
    targets: Targets,
    types: readonly SqlType[],
    location: number,
  ): (values: Row) => Row {
    const conversions = targets.map((target, i) => {
      const column = this.#columns[target]!;
      const convert = assignment(types[i]!, column, this.#name);
      if (convert === null)
        throw bindError(
          source,
          'SQL_TYPE',
          assignmentError(types[i]!, column),
          location,
          'You will need to rewrite or cast the expression.',
        );
      return convert;
    });
    const defaults = this.#defaults();
    return (values) => {
      const row = [...defaults];
      if (this.#stamped >= 0) row[this.#stamped] ??= this.#clocks.clockMs();
      targets.forEach((target, i) => {
        row[target] = conversions[i]!(values[i]!);
      });
      return this.complete(row);
    };
  }

  /** A row of all columns, with the rules of each kept and the generated ones computed. Throws SQL_RUNTIME. */
  complete(row: Row): Row {
    const isGenerated = (i: number): boolean => this.#columns[i]!.generated !== null;
    const stored = row.map((value, i) => (isGenerated(i) ? null : this.#rules[i]!(value)));
    if (this.#generated === null) return stored;
    const computed = this.#generated(stored);
    let next = 0;
    return stored.map((value, i) => (isGenerated(i) ? this.#rules[i]!(computed[next++]!) : value));
  }

  /** The node that stands for DEFAULT of a column. */
  defaultNode(target: number): Node {
    return atMoment(this.#columns[target]!.default ?? NULL_NODE, this.#clocks.moment());
  }
}

function defaultsOf({ statement }: Pick<TableEntry, 'statement'>, moment: number): Value[] {
  const { columns } = statement;
  const nodes = columns.map((column) => typedLiteral(atMoment(column.default ?? NULL_NODE, moment), column.typeName));
  const plan = planSelect(valuesOf([nodes]), statement, new Map());
  if (plan.relation.kind !== 'values')
    throw bindError(
      statement,
      'SQL_UNSUPPORTED',
      'a DEFAULT is a constant',
      statement.location,
      'Write a literal, or give the value in INSERT.',
    );
  return columns.map((column, i) => {
    if (column.default === null) return null;
    const expression = plan.relation.kind === 'values' ? plan.relation.rows[0]![i]! : null;
    const convert = assignment(expression!.type, { ...column, notNull: false }, statement.name);
    if (convert === null)
      throw bindError(statement, 'SQL_TYPE', assignmentError(expression!.type, column), column.location);
    return convert(constantValue(expression!));
  });
}

function generatedOf({
  name,
  fields,
  statement,
}: Pick<TableEntry, 'name' | 'fields' | 'statement'>): ((row: Row) => Row) | null {
  const computed = statement.columns.filter((column) => column.generated !== null);
  if (computed.length === 0) return null;
  const plain = [...fields.keys()].filter((i) => statement.columns[i]!.generated === null);
  const expressions = bindOverRow(
    computed.map((column) => column.generated!),
    statement,
    { name, fields: plain.map((i) => fields[i]!), location: computed[0]!.location },
  );
  const conversions = computed.map((column, i) => {
    const convert = assignment(expressions.types[i]!, { ...column, notNull: false }, name);
    if (convert === null)
      throw bindError(statement, 'SQL_TYPE', assignmentError(expressions.types[i]!, column), column.location);
    return convert;
  });
  return (row) => expressions.of(plain.map((i) => row[i]!)).map((value, i) => conversions[i]!(value));
}
