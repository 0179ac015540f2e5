/**
 * Whether JavaScript finds the same *part* of a text as PostgreSQL, not only whether it finds one.
 *
 * PostgreSQL takes the longest of the leftmost matches, JavaScript the first that backtracking
 * meets. They agree
 * - where the expression is deterministic: at every step one next character can be taken by one
 *   place only (Brüggemann-Klein and Wood's one-unambiguous expressions, by Glushkov's positions);
 *   then the path through a text is unique, and greedy backtracking ends at its longest accepted
 *   prefix;
 * - where every match ends at the end of the text (`$`, or a last `.*`), if no group's part is
 *   asked for, or if what stands side by side is single characters, repeated characters, and
 *   deterministic groups: both then give as much as they can to what stands further left;
 * - where there is one quantifier, not greedy, and no alternative;
 * - where one repeated character alone is of no fixed length, and greedy: the most of it that fits is the longest match.
 *
 * Anything else is refused.
 */
import type { CharacterSet, Regex } from './parse.js';

/** Whether matched parts, and groups' parts if `groups`, are the same as PostgreSQL's. */
export function sameExtents(tree: Regex, groups: boolean, ignoreCase: boolean): boolean {
  if (groups && (hasRepeatedGroup(tree, false) || repeatsEmpty(tree))) return false;
  if (hasLazy(tree)) return countRepeats(tree) === 1 && !hasAlternative(tree);
  if (isDeterministic(tree, ignoreCase) || hasOneLength(tree)) return true;
  if (!endsAtEnd(tree)) return false;
  return !groups || sideBySide(tree, ignoreCase);
}

/** Whether all but one repeated character stands side by side, as long as it always is. */
function hasOneLength(tree: Regex): boolean {
  return variables(tree) <= 1;
}

/** How many repeated characters have no fixed length; more than one where anything else has none. */
function variables(tree: Regex): number {
  switch (tree.kind) {
    case 'set':
    case 'any':
    case 'assert':
      return 0;
    case 'group':
      return variables(tree.body);
    case 'concat':
      return tree.items.reduce((sum, item) => sum + variables(item), 0);
    case 'repeat':
      if (tree.body.kind !== 'set' && tree.body.kind !== 'any') return 2;
      return tree.min === tree.max ? 0 : 1;
    default:
      return 2;
  }
}

/** Whether backtracking could take exponential time: an unbounded repeat of what is unbounded and not deterministic. */
export function isExplosive(tree: Regex, ignoreCase: boolean): boolean {
  const isNested = tree.kind === 'repeat' && tree.max === Infinity && isUnbounded(tree.body);
  if (isNested && !isDeterministic(tree, ignoreCase)) return true;
  return childrenOf(tree).some((child) => isExplosive(child, ignoreCase));
}

function isUnbounded(tree: Regex): boolean {
  return (
    (tree.kind === 'repeat' && tree.max === Infinity) || tree.kind === 'alternate' || childrenOf(tree).some(isUnbounded)
  );
}

function childrenOf(tree: Regex): readonly Regex[] {
  switch (tree.kind) {
    case 'concat':
      return tree.items;
    case 'alternate':
      return tree.options;
    case 'group':
    case 'repeat':
    case 'look':
      return [tree.body];
    default:
      return [];
  }
}

function hasLazy(tree: Regex): boolean {
  return (tree.kind === 'repeat' && !tree.greedy) || childrenOf(tree).some(hasLazy);
}

function hasAlternative(tree: Regex): boolean {
  return tree.kind === 'alternate' || childrenOf(tree).some(hasAlternative);
}

function countRepeats(tree: Regex): number {
  return (tree.kind === 'repeat' ? 1 : 0) + childrenOf(tree).reduce((sum, child) => sum + countRepeats(child), 0);
}

/** A captured group inside what repeats more than once keeps different rounds in the two. */
function hasRepeatedGroup(tree: Regex, repeated: boolean): boolean {
  if (tree.kind === 'group' && tree.capture && repeated) return true;
  const inside = repeated || (tree.kind === 'repeat' && tree.max > 1);
  return childrenOf(tree).some((child) => hasRepeatedGroup(child, inside));
}

/** Whether something that can match nothing is repeated or optional: then one has its groups empty, the other unset. */
function repeatsEmpty(tree: Regex): boolean {
  if (tree.kind === 'repeat' && new Positions().build(tree.body).empty) return true;
  return childrenOf(tree).some(repeatsEmpty);
}

function endsAtEnd(tree: Regex): boolean {
  switch (tree.kind) {
    case 'assert':
      return tree.at === 'end';
    case 'repeat':
      return tree.body.kind === 'any' && tree.min === 0 && tree.max === Infinity;
    case 'concat':
      return tree.items.length > 0 && endsAtEnd(tree.items.at(-1)!);
    case 'group':
      return endsAtEnd(tree.body);
    case 'alternate':
      return tree.options.every(endsAtEnd);
    default:
      return false;
  }
}

function sideBySide(tree: Regex, ignoreCase: boolean): boolean {
  const items = tree.kind === 'concat' ? tree.items : [tree];
  return items.every((item) => {
    if (item.kind === 'set' || item.kind === 'any' || item.kind === 'assert') return true;
    if (item.kind === 'repeat' && (item.body.kind === 'set' || item.body.kind === 'any')) return true;
    return isDeterministic(item, ignoreCase);
  });
}

/** A place in the expression that takes one character. */
type Position = CharacterSet | { readonly kind: 'any' };

interface Glushkov {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly empty: boolean;
  /** Backtracking may take nothing here before it looks at a longer option behind it. */
  readonly early: boolean;
}

