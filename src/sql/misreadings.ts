/** Spellings that the grammar would read as something else, or blame on the wrong word. */
import { sqlError } from '../util/sql-text.js';
import type { SqlToken } from '../util/sql-text.js';
import { REFUSALS } from './refuse.js';
import type { RefusalName } from './refuse.js';

const UNITS = /^(?:year|month|week|day|hour|minute|second|millisecond)s$|^(?:week|millisecond)$/;

/**
 * Refuses misreadings among tokens.
 *
 * @param isHidden tokens that the grammar will not see, by index in the text.
 * @throws SQL_UNSUPPORTED with what to write instead.
 */
export function refuseMisreadings(
  tokens: readonly SqlToken[],
  source: { readonly text: string; readonly file?: string | undefined },
  isHidden: (index: number) => boolean,
): void {
  let depth = 0;
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i]!.text === '(') depth++;
    if (tokens[i]!.text === ')') depth--;
    const name = misreading(tokens, i, depth);
    if (name === undefined || isHidden(tokens[i]!.start)) continue;
    const { what, instead }: { what: string; instead: string } = REFUSALS[name];
    throw sqlError('SQL_UNSUPPORTED', `${what}: not supported`, { ...source, index: tokens[i]!.start }, instead);
  }
}

function misreading(tokens: readonly SqlToken[], i: number, depth: number): RefusalName | undefined {
  const word = (offset: number): string => {
    const token = tokens[i + offset];
    return token?.kind === 'word' ? token.text.toLowerCase() : '';
  };
  const next = tokens[i + 1];
  switch (word(0)) {
    case 'stream': {
      if (word(-1) !== 'select' || next === undefined) return undefined;
      const another =
        (next.kind !== 'symbol' || next.text === '*') &&
        !['from', 'as', 'is', 'in', 'and', 'or', 'not', 'like', 'between'].includes(word(1));
      return another ? 'streamKeyword' : undefined;
    }
    case 'emit': {
      const before = tokens[i - 1]?.text;
      if (
        depth > 0 ||
        before === undefined ||
        before === ',' ||
        before === '.' ||
        word(-1) === 'as' ||
        word(-1) === 'select'
      )
        return undefined;
      return 'emitClause';
    }
    case 'corresponding':
      return ['union', 'intersect', 'except', 'all'].includes(word(-1)) ? 'corresponding' : undefined;
    case 'struct': {
      // Behind a column's name or a cast it is a type.
      const isType = tokens[i - 1]?.text === '::' || ['(', ','].includes(tokens[i - 2]?.text ?? '');
      return next?.text === '<' && isType ? 'struct' : undefined;
    }
    case 'changelog':
      return word(-3) === 'with' && word(-1) === 'as' && word(1) === 'from' ? 'changelog' : undefined;
    case 'qualify':
      return isQualify(tokens, i) ? 'qualify' : undefined;
    case 'all':
      return word(-1) === 'by' && ['group', 'order'].includes(word(-2)) && next?.text !== '(' ? 'byAll' : undefined;
    case 'match_recognize':
      return next?.text === '(' ? 'matchRecognize' : undefined;
    default:
      return tokens[i]!.kind === 'word' &&
        tokens[i - 1]?.kind === 'string' &&
        word(-2) === 'interval' &&
        UNITS.test(word(0))
        ? 'intervalUnit'
        : undefined;
  }
}

/** QUALIFY behind FROM, before a condition; not a name, an alias or a column. */
function isQualify(tokens: readonly SqlToken[], i: number): boolean {
  const [before, next] = [tokens[i - 1], tokens[i + 1]];
  const isName = before === undefined || ['as', 'from', 'join', 'select', ',', '.'].includes(before.text.toLowerCase());
  if (isName || next === undefined || (next.kind === 'symbol' && next.text !== '(')) return false;
  const word = next.text.toLowerCase();
  return !['as', 'from', 'where', 'group', 'order', 'limit', 'on', 'join', 'left', 'inner', 'cross', 'using'].includes(
    word,
  );
}
