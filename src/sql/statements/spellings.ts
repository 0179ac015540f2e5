/** Spellings inside queries that other engines have: taken out of the text, or put as PostgreSQL's grammar has them. */
import type { Node } from 'libpg-query';
import { closing } from './clauses.js';
import type { StatementText } from './statement-text.js';
import { takeSessionFrames } from './session-frames.js';
import type { SessionFrame } from './session-frames.js';
import { takeTableFunctions } from './table-functions.js';

/** What was taken out, by the byte position of the node that it is about. */
export interface Spellings {
  /** The columns that `* EXCEPT (a, b)` leaves out. */
  readonly stars: ReadonlyMap<number, readonly string[]>;
  /** Calls with IGNORE NULLS. */
  readonly ignoring: ReadonlySet<number>;
  /** Window definitions with SESSION WITH GAP. */
  readonly sessions: ReadonlyMap<number, SessionFrame>;
}

/** Takes them; `placeSpellings` tells the tree. */
export function takeSpellings(part: StatementText): Spellings {
  takeTableFunctions(part);
  const stars = new Map<number, readonly string[]>();
  const ignoring = new Set<number>();
  for (let i = 1; i < part.tokens.length; i++) {
    if (part.words(i, 'ignore', 'nulls') || part.words(i, 'respect', 'nulls')) {
      const call = takeNulls(part, i);
      if (call !== undefined && part.word(i) === 'ignore') ignoring.add(call);
    }
    const star = part.tokens[i - 1]!.text === '*' ? takeExcept(part, i) : undefined;
    if (star !== undefined) stars.set(star.position, star.except);
  }
  return { stars, ignoring, sessions: takeSessionFrames(part) };
}

/** `f(x IGNORE NULLS)` and `f(x) IGNORE NULLS OVER …`: the position of the call. */
function takeNulls(part: StatementText, i: number): number | undefined {
  const isInside = part.tokens[i + 2]?.text === ')';
  if (!isInside && !(part.tokens[i - 1]!.text === ')' && part.word(i + 2) === 'over')) return undefined;
  let depth = isInside ? 1 : 0;
  let open = i - 1;
  for (; open > 0; open--) {
    const { text } = part.tokens[open]!;
    if (text === ')') depth++;
    if (text === '(' && --depth === 0) break;
  }
  const isQualified = part.tokens[open - 2]?.text === '.';
  const name = part.tokens[isQualified ? open - 3 : open - 1];
  if (name === undefined) return undefined;
  part.blank({ start: part.tokens[i]!.start, end: part.tokens[i + 1]!.end });
  return part.byteOf(name.start);
}

/** `* EXCEPT (a)`, `* EXCLUDE (a)`, `* EXCLUDE a`. */
function takeExcept(
  part: StatementText,
  i: number,
): { readonly position: number; readonly except: readonly string[] } | undefined {
  const word = part.word(i);
  if (word !== 'except' && word !== 'exclude') return undefined;
  const isListed = part.tokens[i + 1]?.text === '(';
  if (!isListed && word === 'except') return undefined;
  const last = isListed ? closing(part, i + 1) : i + 1;
  const except: string[] = [];
  for (let at = isListed ? i + 2 : i + 1; at <= last; at += 2) {
    const name = part.name(at);
    if (name === undefined || (at + 1 < last && part.tokens[at + 1]!.text !== ','))
      throw part.syntaxError(name === undefined ? at : at + 1, 'Write * EXCEPT (a, b).');
    except.push(name);
  }
  part.blank({ start: part.tokens[i]!.start, end: part.tokens[last]!.end });
  // `t.*` begins with its table's name.
  const from = part.tokens[i - 2]?.text === '.' ? i - 3 : i - 1;
  return { position: part.byteOf(part.tokens[from]!.start), except };
}

/** What of a node says where it belongs. */
interface Placed {
  readonly fields?: Node[];
  readonly funcname?: Node[];
  readonly frameOptions?: number;
  readonly location?: number;
}

/** A star of a tree, and what it leaves out. */
export interface StarNode {
  readonly except?: readonly string[];
}

/** Tells the nodes of a tree what was said of them. */
export function placeSpellings(tree: Node, { ignoring, sessions, stars }: Spellings): void {
  if (stars.size + ignoring.size + sessions.size === 0) return;
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { fields, frameOptions, funcname, location } = value as Placed;
    const session = frameOptions === undefined ? undefined : sessions.get(location ?? -1);
    if (session !== undefined) Object.assign(value, { session });
    const except = location === undefined ? undefined : stars.get(location);
    const star = except === undefined ? undefined : fields?.find((field) => 'A_Star' in field);
    if (star !== undefined) Object.assign((star as { A_Star: object }).A_Star, { except });
    // As PostgreSQL's own grammar says it from version 19 on.
    if (funcname !== undefined && ignoring.has(location ?? -1)) Object.assign(value, { ignore_nulls: IGNORED });
    for (const inner of Object.values(value)) look(inner);
  };
  look(tree);
}

/** `PARSER_IGNORE_NULLS` of PostgreSQL's `parsenodes.h`. */
const IGNORED = 2;
