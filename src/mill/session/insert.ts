/** INSERT: from VALUES in the order in which they stand, or from a query. */
import type { Node } from 'libpg-query';
import { bindError } from '../../sql/context.js';
import { planSelect } from '../../sql/relation/view.js';
import type { Insert } from '../../sql/statements/statement.js';
import type { Row } from '../dataflow/operator.js';
import type { SessionCatalog, TableEntry } from './catalog.js';
import { constantValue } from './expressions.js';
import { runQuery } from './run-query.js';
import type { QueryInputs } from './run-query.js';
import type { TableWriter, Targets } from './table-writer.js';
import { typedLiteral, valuesOf } from './trees.js';

/** The rows that an INSERT adds, whole. Throws SQL_*. */
export function insertedRows(
  statement: Insert,
  table: TableEntry,
  writer: TableWriter,
  catalog: SessionCatalog,
  inputs: QueryInputs,
): Row[] {
  const { select } = statement;
  const targets = targetsOf(statement, table);
  const isPlain =
    select.valuesLists !== undefined && select.sortClause === undefined && select.limitCount === undefined;
  if (isPlain) return fromValues(statement, table, writer, targets, catalog, inputs);
  const plan = planSelect(select, statement, catalog.forQueries());
  const used = targets.slice(0, plan.width);
  if (plan.width > targets.length) throw tooMany(statement, statement.target.location);
  if (statement.columns !== null && plan.width < targets.length) throw tooFew(statement);
  const types = plan.relation.fields.slice(0, plan.width).map(({ type }) => type);
  const make = writer.rowsFrom(statement, used, types, statement.target.location);
  return runQuery(plan, inputs).map(make);
}

function tooMany(statement: Insert, location: number): Error {
  return bindError(statement, 'SQL_TYPE', 'INSERT has more expressions than target columns', location);
}

function tooFew(statement: Insert): Error {
  const location = statement.columns?.at(-1)?.location ?? statement.target.location;
  return bindError(statement, 'SQL_TYPE', 'INSERT has more target columns than expressions', location);
}

function targetsOf(statement: Insert, table: TableEntry): Targets {
  const { columns } = table.statement;
  if (statement.columns === null) return [...columns.keys()].filter((i) => columns[i]!.generated === null);
  const targets = statement.columns.map(({ name, location }) => {
    const at = columns.findIndex((column) => column.name === name);
    if (at < 0)
      throw bindError(
        statement,
        'SQL_UNKNOWN_COLUMN',
        `column "${name}" of relation "${table.name}" does not exist`,
        location,
        `There are: ${columns.map((column) => column.name).join(', ')}.`,
      );
    if (columns[at]!.generated !== null)
      throw bindError(
        statement,
        'SQL_TYPE',
        `cannot insert a value into column "${name}"`,
        location,
        'It is computed from the others; leave it out.',
      );
    return at;
  });
  targets.forEach((target, i) => {
    if (targets.indexOf(target) < i) {
      const { name, location } = statement.columns![i]!;
      throw bindError(statement, 'SQL_TYPE', `column "${name}" specified more than once`, location);
    }
  });
  return targets;
}

function fromValues(
  statement: Insert,
  table: TableEntry,
  writer: TableWriter,
  targets: Targets,
  catalog: SessionCatalog,
  inputs: QueryInputs,
): Row[] {
  const lists = statement.select.valuesLists!.map((list) => ('List' in list ? (list.List.items ?? []) : []));
  const width = lists[0]!.length;
  if (width > targets.length) throw tooMany(statement, statement.target.location);
  if (statement.columns !== null && width < targets.length) throw tooFew(statement);
  const used = targets.slice(0, width);
  const rows = lists.map((items) =>
    items.map((item: Node, i) => {
      const target = used[i];
      if (target === undefined) return item;
      const node = 'SetToDefault' in item ? writer.defaultNode(target) : item;
      return typedLiteral(node, table.statement.columns[target]!.typeName);
    }),
  );
  const { withClause } = statement.select;
  const select = { ...valuesOf(rows), ...(withClause === undefined ? {} : { withClause }) };
  const plan = planSelect(select, statement, catalog.forQueries());
  const { relation } = plan;
  const types = relation.fields.slice(0, width).map(({ type }) => type);
  const make = writer.rowsFrom(statement, used, types, statement.location);
  if (relation.kind !== 'values') return runQuery(plan, inputs).map(make);
  return relation.rows.map((expressions) => make(expressions.map(constantValue)));
}
