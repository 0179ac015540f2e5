/** Parses PostgreSQL's advanced regular expressions into a tree. */
import { MillraceError } from '../../util/errors.js';

/** A set of characters: code points and ranges, and classes by name. */
export interface CharacterSet {
  readonly kind: 'set';
  readonly negated: boolean;
  readonly ranges: readonly (readonly [number, number])[];
  /** Names as in `[[:alpha:]]`, with a `^` before a negated one (`\D`). */
  readonly classes: readonly string[];
}

/** A regular expression. */
export type Regex =
  | { readonly kind: 'any' }
  | CharacterSet
  | { readonly kind: 'concat'; readonly items: readonly Regex[] }
  | { readonly kind: 'alternate'; readonly options: readonly Regex[] }
  | { readonly kind: 'group'; readonly capture: boolean; readonly body: Regex }
  | {
      readonly kind: 'repeat';
      readonly body: Regex;
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
    }
  | { readonly kind: 'look'; readonly behind: boolean; readonly negated: boolean; readonly body: Regex }
  | { readonly kind: 'assert'; readonly at: 'start' | 'end' | 'wordStart' | 'wordEnd' | 'word' | 'notWord' };

/** The classes that exist; others are refused. */
export const CLASSES: ReadonlySet<string> = new Set([
  'alpha',
  'digit',
  'alnum',
  'upper',
  'lower',
  'space',
  'xdigit',
  'word',
]);

/** Largest count in `{m,n}`. */
const REPEAT_MAX = 255;

/** An error of the pattern itself, in PostgreSQL's words. */
export function invalidRegex(why: string): MillraceError {
  return new MillraceError('SQL_TYPE', `invalid regular expression: ${why}`);
}

/** A pattern that PostgreSQL takes and that cannot mean the same here. */
export function refuseRegex(what: string, instead: string): MillraceError {
  return new MillraceError('SQL_UNSUPPORTED', `in a regular expression, ${what} is not supported. ${instead}`);
}

/** The tree of a pattern, and whether it begins with `(?i)`. */
export function parseRegex(pattern: string): { tree: Regex; ignoreCase: boolean } {
  if (pattern.startsWith('***')) throw refuseRegex('a director (***)', 'Leave it out.');
  const options = /^\(\?([a-z]+)\)/.exec(pattern);
  if (options !== null && options[1] !== 'i') throw refuseRegex(`the option (?${options[1]})`, 'Only (?i) is.');
  const parser = new Parser(options === null ? pattern : pattern.slice(options[0].length));
  return { tree: parser.parse(), ignoreCase: options !== null };
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11, B: 92, 0: 0 };
const CLASS_ESCAPES: Readonly<Record<string, string>> = {
  d: 'digit',
  D: '^digit',
  s: 'space',
  S: '^space',
  w: 'word',
  W: '^word',
};
const ASSERTIONS: Readonly<Record<string, 'start' | 'end' | 'wordStart' | 'wordEnd' | 'word' | 'notWord'>> = {
  A: 'start',
  Z: 'end',
  m: 'wordStart',
  M: 'wordEnd',
  y: 'word',
  Y: 'notWord',
};

const single = (code: number): CharacterSet => ({ kind: 'set', negated: false, ranges: [[code, code]], classes: [] });

