/** Statements that PostgreSQL's grammar has not, or has for something else: SHOW, DESCRIBE, FLUSH, SUBSCRIBE. */
import type { Describe, Flush, ObjectKind, Show, Statement, StatementSource, Subscribe } from './statement.js';
import type { StatementText } from './statement-text.js';

/** Where a statement stands, without joins. */
export function sourceOf(part: StatementText): StatementSource {
  return { text: part.text, file: part.file, sql: part.sql, location: part.byteOf(part.start), joins: new Map() };
}

/** The statement, when it is one of these. */
export function readOwn(part: StatementText): Statement | undefined {
  switch (part.word(0)) {
    case 'flush':
      return readFlush(part);
    case 'show':
      return readShow(part);
    case 'describe':
    case 'desc':
      return readDescribe(part);
    case 'subscribe':
      return readSubscribe(part);
    default:
      return undefined;
  }
}

function end(part: StatementText, n: number): void {
  if (n < part.tokens.length) throw part.syntaxError(n);
}

function readFlush(part: StatementText): Flush {
  end(part, 1);
  return { ...sourceOf(part), kind: 'flush' };
}

/** A name at token `n`, the last of the statement. A schema `public` may stand before it. */
function readName(part: StatementText, n: number): { name: string; location: number } {
  const at = part.name(n) === 'public' && part.tokens[n + 1]?.text === '.' ? n + 2 : n;
  const name = part.name(at);
  if (name === undefined) throw part.syntaxError(at);
  end(part, at + 1);
  return { name, location: part.byteOf(part.tokens[at]!.start) };
}

function readDescribe(part: StatementText): Describe {
  const { name, location } = readName(part, 1);
  return { ...sourceOf(part), kind: 'describe', name, nameLocation: location };
}

function readSubscribe(part: StatementText): Subscribe {
  const { name, location } = readName(part, part.word(1) === 'to' && part.tokens.length > 2 ? 2 : 1);
  return { ...sourceOf(part), kind: 'subscribe', name, nameLocation: location };
}

const LISTS: Readonly<Record<string, ObjectKind | 'stream' | 'function'>> = {
  tables: 'table',
  sources: 'source',
  streams: 'stream',
  views: 'view',
  sinks: 'sink',
  functions: 'function',
};

const CREATED: ReadonlySet<string> = new Set(['table', 'source', 'view', 'sink', 'stream']);

function readShow(part: StatementText): Show {
  const source = sourceOf(part);
  if (part.words(1, 'materialized', 'views')) {
    end(part, 3);
    return { ...source, kind: 'show', what: { list: 'materialized view' } };
  }
  const list = LISTS[part.word(1)];
  if (list !== undefined) {
    end(part, 2);
    return { ...source, kind: 'show', what: { list } };
  }
  if (part.word(1) === 'create') {
    const at = part.words(2, 'materialized', 'view') ? 4 : CREATED.has(part.word(2)) ? 3 : 2;
    const { name, location } = readName(part, at);
    return { ...source, kind: 'show', what: { create: name, location } };
  }
  const setting = part.tokens
    .slice(1)
    .map(({ text }) => text)
    .join(part.word(1) === 'time' ? '' : ' ')
    .toLowerCase();
  if (part.name(1) === undefined) throw part.syntaxError(1);
  return { ...source, kind: 'show', what: { setting } };
}
