/**
 * Parses SQL texts into statements: PostgreSQL's grammar, and before it a pass over the tokens that accepts RisingWave's
 * spellings (`CREATE SOURCE`, `WATERMARK FOR`, `EMIT ON WINDOW CLOSE`, `ASOF JOIN`, …). No regular expression ever
 * looks at SQL text as a whole.
 */
import { loadParser } from '../../util/sql-text.js';
import { readCreateRelation, readCreateSink } from './create.js';
import { closing, takeEmitOnClose } from './clauses.js';
import { readElsewhere } from './elsewhere.js';
import { matchJoinMarks, takeJoinMarks } from './join-marks.js';
import { readOwn, sourceOf } from './own.js';
import { readNode } from './read.js';
import type { CreateMaterializedView, CreateView, Explain, ObjectKind, Select, Statement } from './statement.js';
import { placeSpellings, takeSpellings } from './spellings.js';
import { splitStatements, StatementText } from './statement-text.js';

/**
 * The statements of a text, all or none.
 *
 * @throws SQL_SYNTAX, SQL_UNSUPPORTED, SQL_TYPE with file, line, column and a caret.
 */
export async function parseStatements(text: string, file?: string): Promise<Statement[]> {
  await loadParser();
  return splitStatements(text, file).map(parseStatement);
}

/** One statement of `splitStatements`. Throws as `parseStatements`. */
export function parseStatement(part: StatementText): Statement {
  if (part.word(0) === 'explain') return readExplain(part);
  const own = readOwn(part) ?? readElsewhere(part);
  if (own !== undefined) return own;
  if (part.word(0) === 'create') {
    const table = tableAt(part);
    if (table !== undefined) return readCreateRelation(part, table);
    if (part.word(1) === 'sink') return readCreateSink(part);
  }
  const dropped = replaceDropped(part);
  const ifNotExists = part.words(0, 'create', 'view', 'if', 'not', 'exists');
  if (ifNotExists) part.blank({ start: part.tokens[2]!.start, end: part.tokens[4]!.end });
  const spellings = takeSpellings(part);
  const marks = takeJoinMarks(part);
  const emitsOnClose = part.words(0, 'create', 'materialized') ? takeEmitOnClose(part) : undefined;
  part.refuseMisreadings();
  const node = part.parse();
  placeSpellings(node, spellings);
  const statement = readNode(part, node, matchJoinMarks(node, marks), emitsOnClose);
  if (statement.kind === 'drop' && dropped !== undefined) return { ...statement, object: dropped };
  return statement.kind === 'createView' ? { ...statement, ifNotExists } : statement;
}

/** The index of TABLE or SOURCE in CREATE [OR REPLACE] [TEMP | UNLOGGED] TABLE. */
function tableAt(part: StatementText): number | undefined {
  let at = part.words(1, 'or', 'replace') ? 3 : 1;
  if (['temp', 'temporary', 'unlogged'].includes(part.word(at))) at++;
  return part.word(at) === 'table' || (at === 1 && part.word(at) === 'source') ? at : undefined;
}

/** Gives the grammar a word that it knows instead of SOURCE, STREAM and SINK. */
function replaceDropped(part: StatementText): ObjectKind | undefined {
  if (part.word(0) !== 'drop') return undefined;
  const token = part.tokens[1];
  if (part.word(1) === 'source' || part.word(1) === 'stream') {
    part.replace(token!, 'TABLE');
    return 'source';
  }
  if (part.word(1) !== 'sink') return undefined;
  part.replace(token!, 'VIEW');
  return 'sink';
}

/** EXPLAIN of a query, of a view to be made, or of one that exists. */
function readExplain(part: StatementText): Explain {
  let first = 1;
  while (part.word(first) === 'verbose' || part.word(first) === 'analyze') first++;
  const isOptions =
    part.tokens[first]?.text === '(' && !['select', 'with', 'values', ''].includes(part.word(first + 1));
  if (isOptions) first = closing(part, first) + 1;
  const source = sourceOf(part);
  const name = part.name(first);
  if (name !== undefined && part.tokens.length === first + 1)
    return {
      ...source,
      kind: 'explain',
      statement: null,
      name: { name, location: part.byteOf(part.tokens[first]!.start) },
    };
  const rest = part.tokens.slice(first);
  if (rest.length === 0) throw part.syntaxError(first);
  const inner = parseStatement(new StatementText(part.text, part.file, { start: rest[0]!.start, end: part.end }, rest));
  if (!isExplained(inner))
    throw part.error(
      'SQL_UNSUPPORTED',
      'EXPLAIN of this statement: not supported',
      rest[0]!.start,
      'EXPLAIN takes a SELECT, CREATE [MATERIALIZED] VIEW, or the name of a view.',
    );
  return { ...source, kind: 'explain', statement: inner, name: null };
}

function isExplained(statement: Statement): statement is Select | CreateView | CreateMaterializedView {
  return statement.kind === 'select' || statement.kind === 'createView' || statement.kind === 'createMaterializedView';
}
