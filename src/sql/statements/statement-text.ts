/**
 * One statement's text among others: its tokens, what is changed in it before PostgreSQL's grammar reads it, and its
 * tree with positions in the whole text.
 *
 * **Offsets.** What is blanked or replaced keeps its length in UTF-8 bytes, and the statement is parsed alone behind a
 * prefix of known length. So a byte position of the tree is one of the original text after one addition, and an
 * error's caret stands under what was written.
 */
import type { Node } from 'libpg-query';
import type { MillraceError } from '../../util/errors.js';
import { pgQuery } from '../../util/pg-query.js';
import { byteToIndex, codePointToIndex, scanSql, sqlError } from '../../util/sql-text.js';
import type { SqlToken } from '../../util/sql-text.js';
import { refuseMisreadings } from '../misreadings.js';

/** What stands instead of a piece of text. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

/** A part of the text, as indexes. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** One statement of a text. */
export class StatementText {
  /** The whole text. */
  readonly text: string;
  readonly file: string | undefined;
  /** Indexes of the statement: from its first token to its last. */
  readonly start: number;
  readonly end: number;
  /** Its tokens, without the `;`. Empty where the scanner fails; the parser then says why. */
  readonly tokens: readonly SqlToken[];
  readonly #edits: Edit[] = [];
  #startByte: number | undefined;

  constructor(text: string, file: string | undefined, range: Range, tokens: readonly SqlToken[]) {
    this.text = text;
    this.file = file;
    this.start = range.start;
    this.end = range.end;
    this.tokens = tokens;
  }

  /** The statement as it was written. */
  get sql(): string {
    return this.text.slice(this.start, this.end);
  }

  /** Byte position of an index. */
  byteOf(index: number): number {
    this.#startByte ??= Buffer.byteLength(this.text.slice(0, this.start));
    return this.#startByte + Buffer.byteLength(this.text.slice(this.start, index));
  }

  /** The n-th token as a lower-case word; empty for anything else. */
  word(n: number): string {
    const token = this.tokens[n];
    return token?.kind === 'word' ? token.text.toLowerCase() : '';
  }

  /** Whether the tokens from `n` on are these words. */
  words(n: number, ...expected: readonly string[]): boolean {
    return expected.every((word, i) => this.word(n + i) === word);
  }

  /** The n-th token as an identifier, case folded as PostgreSQL does; undefined for anything else. */
  name(n: number): string | undefined {
    const token = this.tokens[n];
    if (token?.kind === 'quoted') return token.text.slice(1, -1).replaceAll('""', '"');
    return token?.kind === 'word' ? token.text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()) : undefined;
  }

  /** Leaves a part out of what the grammar reads. */
  blank(range: Range): void {
    this.replace(range, '');
  }

  /** Gives the grammar another word, no longer than the part it stands for. */
  replace({ start, end }: Range, replacement: string): void {
    this.#edits.push({ start, end, replacement });
  }

  /** Refuses what the grammar would misread. After all edits. Throws SQL_UNSUPPORTED. */
  refuseMisreadings(): void {
    const isEdited = (index: number): boolean => this.#edits.some(({ start, end }) => index >= start && index < end);
    refuseMisreadings(this.tokens, this, isEdited);
  }

  /** An error at an index. */
  error(
    code: 'SQL_SYNTAX' | 'SQL_UNSUPPORTED' | 'SQL_TYPE',
    message: string,
    index: number,
    instead?: string,
  ): MillraceError {
    return sqlError(code, message, { text: this.text, index, file: this.file }, instead);
  }

  /** PostgreSQL's error at the n-th token. */
  syntaxError(n: number, instead?: string): MillraceError {
    const token = this.tokens[n];
    const where = token === undefined ? 'at end of input' : `at or near "${token.text}"`;
    return this.error('SQL_SYNTAX', `syntax error ${where}`, token?.start ?? this.end, instead);
  }

  /**
   * The statement's node, or that of a part of it.
   *
   * @param prefix text before it, at least one character, ASCII.
   * @throws SQL_SYNTAX with the place in the whole text.
   */
  parse(range: Range = this, prefix = ' '): Node {
    const rewritten = prefix + this.#rewritten(range);
    const shift = this.byteOf(range.start) - prefix.length;
    try {
      const node = pgQuery().parseSync(rewritten).stmts?.[0]?.stmt;
      if (node === undefined) throw this.syntaxError(this.tokens.length);
      shiftLocations(node, shift);
      return node;
    } catch (error) {
      if (!pgQuery().hasSqlDetails(error)) throw error;
      const before = rewritten.slice(0, codePointToIndex(rewritten, error.sqlDetails?.cursorPosition ?? 0));
      const index = byteToIndex(this.text, Math.max(0, Buffer.byteLength(before) + shift));
      throw this.error('SQL_SYNTAX', error.sqlDetails?.message ?? error.message, Math.min(index, this.end));
    }
  }

  #rewritten({ start, end }: Range): string {
    const parts: string[] = [];
    let at = start;
    for (const edit of this.#edits.toSorted((a, b) => a.start - b.start)) {
      if (edit.start < at || edit.end > end) continue;
      const length = Buffer.byteLength(this.text.slice(edit.start, edit.end));
      parts.push(this.text.slice(at, edit.start), edit.replacement.padEnd(length));
      at = edit.end;
    }
    return parts.join('') + this.text.slice(at, end);
  }
}

function shiftLocations(value: unknown, shift: number): void {
  if (Array.isArray(value)) for (const item of value) shiftLocations(item, shift);
  else if (typeof value === 'object' && value !== null) {
    const node = value as Record<string, unknown>;
    for (const [key, inner] of Object.entries(node)) {
      if (key === 'location' && typeof inner === 'number') {
        if (inner >= 0) node[key] = inner + shift;
      } else shiftLocations(inner, shift);
    }
  }
}

/** The statements of a text. `loadParser` first. A text that the scanner refuses is one statement. */
export function splitStatements(text: string, file?: string): StatementText[] {
  const tokens = scanSql(text);
  if (tokens.length === 0) {
    const trimmed = text.trim();
    const start = text.indexOf(trimmed);
    const isBlank = trimmed === '' || parses(text);
    return isBlank ? [] : [new StatementText(text, file, { start, end: start + trimmed.length }, [])];
  }
  const statements: StatementText[] = [];
  let first = 0;
  for (let i = 0; i <= tokens.length; i++) {
    if (i < tokens.length && tokens[i]!.text !== ';') continue;
    const own = tokens.slice(first, i);
    first = i + 1;
    if (own.length > 0)
      statements.push(new StatementText(text, file, { start: own[0]!.start, end: own.at(-1)!.end }, own));
  }
  return statements;
}

/** Whether a text without tokens is only blanks and comments. */
function parses(text: string): boolean {
  try {
    pgQuery().parseSync(text);
    return true;
  } catch (error) {
    if (pgQuery().hasSqlDetails(error)) return false;
    throw error;
  }
}

/** Whether a text ends with a whole statement: what a shell waits for. `loadParser` first. */
export function isComplete(text: string): boolean {
  const tokens = scanSql(text);
  return tokens.length === 0 ? text.trim() === '' || parses(text) : tokens.at(-1)!.text === ';';
}
