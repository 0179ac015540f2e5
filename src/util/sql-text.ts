/**
 * SQL text: PostgreSQL's own parser, and errors that point into the text.
 *
 * libpg-query is PostgreSQL's grammar as WASM. It counts in three ways: its errors count code
 * points, its tree and its tokens count UTF-8 bytes, and JavaScript counts UTF-16 units. Here all
 * become one thing, an index into the JavaScript string; nothing else in Millrace converts.
 */
import type { ParseResult } from 'libpg-query';
import { MillraceError } from './errors.js';
import type { ErrorCode } from './errors.js';
import { pgQuery } from './pg-query.js';

/** A token of the scanner, with indexes into the string. */
export interface SqlToken {
  readonly start: number;
  readonly end: number;
  /** As it was written. */
  readonly text: string;
  /** `word` for identifiers and keywords, `string` for quoted texts, `quoted` for "identifiers". */
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'symbol';
}

let loading: Promise<void> | undefined;

/** Loads the WASM parser once; `parseSql` and `scanSql` need it. */
export async function loadParser(): Promise<void> {
  loading ??= pgQuery().loadModule();
  await loading;
}

/**
 * The parse tree of a text with any number of statements. `loadParser` first. Errors point into `shown`, which has
 * the same positions.
 *
 * @throws SQL_SYNTAX with line, column and a caret.
 */
export function parseSql(text: string, file?: string, shown = text): ParseResult {
  if (text.trim() === '') return { version: 0, stmts: [] };
  try {
    return pgQuery().parseSync(text);
  } catch (error) {
    if (!pgQuery().hasSqlDetails(error)) throw error;
    const index = codePointToIndex(text, error.sqlDetails?.cursorPosition ?? 0);
    throw sqlError('SQL_SYNTAX', error.sqlDetails?.message ?? error.message, { text: shown, index, file });
  }
}

/** The tokens of a text, comments left out. `loadParser` first. Empty where the scanner fails. */
export function scanSql(text: string): SqlToken[] {
  if (text.trim() === '') return [];
  let tokens;
  try {
    tokens = pgQuery().scanSync(text).tokens;
  } catch (error) {
    // What the scanner refuses the parser refuses too, with a position. The library reads the scanner's message as JSON.
    if (pgQuery().hasSqlDetails(error) || error instanceof SyntaxError) return [];
    throw error;
  }
  const indexes = new ByteIndex(text);
  return tokens
    .filter((token) => !token.tokenName.endsWith('_COMMENT'))
    .map((token) => {
      const start = indexes.of(token.start);
      const end = indexes.of(token.end);
      const written = text.slice(start, end);
      return { start, end, text: written, kind: tokenKind(token.tokenName, written) };
    });
}

function tokenKind(name: string, text: string): SqlToken['kind'] {
  if (name === 'SCONST' || name === 'USCONST' || name === 'BCONST' || name === 'XCONST') return 'string';
  if (name === 'ICONST' || name === 'FCONST') return 'number';
  if (text.startsWith('"') || /^u&"/i.test(text)) return 'quoted';
  return /^[\p{L}_]/u.test(text) ? 'word' : 'symbol';
}

/** The index in a string of its n-th code point. */
export function codePointToIndex(text: string, codePoints: number): number {
  let index = 0;
  for (let n = 0; n < codePoints && index < text.length; n++) {
    index += text.codePointAt(index)! > 0xffff ? 2 : 1;
  }
  return index;
}

/** The index in a string of a UTF-8 byte position: what the parse tree's `location` means. */
export function byteToIndex(text: string, bytes: number): number {
  return new ByteIndex(text).of(bytes);
}

/** Many byte positions of one text, rising ones in linear time. */
class ByteIndex {
  readonly #text: string;
  #bytes = 0;
  #index = 0;

  constructor(text: string) {
    this.#text = text;
  }

  of(bytes: number): number {
    if (bytes < this.#bytes) {
      this.#bytes = 0;
      this.#index = 0;
    }
    while (this.#bytes < bytes && this.#index < this.#text.length) {
      const point = this.#text.codePointAt(this.#index)!;
      this.#bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      this.#index += point > 0xffff ? 2 : 1;
    }
    return this.#index;
  }
}

/** A text as a literal of the grammar: quotes doubled, nothing else has a meaning. Throws SQL_RUNTIME for NUL. */
export function sqlLiteral(text: string): string {
  if (text.includes('\0')) throw new MillraceError('SQL_RUNTIME', 'a text can not hold the character NUL');
  return `'${text.replaceAll("'", "''")}'`;
}

/** A place in a text as people count it, both from 1; the column counts code points. */
export function lineAndColumn(text: string, index: number): { line: number; column: number } {
  const before = text.slice(0, index);
  const lineStart = before.lastIndexOf('\n') + 1;
  const line = before.split('\n').length;
  return { line, column: Array.from(before.slice(lineStart)).length + 1 };
}

/**
 * The line that holds an index with a caret under it, as
 * ```
 * LINE 3: SELECT frm
 *                ^
 * ```
 */
export function caret(text: string, index: number): string {
  const { line } = lineAndColumn(text, index);
  const start = text.lastIndexOf('\n', index - 1) + 1;
  const newline = text.indexOf('\n', index);
  const end = newline < 0 ? text.length : newline;
  const head = `LINE ${line}: `;
  const before = text.slice(start, index).replace(/\r/g, '');
  const shown = before + text.slice(index, end).replace(/\r/g, '');
  const indent = [...before].map((character) => (character === '\t' ? '\t' : ' ')).join('');
  return `${head}${shown}\n${' '.repeat(head.length)}${indent}^`;
}

/** Where an error is: the whole text, the index in it, and the file it came from. */
export interface SqlPlace {
  readonly text: string;
  readonly index: number;
  readonly file?: string | undefined;
}

/**
 * An error that points into SQL text: `message`, what to write instead, the line, a caret.
 * Its `place` is `file:line:column`.
 */
export function sqlError(code: ErrorCode, message: string, place: SqlPlace, instead?: string): MillraceError {
  const { line, column } = lineAndColumn(place.text, place.index);
  const where = `${place.file === undefined ? 'line ' : `${place.file}:`}${line}:${column}`;
  const hint = instead === undefined ? '' : `\nHINT: ${instead}`;
  return new MillraceError(code, `${where}: ${message}\n${caret(place.text, place.index)}${hint}`, { place: where });
}
