/** CREATE TABLE, CREATE SOURCE and CREATE SINK. */
import type { ColumnDef, CreateStmt, Node, SelectStmt } from 'libpg-query';
import { bindError } from '../context.js';
import type { ViewStatement } from '../parse.js';
import { readColumnType } from './column-type.js';
import { takeColumnExtras, takeEmitOnClose, takeTail } from './clauses.js';
import type { ColumnExtras } from './clauses.js';
import { matchJoinMarks, takeJoinMarks } from './join-marks.js';
import { sourceOf } from './own.js';
import { placeSpellings, takeSpellings } from './spellings.js';
import { isNames, readCreateTableAs, tableHead } from './create-as.js';
import type { TableHead } from './create-as.js';
import type { ColumnDefinition, CreateRelation, CreateSink, CreateTableAs } from './statement.js';
import type { Range, StatementText } from './statement-text.js';

/** The index behind `IF NOT EXISTS`, when it stands at `n`. */
function behindExists(part: StatementText, n: number): number {
  return part.words(n, 'if', 'not', 'exists') ? n + 3 : n;
}

/**
 * CREATE TABLE and CREATE SOURCE. A TEMP or UNLOGGED table is a table: none outlives the process.
 *
 * @param table index of TABLE or SOURCE.
 * @throws SQL_*.
 */
export function readCreateRelation(part: StatementText, table: number): CreateRelation | CreateTableAs {
  const isSource = part.word(table) === 'source';
  const orReplace = part.words(1, 'or', 'replace');
  if (table > 1) part.blank({ start: part.tokens[1]!.start, end: part.tokens[table - 1]!.end });
  const at = behindExists(part, table + 1);
  const ifNotExists = at > table + 1;
  const head = tableHead(part, at);
  if (head.as < 0 || isSource) return readDeclared(part, table, head, { start: part.start, end: part.end }, orReplace);
  const { declared, name } = readHead(part, table, head);
  return { ...readCreateTableAs(part, head, name, declared), ifNotExists, orReplace };
}

/** What stands before AS: a name, and columns with their types where they have any. */
function readHead(
  part: StatementText,
  table: number,
  head: TableHead,
): { readonly declared: CreateRelation | null; readonly name: string } {
  if (head.open >= 0 && !isNames(part, head)) {
    const range = { start: part.start, end: part.tokens[head.close]!.end };
    const declared = readDeclared(part, table, head, range, false);
    return { declared, name: declared.name };
  }
  const names = part.tokens.slice(head.name, head.open < 0 ? head.as : head.open);
  const [relname, schemaname] = [names.length - 1, names.length - 3].map((i) => part.name(head.name + i));
  if (relname === undefined || names.length > 3) throw part.syntaxError(head.name);
  const location = part.byteOf(names[0]!.start);
  const schema = names.length === 3 && schemaname !== undefined ? { schemaname } : {};
  return { declared: null, name: relationName(sourceOf(part), { relname, location, ...schema }) };
}

function readDeclared(
  part: StatementText,
  table: number,
  head: TableHead,
  range: Range,
  orReplace: boolean,
): CreateRelation {
  const isSource = part.word(table) === 'source';
  let extras: ColumnExtras = { watermark: null, generated: new Map() };
  let tail = { options: new Map(), format: null, appendOnly: false } as ReturnType<typeof takeTail>;
  if (head.open >= 0) {
    extras = takeColumnExtras(part, head.open);
    if (head.as < 0) tail = takeTail(part, head.close + 1);
  }
  if (isSource) part.replace(part.tokens[table]!, 'TABLE');
  part.refuseMisreadings();
  const node = part.parse(range);
  if (!('CreateStmt' in node)) throw part.syntaxError(table);
  const create = node.CreateStmt;
  const source = sourceOf(part);
  refuseParts(part, create);
  return {
    ...source,
    kind: isSource ? 'createSource' : 'createTable',
    name: relationName(source, create.relation),
    ifNotExists: create.if_not_exists === true,
    orReplace,
    ...readElements(source, create.tableElts ?? [], extras),
    watermark: extras.watermark,
    ...tail,
  };
}

