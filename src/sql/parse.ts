/** Reads `.sql` files: every statement is one view. */
import type { CreateTableAsStmt, DefElem, SelectStmt } from 'libpg-query';
import { byteToIndex, loadParser, parseSql, scanSql, sqlError } from '../util/sql-text.js';
import type { SqlToken } from '../util/sql-text.js';
import { bindError } from './context.js';
import { refusal, REFUSALS } from './refuse.js';
import type { RefusalName } from './refuse.js';

/** A value of WITH (…), and where it stands. */
export interface ViewOption {
  readonly value: string;
  readonly location: number;
}

/** One CREATE MATERIALIZED VIEW, parsed and not yet bound. */
export interface ViewStatement {
  readonly name: string;
  /** Names for the columns: `CREATE MATERIALIZED VIEW v (a, b)`. */
  readonly columnNames: readonly string[];
  readonly options: ReadonlyMap<string, ViewOption>;
  readonly select: SelectStmt;
  /** The statement as it was written. */
  readonly sql: string;
  /** The whole file: positions in the tree count from its start. */
  readonly text: string;
  readonly file: string | undefined;
}

/**
 * The views of a text.
 *
 * @throws SQL_SYNTAX, SQL_UNSUPPORTED with file, line, column and a caret.
 */
export async function parseViews(text: string, file?: string): Promise<ViewStatement[]> {
  await loadParser();
  refuseMisreadings(text, file);
  const views: ViewStatement[] = [];
  for (const { stmt, stmt_location: start = 0, stmt_len: length } of parseSql(text, file).stmts ?? []) {
    const from = byteToIndex(text, start);
    const to = length === undefined ? text.length : byteToIndex(text, start + length);
    const begin = from + leadingBlank(text.slice(from, to));
    const place = { text, file };
    if (stmt === undefined || !('CreateTableAsStmt' in stmt) || stmt.CreateTableAsStmt.objtype !== 'OBJECT_MATVIEW') {
      throw sqlError(
        'SQL_UNSUPPORTED',
        `${REFUSALS.statement.what}: not supported`,
        { ...place, index: begin },
        REFUSALS.statement.instead,
      );
    }
    const view = readStatement(stmt.CreateTableAsStmt, { text, file, sql: text.slice(begin, to).trim() });
    const twin = views.find((other) => other.name === view.name);
    if (twin !== undefined) {
      throw sqlError(
        'SQL_UNSUPPORTED',
        `view "${view.name}" is created twice`,
        { ...place, index: begin },
        'Give one of them another name.',
      );
    }
    views.push(view);
  }
  return views;
}

/** How much white space and comments a statement begins with. */
function leadingBlank(text: string): number {
  return /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(text)![0].length;
}

function readStatement(
  statement: CreateTableAsStmt,
  source: Pick<ViewStatement, 'text' | 'file' | 'sql'>,
): ViewStatement {
  const into = statement.into!;
  const relation = into.rel!;
  if (
    statement.if_not_exists === true ||
    into.skipData === true ||
    into.tableSpaceName !== undefined ||
    into.accessMethod !== undefined ||
    relation.relpersistence !== 'p'
  ) {
    throw refusal(source, 'existence', relation.location);
  }
  const name = relation.relname!;
  if (relation.schemaname !== undefined || !/^[a-z_][a-z0-9_]{0,62}$/.test(name)) {
    throw bindError(
      source,
      'SQL_UNSUPPORTED',
      `"${name}" cannot be a view's name`,
      relation.location,
      'Use lower-case letters, digits and _, at most 63, without a schema.',
    );
  }
  const query = statement.query!;
  if (!('SelectStmt' in query)) throw refusal(source, 'statement', relation.location);
  return {
    ...source,
    name,
    columnNames: (into.colNames ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : '')),
    options: readOptions(source, into.options ?? []),
    select: query.SelectStmt,
  };
}

function readOptions(
  source: Pick<ViewStatement, 'text' | 'file'>,
  elements: readonly object[],
): Map<string, ViewOption> {
  const options = new Map<string, ViewOption>();
  for (const element of elements) {
    const { defname = '', arg, location = 0 } = (element as { DefElem: DefElem }).DefElem;
    if (options.has(defname)) throw bindError(source, 'SQL_UNSUPPORTED', `option ${defname} is given twice`, location);
    let value = '';
    if (arg === undefined) value = '';
    else if ('String' in arg) value = arg.String.sval ?? '';
    else if ('Integer' in arg) value = String(arg.Integer.ival ?? 0);
    else if ('Float' in arg) value = arg.Float.fval ?? '';
    else if ('TypeName' in arg)
      value = (arg.TypeName.names ?? []).map((part) => ('String' in part ? (part.String.sval ?? '') : '')).at(-1) ?? '';
    options.set(defname, { value, location });
  }
  return options;
}

const UNITS = /^(?:year|month|week|day|hour|minute|second|millisecond)s$|^(?:week|millisecond)$/;

/** Refuses spellings that the grammar would read as something else, or blame on the wrong word. */
function refuseMisreadings(text: string, file: string | undefined): void {
  const tokens = scanSql(text);
  let depth = 0;
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i]!.text === '(') depth++;
    if (tokens[i]!.text === ')') depth--;
    const name = misreading(tokens, i, depth);
    if (name === undefined) continue;
    const { what, instead }: { what: string; instead: string } = REFUSALS[name];
    throw sqlError('SQL_UNSUPPORTED', `${what}: not supported`, { text, file, index: tokens[i]!.start }, instead);
  }
}

function misreading(tokens: readonly SqlToken[], i: number, depth: number): RefusalName | undefined {
  const word = (offset: number): string => {
    const token = tokens[i + offset];
    return token?.kind === 'word' ? token.text.toLowerCase() : '';
  };
  const next = tokens[i + 1];
  switch (word(0)) {
    case 'stream': {
      if (word(-1) !== 'select' || next === undefined) return undefined;
      const another =
        (next.kind !== 'symbol' || next.text === '*') &&
        !['from', 'as', 'is', 'in', 'and', 'or', 'not', 'like', 'between'].includes(word(1));
      return another ? 'streamKeyword' : undefined;
    }
    case 'emit': {
      const before = tokens[i - 1]?.text;
      if (
        depth > 0 ||
        before === undefined ||
        before === ',' ||
        before === '.' ||
        word(-1) === 'as' ||
        word(-1) === 'select'
      )
        return undefined;
      return 'emitClause';
    }
    case 'asof':
      return ['join', 'left', 'inner', 'right', 'full'].includes(word(1)) ? 'asof' : undefined;
    case 'create':
      return ['source', 'sink'].includes(word(1)) ? 'source' : undefined;
    case 'watermark':
      return word(1) === 'for' ? 'source' : undefined;
    default:
      return tokens[i]!.kind === 'word' &&
        tokens[i - 1]?.kind === 'string' &&
        word(-2) === 'interval' &&
        UNITS.test(word(0))
        ? 'intervalUnit'
        : undefined;
  }
}
