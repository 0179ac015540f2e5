/** Reads the views of SQL texts. */
import type { SelectStmt } from 'libpg-query';
import { bindError } from './context.js';
import { refusal } from './refuse.js';
import { parseStatements } from './statements/parse.js';
import type { CreateView, JoinMarks, Statement } from './statements/statement.js';

/** A value of WITH (…), and where it stands. */
export interface ViewOption {
  readonly value: string;
  readonly location: number;
}

/** One view, parsed and not yet bound. */
export interface ViewStatement {
  readonly name: string;
  /** Names for the columns: `CREATE MATERIALIZED VIEW v (a, b)`. */
  readonly columnNames: readonly string[];
  readonly options: ReadonlyMap<string, ViewOption>;
  readonly select: SelectStmt;
  /** Joins that the grammar has no words for. */
  readonly joins?: JoinMarks;
  /** CREATE VIEW: a name for a query that other views read; nothing is kept of it. */
  readonly isPlain?: boolean;
  /** The statement as it was written. */
  readonly sql: string;
  /** The whole file: positions in the tree count from its start. */
  readonly text: string;
  readonly file: string | undefined;
}

/** Statements of files that make no view. */
const OTHERS: ReadonlySet<Statement['kind']> = new Set(['createTable', 'createSource', 'createSink', 'insert']);

/**
 * The views of a text alone; `sql-files.ts` has all that files say together.
 *
 * @throws SQL_SYNTAX, SQL_UNSUPPORTED with file, line, column and a caret.
 */
export async function parseViews(text: string, file?: string): Promise<readonly ViewStatement[]> {
  let views: ViewStatement[] = [];
  for (const statement of await parseStatements(text, file)) {
    if (statement.kind === 'drop') views = views.filter(({ name }) => !statement.names.includes(name));
    else if (!OTHERS.has(statement.kind)) views.push(viewOf(statement, views));
  }
  return views;
}

/** The view of a statement; `before`: those of its text. Throws SQL_* for a statement that makes none. */
export function viewOf(statement: Statement, before: readonly ViewStatement[]): ViewStatement {
  if (statement.kind !== 'createMaterializedView' && statement.kind !== 'createView')
    throw refusal(statement, 'statement', statement.location);
  const view = statement.kind === 'createView' ? plainView(statement) : statement.view;
  if (statement.ifNotExists) throw refusal(statement, 'existence', statement.location);
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(view.name))
    throw bindError(
      statement,
      'SQL_UNSUPPORTED',
      `"${view.name}" cannot be a view's name`,
      statement.location,
      'Use lower-case letters, digits and _, at most 63, without a schema.',
    );
  if (before.some(({ name }) => name === view.name))
    throw bindError(
      statement,
      'SQL_UNSUPPORTED',
      `view "${view.name}" is created twice`,
      statement.location,
      'Give one of them another name.',
    );
  return view;
}

function plainView({ columnNames, file, joins, name, select, sql, text }: CreateView): ViewStatement {
  return { name, columnNames, options: new Map(), select, joins, isPlain: true, sql, text, file };
}