/** The name of a relation in a tree. Throws SQL_UNSUPPORTED for a schema other than public. */
export function relationName(
  source: { readonly text: string; readonly file: string | undefined },
  relation: { readonly schemaname?: string; readonly relname?: string; readonly location?: number } | undefined,
): string {
  if (relation?.schemaname !== undefined && relation.schemaname !== 'public')
    throw bindError(
      source,
      'SQL_UNSUPPORTED',
      `schema "${relation.schemaname}": not supported`,
      relation.location,
      'Names have no schema here; leave it out.',
    );
  return relation?.relname ?? '';
}

function refuseParts(part: StatementText, create: CreateStmt): void {
  const refused: readonly (readonly [boolean, string])[] = [
    [create.inhRelations !== undefined || create.partspec !== undefined, 'INHERITS and PARTITION BY'],
    [create.ofTypename !== undefined, 'OF type'],
    [create.tablespacename !== undefined || create.accessMethod !== undefined, 'TABLESPACE and USING'],
  ];
  for (const [isThere, what] of refused)
    if (isThere) throw part.error('SQL_UNSUPPORTED', `${what}: not supported`, part.start, 'Leave it out.');
}

function readElements(
  source: ReturnType<typeof sourceOf>,
  elements: readonly Node[],
  extras: ColumnExtras,
): Pick<CreateRelation, 'columns' | 'primaryKey'> {
  const columns: ColumnDefinition[] = [];
  let primaryKey: readonly string[] | null = null;
  const setKey = (names: readonly string[], location: number | undefined): void => {
    if (primaryKey !== null)
      throw bindError(source, 'SQL_TYPE', 'multiple primary keys are not allowed', location, 'Keep one of them.');
    primaryKey = names;
  };
  for (const element of elements) {
    if ('ColumnDef' in element) {
      const column = readColumn(source, element.ColumnDef, extras, setKey);
      if (columns.some((other) => other.name === column.name))
        throw bindError(source, 'SQL_TYPE', `column "${column.name}" specified more than once`, column.location);
      columns.push(column);
    } else if ('Constraint' in element && element.Constraint.contype === 'CONSTR_PRIMARY') {
      const names = (element.Constraint.keys ?? []).map((key) => ('String' in key ? (key.String.sval ?? '') : ''));
      setKey(names, element.Constraint.location);
    } else throw refuseConstraint(source, element);
  }
  checkNames(source, columns, primaryKey, extras);
  const keyed = new Set<string>(primaryKey ?? []);
  return { columns: columns.map((each) => (keyed.has(each.name) ? { ...each, notNull: true } : each)), primaryKey };
}

function checkNames(
  source: ReturnType<typeof sourceOf>,
  columns: readonly ColumnDefinition[],
  primaryKey: readonly string[] | null,
  { watermark }: ColumnExtras,
): void {
  for (const name of primaryKey ?? [])
    if (!columns.some((column) => column.name === name))
      throw bindError(source, 'SQL_UNKNOWN_COLUMN', `column "${name}" named in key does not exist`, source.location);
  if (watermark === null) return;
  const timed = columns.find((column) => column.name === watermark.column);
  if (timed === undefined)
    throw bindError(source, 'SQL_UNKNOWN_COLUMN', `column "${watermark.column}" does not exist`, watermark.location);
  if (timed.type !== 'timestamp' && timed.type !== 'timestamptz')
    throw bindError(
      source,
      'SQL_TYPE',
      `a watermark is over a time, and "${watermark.column}" is of type ${timed.type}`,
      watermark.location,
      'Declare the column timestamp or timestamptz.',
    );
}

function refuseConstraint(source: ReturnType<typeof sourceOf>, element: Node): Error {
  const names: Readonly<Record<string, string>> = {
    CONSTR_UNIQUE: 'UNIQUE',
    CONSTR_CHECK: 'CHECK',
    CONSTR_FOREIGN: 'FOREIGN KEY',
    CONSTR_EXCLUSION: 'EXCLUDE',
    CONSTR_IDENTITY: 'GENERATED AS IDENTITY',
  };
  const constraint = 'Constraint' in element ? element.Constraint : undefined;
  return bindError(
    source,
    'SQL_UNSUPPORTED',
    `${names[constraint?.contype ?? ''] ?? 'this part of a column list'}: not supported`,
    constraint?.location ?? source.location,
    'Leave it out: PRIMARY KEY, NOT NULL, DEFAULT and AS expression are what there is.',
  );
}

