/**
 * How engines print what is the same value. PostgreSQL and RisingWave write `t`, `2024-01-01 00:00:00`, `{1,2}`, `\x01`;
 * DataFusion and DuckDB write `true`, `2024-01-01T00:00:00`, `[1, 2]`, `01`; DuckDB's own files may have `1` for true.
 */
import type { TextResult } from './compare.js';

/** A result as each engine would print it; as PostgreSQL does first. */
export function renderings(result: TextResult): TextResult[] {
  const { columns, rows } = result;
  if (!columns.some(({ type }) => isStyled(type))) return [result];
  const styled = (isTrue: string, isFalse: string): TextResult => ({
    columns,
    rows: rows.map((row) =>
      row.map((cell, i) => (cell === null ? null : restyled(cell, columns[i]!.type, isTrue, isFalse))),
    ),
  });
  return [result, styled('true', 'false'), styled('1', '0')];
}

function isStyled(type: string): boolean {
  return type === 'boolean' || type === 'bytea' || type.startsWith('timestamp') || type.endsWith('[]');
}

function restyled(cell: string, type: string, isTrue: string, isFalse: string): string {
  if (type.endsWith('[]')) return listed(cell, type.slice(0, -2), isTrue, isFalse);
  if (type === 'boolean') return cell === 't' ? isTrue : isFalse;
  if (type === 'bytea') return cell.replace(/^\\x/, '');
  return type.startsWith('timestamp') ? cell.replace(' ', 'T').replace(/\+00(?::00)?$/, 'Z') : cell;
}

/** `{1,NULL,"a b"}` as `[1, NULL, a b]`. */
function listed(array: string, type: string, isTrue: string, isFalse: string): string {
  return array.replaceAll(/"(?:[^"\\]|\\.)*"|[{}]|,|[^{},"]+/g, (part) => {
    if (part === '{') return '[';
    if (part === '}') return ']';
    if (part === ',') return ', ';
    const text = part.startsWith('"') ? part.slice(1, -1).replaceAll(/\\(.)/g, '$1') : part;
    if (type === 'double precision' && /^-?\d+$/.test(text)) return `${text}.0`;
    return part === 'NULL' ? part : restyled(text, type, isTrue, isFalse);
  });
}

/**
 * Whether a number rounds to the text of a file: to as many digits as that shows, at least six. DuckDB's files have six,
 * DataFusion's up to twelve without closing zeros.
 */
export function roundsTo(cell: string, text: string): boolean {
  const digits = /^-?\d+\.(\d+)$/.exec(text)?.[1]?.length ?? 0;
  if (digits < 6 || digits > 20 || !/^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/.test(cell)) return false;
  return Math.abs(Number(cell) - Number(text)) <= 0.500001 * 10 ** -digits;
}
