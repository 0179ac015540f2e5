/** Statements from PostgreSQL's tree. */
import type { CreateTableAsStmt, DropStmt, Node, VariableSetStmt, ViewStmt } from 'libpg-query';
import { bindError } from '../context.js';
import type { ViewOption } from '../parse.js';
import { relationName } from './create.js';
import { sourceOf } from './own.js';
import { readDelete, readInsert, readTruncate, readUpdate } from './read-change.js';
import type {
  CreateMaterializedView,
  CreateView,
  Drop,
  JoinMarks,
  ObjectKind,
  Set,
  Statement,
  StatementSource,
} from './statement.js';
import type { StatementText } from './statement-text.js';

const ADVICE =
  'There are CREATE TABLE, SOURCE, VIEW, MATERIALIZED VIEW and SINK, DROP, INSERT, UPDATE, DELETE, SELECT, EXPLAIN, ' +
  'SHOW, DESCRIBE, SET, FLUSH and SUBSCRIBE.';

/**
 * The statement of a node.
 *
 * @param emitsOnClose byte position of EMIT ON WINDOW CLOSE.
 * @throws SQL_UNSUPPORTED.
 */
export function readNode(
  part: StatementText,
  node: Node,
  joins: JoinMarks,
  emitsOnClose: number | undefined,
): Statement {
  const source: StatementSource = { ...sourceOf(part), joins };
  if ('SelectStmt' in node) return { ...source, kind: 'select', select: node.SelectStmt };
  if ('CreateTableAsStmt' in node) return readMaterializedView(source, node.CreateTableAsStmt, emitsOnClose);
  if ('ViewStmt' in node) return readView(source, node.ViewStmt);
  if ('InsertStmt' in node) return readInsert(source, node.InsertStmt);
  if ('DeleteStmt' in node) return readDelete(source, node.DeleteStmt);
  if ('UpdateStmt' in node) return readUpdate(source, node.UpdateStmt);
  if ('TruncateStmt' in node) return readTruncate(source, node.TruncateStmt);
  if ('DropStmt' in node) return readDrop(source, node.DropStmt);
  if ('VariableSetStmt' in node) return readSet(source, node.VariableSetStmt);
  throw refused(source, 'this statement', source.location, ADVICE);
}

function refused(source: StatementSource, what: string, location: number | undefined, instead: string): Error {
  return bindError(source, 'SQL_UNSUPPORTED', `${what}: not supported`, location, instead);
}

function stringsOf(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : ''));
}

function readMaterializedView(
  source: StatementSource,
  statement: CreateTableAsStmt,
  emitsOnClose: number | undefined,
): CreateMaterializedView {
  const into = statement.into!;
  const relation = into.rel!;
  if (statement.objtype !== 'OBJECT_MATVIEW') throw refused(source, 'CREATE TABLE AS', source.location, ADVICE);
  if (into.skipData === true || into.tableSpaceName !== undefined || into.accessMethod !== undefined)
    throw refused(source, 'TABLESPACE, USING and WITH NO DATA', relation.location, 'Leave it out.');
  const query = statement.query!;
  if (!('SelectStmt' in query)) throw refused(source, 'EXECUTE in a view', relation.location, 'Write the SELECT out.');
  const name = relationName(source, relation);
  const options = readOptions(source, into.options ?? []);
  if (emitsOnClose !== undefined) {
    if (options.has('emit'))
      throw bindError(source, 'SQL_UNSUPPORTED', 'emit is given twice', emitsOnClose, 'Keep one of them.');
    options.set('emit', { value: 'close', location: emitsOnClose });
  }
  const { text, file, sql, joins } = source;
  return {
    ...source,
    kind: 'createMaterializedView',
    name,
    ifNotExists: statement.if_not_exists === true,
    view: { name, columnNames: stringsOf(into.colNames), options, select: query.SelectStmt, sql, text, file, joins },
  };
}

function readOptions(source: StatementSource, elements: readonly Node[]): Map<string, ViewOption> {
  const options = new Map<string, ViewOption>();
  for (const element of elements) {
    if (!('DefElem' in element)) continue;
    const { defname = '', arg, location = 0 } = element.DefElem;
    if (options.has(defname)) throw bindError(source, 'SQL_UNSUPPORTED', `option ${defname} is given twice`, location);
    options.set(defname, { value: optionText(arg), location });
  }
  return options;
}

function optionText(arg: Node | undefined): string {
  if (arg === undefined) return '';
  if ('String' in arg) return arg.String.sval ?? '';
  if ('Integer' in arg) return String(arg.Integer.ival ?? 0);
  if ('Float' in arg) return arg.Float.fval ?? '';
  return 'TypeName' in arg ? (stringsOf(arg.TypeName.names).at(-1) ?? '') : '';
}

function readView(source: StatementSource, statement: ViewStmt): CreateView {
  const query = statement.query!;
  if (!('SelectStmt' in query) || statement.view?.relpersistence !== 'p')
    throw refused(source, 'this kind of view', source.location, 'Write CREATE VIEW name AS SELECT ….');
  if (statement.options !== undefined)
    throw refused(source, 'WITH (…) of a plain view', source.location, 'Write CREATE MATERIALIZED VIEW … WITH (…).');
  return {
    ...source,
    kind: 'createView',
    name: relationName(source, statement.view),
    ifNotExists: false,
    orReplace: statement.replace === true,
    columnNames: stringsOf(statement.aliases),
    select: query.SelectStmt,
  };
}

const OBJECTS: Readonly<Record<string, ObjectKind>> = {
  OBJECT_TABLE: 'table',
  OBJECT_VIEW: 'view',
  OBJECT_MATVIEW: 'materialized view',
};

function readDrop(source: StatementSource, statement: DropStmt): Drop {
  const object = OBJECTS[statement.removeType ?? ''];
  if (object === undefined)
    throw refused(
      source,
      'DROP of this',
      source.location,
      'There are TABLE, SOURCE, VIEW, MATERIALIZED VIEW and SINK.',
    );
  return {
    ...source,
    kind: 'drop',
    object,
    names: (statement.objects ?? []).map((node) => {
      const parts = 'List' in node ? stringsOf(node.List.items) : [];
      return relationName(source, { relname: parts.at(-1)!, ...(parts.length > 1 ? { schemaname: parts[0]! } : {}) });
    }),
    ifExists: statement.missing_ok === true,
    cascade: statement.behavior === 'DROP_CASCADE',
  };
}

function readSet(source: StatementSource, statement: VariableSetStmt): Set {
  const isReset = statement.kind !== 'VAR_SET_VALUE';
  const values = (statement.args ?? []).map((node) => {
    if (!('A_Const' in node)) return '';
    const { sval, ival, fval, boolval } = node.A_Const;
    return (
      sval?.sval ?? fval?.fval ?? (boolval === undefined ? String(ival?.ival ?? 0) : String(boolval.boolval ?? false))
    );
  });
  return {
    ...source,
    kind: 'set',
    name: statement.name ?? 'all',
    value: isReset ? null : values.join(', '),
  };
}
