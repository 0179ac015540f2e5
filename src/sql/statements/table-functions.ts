/** Flink's way to write a window in FROM: `TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), size))`. */
import { closing } from './clauses.js';
import type { StatementText } from './statement-text.js';

const WINDOWS: ReadonlySet<string> = new Set(['tumble', 'hop', 'cumulate', 'session', 'stagger']);

/**
 * Takes what only Flink writes out of the text: TABLE and its parentheses around a call in FROM, and TABLE before its first
 * argument. DESCRIPTOR stays, a call that the planner knows.
 */
export function takeTableFunctions(part: StatementText): void {
  for (let i = 1; i + 1 < part.tokens.length; i++) {
    if (part.word(i) !== 'table') continue;
    if (isBehindFrom(part, i) && part.tokens[i + 1]!.text === '(') {
      part.blank(part.tokens[i]!);
      part.blank(part.tokens[i + 1]!);
      part.blank(part.tokens[closing(part, i + 1)]!);
    } else if (isArgument(part, i)) part.blank(part.tokens[i]!);
  }
}

function isBehindFrom(part: StatementText, i: number): boolean {
  return ['from', 'join', 'lateral'].includes(part.word(i - 1)) || part.tokens[i - 1]!.text === ',';
}

/** `(TABLE t)` alone is a query; as the first argument of a window it is Flink's. */
function isArgument(part: StatementText, i: number): boolean {
  const before = part.tokens[i - 1]!.text;
  return before === '=>' || (before === '(' && WINDOWS.has(part.word(i - 2)));
}
