/** Clauses that RisingWave has and PostgreSQL's grammar has not: read from the tokens, and taken out of the text. */
import type { Node } from 'libpg-query';
import { MillraceError } from '../../util/errors.js';
import { fixedLengthMs, parseInterval } from '../interval.js';
import type { StatementOption, WatermarkClause } from './statement.js';
import type { StatementText } from './statement-text.js';

/** The index of the token that closes the parenthesis at `open`. */
export function closing(part: StatementText, open: number): number {
  let depth = 0;
  for (let i = open; i < part.tokens.length; i++) {
    const { text } = part.tokens[i]!;
    if (text === '(') depth++;
    if (text === ')' && --depth === 0) return i;
  }
  throw part.syntaxError(part.tokens.length);
}

/** Tokens of one item between commas: from `first` to before `end`. */
interface Element {
  readonly first: number;
  readonly end: number;
}

/** What a column list says beside columns and constraints. */
export interface ColumnExtras {
  readonly watermark: WatermarkClause | null;
  /** Expressions of `name type AS expression`, by the column's name. */
  readonly generated: ReadonlyMap<string, Node>;
}

/**
 * Takes WATERMARK FOR and `AS expression` out of a column list.
 *
 * @param open index of its parenthesis.
 */
export function takeColumnExtras(part: StatementText, open: number): ColumnExtras {
  const elements = elementsOf(part, open, closing(part, open));
  let watermark: WatermarkClause | null = null;
  const generated = new Map<string, Node>();
  const gone = new Set<number>();
  elements.forEach((element, i) => {
    if (part.words(element.first, 'watermark', 'for')) {
      if (watermark !== null) throw part.syntaxError(element.first, 'A stream has one watermark.');
      watermark = readWatermark(part, element);
      part.blank({ start: part.tokens[element.first]!.start, end: part.tokens[element.end - 1]!.end });
      gone.add(i);
    } else if (element.first === element.end && i === elements.length - 1 && i > 0) gone.add(i);
    else takeGenerated(part, element, generated);
  });
  // A comma stays where it parts two items that stay.
  let kept = false;
  elements.forEach((element, i) => {
    if (i > 0 && (gone.has(i) || !kept)) part.blank(part.tokens[element.first - 1]!);
    if (!gone.has(i)) kept = true;
  });
  return { watermark, generated };
}

function elementsOf(part: StatementText, open: number, close: number): Element[] {
  const elements: Element[] = [];
  let depth = 0;
  let first = open + 1;
  for (let i = open; i <= close; i++) {
    const { text } = part.tokens[i]!;
    if (text === '(' || text === '[') depth++;
    if (text === ')' || text === ']') depth--;
    if ((text === ',' && depth === 1) || i === close) {
      elements.push({ first, end: i });
      first = i + 1;
    }
  }
  return elements;
}

function takeGenerated(part: StatementText, { first, end }: Element, generated: Map<string, Node>): void {
  let depth = 0;
  for (let i = first + 1; i < end; i++) {
    const { text } = part.tokens[i]!;
    if (text === '(') depth++;
    if (text === ')') depth--;
    if (depth > 0 || part.word(i) !== 'as' || part.word(i - 1) === 'always') continue;
    if (i + 1 >= end) throw part.syntaxError(i + 1);
    const range = { start: part.tokens[i + 1]!.start, end: part.tokens[end - 1]!.end };
    generated.set(part.name(first) ?? '', parseExpression(part, range));
    part.blank({ start: part.tokens[i]!.start, end: range.end });
    return;
  }
}

function parseExpression(part: StatementText, range: { start: number; end: number }): Node {
  const node = part.parse(range, 'SELECT ');
  const targets = 'SelectStmt' in node ? (node.SelectStmt.targetList ?? []) : [];
  const [target] = targets;
  if (targets.length !== 1 || target === undefined || !('ResTarget' in target) || target.ResTarget.val === undefined)
    throw part.error('SQL_SYNTAX', 'expected one expression', range.start);
  return target.ResTarget.val;
}

const WATERMARK = "Write WATERMARK FOR ts AS ts - INTERVAL '5 seconds'.";

function readWatermark(part: StatementText, { first, end: last }: Element): WatermarkClause {
  // RisingWave's WITH TTL lets go of old rows of a table; a stream's go with what reads them.
  const end = part.words(last - 2, 'with', 'ttl') ? last - 2 : last;
  const column = part.name(first + 2);
  if (column === undefined) throw part.syntaxError(first + 2, WATERMARK);
  if (part.word(first + 3) !== 'as') throw part.syntaxError(first + 3, WATERMARK);
  if (part.name(first + 4) !== column) throw part.syntaxError(first + 4, WATERMARK);
  const location = part.byteOf(part.tokens[first]!.start);
  if (first + 5 === end) return { column, delayMs: 0, location };
  if (part.tokens[first + 5]!.text !== '-') throw part.syntaxError(first + 5, WATERMARK);
  if (part.tokens[first + 6]?.kind === 'number')
    throw part.error(
      'SQL_TYPE',
      `a watermark is over a time, and its delay a length of time, not ${part.tokens[first + 6]!.text}`,
      part.tokens[first + 6]!.start,
      `Declare ${column} timestamp. ${WATERMARK}`,
    );
  if (part.word(first + 6) !== 'interval') throw part.syntaxError(first + 6, WATERMARK);
  const length = part.tokens[first + 7];
  const unit = part.word(first + 8);
  if (length?.kind !== 'string') throw part.syntaxError(first + 7, WATERMARK);
  if (first + (unit === '' ? 8 : 9) !== end) throw part.syntaxError(first + (unit === '' ? 8 : 9), WATERMARK);
  const delayMs = lengthMs(stringValue(part, first + 7), unit);
  if (delayMs === undefined)
    throw part.error(
      'SQL_TYPE',
      `a watermark's delay is a length of time, not ${length.text}`,
      length.start,
      WATERMARK,
    );
  return { column, delayMs, location };
}

