/**
 * Statements of other engines: those that change nothing here are taken, with a word on why; for the rest there is
 * something else to write.
 */
import { sourceOf } from './own.js';
import type { Nothing } from './statement.js';
import type { StatementText } from './statement-text.js';

const ALONE = 'each statement stands alone: there is nothing to begin or commit';
const NO_INDEX = 'there are no indexes: each view keeps what it looks up';
const OF_SERVERS = 'it is for a database that keeps data on disk: it has no meaning here';

/** Statements by their first word that do nothing, and why. */
const TAKEN: ReadonlyMap<string, string> = new Map([
  ['begin', ALONE],
  ['commit', ALONE],
  ['end', ALONE],
  ['start', ALONE],
  ['comment', 'comments are not kept'],
  ['analyze', OF_SERVERS],
  ['vacuum', OF_SERVERS],
  ['checkpoint', OF_SERVERS],
  ['discard', OF_SERVERS],
  ['pragma', OF_SERVERS],
  ['grant', 'a session has one user'],
  ['revoke', 'a session has one user'],
  ['wait', 'an INSERT has reached every view when it returns'],
  ['recover', 'nothing is ever lost in a session'],
]);

/** What to write instead, by the first words. */
const REFUSED: readonly (readonly [words: string, instead: string])[] = [
  ['rollback', 'Each statement stands alone, and one that fails changes nothing: DELETE what must go.'],
  ['abort', 'Each statement stands alone, and one that fails changes nothing.'],
  ['savepoint', 'Each statement stands alone, and one that fails changes nothing.'],
  ['alter', 'DROP it and CREATE it anew; on a server a view of the same name is swapped for its new definition.'],
  ['create schema', 'Names have no schema here: leave it out.'],
  ['drop schema', 'Names have no schema here: leave it out.'],
  ['create database', 'A session is one database: leave it out.'],
  ['drop database', 'A session is one database: leave it out.'],
  ['use', 'A session is one database: leave it out.'],
  ['create external', 'CREATE TABLE t (…) and INSERT its rows; millrace send reads files into a stream.'],
  ['create unbounded', 'CREATE TABLE t (…) WITH (event_time = …) and INSERT its rows.'],
  ['copy', 'INSERT the rows; millrace send reads files into a stream, and deliveries write them.'],
  ['prepare', 'Write the statement out with its values.'],
  ['execute', 'Write the statement out with its values.'],
  ['deallocate', 'Write the statement out with its values.'],
  ['create function', 'Functions of your own are steps of a transform: see docs/guide/transforms.md.'],
];

/**
 * The statement, when it does nothing here.
 *
 * @throws SQL_UNSUPPORTED where there is something else to write.
 */
export function readElsewhere(part: StatementText): Nothing | undefined {
  const index = indexOf(part);
  if (index !== undefined) return index;
  const why = TAKEN.get(part.word(0)) ?? (isSetting(part) ? 'it has no meaning here' : undefined);
  if (why !== undefined) return nothing(part, part.word(0).toUpperCase(), why);
  for (const [words, instead] of REFUSED)
    if (part.words(0, ...words.split(' ')))
      throw part.error('SQL_UNSUPPORTED', `${words.toUpperCase()}: not supported`, part.start, instead);
  return undefined;
}

function nothing(part: StatementText, tag: string, why: string): Nothing {
  return { ...sourceOf(part), kind: 'nothing', tag, why, relation: null };
}

/** CREATE [UNIQUE] INDEX and DROP INDEX. */
function indexOf(part: StatementText): Nothing | undefined {
  if (part.words(0, 'drop', 'index')) return nothing(part, 'DROP INDEX', NO_INDEX);
  if (!part.words(0, 'create', 'index') && !part.words(0, 'create', 'unique', 'index')) return undefined;
  const on = part.tokens.findIndex((_, i) => part.word(i) === 'on');
  let at = part.word(on + 1) === 'only' ? on + 2 : on + 1;
  if (part.tokens[at + 1]?.text === '.') at += 2;
  const name = part.name(at);
  if (on < 0 || name === undefined) throw part.syntaxError(on < 0 ? part.tokens.length : at);
  const relation = { name, location: part.byteOf(part.tokens[at]!.start) };
  return { ...nothing(part, 'CREATE INDEX', NO_INDEX), relation };
}

/** `ALTER SYSTEM SET …`, and `ALTER thing name SET …` of how an engine runs it: parallelism, rates, owners. */
function isSetting(part: StatementText): boolean {
  if (part.word(0) !== 'alter') return false;
  const set = part.tokens.findIndex((_, i) => part.word(i) === 'set');
  return part.word(1) === 'system' || (set > 0 && part.word(set + 1) !== 'schema' && part.word(set - 1) !== 'column');
}
