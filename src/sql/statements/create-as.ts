/** CREATE TABLE … AS: a table, and the rows of a query in it. */
import type { TypeName } from 'libpg-query';
import { bindError } from '../context.js';
import { itemOf, isArray, TYPE_NAMES } from '../types.js';
import type { SqlType } from '../plan.js';
import { closing } from './clauses.js';
import { matchJoinMarks, takeJoinMarks } from './join-marks.js';
import { sourceOf } from './own.js';
import { placeSpellings, takeSpellings } from './spellings.js';
import type { ColumnDefinition, CreateRelation, CreateTableAs } from './statement.js';
import type { StatementText } from './statement-text.js';

/** Where the parts of a CREATE TABLE stand, as indexes of tokens. */
export interface TableHead {
  /** Behind TABLE and IF NOT EXISTS: the name. */
  readonly name: number;
  /** Its column list's parenthesis, and the closing one; -1 where there is none. */
  readonly open: number;
  readonly close: number;
  /** AS before a query; -1 where there is none. */
  readonly as: number;
}

/** Finds the parts. `name`: index of the name. Throws SQL_SYNTAX. */
export function tableHead(part: StatementText, name: number): TableHead {
  let at = name + 1;
  while (part.tokens[at]?.text === '.') at += 2;
  const open = part.tokens[at]?.text === '(' ? at : -1;
  const close = open < 0 ? -1 : closing(part, open);
  const after = open < 0 ? at : close + 1;
  return { name, open, close, as: part.word(after) === 'as' ? after : -1 };
}

/** Whether a column list is of names alone. */
export function isNames(part: StatementText, { open, close }: TableHead): boolean {
  for (let i = open + 1; i < close; i++)
    if ((i - open) % 2 === 1 ? part.name(i) === undefined : part.tokens[i]!.text !== ',') return false;
  return open >= 0;
}

/**
 * Reads it.
 *
 * @param columns the columns that it declares with their types; null: those of the query.
 * @throws SQL_*.
 */
export function readCreateTableAs(
  part: StatementText,
  head: TableHead,
  name: string,
  columns: CreateRelation | null,
): Omit<CreateTableAs, 'ifNotExists' | 'orReplace'> {
  const names: string[] = [];
  if (columns === null) for (let i = head.open + 1; head.open >= 0 && i < head.close; i += 2) names.push(part.name(i)!);
  const spellings = takeSpellings(part);
  const marks = takeJoinMarks(part);
  part.refuseMisreadings();
  if (part.tokens[head.as + 1] === undefined) throw part.syntaxError(head.as + 1);
  const node = part.parse({ start: part.tokens[head.as + 1]!.start, end: part.end });
  if (!('SelectStmt' in node)) throw part.syntaxError(head.as + 1, 'Write CREATE TABLE t AS SELECT ….');
  placeSpellings(node, spellings);
  const joins = matchJoinMarks(node, marks);
  return { ...sourceOf(part), joins, kind: 'createTableAs', name, columns, names, select: node.SelectStmt };
}

/** The CREATE TABLE of the columns that a query has. Throws SQL_TYPE. */
export function tableOfQuery(
  { name, names, ...statement }: CreateTableAs,
  fields: readonly { readonly name: string; readonly type: SqlType }[],
): CreateRelation {
  const { text, file, sql, location, joins, ifNotExists } = statement;
  if (names.length > fields.length)
    throw bindError(statement, 'SQL_TYPE', 'too many column names were specified', location);
  const columns = fields.map(({ type, name: given }, i): ColumnDefinition => ({
    name: names[i] ?? given,
    type,
    typeName: typeNameOf(type),
    lengthMax: null,
    notNull: false,
    default: null,
    generated: null,
    location,
  }));
  const twice = columns.find((column, i) => columns.findIndex((other) => other.name === column.name) < i);
  if (twice !== undefined)
    throw bindError(
      statement,
      'SQL_TYPE',
      `column "${twice.name}" specified more than once`,
      location,
      'Name the columns of the query with AS.',
    );
  const rest = {
    orReplace: false,
    primaryKey: null,
    watermark: null,
    appendOnly: false,
    options: new Map(),
    format: null,
  };
  return { text, file, sql, location, joins, kind: 'createTable', name, ifNotExists, columns, ...rest };
}

/** The catalog's name of a type: the first that stands for it. */
const CATALOG_NAMES: ReadonlyMap<string, string> = new Map(
  [...TYPE_NAMES].toReversed().map(([name, type]): [string, string] => [type, name]),
);

function typeNameOf(type: SqlType): TypeName {
  const scalar = isArray(type) ? itemOf(type) : type;
  const names = [{ String: { sval: CATALOG_NAMES.get(scalar) ?? scalar } }];
  return isArray(type) ? { names, arrayBounds: [{ Integer: { ival: -1 } }] } : { names };
}
