/** What is wrong with a text that `JSON.parse` refused. */
export interface SyntaxProblem {
  /** Where, in UTF-16 units. */
  readonly position: number;
  readonly expected: string;
  /** What is there instead. */
  readonly found: string;
}

const TOKEN =
  /[ \t\r\n]*(?:([{}[\],:])|("(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-]))/y;

type State = 'value' | 'first value' | 'first key' | 'key' | 'colon' | 'after' | 'end';

const EXPECTED: Record<State, string> = {
  value: 'a value',
  'first value': "a value or ']'",
  'first key': "a key in double quotes or '}'",
  key: 'a key in double quotes',
  colon: "':' after the key",
  after: '',
  end: 'nothing more after the value',
};

/** Finds the first place at which `text` stops being JSON. */
export function findProblem(text: string): SyntaxProblem {
  const pattern = new RegExp(TOKEN);
  const open: ('{' | '[')[] = [];
  let state: State = 'value';
  for (let at = 0; ;) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    const next: State | undefined = match === null ? undefined : step(state, match, open);
    if (match === null || next === undefined) return problem(text, at, state, open);
    state = next;
    at = pattern.lastIndex;
  }
}

/** The state after a token, or undefined when the token can't stand there. */
function step(state: State, [, sign, string, literal]: RegExpExecArray, open: ('{' | '[')[]): State | undefined {
  const after = () => (open.length === 0 ? 'end' : 'after');
  if (state === 'end') return undefined;
  if (state === 'colon') return sign === ':' ? 'value' : undefined;
  if (state === 'key' || state === 'first key') {
    if (string !== undefined) return 'colon';
    if (state === 'key' || sign !== '}') return undefined;
  } else if (state === 'after') {
    if (sign === ',') return open.at(-1) === '{' ? 'key' : 'value';
    if (sign !== (open.at(-1) === '{' ? '}' : ']')) return undefined;
  } else {
    if (string !== undefined || literal !== undefined) return after();
    if (sign === '{' || sign === '[') {
      open.push(sign);
      return sign === '{' ? 'first key' : 'first value';
    }
    if (state !== 'first value' || sign !== ']') return undefined;
  }
  open.pop();
  return after();
}

function problem(text: string, at: number, state: State, open: readonly string[]): SyntaxProblem {
  const position = at + /^[ \t\r\n]*/.exec(text.slice(at))![0].length;
  const rest = text.slice(position, position + 20);
  const expected = state === 'after' ? `',' or '${open.at(-1) === '{' ? '}' : ']'}'` : EXPECTED[state];
  if (rest === '') return { position, expected, found: 'the end' };
  if (rest.startsWith('"'))
    return {
      position,
      expected,
      found: 'a string that is not closed, or holds a control character or an unknown escape',
    };
  const word = /^[\w.+-]+/.exec(rest)?.[0] ?? [...rest][0]!;
  return { position, expected, found: `'${word}'` };
}