/** Counted repeats are written out up to this many positions. */
const POSITIONS_MAX = 400;

class Positions {
  readonly list: Position[] = [];
  readonly follow: Set<number>[] = [];
  ambiguous = false;

  add(position: Position): Glushkov {
    const index = this.list.push(position) - 1;
    this.follow.push(new Set());
    return { first: [index], last: [index], empty: false, early: false };
  }

  link(from: readonly number[], to: readonly number[]): void {
    for (const a of from) {
      for (const b of to) {
        // Reached in two ways, as in `(a+)+`: one path of characters, many ways to split it.
        if (this.follow[a]!.has(b)) this.ambiguous = true;
        this.follow[a]!.add(b);
      }
    }
  }

  concat(a: Glushkov, b: Glushkov): Glushkov {
    this.link(a.last, b.first);
    return {
      first: a.empty ? [...a.first, ...b.first] : a.first,
      last: b.empty ? [...a.last, ...b.last] : b.last,
      empty: a.empty && b.empty,
      // Where a character must follow, it tells which option was meant.
      early: (a.early && b.empty) || b.early,
    };
  }

  build(tree: Regex): Glushkov {
    switch (tree.kind) {
      case 'any':
      case 'set':
        return this.add(tree);
      case 'concat':
        return tree.items.map((item) => this.build(item)).reduce((a, b) => this.concat(a, b), EMPTY);
      case 'alternate': {
        const options = tree.options.map((option) => this.build(option));
        return {
          first: options.flatMap((option) => option.first),
          last: options.flatMap((option) => option.last),
          empty: options.some((option) => option.empty),
          early: options.slice(0, -1).some((option) => option.empty) || options.some((option) => option.early),
        };
      }
      case 'group':
        return this.build(tree.body);
      case 'repeat':
        return this.repeat(tree);
      default:
        return EMPTY;
    }
  }

  repeat({ body, min, max }: Extract<Regex, { kind: 'repeat' }>): Glushkov {
    let result = EMPTY;
    const copies = Math.max(min, max === Infinity ? 1 : max);
    for (let i = 0; i < copies && this.list.length <= POSITIONS_MAX; i++) {
      const copy = this.build(body);
      if (copy.early) this.ambiguous = true;
      if (max === Infinity && i === copies - 1) this.link(copy.last, copy.first);
      result = this.concat(result, i < min ? copy : { ...copy, empty: true });
    }
    return result;
  }
}

const EMPTY: Glushkov = { first: [], last: [], empty: true, early: false };

/** Whether at every step at most one place can take the next character. */
function isDeterministic(tree: Regex, ignoreCase: boolean): boolean {
  const positions = new Positions();
  const whole = positions.build(tree);
  if (positions.list.length > POSITIONS_MAX || positions.ambiguous || whole.early) return false;
  return [whole.first, ...positions.follow.map((set) => [...set])].every((next) =>
    next.every((a, i) =>
      next.slice(i + 1).every((b) => a !== b && disjoint(positions.list[a]!, positions.list[b]!, ignoreCase)),
    ),
  );
}

/** Whether two places never take the same character; false where it is not sure. */
function disjoint(a: Position, b: Position, ignoreCase: boolean): boolean {
  const x = members(a, ignoreCase);
  const y = members(b, ignoreCase);
  if (x.beyond && y.beyond) return false;
  if (x.points.length > 0 && y.beyond) return false;
  if (y.points.length > 0 && x.beyond) return false;
  return !x.ascii.some((has, code) => has && y.ascii[code]!) && !x.points.some((point) => y.points.includes(point));
}

/** ASCII characters one by one, single other characters, and whether there are more. */
function members(position: Position, ignoreCase: boolean): { ascii: boolean[]; points: number[]; beyond: boolean } {
  if (position.kind === 'any') return { ascii: Array.from({ length: 128 }, () => true), points: [], beyond: true };
  const ascii = Array.from({ length: 128 }, (_, code) => hasCode(position, code, ignoreCase));
  const points = position.ranges.filter(([low, high]) => low === high && low > 127).map(([low]) => low);
  const wide = position.ranges.some(([low, high]) => high > 127 && low !== high);
  return {
    ascii,
    points,
    beyond:
      position.negated ||
      wide ||
      position.classes.some((name) => name !== 'digit' && name !== 'xdigit') ||
      points.length > 0,
  };
}

function hasCode(set: CharacterSet, code: number, ignoreCase: boolean): boolean {
  const character = String.fromCharCode(code);
  const other = (character.toLowerCase() === character ? character.toUpperCase() : character.toLowerCase()).charCodeAt(
    0,
  );
  const has = (each: number): boolean =>
    set.ranges.some(([low, high]) => each >= low && each <= high) ||
    set.classes.some((name) => inClass(name, String.fromCharCode(each)));
  if (!ignoreCase) return has(code) !== set.negated;
  // Both cases count; a negated set may let either in.
  return set.negated ? !has(code) || !has(other) : has(code) || has(other);
}

const ASCII_CLASSES: Readonly<Record<string, RegExp>> = {
  alpha: /[A-Za-z]/,
  digit: /\d/,
  alnum: /[A-Za-z0-9]/,
  upper: /[A-Z]/,
  lower: /[a-z]/,
  space: /\s/,
  xdigit: /[0-9A-Fa-f]/,
  word: /\w/,
};

function inClass(name: string, character: string): boolean {
  const has = ASCII_CLASSES[name.replace('^', '')]!.test(character);
  return name.startsWith('^') ? !has : has;
}