class Parser {
  readonly #points: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#points = [...pattern];
  }

  parse(): Regex {
    const tree = this.#alternation();
    if (this.#at < this.#points.length) throw invalidRegex('parentheses () not balanced');
    return tree;
  }

  #peek(offset = 0): string | undefined {
    return this.#points[this.#at + offset];
  }

  #take(text: string): boolean {
    const here = this.#points.slice(this.#at, this.#at + text.length).join('');
    if (here !== text) return false;
    this.#at += text.length;
    return true;
  }

  #alternation(): Regex {
    const options = [this.#concat()];
    while (this.#take('|')) options.push(this.#concat());
    return options.length === 1 ? options[0]! : { kind: 'alternate', options };
  }

  #concat(): Regex {
    const items: Regex[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek()) {
      items.push(this.#quantified());
    }
    return items.length === 1 ? items[0]! : { kind: 'concat', items };
  }

  #quantified(): Regex {
    if ('*+?'.includes(this.#peek()!) || this.#isBound()) throw invalidRegex('quantifier operand invalid');
    const body = this.#atom();
    const bounds = this.#quantifier();
    if (bounds === undefined) return body;
    if (body.kind === 'assert' || body.kind === 'look') throw invalidRegex('quantifier operand invalid');
    const greedy = !this.#take('?');
    if (this.#peek() !== undefined && ('*+?'.includes(this.#peek()!) || this.#isBound()))
      throw invalidRegex('quantifier operand invalid');
    return { kind: 'repeat', body, ...bounds, greedy };
  }

  #isBound(): boolean {
    return this.#peek() === '{' && /\d/.test(this.#peek(1) ?? '');
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Infinity };
    if (this.#take('+')) return { min: 1, max: Infinity };
    if (this.#take('?')) return { min: 0, max: 1 };
    if (!this.#isBound()) return undefined;
    const rest = this.#points.slice(this.#at).join('');
    const match = /^\{(\d+)(,(\d*))?\}/.exec(rest);
    if (match === null) throw invalidRegex('invalid repetition count(s)');
    this.#at += match[0].length;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === '' ? Infinity : Number(match[3]);
    if (min > REPEAT_MAX || (max !== Infinity && max > REPEAT_MAX) || min > max)
      throw invalidRegex('invalid repetition count(s)');
    return { min, max };
  }

  #atom(): Regex {
    const point = this.#points[this.#at++]!;
    switch (point) {
      case '.':
        return { kind: 'any' };
      case '^':
        return { kind: 'assert', at: 'start' };
      case '$':
        return { kind: 'assert', at: 'end' };
      case '(':
        return this.#group();
      case '[':
        return this.#bracket();
      case '\\':
        return this.#escape();
      default:
        return single(point.codePointAt(0)!);
    }
  }

  #group(): Regex {
    const look = (['?=', '?!', '?<=', '?<!'] as const).find((mark) => this.#take(mark));
    const plain = look === undefined && this.#take('?:');
    if (look === undefined && !plain && this.#peek() === '?') throw invalidRegex('quantifier operand invalid');
    const body = this.#alternation();
    if (!this.#take(')')) throw invalidRegex('parentheses () not balanced');
    if (look !== undefined) return { kind: 'look', behind: look.includes('<'), negated: look.endsWith('!'), body };
    return { kind: 'group', capture: !plain, body };
  }

  #escape(): Regex {
    const point = this.#points[this.#at++];
    if (point === undefined) throw invalidRegex('invalid escape \\ sequence');
    const assertion = ASSERTIONS[point];
    if (assertion !== undefined) return { kind: 'assert', at: assertion };
    const named = CLASS_ESCAPES[point];
    if (named !== undefined) return { kind: 'set', negated: false, ranges: [], classes: [named] };
    if (/[1-9]/.test(point)) throw refuseRegex('a back reference', 'Write the text twice, or compare two substrings.');
    return single(this.#escapedCode(point));
  }

  #escapedCode(point: string): number {
    const known = ESCAPES[point];
    if (known !== undefined) return known;
    if (point === 'u' || point === 'U') return this.#hex(point === 'u' ? 4 : 8);
    if (/[A-Za-z0-9]/.test(point)) {
      if ('cx'.includes(point)) throw refuseRegex(`\\${point}`, 'Write the character, or \\u and four hex digits.');
      throw invalidRegex('invalid escape \\ sequence');
    }
    return point.codePointAt(0)!;
  }

  #hex(digits: number): number {
    const text = this.#points.slice(this.#at, this.#at + digits).join('');
    if (text.length < digits || !/^[0-9a-f]+$/i.test(text)) throw invalidRegex('invalid escape \\ sequence');
    this.#at += digits;
    return Number.parseInt(text, 16);
  }

  #bracket(): CharacterSet {
    const negated = this.#take('^');
    const ranges: [number, number][] = [];
    const classes: string[] = [];
    for (let first = true; ; first = false) {
      const point = this.#peek();
      if (point === undefined) throw invalidRegex('brackets [] not balanced');
      if (point === ']' && !first) break;
      const named = this.#bracketClass();
      if (named !== undefined) {
        classes.push(named);
        continue;
      }
      const low = this.#bracketPoint();
      const isRange = this.#peek() === '-' && this.#peek(1) !== ']' && this.#peek(1) !== undefined;
      if (isRange) this.#at++;
      const high = isRange ? this.#bracketPoint() : low;
      if (high < low) throw invalidRegex('invalid character range');
      ranges.push([low, high]);
    }
    this.#at++;
    return { kind: 'set', negated, ranges, classes };
  }

  #bracketClass(): string | undefined {
    if (this.#peek() === '[' && this.#peek(1) === ':') {
      const match = /^\[:([a-z]*):\]/.exec(this.#points.slice(this.#at).join(''));
      if (match === null) throw invalidRegex('invalid character class');
      if (!CLASSES.has(match[1]!)) throw refuseRegex(`[[:${match[1]}:]]`, `There are: ${[...CLASSES].join(', ')}.`);
      this.#at += match[0].length;
      return match[1]!;
    }
    if (this.#peek() === '[' && (this.#peek(1) === '.' || this.#peek(1) === '=')) {
      throw refuseRegex('a collating element or equivalence class', 'List the characters.');
    }
    const named = this.#peek() === '\\' ? CLASS_ESCAPES[this.#peek(1) ?? ''] : undefined;
    if (named === undefined) return undefined;
    if (named.startsWith('^')) throw invalidRegex('invalid escape \\ sequence');
    this.#at += 2;
    return named;
  }

  #bracketPoint(): number {
    const point = this.#points[this.#at++]!;
    if (point !== '\\') return point.codePointAt(0)!;
    const escaped = this.#points[this.#at++];
    if (escaped === undefined) throw invalidRegex('brackets [] not balanced');
    return this.#escapedCode(escaped);
  }
}
