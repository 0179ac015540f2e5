/** DELETE and UPDATE of a table: the rows that they meet are found by a query. */
import type { Node } from 'libpg-query';
import { bindError } from '../../sql/context.js';
import type { RelationCatalog } from '../../sql/relation/catalog.js';
import { planSelect } from '../../sql/relation/view.js';
import type { Change } from '../../sql/statements/statement.js';
import { keyFunction } from '../dataflow/keys.js';
import type { Row } from '../dataflow/operator.js';
import { isNumbered } from './catalog.js';
import type { SessionCatalog, TableEntry } from './catalog.js';
import { runQuery } from './run-query.js';
import type { QueryInputs } from './run-query.js';
import type { TableWriter } from './table-writer.js';
import { selectFrom, starOf, typedLiteral } from './trees.js';

/** A row that goes, and the one that comes in its place; null for DELETE. */
export interface RowChange {
  readonly before: Row;
  readonly after: Row | null;
}

/** What a DELETE or UPDATE changes; a row that meets several of FROM or USING is changed by the first. Throws SQL_*. */
export function changedRows(
  statement: Change,
  table: TableEntry,
  writer: TableWriter,
  catalog: SessionCatalog,
  inputs: QueryInputs,
): RowChange[] {
  const { target } = statement;
  const { key } = table;
  if (key === null || table.statement.appendOnly)
    throw bindError(
      statement,
      'SQL_UNSUPPORTED',
      `"${table.name}" is a stream: its rows are only added`,
      target.location,
      'Create it as a table, without APPEND ONLY, WATERMARK and options, or with a PRIMARY KEY, to change its rows.',
    );
  const set = assignmentsOf(statement, table, writer);
  const items = [starOf(target.alias ?? target.name), ...set.map(({ node }) => node)];
  const select = selectFrom(items, target, statement.where, statement);
  const plan = planSelect(select, statement, withNumbers(catalog.forQueries(), table));
  const width = table.stored.length;
  const found = firstOfEach(runQuery(plan, inputs), key, table);
  if (statement.kind === 'delete') return found.map((row) => ({ before: row.slice(0, width), after: null }));
  const plain = [...table.fields.keys()].filter((i) => table.statement.columns[i]!.generated === null);
  const types = plain.map((i) => {
    const at = set.findIndex((each) => each.at === i);
    return at < 0 ? table.fields[i]!.type : plan.relation.fields[width + at]!.type;
  });
  const make = writer.rowsFrom(statement, plain, types, set[0]?.location ?? target.location);
  return found.map((row) => {
    const values = plain.map((i) => {
      const at = set.findIndex((each) => each.at === i);
      return row[at < 0 ? i : width + at]!;
    });
    const before = row.slice(0, width);
    return { before, after: isNumbered(table) ? [...make(values), before.at(-1)!] : make(values) };
  });
}

/** The columns that SET names, and what they become. */
function assignmentsOf(
  statement: Change,
  table: TableEntry,
  writer: TableWriter,
): { readonly at: number; readonly node: Node; readonly location: number }[] {
  return statement.set.map(({ name, value, location }) => {
    const at = table.statement.columns.findIndex((column) => column.name === name);
    if (at < 0)
      throw bindError(
        statement,
        'SQL_UNKNOWN_COLUMN',
        `column "${name}" of relation "${table.name}" does not exist`,
        location,
        `There are: ${table.fields.map((field) => field.name).join(', ')}.`,
      );
    const column = table.statement.columns[at]!;
    if (column.generated !== null)
      throw bindError(statement, 'SQL_TYPE', `column "${name}" can only be updated to DEFAULT`, location);
    return { at, node: typedLiteral(value ?? writer.defaultNode(at), column.typeName), location };
  });
}

/** A catalog in which the numbers of a table's rows are a column. */
function withNumbers(catalog: RelationCatalog, table: TableEntry): RelationCatalog {
  if (!isNumbered(table)) return catalog;
  const fields = table.stored.map(({ name, nullable, type }) => ({ name, nullable, type }));
  return new Map([...catalog, [table.name, { ...catalog.get(table.name)!, fields, key: table.key }]]);
}

function firstOfEach(rows: readonly Row[], key: readonly number[], { stored }: TableEntry): Row[] {
  const keyOf = keyFunction(
    key,
    key.map((field) => stored[field]!.type),
  );
  const first = new Map<string | number, Row>();
  for (const row of rows) {
    const value = keyOf(row);
    if (!first.has(value)) first.set(value, row);
  }
  return [...first.values()];
}
