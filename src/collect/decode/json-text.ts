/**
 * JSON as text, for the last resort: where a value ends, its members, its compact form.
 *
 * None of this decides what is JSON; `JSON.parse` does. It only walks text that is known to be
 * valid, keeping every value as it was written, which `JSON.parse` can't. Nothing here recurses, so
 * depth costs no stack.
 */

const QUOTE = 34;
const BACKSLASH = 92;
const LINE_FEED = 10;

/**
 * Where the value at `at` ends, by quotes and brackets alone; -1 when the bytes end before it does.
 * Text that isn't JSON yields some end or -1; it is for `JSON.parse` to refuse it.
 */
export function valueEnd(bytes: Uint8Array, at: number, end: number, lineBreaks: boolean): number {
  let depth = 0;
  for (let p = at; p < end; p++) {
    const c = bytes[p]!;
    if (c === QUOTE) {
      p = stringEnd(bytes, p, end);
      if (p < 0) return -1;
      if (depth === 0) return p + 1;
    } else if (c === 123 || c === 91) {
      depth++;
    } else if (c === 125 || c === 93) {
      if (depth === 0) return p;
      if (--depth === 0) return p + 1;
    } else if (depth === 0 && (c === 44 || c <= 32)) {
      return p;
    } else if (c === LINE_FEED && !lineBreaks) {
      return -1;
    }
  }
  return depth === 0 ? end : -1;
}

function stringEnd(bytes: Uint8Array, at: number, end: number): number {
  for (let p = at + 1; p < end; p++) {
    const c = bytes[p]!;
    if (c === QUOTE) return p;
    if (c === BACKSLASH) p++;
    else if (c < 32) return -1;
  }
  return -1;
}

/** One member of an object. */
export interface Member {
  /** The key with its quotes, as written. */
  readonly key: string;
  /** The value, compact. */
  readonly value: string;
}

/**
 * The members of an object given as valid JSON text, by decoded key. Of equal keys the last wins,
 * at every depth.
 */
export function membersOf(text: string): Map<string, Member> {
  const { tokens, skips, members } = walk(text);
  const found = new Map<string, Member>();
  for (const [name, { from, to }] of members)
    found.set(name, { key: tokens[from]!, value: emit(tokens, skips, from + 2, to) });
  return found;
}

/** The text of an object of `members`. */
export function objectText(members: Iterable<Member>): string {
  const parts: string[] = [];
  for (const { key, value } of members) parts.push(`${key}:${value}`);
  return `{${parts.join(',')}}`;
}

/** Tokens `from` to `to` of a walk. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** An object or array that is being read. */
interface Frame {
  /** By decoded key; null for an array. */
  readonly members: Map<string, Range> | null;
  /** Where the member at hand starts. */
  start: number;
}

interface Walk {
  /** All tokens but commas. */
  readonly tokens: readonly string[];
  /** Where an overwritten member starts → where it ends. */
  readonly skips: ReadonlyMap<number, number>;
  /** Of the outermost object. */
  readonly members: ReadonlyMap<string, Range>;
}

const TOKEN = /[ \t\r\n]*([{}[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s{}[\],:"]+)/y;

function walk(text: string): Walk {
  const tokens: string[] = [];
  const skips = new Map<number, number>();
  const stack: Frame[] = [];
  const outermost = new Map<string, Range>();
  const pattern = new RegExp(TOKEN);
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const part = match[1]!;
    const frame = stack.at(-1);
    if (part === ',' || part === '}') endMember(frame!, tokens, skips);
    if (part === '}' || part === ']') stack.pop();
    if (part === ',') continue;
    tokens.push(part);
    if (part === '{') stack.push({ members: stack.length === 0 ? outermost : new Map(), start: tokens.length });
    else if (part === '[') stack.push({ members: null, start: 0 });
  }
  return { tokens, skips, members: outermost };
}

function endMember(frame: Frame, tokens: readonly string[], skips: Map<number, number>): void {
  const { members, start } = frame;
  if (members === null || start === tokens.length) return;
  const key = tokens[start]!;
  const name = key.includes('\\') ? (JSON.parse(key) as string) : key.slice(1, -1);
  const earlier = members.get(name);
  if (earlier !== undefined) skips.set(earlier.from, earlier.to);
  members.delete(name);
  members.set(name, { from: start, to: tokens.length });
  frame.start = tokens.length;
}

const OPENS = new Set(['{', '[', ':']);
const CLOSES = new Set(['}', ']', ':']);

function emit(tokens: readonly string[], skips: ReadonlyMap<number, number>, from: number, to: number): string {
  const parts: string[] = [];
  let last = '{';
  for (let i = from; i < to; i++) {
    const skip = skips.get(i);
    if (skip !== undefined) {
      i = skip - 1;
      continue;
    }
    const token = tokens[i]!;
    if (!OPENS.has(last) && !CLOSES.has(token)) parts.push(',');
    parts.push(token);
    last = token;
  }
  return parts.join('');
}