const UNITS: ReadonlySet<string> = new Set(['day', 'hour', 'minute', 'second']);

function lengthMs(text: string, unit: string): number | undefined {
  if (unit !== '' && !UNITS.has(unit)) return undefined;
  try {
    const ms = fixedLengthMs(unit === '' ? parseInterval(text) : parseInterval(text, unit));
    return ms === undefined || ms < 0 ? undefined : ms;
  } catch (error) {
    if (error instanceof MillraceError) return undefined;
    throw error;
  }
}

/** The text of a string token. Throws SQL_UNSUPPORTED for E'', U&'', x'' and b''. */
export function stringValue(part: StatementText, n: number): string {
  const token = part.tokens[n]!;
  if (token.text.startsWith("'")) return token.text.slice(1, -1).replaceAll("''", "'");
  const tag = /^\$[^$]*\$/.exec(token.text)?.[0];
  if (tag !== undefined) return token.text.slice(tag.length, -tag.length);
  throw part.error('SQL_UNSUPPORTED', `${token.text[0]}'…' cannot stand here`, token.start, "Write a plain '…'.");
}

/** Options and format behind a relation. */
export interface RelationTail {
  readonly options: ReadonlyMap<string, StatementOption>;
  readonly format: string | null;
  readonly appendOnly: boolean;
}

/** Reads and takes out `APPEND ONLY`, `WITH (…)` and `FORMAT … ENCODE … [(…)]` from token `from` to the end. */
export function takeTail(part: StatementText, from: number): RelationTail {
  let options = new Map<string, StatementOption>();
  let format: string | null = null;
  let appendOnly = false;
  let i = from;
  while (i < part.tokens.length) {
    if (part.words(i, 'append', 'only')) {
      appendOnly = true;
      i += 2;
    } else if (part.word(i) === 'with' && part.tokens[i + 1]?.text === '(') {
      const close = closing(part, i + 1);
      options = readOptions(part, i + 1, close);
      i = close + 1;
    } else if (part.word(i) === 'format' && part.word(i + 2) === 'encode') {
      let end = i + 4;
      if (part.tokens[end]?.text === '(') end = closing(part, end) + 1;
      format = part.text.slice(part.tokens[i]!.start, part.tokens[end - 1]?.end);
      i = end;
    } else throw part.syntaxError(i);
  }
  if (from < part.tokens.length) part.blank({ start: part.tokens[from]!.start, end: part.end });
  // As RisingWave wrote it before it had APPEND ONLY.
  const isAppendOnly = ['appendonly', 'append_only'].find((name) => options.get(name)?.value.toLowerCase() === 'true');
  if (isAppendOnly !== undefined) options.delete(isAppendOnly);
  return { options, format, appendOnly: appendOnly || isAppendOnly !== undefined };
}

function readOptions(part: StatementText, open: number, close: number): Map<string, StatementOption> {
  const options = new Map<string, StatementOption>();
  for (const { first, end } of elementsOf(part, open, close)) {
    if (first === end) throw part.syntaxError(first);
    let equals = first;
    while (equals < end && part.tokens[equals]!.text !== '=') equals++;
    if (equals === first || equals !== end - 2)
      throw part.syntaxError(Math.min(equals, end - 1) + (equals < end ? 2 : 1));
    const start = part.tokens[first]!.start;
    const isText = part.tokens[first]!.kind === 'string';
    const word = isText ? stringValue(part, first) : (part.name(first) ?? '');
    const name = equals - first === 1 ? word : part.text.slice(start, part.tokens[equals - 1]!.end);
    if (options.has(name)) throw part.error('SQL_UNSUPPORTED', `option ${name} is given twice`, start);
    const value = part.tokens[end - 1]!;
    options.set(name, {
      value: value.kind === 'string' ? stringValue(part, end - 1) : value.text,
      location: part.byteOf(start),
    });
  }
  return options;
}

/**
 * Takes a trailing `EMIT ON WINDOW CLOSE` out of the text.
 *
 * @returns its byte position; undefined where there is none.
 */
export function takeEmitOnClose(part: StatementText): number | undefined {
  let depth = 0;
  for (let i = 0; i < part.tokens.length; i++) {
    if (part.tokens[i]!.text === '(') depth++;
    if (part.tokens[i]!.text === ')') depth--;
    if (depth > 0 || !part.words(i, 'emit', 'on', 'window', 'close')) continue;
    part.blank({ start: part.tokens[i]!.start, end: part.tokens[i + 3]!.end });
    return part.byteOf(part.tokens[i]!.start);
  }
  return undefined;
}