function readColumn(
  source: ReturnType<typeof sourceOf>,
  column: ColumnDef,
  extras: ColumnExtras,
  setKey: (names: readonly string[], location: number | undefined) => void,
): ColumnDefinition {
  const name = column.colname ?? '';
  let notNull = false;
  let byDefault: Node | null = null;
  let generated = extras.generated.get(name) ?? null;
  for (const node of column.constraints ?? []) {
    const constraint = 'Constraint' in node ? node.Constraint : undefined;
    switch (constraint?.contype) {
      case 'CONSTR_PRIMARY':
        setKey([name], constraint.location);
        break;
      case 'CONSTR_NOTNULL':
        notNull = true;
        break;
      case 'CONSTR_NULL':
        break;
      case 'CONSTR_DEFAULT':
        byDefault = constraint.raw_expr ?? null;
        break;
      case 'CONSTR_GENERATED':
        generated = constraint.raw_expr ?? null;
        break;
      default:
        throw refuseConstraint(source, node);
    }
  }
  const typed = readColumnType(source, column);
  return { name, ...typed, notNull, default: byDefault, generated, location: column.location ?? source.location };
}

/** CREATE SINK. Throws SQL_*. */
export function readCreateSink(part: StatementText): CreateSink {
  const at = behindExists(part, 2);
  const name = part.name(at);
  if (name === undefined) throw part.syntaxError(at);
  const head = { ...sourceOf(part), kind: 'createSink', name, ifNotExists: at > 2 } as const;
  if (part.word(at + 1) === 'from') {
    const from = part.name(at + 2);
    if (from === undefined) throw part.syntaxError(at + 2);
    const { options, format } = takeTail(part, at + 3);
    return {
      ...head,
      from: { name: from, location: part.byteOf(part.tokens[at + 2]!.start) },
      view: null,
      options,
      format,
    };
  }
  if (part.word(at + 1) !== 'as') throw part.syntaxError(at + 1, 'Write CREATE SINK name FROM view WITH (…).');
  const spellings = takeSpellings(part);
  const marks = takeJoinMarks(part);
  const emitsOnClose = takeEmitOnClose(part);
  const tailAt = tailOfSelect(part, at + 2);
  const { options, format } = takeTail(part, tailAt);
  part.refuseMisreadings();
  const range = { start: part.tokens[at + 2]?.start ?? part.end, end: part.tokens[tailAt - 1]!.end };
  const node = part.parse(range);
  if (!('SelectStmt' in node)) throw part.syntaxError(at + 2);
  placeSpellings(node, spellings);
  const joins = matchJoinMarks(node, marks);
  return {
    ...head,
    joins,
    from: null,
    view: viewOf(head, node.SelectStmt, emitsOnClose, joins),
    options,
    format,
  };
}

/** The view that stands behind a sink's own query. */
function viewOf(
  head: { readonly text: string; readonly file: string | undefined; readonly sql: string; readonly name: string },
  select: SelectStmt,
  emitsOnClose: number | undefined,
  joins: CreateSink['joins'],
): ViewStatement {
  const { text, file, sql, name } = head;
  const options = new Map(emitsOnClose === undefined ? [] : [['emit', { value: 'close', location: emitsOnClose }]]);
  return { text, file, sql, name, columnNames: [], options, select, joins };
}

/** Where a sink's query ends and its WITH (…) or FORMAT begins. */
function tailOfSelect(part: StatementText, from: number): number {
  let depth = 0;
  for (let i = from; i < part.tokens.length; i++) {
    const { text } = part.tokens[i]!;
    if (text === '(') depth++;
    if (text === ')') depth--;
    if (depth > 0) continue;
    if (part.word(i) === 'with' && part.tokens[i + 1]?.text === '(') return i;
    if (part.word(i) === 'format' && part.word(i + 2) === 'encode') return i;
  }
  return part.tokens.length;
}
