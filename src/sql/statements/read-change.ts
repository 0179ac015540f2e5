/** INSERT, UPDATE, DELETE and TRUNCATE from PostgreSQL's tree. */
import type {
  DeleteStmt,
  FuncCall,
  InsertStmt,
  MultiAssignRef,
  Node,
  OnConflictClause,
  ReturningClause,
  SelectStmt,
  TruncateStmt,
  UpdateStmt,
} from 'libpg-query';
import { bindError } from '../context.js';
import { isAggregate } from '../relation/aggregates.js';
import { relationName } from './create.js';
import type { Change, Insert, Returning, StatementSource } from './statement.js';

function refused(source: StatementSource, what: string, location: number | undefined, instead: string): Error {
  return bindError(source, 'SQL_UNSUPPORTED', `${what}: not supported`, location, instead);
}

/** INSERT. Throws SQL_UNSUPPORTED. */
export function readInsert(source: StatementSource, statement: InsertStmt): Insert {
  const keepsOld = readConflict(source, statement.onConflictClause);
  const { cols, relation, selectStmt, withClause } = statement;
  const query = selectStmt === undefined ? defaultValues() : 'SelectStmt' in selectStmt ? selectStmt.SelectStmt : null;
  if (query === null) throw refused(source, 'this INSERT', source.location, 'Write VALUES (…) or SELECT ….');
  if (withClause !== undefined && query.withClause !== undefined)
    throw refused(source, 'WITH twice in INSERT', withClause.location, 'Write one WITH, before SELECT.');
  return {
    ...source,
    kind: 'insert',
    target: { name: relationName(source, relation), location: relation?.location ?? 0 },
    columns:
      cols === undefined
        ? null
        : cols.map((node) => {
            const { name = '', location = 0 } = 'ResTarget' in node ? node.ResTarget : {};
            return { name, location };
          }),
    select: withClause === undefined ? query : { ...query, withClause },
    keepsOld,
    returning: readReturning(source, statement.returningClause),
  };
}

/** `DEFAULT VALUES`: a row whose first column is its default, as all others are then. */
function defaultValues(): SelectStmt {
  return {
    op: 'SETOP_NONE',
    limitOption: 'LIMIT_OPTION_DEFAULT',
    valuesLists: [{ List: { items: [{ SetToDefault: {} }] } }],
  };
}

function readConflict(source: StatementSource, clause: OnConflictClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.action === 'ONCONFLICT_NOTHING') return true;
  if (isWholeRow(clause)) return false;
  throw refused(
    source,
    'ON CONFLICT DO UPDATE of this form',
    clause.location,
    'Leave it out: a row of a table with a PRIMARY KEY takes the place of the one with the same key.',
  );
}

/** `SET a = EXCLUDED.a, …`: the new row's own values, as far as it names columns. */
function isWholeRow({ targetList = [], whereClause }: OnConflictClause): boolean {
  return (
    whereClause === undefined &&
    targetList.every((node) => {
      const { name, val } = 'ResTarget' in node ? node.ResTarget : {};
      if (val === undefined || !('ColumnRef' in val)) return false;
      const parts = (val.ColumnRef.fields ?? []).map((part) => ('String' in part ? part.String.sval : undefined));
      return parts.length === 2 && parts[0] === 'excluded' && parts[1] === name;
    })
  );
}

function readReturning(source: StatementSource, clause: ReturningClause | undefined): Returning {
  if (clause === undefined) return null;
  if (clause.options !== undefined)
    throw refused(source, 'RETURNING WITH (…)', source.location, 'Write RETURNING and the columns.');
  return clause.exprs ?? [];
}

function changeTarget(source: StatementSource, relation: DeleteStmt['relation']): Change['target'] {
  return {
    name: relationName(source, relation),
    alias: relation?.alias?.aliasname ?? null,
    location: relation?.location ?? 0,
  };
}

/** DELETE. */
export function readDelete(source: StatementSource, statement: DeleteStmt): Change {
  return {
    ...source,
    kind: 'delete',
    target: changeTarget(source, statement.relation),
    from: statement.usingClause ?? [],
    withClause: statement.withClause ?? null,
    where: statement.whereClause ?? null,
    set: [],
    returning: readReturning(source, statement.returningClause),
  };
}

