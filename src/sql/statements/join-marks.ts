/** Joins that PostgreSQL's grammar has no words for: taken out of the text, and found again in the tree. */
import type { JoinExpr, Node } from 'libpg-query';
import type { JoinMark, JoinMarks } from './statement.js';
import type { StatementText } from './statement-text.js';

/** A mark, and the byte position where the join's right side begins. */
export interface PlacedMark {
  readonly position: number;
  readonly mark: JoinMark;
}

/**
 * Takes `ASOF`, `SEMI`, `ANTI`, `BROADCAST` and `FOR SYSTEM_TIME AS OF …` out of what the grammar reads.
 *
 * @throws SQL_SYNTAX, SQL_UNSUPPORTED for spellings that no engine has.
 */
export function takeJoinMarks(part: StatementText): PlacedMark[] {
  const marks: PlacedMark[] = [];
  for (let i = 0; i < part.tokens.length; i++) {
    const word = part.word(i);
    if (word === 'semi' || word === 'anti') {
      const mark = takeSemi(part, i, word);
      if (mark !== undefined) marks.push(mark);
    } else if (word === 'asof') {
      const mark = takeAsOf(part, i);
      if (mark !== undefined) marks.push(mark);
    } else if (part.words(i, 'for', 'system_time', 'as', 'of')) marks.push(takeSystemTime(part, i));
    else if (word === 'broadcast') takeBroadcast(part, i);
  }
  return marks;
}

/** `a BROADCAST [LEFT] JOIN b`: how RisingWave lays a join out on its workers. */
function takeBroadcast(part: StatementText, i: number): void {
  if (!isBetween(part, i)) return;
  let join = i + 1;
  if (['inner', 'left', 'right', 'full'].includes(part.word(join))) join++;
  if (part.word(join) === 'outer') join++;
  if (part.word(join) === 'join') part.blank(part.tokens[i]!);
}

/** Whether a word can stand between two sides: behind AS it is an alias, behind FROM or a comma a table of that name. */
function isBetween(part: StatementText, i: number): boolean {
  const before = part.tokens[i - 1];
  if (before === undefined || ['as', 'from', 'join', 'select'].includes(part.word(i - 1))) return false;
  return before.kind !== 'symbol' || before.text === ')';
}

/** `a [LEFT] SEMI JOIN b`, and ANTI. */
function takeSemi(part: StatementText, i: number, kind: 'semi' | 'anti'): PlacedMark | undefined {
  if (part.word(i + 1) !== 'join' || !isBetween(part, i)) return undefined;
  const side = part.word(i - 1);
  if (side === 'right' || side === 'full')
    throw part.error(
      'SQL_UNSUPPORTED',
      `${side.toUpperCase()} ${kind.toUpperCase()} JOIN: not supported`,
      part.tokens[i - 1]!.start,
      `Write b ${kind.toUpperCase()} JOIN a ON …, the sides exchanged.`,
    );
  const right = part.tokens[i + 2];
  if (right === undefined) throw part.syntaxError(i + 2);
  part.blank(part.tokens[i]!);
  return { position: part.byteOf(right.start), mark: { kind } };
}

function takeAsOf(part: StatementText, i: number): PlacedMark | undefined {
  if (!isBetween(part, i)) return undefined;
  let next = i + 1;
  const side = part.word(next);
  if (side === 'right' || side === 'full')
    throw part.error(
      'SQL_UNSUPPORTED',
      `ASOF ${side.toUpperCase()} JOIN: not supported`,
      part.tokens[i]!.start,
      'Write ASOF JOIN or ASOF LEFT JOIN: each row of the left side meets one of the right.',
    );
  if (side === 'left' || side === 'inner') next++;
  if (side === 'left' && part.word(next) === 'outer') next++;
  if (part.word(next) !== 'join') return undefined;
  const right = part.tokens[next + 1];
  if (right === undefined) throw part.syntaxError(next + 1);
  part.blank(part.tokens[i]!);
  return { position: part.byteOf(right.start), mark: { kind: 'asof' } };
}

function takeSystemTime(part: StatementText, i: number): PlacedMark {
  let first = i - 1;
  // The relation's name, before it perhaps its schema; a name before which stands AS is an alias.
  if (part.word(first - 1) === 'as') first -= 2;
  while (part.tokens[first - 1]?.text === '.') first -= 2;
  if (part.word(first - 1) !== 'join' && part.word(first - 2) !== 'join')
    throw part.error(
      'SQL_UNSUPPORTED',
      'FOR SYSTEM_TIME AS OF stands behind the table of a JOIN',
      part.tokens[i]!.start,
      'Write a JOIN t FOR SYSTEM_TIME AS OF PROCTIME() ON a.id = t.id.',
    );
  if (part.word(first - 1) !== 'join') first -= 1;
  const at = i + 4;
  const { mark, end } = systemTime(part, at);
  part.blank({ start: part.tokens[i]!.start, end: part.tokens[end - 1]!.end });
  return { position: part.byteOf(part.tokens[first]!.start), mark };
}

function systemTime(part: StatementText, at: number): { mark: JoinMark; end: number } {
  const token = part.tokens[at];
  const isCall = part.tokens[at + 1]?.text === '(' && part.tokens[at + 2]?.text === ')';
  if (['proctime', 'now'].includes(part.word(at)) && isCall) return { mark: { kind: 'now' }, end: at + 3 };
  const column: string[] = [];
  let end = at;
  for (;;) {
    const name = part.name(end);
    if (name === undefined) throw part.syntaxError(end, 'FOR SYSTEM_TIME AS OF takes PROCTIME() or a time column.');
    column.push(name);
    end++;
    if (part.tokens[end]?.text !== '.') break;
    end++;
  }
  return { mark: { kind: 'asOfTime', column, location: part.byteOf(token!.start) }, end };
}

/** The joins of a tree that the marks belong to: of each the one whose right side begins there. */
export function matchJoinMarks(tree: Node, marks: readonly PlacedMark[]): JoinMarks {
  const found = new Map<JoinExpr, JoinMark>();
  if (marks.length === 0) return found;
  const joins: { join: JoinExpr; begins: number }[] = [];
  collectJoins(tree, joins);
  for (const { position, mark } of marks) {
    const candidates = joins.filter(({ begins }) => begins >= position);
    const nearest = candidates.reduce((best, each) => (each.begins < best.begins ? each : best), candidates[0]!);
    found.set(nearest.join, mark);
  }
  return found;
}

function collectJoins(value: unknown, joins: { join: JoinExpr; begins: number }[]): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'JoinExpr') joins.push({ join: inner as JoinExpr, begins: firstLocation((inner as JoinExpr).rarg) });
    collectJoins(inner, joins);
  }
}

/** The smallest position within a node. */
function firstLocation(value: unknown): number {
  if (typeof value !== 'object' || value === null) return Infinity;
  let first = Infinity;
  for (const [key, inner] of Object.entries(value)) {
    const at = key === 'location' && typeof inner === 'number' && inner >= 0 ? inner : firstLocation(inner);
    if (at < first) first = at;
  }
  return first;
}
