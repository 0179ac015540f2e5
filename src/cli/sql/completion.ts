/** What the shell offers behind a word that has begun. */
import { functionTable } from '../../sql/functions/index.js';
import type { SqlRelation } from './backend.js';

const KEYWORDS = [
  'ALL',
  'AND',
  'AS',
  'ASC',
  'ASOF',
  'BETWEEN',
  'BY',
  'CASE',
  'CAST',
  'CREATE',
  'CROSS',
  'CUBE',
  'DELETE',
  'DESC',
  'DESCRIBE',
  'DISTINCT',
  'DROP',
  'ELSE',
  'EMIT',
  'END',
  'EXCEPT',
  'EXISTS',
  'EXPLAIN',
  'FILTER',
  'FLUSH',
  'FROM',
  'FULL',
  'GROUP',
  'GROUPING',
  'HAVING',
  'IN',
  'INNER',
  'INSERT',
  'INTERSECT',
  'INTERVAL',
  'INTO',
  'IS',
  'JOIN',
  'LATERAL',
  'LEFT',
  'LIKE',
  'LIMIT',
  'MATERIALIZED',
  'NOT',
  'NULL',
  'NULLS',
  'OFFSET',
  'ON',
  'OR',
  'ORDER',
  'OVER',
  'PARTITION',
  'PRIMARY',
  'RANGE',
  'RIGHT',
  'ROLLUP',
  'ROWS',
  'SELECT',
  'SET',
  'SHOW',
  'SINK',
  'SOURCE',
  'SUBSCRIBE',
  'TABLE',
  'TABLES',
  'THEN',
  'UNION',
  'UPDATE',
  'USING',
  'VALUES',
  'VIEW',
  'VIEWS',
  'WATERMARK',
  'WHEN',
  'WHERE',
  'WINDOW',
  'WITH',
];

const WINDOW_FUNCTIONS = ['tumble', 'hop', 'cumulate', 'session', 'stagger'];
const AGGREGATES = ['count', 'sum', 'avg', 'min', 'max', 'approx_count_distinct', 'row_number', 'rank', 'lag', 'lead'];
const COMMANDS = ['\\?', '\\d', '\\q', '\\timing', '\\x'];
const OFFERED_MAX = 100;

/** Completions of the word that a line ends with, and that word. */
export function complete(line: string, relations: readonly SqlRelation[]): [string[], string] {
  if (line.startsWith('\\') && !line.includes(' ')) return [COMMANDS.filter((each) => each.startsWith(line)), line];
  const word = /[\p{L}_][\p{L}\p{N}_]*$/u.exec(line)?.[0] ?? '';
  const names = relations.map(({ name }) => name);
  if (line.startsWith('\\')) return [matching(names, word), word];
  if (word === '') return [[], ''];
  const columns = relations.flatMap((relation) => relation.columns.map(({ name }) => name));
  const functions = functionTable.all().flatMap(({ name }) => (/^[a-z]\w*$/.test(name) ? [name] : []));
  // Keywords come in the case that was begun.
  const isUpper = word === word.toUpperCase();
  const keywords = isUpper ? KEYWORDS : KEYWORDS.map((keyword) => keyword.toLowerCase());
  const all = [...names, ...columns, ...keywords, ...WINDOW_FUNCTIONS, ...AGGREGATES, ...functions];
  return [matching(all, word), word];
}

function matching(candidates: readonly string[], word: string): string[] {
  return [...new Set(candidates)]
    .filter((each) => each.startsWith(word) && each !== word)
    .toSorted()
    .slice(0, OFFERED_MAX);
}