/** TRUNCATE of one table: a DELETE of all its rows. */
export function readTruncate(source: StatementSource, { relations = [] }: TruncateStmt): Change {
  const [relation] = relations;
  if (relations.length !== 1 || relation === undefined || !('RangeVar' in relation))
    throw refused(source, 'TRUNCATE of several tables', source.location, 'Write one statement for each.');
  const target = changeTarget(source, relation.RangeVar);
  return { ...source, kind: 'delete', target, from: [], withClause: null, where: null, set: [], returning: null };
}

/** UPDATE. Throws SQL_*. */
export function readUpdate(source: StatementSource, statement: UpdateStmt): Change {
  const set = (statement.targetList ?? []).map((node) => {
    const { name = '', val, location = 0, indirection } = 'ResTarget' in node ? node.ResTarget : {};
    if (indirection !== undefined || val === undefined)
      throw refused(source, 'SET of a part of a column', location, 'Write the whole column: SET a = ….');
    const value = 'MultiAssignRef' in val ? oneOfSeveral(source, val.MultiAssignRef, location) : val;
    return { name, value: 'SetToDefault' in value ? null : value, location };
  });
  set.forEach(({ name, location }, i) => {
    if (set.findIndex((each) => each.name === name) < i)
      throw bindError(source, 'SQL_TYPE', `multiple assignments to same column "${name}"`, location);
  });
  return {
    ...source,
    kind: 'update',
    target: changeTarget(source, statement.relation),
    from: statement.fromClause ?? [],
    withClause: statement.withClause ?? null,
    where: statement.whereClause ?? null,
    set,
    returning: readReturning(source, statement.returningClause),
  };
}

/** The value of one column of `(a, b) = (…)`. */
function oneOfSeveral(
  source: StatementSource,
  { colno = 1, ncolumns, source: from }: MultiAssignRef,
  at: number,
): Node {
  const requireCount = (count: number): void => {
    if (count !== ncolumns)
      throw bindError(source, 'SQL_TYPE', 'number of columns does not match number of values', at);
  };
  if (from !== undefined && 'RowExpr' in from) {
    const args = from.RowExpr.args ?? [];
    requireCount(args.length);
    return args[colno - 1]!;
  }
  const link = from !== undefined && 'SubLink' in from ? from.SubLink : undefined;
  const select =
    link?.subselect !== undefined && 'SelectStmt' in link.subselect ? link.subselect.SelectStmt : undefined;
  if (link?.subLinkType !== 'EXPR_SUBLINK' || select === undefined)
    throw bindError(
      source,
      'SQL_TYPE',
      'source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression',
      at,
      'Write SET (a, b) = (1, 2), or SET a = 1, b = 2.',
    );
  const { targetList } = select;
  if (targetList === undefined || JSON.stringify(targetList).includes('"A_Star"'))
    throw refused(
      source,
      'SET of columns from VALUES or *',
      at,
      'Name the columns: SET (a, b) = (SELECT x, y FROM …).',
    );
  requireCount(targetList.length);
  const target = targetList[colno - 1]!;
  const one = aggregates(targetList) && !aggregates(target) && select.groupClause === undefined;
  const only = { ...select, targetList: [one ? overOneGroup(target) : target] };
  return { SubLink: { ...link, subselect: { SelectStmt: only } } };
}

/** Whether an aggregate is called anywhere in a tree. */
function aggregates(tree: unknown): boolean {
  if (typeof tree !== 'object' || tree === null) return false;
  if ('SubLink' in tree) return false;
  if ('FuncCall' in tree && isAggregate(tree.FuncCall as FuncCall)) return true;
  return Object.values(tree).some(aggregates);
}

/** A constant beside aggregates is selected once: still so when they are left out. */
function overOneGroup(target: Node): Node {
  const { val } = 'ResTarget' in target ? target.ResTarget : {};
  const count: Node = { FuncCall: { funcname: [{ String: { sval: 'count' } }], agg_star: true } };
  const when: Node = { NullTest: { arg: count, nulltesttype: 'IS_NOT_NULL' } };
  return { ResTarget: { val: { CaseExpr: { args: [{ CaseWhen: { expr: when, ...(val && { result: val }) } }] } } } };
}
