/** What the front must know of a statement before the engine sees it. */

/** A statement, with the rows of an `INSERT … FORMAT …` apart. */
export interface Statement {
  /** The text up to the rows. */
  readonly text: string;
  /** The rows of an insert in a named format; undefined for all other statements. */
  readonly rows: Buffer | undefined;
}

/** The text of an insert before its rows is looked for in so many bytes. */
const HEAD_BYTES_MAX = 64 * 1024;
const INSERT_HEAD = /^\s*insert\s(?:(?!\b(?:values|select)\b)[^])*?\bformat\s+(\w+)[^\S\n]*(?:\n|(?=\S)|$)/i;

/** A rule of the real server that this front can't keep, or a request that the real one refuses as well. */
export class Refusal extends Error {
  readonly code: number;
  /** The name of the code, as in `(SYNTAX_ERROR)`. */
  readonly kind: string;

  constructor(code: number, kind: string, message: string) {
    super(message);
    this.code = code;
    this.kind = kind;
  }
}

/**
 * Parts a request's statement and rows. ClickHouse reads the parameter `query`, then the body; an insert's rows begin
 * where its text ends, wherever that is.
 *
 * The embedded engine takes a blank line for the end of the rows, as `clickhouse-local` does for a script. Between JSON
 * rows it means nothing, and no JSON text holds one, so there it goes; in other formats it may be a row: refused.
 */
export function parseStatement(query: string, body: Buffer): Statement {
  const whole =
    query === '' ? body : body.length === 0 ? Buffer.from(query) : Buffer.concat([Buffer.from(`${query}\n`), body]);
  // One byte a character, so that its length counts bytes.
  const head = INSERT_HEAD.exec(whole.subarray(0, HEAD_BYTES_MAX).toString('latin1'));
  if (head === null) return { text: whole.toString(), rows: undefined };
  const text = whole.subarray(0, head[0].length).toString();
  const rows = whole.subarray(head[0].length);
  if (!hasBlankLine(rows)) return { text, rows };
  if (!/^JSON/i.test(head[1]!))
    throw new Refusal(48, 'NOT_IMPLEMENTED', `the embedded engine takes no blank line in ${head[1]}`);
  return { text, rows: Buffer.from(rows.toString('latin1').replaceAll(/\n\s*(?=\n)|^\s*\n/g, ''), 'latin1') };
}

function hasBlankLine(rows: Buffer): boolean {
  return /(?:^|\n)[^\S\n]*\n/.test(rows.toString('latin1'));
}

/** Whether a statement only reads; HTTP GET may do no more. */
export function readsOnly(text: string): boolean {
  return /^[\s(]*(select|with|show|describe|desc|exists|explain)\b/i.test(text);
}

/** The format that a statement names at its end. */
export function formatOf(text: string): string | undefined {
  return /\bformat\s+(\w+)[\s;]*$/i.exec(text)?.[1];
}
