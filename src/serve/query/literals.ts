/**
 * Literals and names as DuckDB reads them: the only places where something that a user wrote gets
 * into printed text.
 */
import { duckType, type Type } from './types.js';

/** A string literal. Nothing but the quote needs doubling: backslashes are plain in DuckDB's '…'. */
export function quoteText(text: string): string {
  // PostgreSQL's parser lets no NUL through; refusing it here keeps that from being an assumption.
  if (text.includes('\0')) throw new RangeError('a text literal with a NUL character');
  return `'${text.replaceAll("'", "''")}'`;
}

/** A quoted name. Only generated names and names of files' columns are ever printed. */
export function quoteName(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new RangeError(`not a printable name: ${JSON.stringify(name)}`);
  return `"${name}"`;
}

/** A literal of a type. Always in a CAST, so that a number is never taken for a column's position. */
export function printLiteral(value: string | boolean | null, type: Type): string {
  const name = duckType(type);
  if (value === null) return `CAST(NULL AS ${name})`;
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  return name === 'VARCHAR' ? quoteText(value) : `CAST(${quoteText(value)} AS ${name})`;
}

/**
 * Lets a formula use its arguments several times while each is computed once, and printed once:
 * otherwise nested formulas would grow as a power of two.
 */
export function once(args: readonly string[], body: (...names: string[]) => string): string {
  if (args.every((arg) => arg.length <= 40)) return `(${body(...args)})`;
  const fields = args.map((arg, index) => `'a${index}': ${arg}`);
  return `list_transform([{${fields.join(', ')}}], lambda v: ${body(...args.map((_, index) => `v.a${index}`))})[1]`;
}
